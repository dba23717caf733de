"""Figure of the experiment ``noise``: from the CSV files of a study, without torch."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ckstudy.analysis.comparisons import above_comb, baseline_f1
from ckstudy.analysis.estimates import mean_f1
from ckstudy.analysis.noise import at_level, baselines_at, noise_cells
from ckstudy.analysis.results import Results
from ckstudy.report.figures import style
from ckstudy.report.figures.scores import comb_line, curve, curve_notes, kernel_size_axis
from ckstudy.report.tables.noise import ABSENT
from ckstudy.scoring.filter_lengths import LINEAR_FILTER

_LOOKS = (
    (style.BLUE, "o", "-"),
    (style.VERMILION, "s", "--"),
    (style.GREEN, "^", "-."),
    (style.PURPLE, "D", ":"),
)


def noise_scores(results: Results) -> Figure:
    """Test F1 against kernel size, a line for each level of noise, and what a filter reaches."""
    cells = noise_cells(results)
    if cells.empty:
        return style.nothing_to_show(ABSENT)
    levels = sorted(cells["noise_percent"].unique())
    figure = Figure(figsize=(style.COLUMN, 3.1), layout="constrained")
    panel = figure.subplots()
    for place, percent in enumerate(levels):
        colour, marker, dashes = _LOOKS[place % len(_LOOKS)]
        members = at_level(cells, percent)
        # Side by side, or the intervals of one kernel size would hide each other.
        shift = 2 ** (0.08 * (place - (len(levels) - 1) / 2))
        curve(
            panel,
            members.index.to_numpy(dtype=float) * shift,
            [mean_f1(results, runs) for runs in members["runs"]],
            [[mean_f1(results, [run]).value for run in runs] for runs in members["runs"]],
            learned=[bool(above_comb(results, runs).low > 0) for runs in members["runs"]],
            color=colour,
            marker=marker,
            linestyle=dashes,
            label=f"{percent:g} % noise",
        )
        linear = baseline_f1(baselines_at(results, cells, percent), LINEAR_FILTER, "upstream")
        if np.isfinite(linear.value):
            panel.plot(
                [0.98],
                [linear.value],
                marker="<",
                color=colour,
                transform=panel.get_yaxis_transform(),
                linestyle="",
                label=f"linear filter, {percent:g} % noise",
            )
    comb_line(panel, results.baselines, "upstream", "comb", style.GREY)
    kernel_size_axis(panel, cells["kernel_size"])
    _show_what_is_there(panel)
    named = sorted(  # networks in the first column, filters in the second
        zip(*panel.get_legend_handles_labels(), strict=True),
        key=lambda entry: entry[1].startswith("linear"),
    )
    figure.legend(*zip(*named, strict=True), loc="outside upper center", ncols=2)
    learned = [bool(above_comb(results, runs).low > 0) for runs in cells["runs"]]
    style.footnote(
        figure, f"Noise: standard deviation, % of 9.65 V.\n{curve_notes(cells, learned)}"
    )
    return figure


def _show_what_is_there(panel: Axes) -> None:
    """Tenths of F1 that hold every point: what noise and kernel size change is small."""
    heights = np.concatenate([np.ravel(line.get_ydata()) for line in panel.lines])
    heights = heights[np.isfinite(heights)]
    low, high = np.floor(10 * heights.min() - 0.3) / 10, np.ceil(10 * heights.max() + 0.3) / 10
    panel.set_ylim(max(low, 0.0), min(high, 1.02))
