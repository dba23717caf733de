"""What every caption says of the numbers in its table: intervals, scale, and what is missing."""

import math
from collections.abc import Iterable

import pandas as pd

from ckstudy.analysis import thesis
from ckstudy.analysis.ablation import batch_norm_statistics
from ckstudy.analysis.results import Results
from ckstudy.report.tables.table import listing
from ckstudy.scoring.filter_lengths import CEILING, COMB

EXACT = (
    "The thesis prints no uncertainty, so that its number is taken as exact: the interval of "
    "ours − thesis is that of ours."
)


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
    if not len(cells) or cells["seeds"].max() == 1:
        return (
            "Brackets: 95 % bootstrap intervals over lines, for one trained network each; they say "
            "nothing about other training seeds."
        )
    if cells["seeds"].min() > 1:
        return "Brackets: 95 % intervals over lines and training seeds (Student's t)."
    return (
        "Brackets: 95 % intervals, over lines and training seeds (Student's t) where a row has "
        "several seeds; over lines alone (bootstrap) where it has one, saying nothing about other "
        "seeds of that network."
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
            "batch_norm_statistics": batch_norm_statistics(spec),
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
                ("batch_norm_statistics", "{} statistics of batch norm"),
                ("preset", "preset {}"),
            )
            if settings
        ),
    ]
    return (
        f"Scale: {', '.join(words)}. The thesis: {thesis.EPOCHS} epochs, "
        f"{thesis.TEST_LINES} test lines."
    )


_NAMED = 8  # networks that a caption has room for


def unfinished(results: Results) -> str:
    """A sentence on the members of the study's grid that are not trained; else nothing."""
    missing = results.study["missing"]
    if not missing:
        return ""
    planned = len(missing) + len(results.runs())
    if len(missing) > _NAMED:
        return (
            f"The study is partial: {len(missing)} of its {planned} networks are not trained; "
            "`study.json` names them."
        )
    names = ", ".join(f"`{name}`" for name in missing)
    return f"The study is partial. Not trained of its {planned} networks: {names}."


def coverage(what: str, printed: Iterable, ours: Iterable) -> str:
    """A sentence that holds the study's grid against the thesis's."""
    printed, ours = list(printed), set(ours)
    absent = [value for value in printed if value not in ours]
    added = sorted(ours - set(printed))
    if not absent and not added:
        return f"The study has the thesis's {what}, all of them."
    parts = []
    if absent:
        parts.append(f"not in this study: {listing(absent)}")
    if added:
        parts.append(f"not in the thesis: {listing(added)}")
    text = "; ".join(parts)
    return f"Of the {what}, {text}."


def of_bounds(f1: pd.Series) -> str:
    """What comb and truth score, from their F1 by predictor and score."""
    return (
        f"A comb that looks at no line has F1 {f1[COMB, 'upstream']:.3f} and matched F1 "
        f"{f1[COMB, 'matched']:.3f}, the truth itself {f1[CEILING, 'upstream']:.3f} and "
        f"{f1[CEILING, 'matched']:.3f}."
    )


def optimiser_steps(training: dict, lines: int) -> int:
    """Steps of a training on so many lines."""
    if training["optimizer_step"] == "epoch":
        return training["epochs"]
    return training["epochs"] * math.ceil(lines / training["batch_size"])


def _distinct(values: Iterable) -> list:
    """Each value once, numbers in order and before words."""
    return sorted(set(values), key=lambda value: (isinstance(value, str), value))
