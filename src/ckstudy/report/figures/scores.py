"""Figures of the scores: from the CSV files of a study, without torch."""

from collections.abc import Iterable
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ckstudy.analysis import thesis
from ckstudy.analysis.comparisons import above_comb
from ckstudy.analysis.estimates import line_f1, mean_f1
from ckstudy.analysis.results import Results
from ckstudy.report.figures import style
from ckstudy.scoring.intervals import Estimate

SEED_SHIFT = 0.08
"""How far the dots of single seeds lie beside the mark of their mean, in octaves of K."""

_F1_LABEL = f"F1 at tolerance {thesis.TOLERANCE} samples"
NETWORK_NAMES = {"cnn_dilated": "conventional CNN", "ckcnn_dilated": "continuous kernels (CKCNN)"}
THESIS_MARK: dict[str, Any] = {
    "marker": "D",
    "markersize": 4.5,
    "markerfacecolor": "white",
    "markeredgecolor": style.VERMILION,
    "color": style.VERMILION,
}


def dilated_scatter(results: Results) -> Figure:
    """Figure 7: F1 of each test line against its pressure and bubbles, for the dilated pair.

    The thesis has the number of bubbles on the axis. F1 hardly depends on it: what spreads the
    points is the pressure, which is on the axis here; the colour is the number of bubbles. A
    point is the mean over the training seeds, where the study has several.
    """
    cells = results.cells("dilated")
    if cells.empty:
        return style.nothing_to_show("The study has no experiment “dilated”.")
    import seaborn  # here, for it takes longer to load than a figure without it to draw

    figure = Figure(figsize=(style.PAGE, 2.9), layout="constrained")
    panels = figure.subplots(1, len(cells), sharex=True, sharey=True, squeeze=False)[0]
    shades = matplotlib.colors.Normalize(0, 1000)
    for panel, cell in zip(panels, cells.itertuples(), strict=True):
        f1 = line_f1(results, cell.runs)
        lines = results.line_scores(cell.runs[0])[["pressure_kpa", "bubbles"]].loc[f1.index]
        lines["f1"] = f1.mean(axis=1)
        seaborn.scatterplot(
            lines,
            x="pressure_kpa",
            y="f1",
            hue="bubbles",
            hue_norm=shades,
            palette="viridis",
            s=9,
            linewidth=0,
            legend=False,
            ax=panel,
        )
        mean = mean_f1(results, cell.runs)
        panel.axhline(mean.value, color=style.BLACK, linewidth=0.8, linestyle="--")
        panel.set_title(
            f"{NETWORK_NAMES[cell.network]}: mean {mean.value:.3f} "
            f"[{mean.low:.3f}, {mean.high:.3f}]"
        )
        panel.set_xlabel("peak pressure (kPa)")
        panel.grid(True)
        with_pressure, with_bubbles = lines.corr()["f1"][["pressure_kpa", "bubbles"]]
        correlation = (
            f"correlation with pressure {with_pressure:.2f}, with bubbles {with_bubbles:.2f}"
        )
        panel.text(
            0.98,
            0.05,
            correlation.replace("-", "−"),
            transform=panel.transAxes,
            ha="right",
            fontsize=7,
            color=style.GREY,
        )
    panels[0].set_ylabel(_F1_LABEL)
    panels[0].set_ylim(0, 1.02)
    panels[0].set_xlim(left=0)
    shown = matplotlib.cm.ScalarMappable(shades, "viridis")
    figure.colorbar(shown, ax=panels, label="bubbles in the line", pad=0.01, aspect=25)
    seeds = cells["seeds"].max()
    points = f" A point is the mean of {seeds} training seeds." if seeds > 1 else ""
    style.footnote(
        figure,
        f"{len(f1)} test lines.{points} Dashed: the mean; brackets: its 95 % interval.",
    )
    return figure


def omega_0_violins(results: Results) -> Figure:
    """Figure 8: distribution of the test F1 over ω0, for each kernel size.

    Where a cell has several training seeds, the violin is of the lines of all, the bar is the
    mean of their medians, and a dot is the median of each.
    """
    ours = results.cells("omega_0").set_index(["kernel_size", "omega_0"])["runs"].to_dict()
    printed = {(row.kernel_size, row.omega_0): row.median_f1 for row in thesis.TABLE_2}
    cells = sorted({*printed, *ours})
    sizes = sorted({size for size, _ in cells})
    omegas = sorted({omega_0 for _, omega_0 in cells})
    comb = results.baseline_lines("comb")["f1"].median()
    figure = Figure(figsize=(style.PAGE, 3.0), layout="constrained")
    panels = figure.subplots(1, len(sizes), sharey=True, squeeze=False)[0]
    for panel, size in zip(panels, sizes, strict=True):
        f1 = {
            omega_0: line_f1(results, runs).to_numpy()
            for omega_0 in omegas
            if (runs := ours.get((size, omega_0)))
        }
        _violins(panel, f1, omegas)
        panel.axhline(comb, color=style.GREY, linewidth=0.8, linestyle="--", zorder=0.5)
        for place, omega_0 in enumerate(omegas):
            if (size, omega_0) in printed:
                # Not cut off where the thesis's network found nothing.
                panel.plot(place, printed[size, omega_0], **THESIS_MARK, clip_on=False, zorder=4)
        panel.set_title(f"kernel size {size:.0f}")
        panel.set_xticks(range(len(omegas)), [f"{omega_0:g}" for omega_0 in omegas])
        panel.set_xlim(-0.6, len(omegas) - 0.4)
        panel.set_xlabel(r"$\omega_0$")
        panel.set_ylabel("")
        panel.grid(True, axis="y")
    panels[0].set_ylabel(_F1_LABEL)
    panels[0].set_ylim(0, 1.02)
    figure.legend(
        handles=[
            matplotlib.patches.Patch(color=style.SKY, label="ours, test lines"),
            Line2D([], [], color=style.BLUE, linewidth=2, label="ours, median"),
            Line2D([], [], linestyle="", label="thesis, median", **THESIS_MARK),
            Line2D([], [], color=style.GREY, linewidth=0.8, linestyle="--", label="comb, median"),
        ],
        loc="outside upper center",
        ncols=4,
    )
    several = any(len(runs) > 1 for runs in ours.values())
    dots = " Of several training seeds: dots, their medians; bar, the mean of these."
    absent = [cell for cell in cells if cell not in ours]
    style.footnote(figure, _absent_cells(absent) + (dots if several else ""))
    return figure


