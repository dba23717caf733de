"""F1 by kernel size and noise, beside baselines on lines of the same noise."""

import math
from typing import NamedTuple

import pandas as pd

from ckstudy.analysis import thesis
from ckstudy.analysis.comparisons import baseline_f1
from ckstudy.analysis.estimates import best_thresholds, mean_f1
from ckstudy.analysis.noise import (
    EXPERIMENT,
    MENDED,
    Advantage,
    advantage,
    baselines_at,
    noise_cells,
)
from ckstudy.analysis.results import Results
from ckstudy.report.tables import findings
from ckstudy.report.tables.captions import provenance
from ckstudy.report.tables.table import (
    Column,
    EstimateColumn,
    Table,
    code,
    joined,
    seeds,
    short,
    tabulate,
    thresholds,
    whole,
)
from ckstudy.scoring.intervals import NONE, Estimate

ABSENT = f"The study has no experiment “{EXPERIMENT}”: config/beyond.yaml has one."
"""What a table or a figure says in a study without the experiment."""


class _Row(NamedTuple):
    noise_percent: float
    predictor: str
    kind: str
    f1: Estimate
    matched_f1: Estimate
    kernel_size: float = math.nan
    seeds: int = 0
    threshold: str = ""
    advantage: Advantage = Advantage(NONE, NONE)


def noise_table(results: Results) -> Table:
    """Networks by kernel size and noise with what a larger kernel gains, and baselines."""
    cells, mended = noise_cells(results), noise_cells(results, MENDED)
    smallest = cells["kernel_size"].min()
    networks, baselines = _networks(results, cells, "network"), _baselines(results, cells)
    of_mended = _networks(results, mended, findings.MENDED_NETWORK)
    level = Column("noise_percent", lambda row: row.noise_percent, "noise (%)", short)
    f1 = EstimateColumn("upstream_f1", lambda row: row.f1, "F1")
    matched_f1 = EstimateColumn("matched_f1", lambda row: row.matched_f1, "matched F1")
    columns = [
        level,
        Column("predictor", lambda row: row.predictor),
        Column("kind", lambda row: row.kind),
        Column("kernel_size", lambda row: row.kernel_size, "K", whole),
        Column("seeds", lambda row: row.seeds, "seeds", seeds),
        Column("threshold", lambda row: row.threshold, "φ", thresholds),
        f1,
        EstimateColumn(
            "difference",
            lambda row: row.advantage.difference,
            f"F1 − that of K = {smallest:.0f}",
            signed=True,
        ),
        EstimateColumn("gain", lambda row: row.advantage.gain, "gain by noise", signed=True),
        matched_f1,
    ]
    of_baselines = [level, Column("predictor", lambda row: row.predictor, "baseline", code)]
    of_baselines += [f1, matched_f1]
    data, _ = tabulate([*networks, *of_mended, *baselines], columns)
    if cells.empty:
        return Table("noise", "Kernel size and noise", ABSENT, data, ())
    caption = (
        "Kernel size and noise: large-kernel CKCNN, trained, calibrated and tested on lines whose "
        "added noise has a standard deviation of so many percent of 9.65 V (any noise also brings "
        f"a low-pass at 5.1 MHz). Mean F1 of the test lines at a tolerance of {thesis.TOLERANCE} "
        "samples, with the threshold φ that is best on the validation lines. The lines of all "
        "levels hold the same bubbles, and differences are taken line by line. Gain by noise: the "
        "difference minus that at the least noise. "
        f"{provenance(results, pd.concat([cells, mended]))}"
    )
    blocks = (
        ("", tabulate(networks, columns)[1]),
        *([("Mended start", tabulate(of_mended, columns)[1])] if of_mended else []),
        ("Baselines on the same lines", tabulate(baselines, of_baselines)[1]),
    )
    return Table("noise", "Kernel size and noise", caption, data, blocks, findings.noise(data))


def _networks(results: Results, cells: pd.DataFrame, kind: str) -> list[_Row]:
    smallest = cells["kernel_size"].min()
    return [
        _Row(
            cell.noise_percent,
            cell.Index,
            kind,
            mean_f1(results, cell.runs),
            mean_f1(results, cell.runs, score="matched"),
            cell.kernel_size,
            cell.seeds,
            joined(best_thresholds(results, cell.runs, "validation")),
            Advantage(NONE, NONE)
            if cell.kernel_size == smallest
            else advantage(results, cells, cell.kernel_size, smallest, cell.noise_percent),
        )
        for cell in cells.itertuples()
    ]


def _baselines(results: Results, cells: pd.DataFrame) -> list[_Row]:
    rows = []
    for percent in cells["noise_percent"].unique():
        scored = baselines_at(results, cells, percent)
        for name in scored["baseline"].unique():
            f1, matched = (baseline_f1(scored, name, score) for score in ("upstream", "matched"))
            rows.append(_Row(percent, name, "baseline", f1, matched))
    return rows
