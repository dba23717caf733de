"""Table 1: threshold and mean F1 of the large-kernel CKCNN against its kernel size."""

import math

from ckstudy.analysis import thesis
from ckstudy.analysis.estimates import best_thresholds, mean_f1
from ckstudy.analysis.results import Results
from ckstudy.report.tables import findings
from ckstudy.report.tables.beside_thesis import Row, union
from ckstudy.report.tables.captions import EXACT, coverage, provenance
from ckstudy.report.tables.table import (
    Column,
    EstimateColumn,
    Table,
    joined,
    number,
    score,
    seeds,
    tabulate,
    thresholds,
    whole,
)
from ckstudy.scoring.intervals import NONE, Estimate


def kernel_size_table(results: Results) -> Table:
    """Table 1, with the thesis's printed numbers beside the study's own.

    A difference from the thesis is a finding: it is printed with its uncertainty (see
    :mod:`ckstudy.analysis.estimates`). A row that only one side has shows a dash on the other.
    """
    printed = {row.kernel_size: row for row in thesis.TABLE_1}
    cells = results.cells("kernel_size")
    rows = union(printed, cells, cells["kernel_size"])

    def best(row: Row, split: str) -> str:
        return joined(best_thresholds(results, row.runs, split))

    def training_f1(row: Row) -> Estimate:
        return mean_f1(results, row.runs, split="train", calibration="train")

    def minus_printed(row: Row) -> Estimate:
        return training_f1(row) - row.printed.mean_f1 if row.printed else NONE

    columns = [
        Column("kernel_size", lambda row: row.place, "K", whole),
        Column("cell", lambda row: row.cell),
        Column("seeds", lambda row: len(row.runs), "seeds", seeds),
        Column(
            "thesis_threshold",
            lambda row: row.printed.threshold if row.printed else math.nan,
            "φ thesis",
            number("{:.2f}"),
        ),
        Column("threshold_train", lambda row: best(row, "train"), "φ training lines", thresholds),
        Column(
            "threshold_validation",
            lambda row: best(row, "validation"),
            "φ validation lines",
            thresholds,
        ),
        Column(
            "thesis_train_f1",
            lambda row: row.printed.mean_f1 if row.printed else math.nan,
            "training F1, thesis",
            score,
        ),
        EstimateColumn("train_f1", training_f1, "training F1, ours"),
        EstimateColumn("difference", minus_printed, "ours − thesis", signed=True),
        EstimateColumn("test_f1", lambda row: mean_f1(results, row.runs), "test F1"),
        EstimateColumn(
            "test_matched_f1",
            lambda row: mean_f1(results, row.runs, score="matched"),
            "test matched F1",
        ),
    ]
    data, text = tabulate(rows, columns)
    caption = (
        f"Table 1. Large-kernel CKCNN at ω0 = {thesis.TABLE_1_OMEGA_0:.0f}: best threshold φ and "
        f"mean F1 at a tolerance of {thesis.TOLERANCE} samples. As in the thesis, the training F1 "
        "uses the threshold that is best on the training lines themselves; the test F1 and the "
        f"matched F1 use the threshold that is best on the validation lines. {EXACT} "
        f"{provenance(results, cells)} {coverage('kernel sizes', printed, cells['kernel_size'])}"
    )
    return Table("table1", "Kernel size", caption, data, (("", text),), findings.kernel_size(data))