def kernel_size_scores(results: Results) -> Figure:
    """F1 against kernel size: training and test lines, both scores, the thesis and the comb.

    Where a cell has several training seeds, each is a small dot beside their mean. A network
    that does not beat the comb has not learned: its marks are hollow, and no line leads to it.
    """
    cells = results.cells("kernel_size").sort_values("kernel_size")
    figure = Figure(figsize=(style.COLUMN, 3.4), layout="constrained")
    panel = figure.subplots()
    curves = (
        ("ours, training lines", "train", "train", "upstream", style.BLUE, "o", -0.2),
        ("ours, test lines", "test", "validation", "upstream", style.GREEN, "s", 0.0),
        ("ours, test, matched F1", "test", "validation", "matched", style.PURPLE, "^", 0.2),
    )
    sizes = cells["kernel_size"].to_numpy(dtype=float)
    learned = [bool(above_comb(results, runs).low > 0) for runs in cells["runs"]]
    for label, split, calibration, score, colour, marker, shift in curves:
        chosen = {"split": split, "calibration": calibration, "score": score}
        # Side by side, or the intervals of one kernel size would hide each other.
        curve(
            panel,
            sizes * 2**shift,
            [mean_f1(results, runs, **chosen) for runs in cells["runs"]],
            [[mean_f1(results, [run], **chosen).value for run in runs] for runs in cells["runs"]],
            learned=learned,
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
        zorder=1.5,  # below ours, which it would hide
        **THESIS_MARK,
    )
    for score, name, colour in (
        ("upstream", "comb", style.GREY),
        ("matched", "comb, matched F1", style.PURPLE),
    ):
        comb_line(panel, results.baselines, score, name, colour)
    kernel_size_axis(panel, [*sizes, *(row.kernel_size for row in thesis.TABLE_1)])
    figure.legend(loc="outside upper center", ncols=2)
    style.footnote(figure, curve_notes(cells, learned))
    return figure


def curve(
    panel: Axes,
    places: np.ndarray,
    means: list[Estimate],
    seeds: list[list[float]],
    *,
    learned: list[bool],
    color: str,
    marker: str,
    label: str,
    linestyle: str = "-",
) -> None:
    """Means with their intervals, joined where learned, and the single seeds beside them."""
    ends = np.array([[mean.value - mean.low, mean.high - mean.value] for mean in means]).T
    values = np.array([mean.value for mean in means])
    common: dict[str, Any] = {"color": color, "marker": marker, "capsize": 2}
    common["yerr"] = np.maximum(ends, 0) if len(means) else None
    beat = np.array(learned, dtype=bool)
    panel.errorbar(
        places, np.where(beat, values, np.nan), label=label, linestyle=linestyle, **common
    )
    if not beat.all():
        hollow: dict[str, Any] = {"linestyle": "", "markerfacecolor": "white"}
        panel.errorbar(places, np.where(beat, np.nan, values), **hollow, **common)
    for place, of_seeds in zip(places, seeds, strict=True):
        if len(of_seeds) > 1:  # beside the mark of their mean, which would hide them
            panel.plot(
                [place * 2**SEED_SHIFT] * len(of_seeds),
                of_seeds,
                ".",
                color=color,
                markersize=4,
                markeredgewidth=0,
                zorder=5,
            )


def curve_notes(cells: pd.DataFrame, learned: list[bool]) -> str:
    """What :func:`curve` draws that a legend does not say."""
    notes = ["Bars: 95 %."]
    if (cells["seeds"] > 1).any():
        notes.append("Dots: single seeds; marks: their mean.")
    if not all(learned):
        notes.append("Hollow: not learned.")
    return " ".join(notes)


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


def _violins(panel: Axes, f1: dict[float, np.ndarray], omegas: list[float]) -> None:
    """Distributions of F1, (lines, seeds) by ω0, with their medians."""
    lines = pd.concat(
        [pd.DataFrame({"omega_0": omega_0, "f1": each.ravel()}) for omega_0, each in f1.items()]
        or [pd.DataFrame({"omega_0": [], "f1": []})]
    )
    if len(lines):
        import seaborn

        seaborn.violinplot(
            lines,
            x="omega_0",
            y="f1",
            order=omegas,
            cut=0,
            density_norm="width",
            width=0.85,
            inner=None,
            color=style.SKY,
            linecolor=style.BLUE,
            linewidth=0.5,
            saturation=1,
            ax=panel,
        )
    for omega_0, each in f1.items():
        place, medians = omegas.index(omega_0), np.median(each, axis=0)
        panel.plot([place - 0.3, place + 0.3], [medians.mean()] * 2, color=style.BLUE, linewidth=2)
        if len(medians) > 1:
            panel.plot(
                place + np.linspace(-0.2, 0.2, len(medians)),
                medians,
                "o",
                color=style.BLACK,
                markerfacecolor="white",
                markersize=2.5,
                markeredgewidth=0.5,
                zorder=3,
            )


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
