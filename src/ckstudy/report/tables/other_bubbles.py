"""What networks make of bubbles that they were not trained on: F1 by population and shell."""

import math
from typing import NamedTuple

import pandas as pd

from ckstudy.analysis.other_bubbles import kinds, other_bubble_scores, predictors
from ckstudy.analysis.results import Results
from ckstudy.analysis.tested import Tested
from ckstudy.report.tables import findings
from ckstudy.report.tables.captions import of_bounds, scale, unfinished
from ckstudy.report.tables.table import Column, Table, code, score, tabulate
from ckstudy.report.tables.tested import blocks_of, bounds_of
from ckstudy.scoring.filter_lengths import COMB

ABSENT = "The study leaves this analysis out (analyses.other_bubbles), or has no network for it."
KINDS = {
    "own": "own",
    "monodisperse": "monodisperse",
    "polydisperse": "polydisperse",
    "segers": "shell of Segers",
    "marmottant": "shell of Marmottant",
}
# Score, calibration, and what the block of the table is called.
_BLOCKS = (
    ("upstream", "level", "F1"),
    ("matched", "level", "Matched F1"),
    ("upstream", "own", "F1 with the threshold of the study's own lines"),
)


class _Row(NamedTuple):
    predictor: Tested
    score: str
    calibration: str
    f1: dict[str, float]


def other_bubbles_table(results: Results) -> Table:
    """F1 of networks and a linear filter on lines with other bubbles."""
    found = other_bubble_scores(results)
    if found is None:
        return Table("other_bubbles", "Other bubbles", ABSENT, pd.DataFrame(), ())
    rows = []
    for name, calibration, _ in _BLOCKS:
        for each in predictors(results, found):
            f1 = each.f1(name, calibration)
            if len(f1):
                rows.append(_Row(each, name, calibration, f1.to_dict()))
    columns = [
        Column("predictor", lambda row: row.predictor.name, "predictor", code),
        Column("trained", lambda row: row.predictor.trained, "trained"),
        Column("score", lambda row: row.score),
        Column("calibration", lambda row: row.calibration),
        *(_column(kind) for kind in kinds(found)),
    ]
    data, text = tabulate(rows, columns)
    bounds = bounds_of(found)
    caption = (
        f"Mean F1 of {int(found['lines'].max())} test lines at a tolerance of 4 samples: the "
        "study's own, and the same lines with bubbles of another population or shell at the same "
        "places, of which networks trained here and the filter saw none. Thresholds are the best "
        "on validation lines with such bubbles, in the last part on the study's own. "
        f"{of_bounds(bounds)} {scale(results, results.cells())} {unfinished(results)}"
    ).strip()
    said = findings.other_bubbles(data, float(bounds[COMB, "upstream"]))
    return Table(
        "other_bubbles", "Other bubbles", caption, data, blocks_of(rows, text, _BLOCKS), said
    )


def _column(kind: str) -> Column:
    def value(row: _Row) -> float:
        return row.f1.get(kind, math.nan)

    return Column(f"f1_{kind}", value, KINDS[kind], score)
