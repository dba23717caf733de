"""Figures of the scores: from the CSV files of a study, without torch."""

from collections.abc import Callable, Iterable

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ckstudy.analysis import thesis
from ckstudy.analysis.estimates import line_f1, mean_f1
from ckstudy.analysis.results import Results
from ckstudy.report.figures import style
from ckstudy.scoring.intervals import Estimate

SEED_SHIFT = 0.05
"""How far the dots of single seeds lie beside the mark of their mean, in octaves of K."""

_F1_LABEL = f"F1 at tolerance {thesis.TOLERANCE} samples"


def dilated_scatter(results: Results) -> Figure:
    """Figure 7: F1 of each test line against its number of bubbles, for the dilated pair.

    A point is the mean over the training seeds, where the study has several.
    """
    cells = results.cells("dilated")
    if cells.empty:
        return style.nothing_to_show("The study has no experiment “dilated”.")
    figure = Figure(figsize=(style.PAGE, 2.7), layout="constrained")
    panels = figure.subplots(1, len(cells), sharex=True, sharey=True, squeeze=False)[0]
    colours = {"cnn_dilated": style.BLUE, "ckcnn_dilated": style.VERMILION}
    for panel, cell in zip(panels, cells.itertuples(), strict=True):
        f1 = line_f1(results, cell.runs)
        panel.scatter(
            results.line_scores(cell.runs[0])["bubbles"].loc[f1.index],
            f1.mean(axis=1),
            s=7,
            color=colours.get(cell.network, style.GREY),
            alpha=0.6,
            linewidths=0,
        )
        mean = mean_f1(results, cell.runs)
        panel.axhline(mean.value, color=style.BLACK, linewidth=0.8, linestyle="--")
        panel.set_title(
            f"{_NETWORK_NAMES[cell.network]}: mean {mean.value:.3f} "
            f"[{mean.low:.3f}, {mean.high:.3f}]"
        )
        panel.set_xlabel("bubbles in the line")
        panel.grid(True)
    panels[0].set_ylabel(_F1_LABEL)
    panels[0].set_ylim(0, 1.02)
    panels[0].set_xlim(left=0)
    seeds = cells["seeds"].max()
    points = f" A point is the mean of {seeds} training seeds." if seeds > 1 else ""
    style.footnote(
        figure, f"{len(f1)} test lines.{points} Dashed: the mean; brackets: its 95 % interval."
    )
    return figure


def omega_0_violins(results: Results) -> Figure:
    """Figure 8: distribution of the test F1 over ω0, for each kernel size.

    Where a cell has several training seeds, the violin is of the lines of all, the bar is the
    mean of their medians, and a tick marks the median of each.
    """
    ours = results.cells("omega_0").set_index(["kernel_size", "omega_0"])["runs"].to_dict()
    told = {(row.kernel_size, row.omega_0): row.median_f1 for row in thesis.TABLE_2}
    cells = sorted({*told, *ours})
    sizes = sorted({size for size, _ in cells})
    omegas = sorted({omega_0 for _, omega_0 in cells})
    place = {omega_0: index for index, omega_0 in enumerate(omegas)}
    figure = Figure(figsize=(style.PAGE, 2.9), layout="constrained")
    panels = figure.subplots(1, len(sizes), sharey=True, squeeze=False)[0]
    for panel, size in zip(panels, sizes, strict=True):
        for omega_0 in omegas:
            if runs := ours.get((size, omega_0)):
                _violin(panel, place[omega_0], line_f1(results, runs).to_numpy())
            if (size, omega_0) in told:
                panel.plot(place[omega_0], told[size, omega_0], **_THESIS_MARK)
        panel.set_title(f"kernel size {size:.0f}")
        panel.set_xticks(range(len(omegas)), [f"{omega_0:g}" for omega_0 in omegas])
        panel.set_xlim(-0.6, len(omegas) - 0.4)
        panel.set_xlabel(r"$\omega_0$")
        panel.grid(True, axis="y")
    panels[0].set_ylabel(_F1_LABEL)
    panels[0].set_ylim(-0.02, 1.02)
    figure.legend(
        handles=[
            matplotlib.patches.Patch(color=style.SKY, label="ours, test lines"),
            Line2D([], [], color=style.BLUE, linewidth=2, label="ours, median"),
            Line2D([], [], linestyle="", label="thesis, median", **_THESIS_MARK),
        ],
        loc="outside upper center",
        ncols=3,
    )
    several = any(len(runs) > 1 for runs in ours.values())
    ticks = " Of several training seeds: ticks, their medians; bar, the mean of these."
    absent = [cell for cell in cells if cell not in ours]
    style.footnote(figure, _absent_cells(absent) + (ticks if several else ""))
    return figure


