"""What noise does to networks: F1 by level, trained without it and with it."""

import math
from typing import NamedTuple

import pandas as pd

from ckstudy.analysis.noise_levels import curves, noise_level_scores, share
from ckstudy.analysis.results import Results
from ckstudy.analysis.tested import Tested
from ckstudy.report.tables import findings
from ckstudy.report.tables.captions import of_bounds, scale, unfinished
from ckstudy.report.tables.table import Column, Table, code, score, tabulate
from ckstudy.report.tables.tested import blocks_of, bounds_of

ABSENT = (
    "The study leaves this analysis out (analyses.noise_levels), has no network for it, or has "
    "lines with noise, to which no more is added."
)
TRAINED = {"clean": "without noise", "same": "at each level", "elsewhere": "elsewhere"}
# Score, calibration, and what the block of the table is called.
_BLOCKS = (
    ("upstream", "level", "F1"),
    ("matched", "level", "Matched F1"),
    ("upstream", "own", "F1 with the threshold of the clean lines"),
)


class _Row(NamedTuple):
    curve: Tested
    score: str
    calibration: str
    f1: dict[float, float]
    share: dict[float, float]


def noise_levels_table(results: Results) -> Table:
    """F1 of networks and a linear filter on lines of several levels of noise."""
    found = noise_level_scores(results)
    if found is None:
        return Table("noise_levels", "Noise", ABSENT, pd.DataFrame(), ())
    levels = sorted(found["noise_percent"].dropna().unique())
    rows = []
    for name, calibration, _ in _BLOCKS:
        for curve in curves(results, found):
            f1 = curve.f1(name, calibration)
            if len(f1) and not (calibration == "own" and curve.trained == "same"):
                of_range = share(found, name, f1)
                rows.append(_Row(curve, name, calibration, f1.to_dict(), of_range.to_dict()))
    columns = [
        Column("predictor", lambda row: row.curve.name, "predictor", code),
        Column("trained", lambda row: TRAINED[row.curve.trained], "trained"),
        Column("score", lambda row: row.score),
        Column("calibration", lambda row: row.calibration),
        *(_column("f1", level, f"{level:g} %") for level in levels),
        *(_column("share", level, None) for level in levels),
    ]
    data, text = tabulate(rows, columns)
    bounds = bounds_of(found)
    caption = (
        f"Mean F1 of {int(found['lines'].max())} test lines at a tolerance of 4 samples, on lines "
        "whose noise has a standard deviation of so many percent of 9.65 V (any noise also brings "
        "a low-pass at 5.1 MHz). The lines of all levels hold the same bubbles. Thresholds are "
        "the best on validation lines of that noise, in the last part on clean ones. The filter "
        "and the networks trained at each level saw training lines of that level. "
        f"{of_bounds(bounds)} {scale(results, results.cells())} {unfinished(results)}"
    ).strip()
    said = findings.noise_levels(data)
    blocks = blocks_of(rows, text, _BLOCKS)
    return Table("noise_levels", "Noise", caption, data, blocks, said)


def _column(kind: str, level: float, heading: str | None) -> Column:
    def value(row: _Row) -> float:
        return getattr(row, kind).get(level, math.nan)

    return Column(f"{kind}_{level:g}", value, heading, score)
