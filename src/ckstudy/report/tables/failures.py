"""Where networks fail: how precisely they localise, and what goes with their success."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ckstudy.analysis.failures import FACTORS, average_precision
from ckstudy.analysis.results import Results
from ckstudy.report.tables import findings
from ckstudy.report.tables.captions import scale, unfinished
from ckstudy.report.tables.table import Column, Table, code, number, score, seeds, tabulate

ABSENT = "The study leaves this analysis out (analyses.failures)."
_CORRELATION = number("{:+.2f}")
_LINE_FACTORS = ("pressure_kpa", "bubbles")


class _Row(NamedTuple):
    cell: str
    seeds: int
    values: dict[str, float]


def failures_table(results: Results) -> Table:
    """Precision, recall and localisation error of every network, and what they depend on."""
    cells = results.cells()
    rows = [] if results.analysis("failures", "errors") is None else _rows(results, cells)
    columns = [
        Column("network", lambda row: row.cell, "network", code),
        Column("seeds", lambda row: row.seeds, "seeds", seeds),
        _column("precision", "precision", score),
        _column("recall", "recall", score),
        _column("average_precision", "average precision", score),
        _column("bias_samples", "mean error (samples)", number("{:+.2f}")),
        _column("abs_error_samples", "mean abs. error (samples)", number("{:.2f}")),
        _column("abs_error_ns", "(ns)", number("{:.1f}")),
        _column("abs_error_um", "(µm)", number("{:.1f}")),
        _column("upstream_pressure_kpa", "r of F1: pressure", _CORRELATION),
        _column("upstream_bubbles", "bubbles", _CORRELATION),
        _column("matched_pressure_kpa", "r of matched F1: pressure", _CORRELATION),
        _column("matched_bubbles", "bubbles in the line", _CORRELATION),
        *(
            _column(f"found_{factor.name}", heading, _CORRELATION)
            for factor, heading in zip(
                FACTORS[2:], ("r of being found: depth", "gap", "radius"), strict=True
            )
        ),
    ]
    data, text = tabulate(rows, columns)
    if not rows:
        return Table("failures", "Where networks fail", ABSENT, data, ())
    caption = (
        "Test lines at a tolerance of 4 samples, threshold of the best matched F1 on the "
        "validation lines. Precision, recall and errors are of all bubbles together, errors of "
        "those that are found (detection minus truth). Average precision is the area under the "
        "precision-recall curve, up to two detections a bubble. r is Pearson's correlation: of a "
        "line's F1 with its pressure and its number of bubbles, and of being found, 0 or 1, with a "
        "bubble's depth, the time to the nearest other echo, and its radius. A row with several "
        f"seeds is their mean. {scale(results, cells)} {unfinished(results)}"
    ).strip()
    return Table(
        "failures", "Where networks fail", caption, data, (("", text),), findings.failures(data)
    )


def _column(name: str, heading: str, show: object) -> Column:
    return Column(name, lambda row: row.values[name], heading, show)  # type: ignore[arg-type]


def _rows(results: Results, cells: pd.DataFrame) -> list[_Row]:
    found = []
    for cell in cells.itertuples():
        each = [_values(results, run) for run in cell.runs]
        means = {name: _mean([values[name] for values in each]) for name in each[0]}
        found.append(_Row(str(cell.Index), cell.seeds, means))
    return found


def _values(results: Results, run: str) -> dict[str, float]:
    errors, curve, by_bubble = (
        table[table["run"] == run]
        for name in ("errors", "precision_recall", "correlations")
        if (table := results.analysis("failures", name)) is not None
    )
    chosen = curve[curve["chosen"]].iloc[0]
    values = {
        "precision": chosen["precision"],
        "recall": chosen["recall"],
        "average_precision": average_precision(curve),
        "bias_samples": _average(errors["error_samples"], errors["pairs"]),
        **{
            f"abs_error_{unit}": _average(errors[f"error_{unit}"].abs(), errors["pairs"])
            for unit in ("samples", "ns", "um")
        },
    }
    for name in ("upstream", "matched"):
        lines = results.line_scores(run, score=name)
        for factor in _LINE_FACTORS:
            varies = len(lines) > 1 and lines["f1"].nunique() > 1 and lines[factor].nunique() > 1
            values[f"{name}_{factor}"] = lines["f1"].corr(lines[factor]) if varies else math.nan
    of_bubble = by_bubble.set_index("factor")["correlation"]
    return values | {f"found_{name}": of_bubble[name] for name in of_bubble.index}


def _average(values: pd.Series, weights: pd.Series) -> float:
    return float(np.average(values, weights=weights)) if weights.sum() else math.nan


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
