"""The house style: sizes and colours of print, and files that are the same bytes each time.

Colours are those of Okabe & Ito (2008), told apart by readers of any colour vision. Fonts come
with matplotlib, so that a figure looks the same on every machine.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import AutoLocator, MaxNLocator

from ckstudy.files import atomic_path

COLUMN = 3.5  # inches, one column of a journal page
PAGE = 7.16  # inches, both columns

BLACK = "#000000"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
BLUE = "#0072B2"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#7F7F7F"
PALE = "#E8E8E8"

_SETTINGS: dict[Any, object] = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.linewidth": 0.4,
    "grid.color": "#D9D9D9",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "lines.linewidth": 1.0,
    "lines.markersize": 4,
    "figure.dpi": 100,
    "savefig.dpi": 300,
    # Identifiers inside an SVG are random without a salt, and the file differs each time.
    "svg.hashsalt": "ckstudy",
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw inside this context; the user's own matplotlib settings do not count."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def fix_ticks(figure: Figure) -> None:
    """Choose ticks that do not depend on the size of the axes.

    matplotlib's own choice does, and so can change while the layout makes room for the labels of
    the choice before: labels would then run out of the picture.
    """
    for axes in figure.axes:
        for axis, most in ((axes.xaxis, 8), (axes.yaxis, 6)):
            if isinstance(axis.get_major_locator(), AutoLocator):
                axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 5, 10]))


def lay_out(figure: Figure) -> None:
    """Make room for the texts, for good.

    Left to the saving, a layout is made twice a file, and everything drawn twice for it.
    """
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)


def save(figure: Figure, stem: Path) -> None:
    """Write ``stem.png`` and ``stem.svg``, without dates and versions: the same bytes each time."""
    with house_style():
        lay_out(figure)
    for suffix, metadata in (
        (".png", {"Software": None}),
        (".svg", {"Date": None, "Creator": None}),
    ):
        path = stem.with_name(stem.name + suffix)
        with house_style(), atomic_path(path) as temporary:
            figure.savefig(temporary, format=suffix[1:], metadata=metadata)


def footnote(figure: Figure, text: str) -> None:
    """A small grey line under the figure: its scale, and what is missing."""
    figure.supxlabel(text, fontsize=7, color=GREY, x=0.01, ha="left")


def nothing_to_show(why: str) -> Figure:
    """A picture that says why it is empty: a study may leave an experiment out."""
    figure = Figure(figsize=(COLUMN, 1.0))
    figure.text(0.5, 0.5, why, ha="center", va="center", color=GREY)
    return figure