def kernel_size_scores(results: Results) -> Figure:
    """F1 against kernel size: training and test lines, both scores, the thesis and the comb.

    Where a cell has several training seeds, each is a small dot beside their mean.
    """
    cells = results.cells("kernel_size").sort_values("kernel_size")
    figure = Figure(figsize=(style.COLUMN, 3.1), layout="constrained")
    panel = figure.subplots()
    curves = (
        ("ours, training lines", "train", "train", "upstream", style.BLUE, "o", -0.12),
        ("ours, test lines", "test", "validation", "upstream", style.GREEN, "s", 0.0),
        ("ours, test, matched F1", "test", "validation", "matched", style.PURPLE, "^", 0.12),
    )
    sizes = cells["kernel_size"].to_numpy(dtype=float)
    for label, split, calibration, score, colour, marker, shift in curves:
        chosen = {"split": split, "calibration": calibration, "score": score}
        # Side by side, or the intervals of one kernel size would hide each other.
        curve(
            panel,
            sizes * 2**shift,
            [mean_f1(results, runs, **chosen) for runs in cells["runs"]],
            [[mean_f1(results, [run], **chosen).value for run in runs] for runs in cells["runs"]],
            color=colour,
            marker=marker,
            label=label,
        )
    panel.plot(
        [row.kernel_size for row in thesis.TABLE_1],
        [row.mean_f1 for row in thesis.TABLE_1],
        linestyle=":",
        linewidth=0.8,
        label="thesis, training lines",
        zorder=4,  # on top of ours, which may be larger and just as good
        **_THESIS_MARK,
    )
    for score, name, colour in (
        ("upstream", "comb", style.GREY),
        ("matched", "comb, matched F1", style.PURPLE),
    ):
        comb_line(panel, results.baselines, score, name, colour)
    kernel_size_axis(panel, [*sizes, *(row.kernel_size for row in thesis.TABLE_1)])
    figure.legend(loc="outside upper center", ncols=2)
    if (cells["seeds"] > 1).any():
        style.footnote(figure, "Dots: single training seeds; marks: their mean.")
    return figure


def curve(
    panel: Axes,
    places: np.ndarray,
    means: list[Estimate],
    seeds: list[list[float]],
    *,
    color: str,
    marker: str,
    label: str,
    linestyle: str = "-",
) -> None:
    """Means with their intervals, joined, and the single seeds where there are several."""
    ends = np.array([[mean.value - mean.low, mean.high - mean.value] for mean in means]).T
    panel.errorbar(
        places,
        [mean.value for mean in means],
        yerr=np.maximum(ends, 0) if len(means) else None,
        color=color,
        marker=marker,
        linestyle=linestyle,
        capsize=2,
        label=label,
    )
    for place, values in zip(places, seeds, strict=True):
        if len(values) > 1:  # beside the mark of their mean, which would hide them
            panel.plot(
                [place * 2**SEED_SHIFT] * len(values),
                values,
                ".",
                color=style.BLACK,
                markersize=2.5,
                zorder=5,
            )


def comb_line(panel: Axes, baselines: pd.DataFrame, score: str, name: str, colour: str) -> None:
    """The comb's mean F1 as a dashed line with its name."""
    comb = baselines[(baselines["baseline"] == "comb") & (baselines["score"] == score)]
    comb = comb.loc[comb["tolerance"] == thesis.TOLERANCE, "mean_f1"]
    if comb.empty:
        return
    panel.axhline(comb.iloc[0], color=colour, linewidth=0.8, linestyle="--")
    panel.annotate(
        name,
        (0, comb.iloc[0]),
        xycoords=("axes fraction", "data"),
        xytext=(2, 2),
        textcoords="offset points",
        fontsize=7,
        color=colour,
    )


def kernel_size_axis(panel: Axes, sizes: Iterable[float]) -> None:
    """F1 over kernel sizes, which double from one to the next."""
    every = sorted(set(sizes))
    panel.set_xscale("log", base=2)
    panel.set_xticks(every, [f"{size:.0f}" for size in every])
    panel.minorticks_off()
    panel.set_xlabel("kernel size K (samples)")
    panel.set_ylabel(_F1_LABEL)
    panel.set_ylim(0, 1.02)
    panel.grid(True)


# To predict no bubble at all costs 1.9 on the average line. What lies above 3 are the first
# epochs, when the batch norms' running statistics are not yet those of the lines.
_HIGHEST_LOSS = 3.0
_LONG_LABEL = 30  # characters, of which two do not fit into a panel
_LONG_LABELS = 6  # that a panel has room for


