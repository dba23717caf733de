"""Figure of what noise does to networks: from the CSV files of a study, without torch."""

from itertools import count

import numpy as np
from matplotlib.figure import Figure

from ckstudy.analysis.noise_levels import curves, noise_level_scores, share
from ckstudy.analysis.results import Results
from ckstudy.analysis.tested import Tested
from ckstudy.report.figures import style
from ckstudy.report.figures.selection import labels, looks, shown_cells
from ckstudy.report.figures.tested import LINEAR_LOOK, explain, score_panels
from ckstudy.report.tables.noise_levels import ABSENT, TRAINED
from ckstudy.scoring.filter_lengths import LINEAR_FILTER

_MARKERS = "s^vPX*"  # of networks that were trained at each level


def noise_levels(results: Results) -> Figure:
    """What is left of the way from a comb to the truth, by noise and score, for each curve."""
    found = noise_level_scores(results)
    if found is None:
        return style.nothing_to_show(ABSENT)
    levels = sorted(found["noise_percent"].dropna().unique())
    cells = shown_cells(results)
    names = dict(zip(cells.index, labels(results, cells), strict=True))
    shown = [
        curve for curve in curves(results, found) if curve.trained != "clean" or curve.name in names
    ]
    figure, panels = score_panels(4.4)
    for name, panel in panels.items():
        places = {trained: count() for trained in TRAINED}
        places["elsewhere"] = places["clean"]  # these share the colours
        for curve in shown:
            of_range = share(found, name, curve.f1(name))
            where = [levels.index(level) for level in of_range.index]
            panel.plot(
                where,
                of_range,
                label=_label(curve, names),
                **_look(curve, next(places[curve.trained])),
            )
        panel.axhline(0, color=style.GREY, linewidth=0.6, linestyle="--")
        panel.set_xticks(np.arange(len(levels)), [f"{level:g}" for level in levels])
        panel.set_xlabel("noise (% of 9.65 V)")
    explain(
        figure,
        panels,
        "share of the way from comb to truth",
        f"{int(found['lines'].max())} test lines, threshold from validation lines of the same "
        "noise. Dashed: the comb.",
    )
    return figure


def _label(curve: Tested, names: dict[str, str]) -> str:
    if curve.name == LINEAR_FILTER:
        return "linear filter, fitted at each level"
    return f"{names.get(curve.name, curve.name)}, trained {TRAINED[curve.trained]}"


def _look(curve: Tested, place: int) -> dict:
    if curve.name == LINEAR_FILTER:
        return LINEAR_LOOK
    if curve.trained == "same":
        marker = _MARKERS[place % len(_MARKERS)]
        return {"color": style.BLACK, "linestyle": "", "marker": marker, "markersize": 3.5}
    marker = "D" if curve.trained == "elsewhere" else "."
    return looks(place) | {"marker": marker, "markersize": 3.5}
