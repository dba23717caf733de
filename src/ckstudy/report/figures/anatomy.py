"""Figures of what networks see and cost: from the CSV files of a study, without torch."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from ckstudy.analysis.results import Results
from ckstudy.report.figures import style
from ckstudy.report.figures.selection import labels, looks, shown_cells
from ckstudy.report.tables.anatomy import ABSENT, Member, filters, networks, others


def receptive_fields(results: Results) -> Figure:
    """Where the gradient of an output sample lies, and F1 against the field that it spans."""
    profiles = results.analysis("anatomy", "profiles")
    members = networks(results)
    if profiles is None or members is None:
        return style.nothing_to_show(ABSENT)
    figure = Figure(figsize=(style.PAGE, 3.3), layout="constrained")
    profile, score = figure.subplots(1, 2)
    cells = shown_cells(results)
    names = labels(results, cells)
    for place, cell in enumerate(cells.itertuples()):
        own = profiles[profiles["run"] == cell.runs[0]]
        profile.plot(own["lag"], own["density"], label=names[place], **looks(place))
    profile.set_yscale("log")
    profile.set_ylim(1e-6, 1)
    profile.set_xscale("symlog", linthresh=100)
    profile.set_xticks([-1000, -100, 0, 100, 1000], ["−1000", "−100", "0", "100", "1000"])
    profile.set_xlabel("lag (samples)")
    profile.set_ylabel("share of the gradient's energy")
    profile.set_title("(a)", loc="left")
    for member in members:
        fields = (member.values["width"], member.values["nominal"])
        f1 = member.matched_f1.value
        score.plot(fields, (f1, f1), color=style.GREY, linewidth=0.4)
    for field, label, marker, colour in (
        ("nominal", "nominal field", "o", "white"),
        ("width", "effective field", "o", style.BLUE),
    ):
        score.plot(
            [member.values[field] for member in members],
            [member.matched_f1.value for member in members],
            marker,
            markeredgecolor=style.BLUE,
            markerfacecolor=colour,
            linestyle="",
            label=label,
        )
    score.set_xscale("log")
    score.xaxis.set_minor_formatter(NullFormatter())
    score.set_xlabel("receptive field (samples)")
    score.set_ylabel("matched F1")
    score.set_ylim(0, 1)
    score.set_title("(b)", loc="left")
    for panel in (profile, score):
        panel.grid(True)
    figure.legend(loc="outside upper center", ncols=4)
    style.footnote(
        figure,
        "Effective: samples that hold 95 % of the gradient's energy. (a): the first seed, in "
        "groups of lags.",
    )
    return figure


def cost(results: Results) -> Figure:
    """Matched F1 against operations and against parameters, and who is best for its cost."""
    members = networks(results)
    if members is None:
        return style.nothing_to_show(ABSENT)
    every = [*members, *others(results), *filters(results, members[0].values["samples"])]
    figure = Figure(figsize=(style.PAGE, 3.4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    kinds = dict.fromkeys(_family(member) for member in every)
    markers = dict(zip(kinds, "osD^vPX*", strict=False))
    for panel, (what, label) in zip(
        panels, (("flops", "operations a line"), ("parameters", "parameters")), strict=True
    ):
        for place, kind in enumerate(kinds):
            own = [member for member in every if _family(member) == kind]
            panel.plot(
                [member.values[what] for member in own],
                [member.matched_f1.value for member in own],
                marker=markers[kind],
                color=looks(place)["color"],
                linestyle="",
                label=kind if panel is panels[0] else None,
            )
        _front(panel, every, what)
        panel.set_xscale("log")
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.set_xlabel(label)
        panel.set_ylim(0, 1)
        panel.grid(True)
    panels[0].set_ylabel("matched F1")
    figure.legend(loc="outside upper center", ncols=6)
    style.footnote(figure, "Line: none cheaper is better. Operations of direct convolution.")
    return figure


def pareto_front(costs: Sequence[float], scores: Sequence[float]) -> list[int]:
    """Places of those than which none that costs no more is better, by rising cost."""
    order = sorted(range(len(costs)), key=lambda place: (costs[place], -scores[place]))
    front: list[int] = []
    for place in order:
        if np.isfinite(scores[place]) and (not front or scores[place] > scores[front[-1]]):
            front.append(place)
    return front


def _front(panel: Axes, members: Sequence[Member], what: str) -> None:
    costs = [member.values[what] for member in members]
    scores = [member.matched_f1.value for member in members]
    front = pareto_front(costs, scores)
    panel.step(
        [costs[place] for place in front],
        [scores[place] for place in front],
        where="post",
        color=style.GREY,
        linewidth=0.7,
    )


def _family(member: Member) -> str:
    if member.kind == "baseline":
        return "linear filters"
    if member.kind == "trained elsewhere":
        return member.kind
    return member.name.partition("-")[0]
