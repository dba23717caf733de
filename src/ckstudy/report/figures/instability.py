"""Figures of how stable networks are: from the CSV files of a study, without torch."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ckstudy.analysis.results import Results
from ckstudy.report.figures import style
from ckstudy.report.figures.selection import MOST, labels, looks, shown_cells
from ckstudy.report.tables.instability import ABSENT, BANDS, perturbed_cells

_DASHES = {"worst": "-", "random": ":"}


def instability(results: Results) -> Figure:
    """Change of the output, and matched F1, against the norm of a perturbation, by its band."""
    found = results.analysis("instability", "perturbations")
    if found is None:
        return style.nothing_to_show(ABSENT)
    cells = perturbed_cells(results, found)
    if len(cells) > MOST:
        usual = cells[cells.index.isin(shown_cells(results).index)]
        cells = usual if len(usual) else cells.iloc[:MOST]
    figure = Figure(figsize=(style.PAGE, 5.0), layout="constrained")
    panels = figure.subplots(2, len(BANDS), sharex=True, sharey="row", squeeze=False)
    for column, (band, name) in enumerate(BANDS.items()):
        change, f1 = panels[:, column]
        for place, cell in enumerate(cells.itertuples()):
            own = found[found["run"].isin(cell.runs)]
            clean = own.loc[own["kind"] == "none", "matched_f1"].mean()
            for kind, dashes in _DASHES.items():
                rows = own[(own["kind"] == kind) & (own["band"] == band)]
                means = rows.groupby("relative_norm").mean(numeric_only=True)
                look = {"color": looks(place)["color"], "linestyle": dashes, "marker": "."}
                change.plot(100 * means.index, 100 * means["output_change"], **look)
                f1.plot(100 * means.index, means["matched_f1"], **look)
            f1.axhline(clean, color=looks(place)["color"], linewidth=0.5, linestyle="--")
        change.set_title(f"({'ab'[column]}) {name}", loc="left")
        change.set_xscale("log")
        change.set_yscale("log")
        f1.set_ylim(0, 1)
        f1.set_xlabel("norm of the perturbation (% of the line's)")
        norms = sorted(norm for norm in found["relative_norm"].unique() if norm)
        f1.set_xticks([100 * norm for norm in norms], [f"{100 * norm:g}" for norm in norms])
        f1.set_xticks([], minor=True)
        for panel in (change, f1):
            panel.grid(True)
    panels[0, 0].set_ylabel("change of the output (%)")
    panels[1, 0].set_ylabel("matched F1")
    marks = [
        Line2D([], [], color=looks(place)["color"], label=name)
        for place, name in enumerate(labels(results, cells))
    ]
    marks += [
        Line2D([], [], color=style.GREY, ls=dashes, label=label)
        for dashes, label in (("-", "worst case found"), (":", "random"), ("--", "unperturbed"))
    ]
    figure.legend(handles=marks, loc="outside upper center", ncols=3)
    style.footnote(figure, f"{found['line'].nunique()} test lines.")
    return figure


def instability_example(results: Results) -> Figure:
    """A growing series of perturbations of one line, and what two networks make of it.

    In the manner of the figures of Antun et al. (2020): above, the line and its perturbed copies;
    below, the output. The networks are those with the smallest and the largest kernels.
    """
    example = results.analysis("instability", "example")
    if example is None:
        return style.nothing_to_show(ABSENT)
    cells = perturbed_cells(results, example)
    sized = cells[cells["kernel_size"].notna()].sort_values("kernel_size", kind="stable")
    ends = (sized if len(sized) else cells).iloc[[0, -1]]
    ends = ends[~ends.index.duplicated()]
    norms = sorted(norm for norm in example["relative_norm"].unique() if norm)
    norms = [0.0, *norms[:: max(1, (len(norms) - 1) // 2)][:3]]
    figure = Figure(figsize=(style.PAGE, 1.0 + 2.0 * len(ends)), layout="constrained")
    panels = figure.subplots(2 * len(ends), len(norms), sharex=True, sharey="row", squeeze=False)
    names = labels(results, ends)
    for row, cell in enumerate(ends.itertuples()):
        own = example[example["run"] == cell.runs[0]]
        for column, norm in enumerate(norms):
            kind = "worst" if norm else "none"
            part = own[(own["kind"] == kind) & (own["relative_norm"] == norm)]
            signal, output = panels[2 * row : 2 * row + 2, column]
            _signal(signal, own, part)
            output.plot(part["sample"], part["output"], color=style.VERMILION, linewidth=0.7)
            truth = part[part["truth"] > 0]
            output.plot(
                truth["sample"],
                [-0.06] * len(truth),
                marker="|",
                linestyle="",
                color=style.BLACK,
                transform=output.get_xaxis_transform(),
                clip_on=False,
            )
            if row == 0:
                signal.set_title(f"r: {100 * norm:g} %" if norm else "y", loc="left")
            output.set_ylim(-0.2, 1.5)
        panels[2 * row, 0].set_ylabel("y + r")
        panels[2 * row + 1, 0].set_ylabel("f(y + r)")
        panels[2 * row, -1].annotate(
            names[row], (1, 1.02), xycoords="axes fraction", ha="right", fontsize=7
        )
    for panel in panels[-1]:
        panel.tick_params(axis="x", pad=6)
        panel.locator_params(axis="x", nbins=3)
    panels[-1, 0].set_xlabel("sample")
    style.footnote(
        figure,
        "Grey: y alone. Ticks below the output: bubbles. Outputs beyond the axis are cut off.",
    )
    return figure


def _signal(panel: Axes, own: pd.DataFrame, part: pd.DataFrame) -> None:
    clean = own[own["kind"] == "none"]
    panel.plot(part["sample"], part["signal"], color=style.BLUE, linewidth=0.7)
    panel.plot(clean["sample"], clean["signal"], color=style.GREY, linewidth=0.5)
