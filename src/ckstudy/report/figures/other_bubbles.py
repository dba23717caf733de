"""Figure of what networks make of other bubbles: from the CSV files of a study, without torch."""

import numpy as np
from matplotlib.figure import Figure

from ckstudy.analysis.other_bubbles import kinds, other_bubble_scores, predictors
from ckstudy.analysis.results import Results
from ckstudy.analysis.tested import Tested
from ckstudy.report.figures import style
from ckstudy.report.figures.selection import labels, looks, shown_cells
from ckstudy.report.figures.tested import LINEAR_LOOK, explain, score_panels
from ckstudy.report.tables.other_bubbles import ABSENT, KINDS
from ckstudy.scoring.filter_lengths import COMB, LINEAR_FILTER


def other_bubbles(results: Results) -> Figure:
    """F1 by kind of bubbles and score, for each predictor."""
    found = other_bubble_scores(results)
    if found is None:
        return style.nothing_to_show(ABSENT)
    cells = shown_cells(results)
    names = dict(zip(cells.index, labels(results, cells), strict=True))
    shown = [
        each
        for each in predictors(results, found)
        if each.trained == "elsewhere" or each.name in {*names, LINEAR_FILTER}
    ]
    where = kinds(found)
    comb = found[found["run"] == COMB].set_index("score")["mean_f1"]
    figure, panels = score_panels(3.8)
    for name, panel in panels.items():
        for place, each in enumerate(shown):
            f1 = each.f1(name).reindex(where)
            panel.plot(np.arange(len(where)), f1, label=_label(each, names), **_look(each, place))
        panel.axhline(comb[name], color=style.GREY, linewidth=0.6, linestyle="--")
        ticks = [KINDS[kind].replace("shell of ", "shell of\n") for kind in where]
        panel.set_xticks(np.arange(len(where)), ticks)
        panel.set_xlim(-0.3, len(where) - 0.7)
    explain(
        figure,
        panels,
        "F1 at tolerance 4 samples",
        f"{int(found['lines'].max())} test lines, bubbles at the same places in all; threshold "
        "from validation lines with such bubbles. Dashed: the comb.",
    )
    return figure


def _label(each: Tested, names: dict[str, str]) -> str:
    if each.name == LINEAR_FILTER:
        return "linear filter"
    return names.get(each.name, f"{each.name}, trained elsewhere")


def _look(each: Tested, place: int) -> dict:
    if each.name == LINEAR_FILTER:
        return LINEAR_LOOK
    marker = "D" if each.trained == "elsewhere" else "o"
    return looks(place) | {"marker": marker, "markersize": 3.5}
