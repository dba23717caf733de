"""F1 over kernel size and ω0, for each architecture and start: the numbers of the heat maps."""

from typing import NamedTuple

import pandas as pd

from ckstudy.analysis import thesis
from ckstudy.analysis.comparisons import above_comb
from ckstudy.analysis.estimates import best_thresholds, mean_f1
from ckstudy.analysis.full_grid import (
    DILATED,
    MAPS,
    Map,
    dilated_curve,
    f1_map,
    maps_of,
    rank_correlations,
)
from ckstudy.analysis.results import Results
from ckstudy.report.tables.captions import provenance
from ckstudy.report.tables.table import (
    DASH,
    Column,
    EstimateColumn,
    Table,
    capitalised,
    joined,
    number,
    score,
    tabulate,
)

ABSENT = "The study has no experiments over the whole grid: config/full_grid.yaml has them."
"""What a table or a figure says in a study without them."""

_TITLE = "Kernel size by ω0"
_correlation = number("{:+.2f}")


class _Row(NamedTuple):
    experiment: str
    name: str
    network: str
    kernel_size: float
    omega_0: float
    runs: tuple[str, ...]


def full_grid_table(results: Results) -> Table:
    """Each map of ``config/full_grid.yaml`` that the study has, and its dilated pair."""
    rows = [
        _Row(experiment, name, cell.network, cell.kernel_size, cell.omega_0, cell.runs)
        for experiment, name, _ in (*MAPS, Map(DILATED, "dilated networks", slows_down=False))
        for cell in results.cells(experiment).itertuples()
    ]
    data, _ = tabulate(rows, _columns(results))
    if not rows:
        return Table("full_grid", _TITLE, ABSENT, data, ())
    maps = [(each.name, *f1_map(results, each)) for each in maps_of(results)]
    blocks = [(name, _grid(f1, learned)) for name, f1, learned in maps]
    curve, conventional = dilated_curve(results)
    if len(curve) or conventional == conventional:
        blocks.append(("Dilated networks", _dilated_text(curve, conventional)))
    shown = pd.concat([results.cells(name) for name in dict.fromkeys(data["experiment"])])
    caption = (
        "Mean F1 of the test lines at a tolerance of "
        f"{thesis.TOLERANCE} samples, with the threshold that is best on the validation lines, by "
        "ω0 (rows) and kernel size K (columns). † not learned: it does not beat the comb. "
        "Intervals and matched F1 stand in the CSV. "
        f"{provenance(results, shown)}"
    )
    said = [sentence for each in maps for sentence in findings(*each)]
    return Table("full_grid", _TITLE, caption, data, tuple(blocks), tuple(said))


def findings(name: str, f1: pd.DataFrame, learned: pd.DataFrame) -> list[str]:
    """What a map says: its extremes, what has not learned, and what F1 goes with."""
    cells = f1.stack().dropna()
    best, worst = cells.idxmax(), cells.idxmin()
    silent = int((f1.notna() & ~learned).to_numpy().sum())
    name = capitalised(name)
    total = len(cells)
    outcome = f"{silent} of {total} networks not learned" if silent else f"all {total} learned"
    said = [
        f"{name}: F1 from {score(cells[worst])} ({_place(worst)}) to {score(cells[best])} "
        f"({_place(best)}); {outcome}."
    ]
    found = rank_correlations(f1)
    if not any(value != value for value in found.values()):
        *first, last = [
            f"{_correlation(value)} with that of {what}" for what, value in found.items()
        ]
        said.append(f"{name}: the rank of F1 correlates {', '.join(first)} and {last} (Spearman).")
    return said


def _place(of: tuple[float, float]) -> str:
    omega_0, size = of
    return f"K = {size:.0f}, ω0 = {omega_0:g}"


def _columns(results: Results) -> list[Column]:
    return [
        Column("map", lambda row: row.name),
        Column("experiment", lambda row: row.experiment),
        Column("network", lambda row: row.network),
        Column("kernel_size", lambda row: row.kernel_size),
        Column("omega_0", lambda row: row.omega_0),
        Column("seeds", lambda row: len(row.runs)),
        Column("learned", lambda row: bool(above_comb(results, row.runs).low > 0)),
        Column("threshold", lambda row: joined(best_thresholds(results, row.runs, "validation"))),
        EstimateColumn("test_f1", lambda row: mean_f1(results, row.runs)),
        EstimateColumn("test_matched_f1", lambda row: mean_f1(results, row.runs, score="matched")),
    ]


def _grid(f1: pd.DataFrame, learned: pd.DataFrame) -> pd.DataFrame:
    """The map as text: a row for each ω0, a column for each kernel size."""

    def text(omega_0: float, size: float) -> str:
        value = f1.loc[omega_0, size]
        return score(value) + ("" if value != value or learned.loc[omega_0, size] else "†")

    return pd.DataFrame(
        [[f"{omega_0:g}", *(text(omega_0, size) for size in f1.columns)] for omega_0 in f1.index],
        columns=["ω0", *(f"K = {size:.0f}" for size in f1.columns)],
    )


def _dilated_text(curve: pd.Series, conventional: float) -> pd.DataFrame:
    rows = [["conventional", DASH, score(conventional)]]
    rows += [["continuous", f"{omega_0:g}", score(value)] for omega_0, value in curve.items()]
    return pd.DataFrame(rows, columns=["kernels", "ω0", "test F1"])
