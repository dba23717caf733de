"""Rows that stand beside printed numbers of the thesis: the union of both grids."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd


class Row(NamedTuple):
    """A member of the thesis's grid, of the study's, or of both.

    Attributes
    ----------
    place : object
        Where in the grid: a kernel size, or a pair of kernel size and ω0.
    cell : str
        Name of the study's cell, or nothing.
    runs : tuple of str
        The cell's runs.
    printed : object or None
        What the thesis prints.
    """

    place: Any
    cell: str
    runs: tuple[str, ...]
    printed: Any


def union(printed: Mapping, cells: pd.DataFrame, places: Iterable) -> list[Row]:
    """All members of both grids, in order.

    Parameters
    ----------
    printed : mapping
        The thesis's numbers by place.
    cells : pandas.DataFrame
        Of :meth:`ckstudy.analysis.results.Results.cells`.
    places : iterable
        The place of each cell.
    """
    rows = [
        Row(place, cell.Index, cell.runs, printed.get(place))
        for place, cell in zip(places, cells.itertuples(), strict=True)
    ]
    absent = set(printed) - {row.place for row in rows}
    rows += [Row(place, "", (), printed[place]) for place in absent]
    return sorted(rows, key=lambda row: (row.place, row.cell))
