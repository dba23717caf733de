"""Figures of the scores: from the CSV files of a study, without torch."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ckstudy import thesis
from ckstudy.estimates import mean_f1
from ckstudy.figures import style
from ckstudy.results import Results

_F1_LABEL = f"F1 at tolerance {thesis.TOLERANCE} samples"


def dilated_scatter(results: Results) -> Figure:
    """Figure 7: F1 of each test line against its number of bubbles, for the dilated pair."""
    runs = results.runs("dilated")
    if runs.empty:
        return style.nothing_to_show("The study has no experiment “dilated”.")
    figure = Figure(figsize=(style.PAGE, 2.7), layout="constrained")
    panels = figure.subplots(1, len(runs), sharex=True, sharey=True, squeeze=False)[0]
    colours = {"cnn_dilated": style.BLUE, "ckcnn_dilated": style.VERMILION}
    for panel, run in zip(panels, runs.index, strict=True):
        network = runs.network[run]
        scores = results.line_scores(run)
        panel.scatter(
            scores["bubbles"],
            scores["f1"],
            s=7,
            color=colours.get(network, style.GREY),
            alpha=0.6,
            linewidths=0,
        )
        mean = mean_f1(results, run, score="upstream")
        panel.axhline(mean.value, color=style.BLACK, linewidth=0.8, linestyle="--")
        panel.set_title(
            f"{_NETWORK_NAMES[network]}: mean {mean.value:.3f} [{mean.low:.3f}, {mean.high:.3f}]"
        )
        panel.set_xlabel("bubbles in the line")
        panel.grid(True)
    panels[0].set_ylabel(_F1_LABEL)
    panels[0].set_ylim(0, 1.02)
    panels[0].set_xlim(left=0)
    style.footnote(
        figure, f"{len(scores)} test lines. Dashed: the mean; brackets: its 95 % interval."
    )
    return figure


def omega_0_violins(results: Results) -> Figure:
    """Figure 8: distribution of the test F1 over ω0, for each kernel size."""
    runs = results.runs("omega_0")
    told = {(row.kernel_size, row.omega_0): row.median_f1 for row in thesis.TABLE_2}
    ours = {(runs.kernel_size[run], runs.omega_0[run]): run for run in runs.index}
    cells = sorted({*told, *ours})
    sizes = sorted({size for size, _ in cells})
    omegas = sorted({omega_0 for _, omega_0 in cells})
    place = {omega_0: index for index, omega_0 in enumerate(omegas)}
    figure = Figure(figsize=(style.PAGE, 2.9), layout="constrained")
    panels = figure.subplots(1, len(sizes), sharey=True, squeeze=False)[0]
    for panel, size in zip(panels, sizes, strict=True):
        for omega_0 in omegas:
            if run := ours.get((size, omega_0)):
                _violin(panel, place[omega_0], results.line_scores(run)["f1"].to_numpy())
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
    absent = [cell for cell in cells if cell not in ours]
    style.footnote(figure, _absent_cells(absent))
    return figure


def kernel_size_scores(results: Results) -> Figure:
    """F1 against kernel size: training and test lines, both scores, the thesis and the comb."""
    runs = results.runs("kernel_size").sort_values("kernel_size")
    figure = Figure(figsize=(style.COLUMN, 3.1), layout="constrained")
    panel = figure.subplots()
    curves = (
        ("ours, training lines", "train", "train", "upstream", style.BLUE, "o", -0.12),
        ("ours, test lines", "test", "validation", "upstream", style.GREEN, "s", 0.0),
        ("ours, test, matched F1", "test", "validation", "matched", style.PURPLE, "^", 0.12),
    )
    sizes = runs["kernel_size"].to_numpy(dtype=float)
    for label, split, calibration, score, colour, marker, shift in curves:
        found = [
            mean_f1(results, run, split=split, calibration=calibration, score=score)
            for run in runs.index
        ]
        middle = np.array([estimate.value for estimate in found])
        ends = np.array([[e.value - e.low, e.high - e.value] for e in found]).T
        # Side by side, or the intervals of one kernel size would hide each other.
        panel.errorbar(
            sizes * 2**shift,
            middle,
            yerr=ends if len(found) else None,
            color=colour,
            marker=marker,
            capsize=2,
            label=label,
        )
    panel.plot(
        [row.kernel_size for row in thesis.TABLE_1],
        [row.mean_f1 for row in thesis.TABLE_1],
        linestyle=":",
        linewidth=0.8,
        label="thesis, training lines",
        **_THESIS_MARK,
    )
    comb = results.baselines.query("baseline == 'comb' and score == 'upstream'")
    comb = comb.loc[comb["tolerance"] == thesis.TOLERANCE, "mean_f1"]
    if len(comb):
        panel.axhline(comb.iloc[0], color=style.GREY, linewidth=0.8, linestyle="--")
        panel.annotate(
            "comb",
            (1, comb.iloc[0]),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 2),
            textcoords="offset points",
            ha="right",
            fontsize=7,
            color=style.GREY,
        )
    every = sorted({*sizes, *(row.kernel_size for row in thesis.TABLE_1)})
    panel.set_xscale("log", base=2)
    panel.set_xticks(every, [f"{size:.0f}" for size in every])
    panel.minorticks_off()
    panel.set_xlabel("kernel size K (samples)")
    panel.set_ylabel(_F1_LABEL)
    panel.set_ylim(0, 1.02)
    panel.grid(True)
    figure.legend(loc="outside upper center", ncols=2)
    return figure


# To predict no bubble at all costs 1.9 on the average line. What lies above 3 are the first
# epochs, when the batch norms' running statistics are not yet those of the lines.
_HIGHEST_LOSS = 3.0


def learning_curves(results: Results) -> Figure:
    """Loss of every run against the epoch: training as lines, validation as dots."""
    groups = _curve_groups(results)
    columns = min(2, len(groups))
    rows = -(-len(groups) // columns)
    figure = Figure(figsize=(style.PAGE, 2.5 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    highest = 0.0
    for panel, (title, members) in zip(panels, groups.items(), strict=False):
        shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(members)))
        for colour, (run, label) in zip(shades, members.items(), strict=True):
            history = results.history(run)
            panel.plot(history["epoch"], history["train_loss"], color=colour, label=label)
            held = history.dropna(subset="validation_loss")
            highest = max(highest, history["train_loss"].max(), held["validation_loss"].max())
            panel.plot(held["epoch"], held["validation_loss"], ".", color=colour, markersize=3)
        panel.set_title(title)
        panel.set_xlabel("epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.grid(True)
        panel.legend(ncols=1 if len(members) < 4 else 2)
    for panel in panels[len(groups) :]:
        panel.set_axis_off()
    for panel in panels[::columns]:
        panel.set_ylabel("dual loss")
    panels[0].set_ylim(0, min(1.05 * highest, _HIGHEST_LOSS))
    beyond = f" Losses above {_HIGHEST_LOSS:g} are off the top."
    style.footnote(
        figure,
        "Lines: training batches; dots: validation lines."
        + (beyond if 1.05 * highest > _HIGHEST_LOSS else ""),
    )
    return figure


def _curve_groups(results: Results) -> dict[str, dict[str, str]]:
    """Panels of the learning curves: title to {run: label}."""
    groups: dict[str, dict[str, str]] = {}
    for experiment, title, label in (
        ("dilated", "dilated networks", lambda row: _NETWORK_NAMES[row.network]),
        ("kernel_size", "kernel size", lambda row: f"K = {row.kernel_size:.0f}"),
    ):
        runs = results.runs(experiment)
        if len(runs):
            groups[title] = {row.Index: label(row) for row in runs.itertuples()}
    swept = results.runs("omega_0")
    for size in sorted(set(swept["kernel_size"])):
        members = swept[swept["kernel_size"] == size].sort_values("omega_0")
        groups[f"$\\omega_0$ at K = {size:.0f}"] = {
            row.Index: f"$\\omega_0$ = {row.omega_0:g}" for row in members.itertuples()
        }
    shown = {run for members in groups.values() for run in members}
    if others := {run: run for run in results.runs().index if run not in shown}:
        groups["other networks"] = others
    return groups


def _violin(panel: Axes, position: float, scores: np.ndarray) -> None:
    parts = panel.violinplot(scores, positions=[position], widths=0.85, showextrema=False)
    for body in parts["bodies"]:
        body.set(facecolor=style.SKY, edgecolor=style.BLUE, alpha=0.8, linewidth=0.5)
    median = np.median(scores)
    panel.plot([position - 0.3, position + 0.3], [median] * 2, color=style.BLUE, linewidth=2)


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
