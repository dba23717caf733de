"""Which networks a figure shows that has no room for all of a study."""

from typing import Any

import pandas as pd

from ckstudy.analysis.results import Results
from ckstudy.report.figures import style

MOST = 8
_EXPERIMENTS = ("dilated", "kernel_size", "long_balanced_windowed")
_COLOURS = (
    style.BLACK,
    style.ORANGE,
    style.BLUE,
    style.VERMILION,
    style.GREEN,
    style.PURPLE,
    style.SKY,
    style.GREY,
)
_DASHES = ("-", "--", "-.", ":")


def shown_cells(results: Results) -> pd.DataFrame:
    """The dilated pair, the kernel sizes and those with a mended start, at most eight cells.

    Of more than these the smallest and the largest kernels of each experiment stay. A study
    without these experiments shows its first cells.
    """
    cells = results.cells()
    groups = [results.cells(name) for name in _EXPERIMENTS]
    groups[1:] = [group.sort_values("kernel_size") for group in groups[1:]]
    names: list[str] = []
    for group in groups:
        ends = [name for pair in zip(group.index, group.index[::-1], strict=True) for name in pair]
        names += [name for name in dict.fromkeys(ends) if name not in names][:3]
    rest = [name for group in groups for name in group.index]
    chosen = list(dict.fromkeys([*names, *rest]))[:MOST] or list(cells.index[:MOST])
    return cells.loc[[name for name in cells.index if name in chosen]]


def labels(results: Results, cells: pd.DataFrame) -> list[str]:
    """A short name for each cell: its architecture, kernel size and start, and ω0 if that tells.

    Cells that differ in something else have their whole names.
    """
    networks = [results.spec(runs[0])["network"] for runs in cells["runs"]]
    texts = [_shape(**network) for network in networks]
    texts = [
        f"{text}, ω0 = {network['omega_0']:g}"
        if texts.count(text) > 1 and "omega_0" in network
        else text
        for text, network in zip(texts, networks, strict=True)
    ]
    return unique(texts, cells)


def unique(texts: list[str], cells: pd.DataFrame) -> list[str]:
    """A label for each cell: its text, or its name where another cell has the same text."""
    return [
        name if texts.count(text) > 1 else text
        for text, name in zip(texts, cells.index, strict=True)
    ]


def _shape(
    name: str,
    kernel_size: int | None = None,
    kernel_init: str | None = None,
    window: float | None = None,
    **_: object,
) -> str:
    text = name
    if kernel_size is not None:
        text += f" K = {kernel_size}"
    if kernel_init == "balanced":
        text += ", balanced"
    if window is not None:
        text += f", window {window:g}"
    return text


def looks(place: int) -> dict[str, Any]:
    """Colour and dashes of the line at that place among those that are shown."""
    return {
        "color": _COLOURS[place % len(_COLOURS)],
        "linestyle": _DASHES[place % len(_DASHES)],
    }
