"""A table for readers and for programs, from columns that are declared once.

A column says what its heading is, how its value follows from a row, and how the value is shown.
The CSV takes the values, unrounded; the Markdown takes the text of those that have a heading.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ckstudy.files import write_text
from ckstudy.report.page import from_markdown, page
from ckstudy.scoring.intervals import Estimate

DASH = "–"
MINUS = "−"


@dataclass(frozen=True)
class Column:
    """A column whose values are numbers or words.

    Attributes
    ----------
    name : str
        Of the CSV's column.
    value : callable
        From a row to its value.
    heading : str or None
        Of the Markdown's column; None leaves the column to the CSV.
    show : callable
        From the value to its text.
    """

    name: str
    value: Callable[[Any], Any]
    heading: str | None = None
    show: Callable[[Any], str] = str

    def names(self) -> list[str]:
        """Columns that it takes in the CSV."""
        return [self.name]

    def fields(self, value: Any) -> list:
        """What stands in them."""
        return [value]

    def text(self, value: Any) -> str:
        """What stands in the Markdown."""
        return self.show(value)


@dataclass(frozen=True)
class EstimateColumn(Column):
    """A column of estimates: three in the CSV, ``name``, ``name_low`` and ``name_high``."""

    signed: bool = False

    def names(self) -> list[str]:
        """Columns that it takes in the CSV."""
        return [self.name, f"{self.name}_low", f"{self.name}_high"]

    def fields(self, value: Estimate) -> list:
        """What stands in them."""
        return [value.value, value.low, value.high]

    def text(self, value: Estimate) -> str:
        """What stands in the Markdown."""
        return as_text(value, signed=self.signed)


@dataclass(frozen=True)
class Table:
    """A table for readers and for programs.

    Attributes
    ----------
    name : str
        File name without suffix.
    title : str
        Heading in Markdown.
    caption : str
        What is shown, at which scale, and what is missing.
    data : pandas.DataFrame
        All numbers, unrounded; becomes the CSV.
    blocks : tuple of (str, pandas.DataFrame)
        Heading and formatted cells of each part of the Markdown table.
    findings : tuple of str
        What its numbers say, a sentence each.
    """

    name: str
    title: str
    caption: str
    data: pd.DataFrame
    blocks: tuple[tuple[str, pd.DataFrame], ...]
    findings: tuple[str, ...] = ()

    def markdown(self, level: int = 1) -> str:
        """The table as Markdown: a heading of the given level, findings, numbers, caption."""
        parts = [f"{'#' * level} {self.title}"]
        if self.findings:
            parts.append("\n".join(f"* {sentence}" for sentence in self.findings))
        for heading, cells in self.blocks:
            if heading:
                parts.append(f"{'#' * (level + 1)} {heading}")
            parts.append(_pipe_table(cells))
        return "\n\n".join([*parts, self.caption]) + "\n"

    def write(self, directory: str | Path) -> None:
        """Write ``name.csv``, ``name.md`` and ``name.html`` into ``directory``."""
        csv = self.data.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        write_text(Path(directory) / f"{self.name}.csv", csv)
        text = self.markdown()
        write_text(Path(directory) / f"{self.name}.md", text)
        html = page(self.title, from_markdown(text))
        write_text(Path(directory) / f"{self.name}.html", html)


def tabulate(rows: Iterable, columns: Sequence[Column]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The values of all columns, for the CSV, and the text of those with a heading.

    Each value is computed once.
    """
    values = [[column.value(row) for column in columns] for row in rows]
    pairs = [list(zip(columns, row, strict=True)) for row in values]
    data = [[field for column, value in row for field in column.fields(value)] for row in pairs]
    cells = [
        [column.text(value) for column, value in row if column.heading is not None] for row in pairs
    ]
    names = [name for column in columns for name in column.names()]
    headings = [column.heading for column in columns if column.heading is not None]
    return pd.DataFrame(data, columns=names), pd.DataFrame(cells, columns=headings)


def code(name: str) -> str:
    """A name in the type of code, or a dash."""
    return f"`{name}`" if name else DASH


def image_of(method: str) -> str:
    """What an image is made of: the raw lines, or what a network says of them."""
    return "raw RF" if method == "raw" else f"lines by {code(method)}"


def number(pattern: str) -> Callable[[float], str]:
    """Show a number by a pattern such as ``"{:.3f}"``; a dash where there is none."""

    def show(value: float) -> str:
        return DASH if math.isnan(value) else pattern.format(value).replace("-", MINUS)

    return show


score = number("{:.3f}")
change = number("{:+.3f}")
whole = number("{:.0f}")
short = number("{:g}")
thousands = number("{:,.0f}")


def seeds(count: int) -> str:
    """A number of seeds; a dash for what is not trained."""
    return str(count) if count else DASH


def thresholds(found: str) -> str:
    """Thresholds to three digits, each once; see :func:`joined`."""
    each = dict.fromkeys(f"{float(value):.3g}" for value in found.split(";") if value)
    return ", ".join(each) or DASH


def joined(values: Iterable[float]) -> str:
    """Thresholds of several networks in one field of a CSV: ``0.1;0.2``."""
    return ";".join(f"{value:.6g}" for value in values)


def capitalised(text: str) -> str:
    """With its first letter in upper case, and the rest as it is."""
    return text[0].upper() + text[1:]


def listing(values: Sequence) -> str:
    """``65, 131`` or ``(527, 40), (527, 50)``."""

    def one(value: Any) -> str:
        if isinstance(value, tuple):
            return "(" + ", ".join(one(part) for part in value) + ")"
        return value if isinstance(value, str) else f"{value:g}"

    return ", ".join(one(value) for value in values)


def as_text(estimate: Estimate, *, signed: bool = False) -> str:
    """``0.801 [0.790, 0.812]``, or a dash."""
    show = change if signed else score
    if math.isnan(estimate.value) or math.isnan(estimate.low):
        return show(estimate.value)
    return f"{show(estimate.value)} [{show(estimate.low)}, {show(estimate.high)}]"


def interval(row: Any, name: str, *, signed: bool = False) -> str:
    """The estimate that an :class:`EstimateColumn` put into a row of a CSV, as text."""
    ends = (getattr(row, name), getattr(row, f"{name}_low"), getattr(row, f"{name}_high"))
    return as_text(Estimate(*ends), signed=signed)


def _pipe_table(cells: pd.DataFrame) -> str:
    rows = [list(cells.columns), ["---"] * len(cells.columns), *cells.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
