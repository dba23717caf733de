"""A table for readers and for programs, and what every caption says of the numbers in it."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ckstudy.analysis import thesis
from ckstudy.analysis.estimates import Estimate
from ckstudy.analysis.results import Results
from ckstudy.files import write_text

DASH = "–"


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
    """

    name: str
    title: str
    caption: str
    data: pd.DataFrame
    blocks: tuple[tuple[str, pd.DataFrame], ...]

    def markdown(self, level: int = 1) -> str:
        """The table as Markdown, its title a heading of the given level, its caption last."""
        parts = [f"{'#' * level} {self.title}"]
        for heading, cells in self.blocks:
            if heading:
                parts.append(f"{'#' * (level + 1)} {heading}")
            parts.append(_pipe_table(cells))
        return "\n\n".join([*parts, self.caption]) + "\n"

    def write(self, directory: str | Path) -> None:
        """Write ``name.csv`` and ``name.md`` into ``directory``."""
        csv = self.data.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        write_text(Path(directory) / f"{self.name}.csv", csv)
        write_text(Path(directory) / f"{self.name}.md", self.markdown())


def provenance(results: Results, cells: pd.DataFrame) -> str:
    """What every caption ends with: whose intervals, at which scale, and what is not there yet.

    Parameters
    ----------
    results : Results
    cells : pandas.DataFrame
        Those that the table shows, of :meth:`ckstudy.analysis.results.Results.cells`.
    """
    parts = (intervals(cells), scale(results, cells), unfinished(results))
    return " ".join(part for part in parts if part)


def intervals(cells: pd.DataFrame) -> str:
    """A sentence about the brackets."""
    most = cells["seeds"].max() if len(cells) else 1
    if most == 1:
        return "Brackets: 95 % bootstrap intervals over lines, for one trained network each."
    return (
        "Brackets: 95 % bootstrap intervals over lines and, where a row has several, over training "
        f"seeds. From {most} seeds an interval is coarse, and too narrow where seeds disagree; "
        "from one it says nothing about other seeds."
    )


def scale(results: Results, cells: pd.DataFrame) -> str:
    """Two sentences that say how large the study was that made the numbers, and the thesis."""
    lines = results.summary.groupby("split")["lines"].max()
    specs = [results.spec(runs[0]) for runs in cells["runs"]]
    settings = [
        {
            **spec["training"],
            "preset": spec["preset"],
            "steps": optimiser_steps(spec["training"], int(lines["train"])),
            "crop": spec["training"].get("crop") or "all",
        }
        for spec in specs
    ]
    words = [
        f"study `{results.study['study']}`",
        f"{lines['train']} training and {lines['test']} test lines",
        *(
            text.format(" or ".join(map(str, _distinct(each[key] for each in settings))))
            for key, text in (
                ("epochs", "{} epochs"),
                ("steps", "{} optimiser steps"),
                ("batch_size", "batches of {} lines"),
                ("crop", "{} samples of each"),
                ("input_scaling", "input scaling {}"),
                ("preset", "preset {}"),
            )
            if settings
        ),
    ]
    return (
        f"Scale: {', '.join(words)}. The thesis: {thesis.EPOCHS} epochs, "
        f"{thesis.TEST_LINES} test lines."
    )


def unfinished(results: Results) -> str:
    """A sentence that names the members of the study's grid that are not trained; else nothing."""
    missing = results.study["missing"]
    if not missing:
        return ""
    planned = len(missing) + len(results.runs())
    names = ", ".join(f"`{name}`" for name in missing)
    return f"The study is partial. Not trained of its {planned} networks: {names}."


def optimiser_steps(training: dict, lines: int) -> int:
    """Steps of a training on so many lines."""
    if training["optimizer_step"] == "epoch":
        return training["epochs"]
    return training["epochs"] * math.ceil(lines / training["batch_size"])


def _distinct(values: Iterable) -> list:
    """Each value once, numbers in order and before words."""
    return sorted(set(values), key=lambda value: (isinstance(value, str), value))


def listing(values: Sequence) -> str:
    """``65, 131`` or ``(527, 40), (527, 50)``."""

    def one(value) -> str:
        if isinstance(value, tuple):
            return "(" + ", ".join(one(part) for part in value) + ")"
        return value if isinstance(value, str) else f"{value:g}"

    return ", ".join(one(value) for value in values)


def flat(name: str, estimate: Estimate) -> dict[str, float]:
    """The three columns of an estimate in a table's data."""
    return {
        name: estimate.value,
        f"{name}_low": estimate.low,
        f"{name}_high": estimate.high,
    }


def format_cells(data: pd.DataFrame, columns: dict[str, Callable]) -> pd.DataFrame:
    """Text of each row, from functions of the row by heading."""
    rows = [[text(row) for text in columns.values()] for row in data.itertuples()]
    return pd.DataFrame(rows, columns=list(columns))


def number(value: float, pattern: str = "{:.3f}") -> str:
    """A number, or a dash."""
    return DASH if math.isnan(value) else pattern.format(value)


def interval(row, name: str, *, signed: bool = False) -> str:
    """The estimate that :func:`flat` put into a row, as text."""
    ends = (getattr(row, name), getattr(row, f"{name}_low"), getattr(row, f"{name}_high"))
    return as_text(Estimate(*ends), signed=signed)


def as_text(estimate: Estimate, *, signed: bool = False) -> str:
    """``0.801 [0.790, 0.812]``, or a dash."""
    if math.isnan(estimate.value):
        return DASH
    pattern = "{:+.3f}" if signed else "{:.3f}"
    value, low, high = (
        pattern.format(each).replace("-", "−")
        for each in (estimate.value, estimate.low, estimate.high)
    )
    return value if math.isnan(estimate.low) else f"{value} [{low}, {high}]"


def _pipe_table(cells: pd.DataFrame) -> str:
    rows = [list(cells.columns), ["---"] * len(cells.columns), *cells.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
