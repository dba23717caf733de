"""Figure of the starts of long kernels: from the CSV files of a study, without torch."""

import pandas as pd
from matplotlib.figure import Figure

from ckstudy.analysis import thesis
from ckstudy.analysis.estimates import mean_f1
from ckstudy.analysis.long_kernels import ARMS, arm_cells, arms_of, has_learned
from ckstudy.analysis.results import Results
from ckstudy.report.figures import style
from ckstudy.report.figures.scores import (
    THESIS_MARK,
    comb_line,
    curve,
    curve_notes,
    kernel_size_axis,
)
from ckstudy.report.tables.long_kernels import ABSENT

# An arm keeps its looks in a study that lacks others.
_LOOKS = dict(
    zip(
        ARMS,
        (
            (style.GREEN, "s", "--"),
            (style.ORANGE, "v", "--"),
            (style.SKY, "^", "-"),
            (style.BLUE, "o", "-"),
            (style.GREY, "P", ":"),
            (style.BLACK, "X", ":"),
            (style.PURPLE, "D", "-."),
        ),
        strict=True,
    )
)
_SHIFT = 0.05
"""How far the marks of neighbouring arms lie apart, in octaves of K."""
_ENLARGED = 0.15
"""What of F1, from the highest on down, the second panel shows: where most arms lie."""


def long_kernel_scores(results: Results) -> Figure:
    """Test F1 against kernel size, a line for each start, whole and enlarged at its upper end.

    The thesis's points are its Table 1: F1 of training lines at another scale. They are there for
    the shape of the curve.
    """
    arms = arms_of(results)
    if not arms:
        return style.nothing_to_show(ABSENT)
    figure = Figure(figsize=(style.PAGE, 3.8), layout="constrained")
    whole, enlarged = figure.subplots(1, 2)
    every, learned, highest = [], [], 0.0
    for place, arm in enumerate(arms):
        cells = arm_cells(results, arm)
        beats = has_learned(results, cells)
        means = [mean_f1(results, runs) for runs in cells["runs"]]
        seeds = [[mean_f1(results, [run]).value for run in runs] for runs in cells["runs"]]
        # Side by side, or the intervals of one kernel size would hide each other.
        shift = 2 ** (_SHIFT * (place - (len(arms) - 1) / 2))
        places = cells["kernel_size"].to_numpy(dtype=float) * shift
        colour, marker, dashes = _LOOKS[arm]
        for panel in (whole, enlarged):
            curve(
                panel,
                places,
                means,
                seeds,
                learned=beats,
                color=colour,
                marker=marker,
                linestyle=dashes,
                label=arm.name,
            )
        every.append(cells)
        learned += beats
        highest = max(highest, *(mean.high for mean in means))
    whole.plot(
        [row.kernel_size for row in thesis.TABLE_1],
        [row.mean_f1 for row in thesis.TABLE_1],
        linestyle=":",
        linewidth=0.8,
        label="thesis, training lines",
        zorder=1.5,
        **THESIS_MARK,
    )
    comb_line(whole, results.baselines, "upstream", "comb", style.GREY)
    cells = pd.concat(every)
    for panel in (whole, enlarged):
        kernel_size_axis(
            panel, [*cells["kernel_size"], *(row.kernel_size for row in thesis.TABLE_1)]
        )
    enlarged.set_ylim(highest - _ENLARGED, highest + 0.05 * _ENLARGED)
    enlarged.set_title("the upper end")
    enlarged.set_ylabel("")
    figure.legend(*whole.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    style.footnote(figure, curve_notes(cells, learned))
    return figure