def learning_curves(results: Results) -> Figure:
    """Loss of every run against the epoch: training as lines, validation as dots.

    Training seeds of one cell have one colour.
    """
    groups = _curve_groups(results)
    columns = min(2, len(groups))
    rows = -(-len(groups) // columns)
    figure = Figure(figsize=(style.PAGE, 2.5 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    highest = 0.0
    for panel, (title, members) in zip(panels, groups.items(), strict=False):
        shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(members)))
        for colour, (label, runs) in zip(shades, members.items(), strict=True):
            for seed, run in enumerate(runs):
                history = results.history(run)
                panel.plot(
                    history["epoch"],
                    history["train_loss"],
                    color=colour,
                    label="" if seed else label,
                )
                held = history.dropna(subset="validation_loss")
                highest = max(highest, history["train_loss"].max(), held["validation_loss"].max())
                panel.plot(held["epoch"], held["validation_loss"], ".", color=colour, markersize=3)
        panel.set_title(title)
        panel.set_xlabel("epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.grid(True)
        short = max(map(len, members)) < _LONG_LABEL
        panel.legend(ncols=2 if short and len(members) > 3 else 1)
    for panel in panels[len(groups) :]:
        panel.set_axis_off()
    for panel in panels[::columns]:
        panel.set_ylabel("dual loss")
    panels[0].set_ylim(0, min(1.05 * highest, _HIGHEST_LOSS))
    beyond = f" Losses above {_HIGHEST_LOSS:g} are off the top."
    several = (results.cells(noisy=True)["seeds"] > 1).any()
    style.footnote(
        figure,
        "Lines: training batches; dots: validation lines."
        + (" One colour for all seeds of a network." if several else "")
        + (beyond if 1.05 * highest > _HIGHEST_LOSS else ""),
    )
    return figure


def _curve_groups(results: Results) -> dict[str, dict[str, tuple[str, ...]]]:
    """Panels of the learning curves: title to {label: runs}."""
    groups: dict[str, dict[str, tuple[str, ...]]] = {}
    every = results.cells(noisy=True)
    swept = results.cells("omega_0").sort_values("omega_0")
    noisy = every[~every["own_lines"]].sort_values(["noise_percent", "kernel_size"])
    panels = [
        ("dilated networks", results.cells("dilated"), lambda row: _NETWORK_NAMES[row.network]),
        ("kernel size", results.cells("kernel_size"), lambda row: f"K = {row.kernel_size:.0f}"),
        *(
            (
                f"$\\omega_0$ at K = {size:.0f}",
                swept[swept["kernel_size"] == size],
                lambda row: f"$\\omega_0$ = {row.omega_0:g}",
            )
            for size in sorted(set(swept["kernel_size"]))
        ),
        (
            "lines with noise",
            noisy[noisy["network"] == "ckcnn"],
            lambda row: f"K = {row.kernel_size:.0f}, {row.noise_percent:g} %",
        ),
    ]
    shown: set[str] = set()
    for title, cells, label in panels:
        if len(cells):
            groups[title] = _labelled(cells, label)
            shown |= set(cells.index)
    others = every[~every.index.isin(shown)]
    for first in range(0, len(others), _LONG_LABELS):
        part = others.iloc[first : first + _LONG_LABELS]
        title = "other networks" + (f", from {first + 1}" if first else "")
        groups[title] = _labelled(part, lambda row: row.Index)
    return groups


def _labelled(cells: pd.DataFrame, label: Callable) -> dict[str, tuple[str, ...]]:
    """Runs of each cell by its label; by its name where two cells would share a label."""
    texts = [label(row) for row in cells.itertuples()]
    repeated = {text for text in texts if texts.count(text) > 1}
    return {
        row.Index if text in repeated else text: row.runs
        for row, text in zip(cells.itertuples(), texts, strict=True)
    }


def _violin(panel: Axes, position: float, f1: np.ndarray) -> None:
    """Distribution of F1 (lines, seeds)."""
    parts = panel.violinplot(f1.ravel(), positions=[position], widths=0.85, showextrema=False)
    for body in parts["bodies"]:
        body.set(facecolor=style.SKY, edgecolor=style.BLUE, alpha=0.8, linewidth=0.5)
    medians = np.median(f1, axis=0)
    panel.plot(
        [position - 0.3, position + 0.3], [medians.mean()] * 2, color=style.BLUE, linewidth=2
    )
    if len(medians) > 1:
        panel.plot([position] * len(medians), medians, "_", color=style.BLACK, markersize=5)


def _absent_cells(cells: list[tuple[float, float]]) -> str:
    if not cells:
        return "The thesis's grid, all of it."
    sizes = sorted({size for size, _ in cells})
    parts = (
        f"K = {size:.0f}: $\\omega_0$ = "
        + ", ".join(f"{omega_0:g}" for other, omega_0 in cells if other == size)
        for size in sizes
    )
    return f"Not in this study: {'; '.join(parts)}."


_NETWORK_NAMES = {"cnn_dilated": "conventional CNN", "ckcnn_dilated": "continuous kernels (CKCNN)"}
_THESIS_MARK = {
    "marker": "D",
    "markersize": 4.5,
    "markerfacecolor": "white",
    "markeredgecolor": style.VERMILION,
    "color": style.VERMILION,
}
