"""Boxes, arrows and neurons: what diagrams are made of."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from ckstudy.report.figures import style

SMALL: dict[str, Any] = {"fontsize": 7.5, "color": "#444444"}


def canvas(axes: Axes, width: float, height: float) -> Axes:
    """Axes without frame, with equal units, from (0, 0) to (width, height)."""
    axes.set_axis_off()
    axes.set_xlim(-0.05, width + 0.05)
    axes.set_ylim(0, height)
    axes.set_aspect("equal")
    return axes


def box(
    axes: Axes,
    left: float,
    bottom: float,
    width: float,
    height: float,
    text: str = "",
    *,
    colour: str = style.PALE,
    fontsize: float = 8,
    rotation: float = 0,
) -> None:
    """A rounded box with its text in the middle."""
    shape = FancyBboxPatch(
        (left, bottom),
        width,
        height,
        boxstyle="round,pad=0,rounding_size=0.12",
        facecolor=colour,
        edgecolor=style.BLACK,
        linewidth=0.6,
    )
    axes.add_patch(shape)
    axes.text(
        left + width / 2,
        bottom + height / 2,
        text,
        ha="center",
        va="center",
        fontsize=fontsize,
        rotation=rotation,
        linespacing=1.15,
    )


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A thin arrow between two points of the axes."""
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=7,
            linewidth=0.7,
            color=style.BLACK,
            shrinkA=0,
            shrinkB=0,
        )
    )


def figure_arrow(figure: Figure, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A thin arrow between two points of the figure, each from (0, 0) to (1, 1)."""
    figure.patches.append(
        FancyArrowPatch(
            start,
            end,
            transform=figure.transFigure,
            arrowstyle="-|>",
            mutation_scale=8,
            linewidth=0.8,
            color=style.BLACK,
        )
    )


def neurons(
    axes: Axes, x: float, middle: float, count: int, colour: str, *, shown: int = 6
) -> list[tuple[float, float]]:
    """A column of neurons; of a wide layer only the outer ones, with dots between them.

    Returns
    -------
    list of (float, float)
        Centres of the neurons that are drawn.
    """
    spacing, radius = 0.44, 0.15
    places: Sequence[float] = range(min(count, shown))
    if count > shown:
        # A gap of one and a half places for the dots.
        half = shown // 2
        places = [index if index < half else index + 1 for index in places]
    centre = (places[0] + places[-1]) / 2
    points = [(x, middle + spacing * (centre - place)) for place in places]
    for point in points:
        axes.add_patch(
            Circle(point, radius, facecolor=colour, edgecolor=style.BLACK, linewidth=0.6, zorder=2)
        )
    if count > shown:
        for offset in (-0.11, 0.0, 0.11):
            axes.add_patch(Circle((x, middle + offset), 0.025, color=style.BLACK, zorder=2))
    return points
