"""Table 2: median and mean test F1 of the large-kernel CKCNN against ω0."""

import math
from collections.abc import Callable
from functools import partial

import pandas as pd

from ckstudy.analysis import thesis
from ckstudy.analysis.estimates import best_thresholds, mean_f1, median_f1
from ckstudy.analysis.results import Results
from ckstudy.report.tables import findings
from ckstudy.report.tables.beside_thesis import Row, union
from ckstudy.report.tables.captions import EXACT, coverage, provenance
from ckstudy.report.tables.table import (
    Column,
    EstimateColumn,
    Table,
    joined,
    score,
    seeds,
    short,
    tabulate,
    thresholds,
    whole,
)
from ckstudy.scoring.intervals import NONE, Estimate

# (score, lines that the threshold is chosen on, whether the thesis has such numbers, heading)
_BLOCKS = (
    ("upstream", "train", True, "F1 as in the thesis (`upstream`), φ from the training lines"),
    (
        "upstream",
        "validation",
        True,
        "F1 as in the thesis (`upstream`), φ from the validation lines",
    ),
    (
        "matched",
        "validation",
        False,
        "One-to-one matched F1 (`matched`), φ from the validation lines; the thesis has none",
    ),
)


def omega_0_table(results: Results) -> Table:
    """Table 2, with the thesis's printed numbers beside the study's own.

    The thesis's own comparison takes the thresholds from the training lines; the study's takes
    them from the validation lines, for both scores.
    """
    printed = {(row.kernel_size, row.omega_0): row for row in thesis.TABLE_2}
    cells = results.cells("omega_0")
    places = list(zip(cells["kernel_size"], cells["omega_0"], strict=True))
    rows = union(printed, cells, places)
    data, blocks = [], []
    for name, calibration, beside, heading in _BLOCKS:
        columns = _columns(results, name, calibration, beside)
        members = [row for row in rows if beside or row.cell]
        numbers, text = tabulate(members, columns)
        data.append(numbers)
        blocks.append((heading, text))
    caption = (
        f"Table 2. Large-kernel CKCNN: median and mean of the F1 of the test lines at a tolerance "
        f"of {thesis.TOLERANCE} samples. The thesis took its threshold φ from the training lines; "
        "what the study says elsewhere of test lines uses thresholds from the validation lines. "
        f"Of several seeds, the median is the mean of theirs. {EXACT} "
        f"{provenance(results, cells)} {coverage('cells (K, ω0)', printed, places)}"
    )
    together = pd.concat([each for each in data if len(each)], ignore_index=True)
    return Table(
        "table2", "Kernel size and ω0", caption, together, tuple(blocks), findings.omega_0(together)
    )


def _columns(results: Results, of_score: str, calibration: str, beside: bool) -> list[Column]:
    chosen = {"score": of_score, "calibration": calibration}

    def median(row: Row) -> Estimate:
        return median_f1(results, row.runs, **chosen)

    def mean(row: Row) -> Estimate:
        return mean_f1(results, row.runs, **chosen)

    def printed(row: Row, statistic: str) -> float:
        has_one = beside and row.printed
        return getattr(row.printed, statistic) if has_one else math.nan

    def minus_printed(ours: Callable[[Row], Estimate], row: Row, statistic: str) -> Estimate:
        return ours(row) - printed(row, statistic) if beside and row.printed else NONE

    def only_beside(heading: str) -> str | None:
        return heading if beside else None

    suffix = ", ours" if beside else ""
    columns = [
        Column("score", lambda row: of_score),
        Column("calibration", lambda row: calibration),
        Column("kernel_size", lambda row: row.place[0], "K", whole),
        Column("omega_0", lambda row: row.place[1], "ω0", short),
        Column("cell", lambda row: row.cell),
        Column("seeds", lambda row: len(row.runs), "seeds", seeds),
        Column(
            "threshold",
            lambda row: joined(best_thresholds(results, row.runs, calibration, of_score)),
            "φ",
            thresholds,
        ),
    ]
    for statistic, ours in (("median", median), ("mean", mean)):
        field = f"{statistic}_f1"
        columns += [
            Column(
                f"thesis_{field}",
                partial(printed, statistic=field),
                only_beside(f"{statistic}, thesis"),
                score,
            ),
            EstimateColumn(field, ours, f"{statistic}{suffix}"),
            EstimateColumn(
                f"{statistic}_difference",
                partial(minus_printed, ours, statistic=field),
                only_beside(f"{statistic}, ours − thesis"),
                signed=True,
            ),
        ]
    return columns
