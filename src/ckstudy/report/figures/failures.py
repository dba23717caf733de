"""Figures of where networks fail: from the CSV files of a study, without torch."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from ckstudy.analysis import thesis
from ckstudy.analysis.failures import FACTORS
from ckstudy.analysis.results import Results
from ckstudy.report.figures import style
from ckstudy.report.figures.selection import labels, looks, shown_cells
from ckstudy.report.tables.failures import ABSENT
from ckstudy.scoring.counts import MAX_TOLERANCE

_MEASURES = (("f1", "matched F1"), ("recall", "recall"), ("abs_error_samples", "|error| (samples)"))
_BASELINES = {"comb": "comb", "ridge_fir_521": "linear filter", "wiener": "Wiener"}
_MARKS = ("s", "D", "^")


def failures(results: Results) -> Figure:
    """Matched F1, recall and mean |error| against what may make a bubble hard to find.

    A false detection has no neighbour and no radius: by these there is no F1.
    """
    bins = results.analysis("failures", "bins")
    if bins is None:
        return style.nothing_to_show(ABSENT)
    cells = shown_cells(results)
    figure = Figure(figsize=(style.PAGE, 5.6), layout="constrained")
    panels = figure.subplots(len(_MEASURES), len(FACTORS), sharex="col", sharey="row")
    names = labels(results, cells)
    for place, cell in enumerate(cells.itertuples()):
        own = bins[bins["run"].isin(cell.runs)]
        for column, factor in enumerate(FACTORS):
            groups = own[own["factor"] == factor.name].groupby("low", as_index=False).mean(True)
            for row, (measure, _) in enumerate(_MEASURES):
                panels[row, column].plot(
                    groups["middle"],
                    groups[measure],
                    marker=".",
                    label=names[place] if (row, column) == (1, 0) else None,
                    **looks(place),
                )
    for column, factor in enumerate(FACTORS):
        panels[-1, column].set_xlabel(factor.label)
        if factor.name == "gap_us":
            panels[-1, column].set_xscale("log")
            panels[-1, column].xaxis.set_major_locator(LogLocator(numticks=5))
            panels[-1, column].xaxis.set_major_formatter("{x:g}")
            panels[-1, column].xaxis.set_minor_formatter(NullFormatter())
        else:
            panels[-1, column].xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        if not factor.has_false:
            panels[0, column].set_visible(False)
    for row, (measure, label) in enumerate(_MEASURES):
        panels[row, 0].set_ylabel(label)
        panels[row, 0].set_ylim(0, None if measure == "abs_error_samples" else 1)
        for panel in panels[row]:
            panel.grid(True)
    figure.legend(loc="outside upper center", ncols=4)
    style.footnote(
        figure,
        f"Groups of equally many bubbles or lines of {_lines(results)} test lines, tolerance "
        f"{thesis.TOLERANCE} samples. Where a network has several seeds: their mean.",
    )
    return figure


def detections(results: Results) -> Figure:
    """Precision and recall, localisation errors, and F1 over the tolerance by both scores."""
    curves = results.analysis("failures", "precision_recall")
    errors = results.analysis("failures", "errors")
    if curves is None or errors is None:
        return style.nothing_to_show(ABSENT)
    cells = shown_cells(results)
    figure = Figure(figsize=(style.PAGE, 5.4), layout="constrained")
    (recall, error), (upstream, matched) = figure.subplots(2, 2)
    names = labels(results, cells)
    for place, cell in enumerate(cells.itertuples()):
        look = looks(place)
        curve = curves[curves["run"] == cell.runs[0]].sort_values("threshold")
        recall.plot(curve["recall"], curve["precision"], label=names[place], **look)
        chosen = curve[curve["chosen"]]
        recall.plot(chosen["recall"], chosen["precision"], marker="o", color=look["color"])
        histogram = errors[errors["run"].isin(cell.runs)].groupby("error_samples")["pairs"].sum()
        share = 100 * histogram / max(histogram.sum(), 1)
        error.step(share.index, share, where="mid", **look)
    _baseline_points(recall, results)
    for panel, score in ((upstream, "upstream"), (matched, "matched")):
        _over_tolerance(panel, results, cells, score)
    recall.set_xlabel("recall")
    recall.set_ylabel("precision")
    recall.set_xlim(0, 1)
    recall.set_ylim(0, 1.02)
    error.set_xlabel("detection minus truth (samples)")
    error.set_ylabel("share of what is found (%)")
    error.set_ylim(bottom=0)
    _in_time_and_depth(error, errors)
    for panel, title in (
        (recall, "(a)"),
        (error, "(b)"),
        (upstream, "(c) the thesis's F1"),
        (matched, "(d) matched F1"),
    ):
        panel.set_title(title, loc="left")
        panel.grid(True)
    figure.legend(loc="outside upper center", ncols=4)
    style.footnote(
        figure,
        f"{_lines(results)} test lines; (a), (b): tolerance {thesis.TOLERANCE} samples, dots at "
        "the threshold from the validation lines, (a) of the first seed.",
    )
    return figure


def _baseline_points(panel: Axes, results: Results) -> None:
    for marker, (name, label) in zip(_MARKS, _BASELINES.items(), strict=True):
        if name not in set(results.baselines["baseline"]):
            continue
        rows = results.baseline_lines(name, "matched")
        true, false, missed = (
            rows[f"{each}s"].sum() for each in ("true_positive", "false_positive", "false_negative")
        )
        panel.plot(
            true / max(true + missed, 1),
            true / max(true + false, 1),
            marker=marker,
            color=style.GREY,
            linestyle=":",
            label=label,
        )


def _over_tolerance(panel: Axes, results: Results, cells: pd.DataFrame, score: str) -> None:
    scored = results.scores(split="test", calibration="validation", score=score).reset_index()
    for place, cell in enumerate(cells.itertuples()):
        own = scored[scored["run"].isin(cell.runs)].groupby("tolerance")["mean_f1"].mean()
        panel.plot(own.index, own, **looks(place))
    rows = results.baselines[results.baselines["score"] == score]
    for marker, name in zip(_MARKS, _BASELINES, strict=True):
        own = rows[rows["baseline"] == name].sort_values("tolerance")
        panel.plot(
            own["tolerance"],
            own["mean_f1"],
            color=style.GREY,
            linestyle=":",
            marker=marker,
            markersize=3,
        )
    panel.set_xlabel("tolerance (samples)")
    panel.set_ylabel("mean F1")
    panel.set_xticks(range(0, MAX_TOLERANCE + 1))
    panel.set_ylim(0, 1.02)


def _in_time_and_depth(panel: Axes, errors: pd.DataFrame) -> None:
    """A second axis in ns; one sample is so many µm, said beside it."""
    one = errors[errors["error_samples"] == 1].iloc[0]
    axis = panel.secondary_xaxis(
        "top",
        functions=(
            lambda samples: np.asarray(samples) * one["error_ns"],
            lambda time: np.asarray(time) / one["error_ns"],
        ),
    )
    axis.set_xlabel(f"(ns; {one['error_ns']:g} ns is {one['error_um']:.2f} µm)", fontsize=8)


def _lines(results: Results) -> int:
    return int(results.summary.loc[results.summary["split"] == "test", "lines"].max())
