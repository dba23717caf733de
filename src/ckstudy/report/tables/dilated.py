"""Conventional against continuous kernels in the dilated network (claim C1)."""

import math
from typing import NamedTuple

from ckstudy.analysis import thesis
from ckstudy.analysis.estimates import (
    best_thresholds,
    line_f1,
    mean_f1,
    median_f1,
    paired_difference,
)
from ckstudy.analysis.results import Results
from ckstudy.report.tables import findings
from ckstudy.report.tables.captions import coverage, provenance
from ckstudy.report.tables.table import (
    Column,
    EstimateColumn,
    Table,
    code,
    joined,
    seeds,
    short,
    tabulate,
    thousands,
    thresholds,
)
from ckstudy.scoring.intervals import NONE, Estimate


class _Row(NamedTuple):
    cell: str
    runs: tuple[str, ...]
    network: str
    omega_0: float
    parameters: float
    score: str


def dilated_table(results: Results) -> Table:
    """Both dilated networks by both scores, and the difference line by line."""
    cells = results.cells("dilated")
    reference = next((cell for cell in cells.index if cells.network[cell] == "cnn_dilated"), None)
    rows = [
        _Row(cell.Index, cell.runs, cell.network, cell.omega_0, cell.parameters, score)
        for cell in cells.itertuples()
        for score in ("upstream", "matched")
    ]

    def best(row: _Row, split: str) -> str:
        return joined(best_thresholds(results, row.runs, split, row.score))

    def minus_conventional(row: _Row) -> Estimate:
        if reference is None or row.cell == reference:
            return NONE
        return paired_difference(
            line_f1(results, row.runs, score=row.score),
            line_f1(results, cells.runs[reference], score=row.score),
        )

    columns = [
        Column("cell", lambda row: row.cell),
        Column("network", lambda row: row.network, "network", code),
        Column("omega_0", lambda row: row.omega_0, "ω0", short),
        Column("seeds", lambda row: len(row.runs), "seeds", seeds),
        Column(
            "thesis_parameters",
            lambda row: thesis.PARAMETERS.get(row.network, math.nan),
            "parameters, thesis",
            thousands,
        ),
        Column("parameters", lambda row: row.parameters, "parameters, ours", thousands),
        Column("score", lambda row: row.score, "score"),
        Column("threshold_train", lambda row: best(row, "train"), "φ training lines", thresholds),
        Column(
            "threshold_validation",
            lambda row: best(row, "validation"),
            "φ validation lines",
            thresholds,
        ),
        EstimateColumn(
            "mean_f1", lambda row: mean_f1(results, row.runs, score=row.score), "mean F1"
        ),
        EstimateColumn(
            "median_f1", lambda row: median_f1(results, row.runs, score=row.score), "median F1"
        ),
        EstimateColumn("paired_difference", minus_conventional, "mean − conventional", signed=True),
    ]
    wanted = ("cnn_dilated", "ckcnn_dilated")
    data, text = tabulate(rows, columns)
    caption = (
        "Dilated networks with conventional and with continuous kernels: F1 of the test lines at "
        f"a tolerance of {thesis.TOLERANCE} samples, with the threshold φ that is best on the "
        "validation lines (that from the training lines stands beside it). The last column is the "
        "mean over the lines of the difference on the same line. The thesis prints no score for "
        f"this pair, only a figure, and a threshold of {thesis.DILATED_THRESHOLD:g} for the "
        f"continuous kernels. {provenance(results, cells)} "
        f"{coverage('networks', wanted, cells['network'])}"
    )
    return Table(
        "dilated", "Dilated networks", caption, data, (("", text),), findings.dilated(data)
    )
