"""F1 by kernel size and start, the trend of each start, and what the start changes in it."""

import math
from typing import NamedTuple

import pandas as pd

from ckstudy.analysis import thesis
from ckstudy.analysis.comparisons import above_comb
from ckstudy.analysis.estimates import best_thresholds, line_f1, mean_f1, paired_difference
from ckstudy.analysis.long_kernels import (
    LEAST_SEEDS,
    MENDED,
    SIZES,
    SWEEPS,
    THESIS,
    Arm,
    arm_cells,
    arms_of,
    change,
    difference_of_changes,
    has_learned,
    untrained,
)
from ckstudy.analysis.results import Results
from ckstudy.report.tables.captions import provenance
from ckstudy.report.tables.table import (
    DASH,
    Column,
    EstimateColumn,
    Table,
    as_text,
    capitalised,
    joined,
    listing,
    score,
    seeds,
    tabulate,
    thresholds,
    whole,
)
from ckstudy.scoring.intervals import NONE, Estimate

ABSENT = "The study has no experiments on long kernels: config/long_kernels.yaml has them."
"""What a table or a figure says in a study without them."""

_TITLE = "Long kernels: size or start"
_PRINTED = {row.kernel_size: row.mean_f1 for row in thesis.TABLE_1}


class _Cell(NamedTuple):
    arm: Arm
    name: str
    kernel_size: float
    runs: tuple[str, ...]
    beside: tuple[str, ...]  # runs of the thesis's start at the same kernel size


class _Trend(NamedTuple):
    arm: Arm
    sizes: tuple[float, ...]
    seeds: int
    change: Estimate
    minus_thesis: Estimate
    common: list[float]
    note: str


def long_kernels_table(results: Results) -> Table:
    """Every arm of ``config/long_kernels.yaml`` that the study has, by kernel size, and trends."""
    arms = arms_of(results)
    by_arm = {arm: arm_cells(results, arm) for arm in arms}
    cells = [row for arm in arms for row in _cells(results, arm, by_arm[arm])]
    trends = [_trend(results, arm, by_arm[arm]) for arm in arms if arm in SWEEPS]
    columns = _cell_columns(results)
    data, text = tabulate(cells, columns)
    trend_data, trend_text = tabulate(trends, _trend_columns())
    # One file: the rows of cells, then those of trends, told apart by their kind.
    parts = [data.assign(kind="cell"), trend_data.assign(kind="trend")]
    data = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    if not arms:
        return Table("long_kernels", _TITLE, ABSENT, data, ())
    caption = (
        "Large-kernel networks that differ in how their kernels start, and in nothing else. Mean "
        f"F1 of the test lines at a tolerance of {thesis.TOLERANCE} samples, with the threshold φ "
        "that is best on the validation lines; the training F1, as in the thesis, with the one "
        "that is best on the training lines. † not learned: it does not beat the comb. Change: "
        "what the least-squares line of F1 over log2 K gains from the smallest K to the largest. "
        "Differences from the thesis's start are taken line by line, and those of changes over "
        "the kernel sizes that both have. "
        f"{provenance(results, pd.concat(list(by_arm.values())))}"
    )
    blocks = [("F1 by kernel size", text)]
    if trends:
        blocks.append(("Trends over the kernel size", trend_text))
    return Table("long_kernels", _TITLE, caption, data, tuple(blocks), tuple(findings(results)))


def findings(results: Results) -> list[str]:
    """What the numbers say, a sentence each, whichever way they come out."""
    said = []
    by_arm = {arm: arm_cells(results, arm) for arm in arms_of(results)}
    for arm, cells in by_arm.items():
        dumb = [
            size
            for size, learned in zip(cells["kernel_size"], has_learned(results, cells), strict=True)
            if not learned
        ]
        found = change(results, cells)
        if arm in SWEEPS and found.value == found.value:
            said.append(
                f"{capitalised(arm.name)}: from K = {cells['kernel_size'].min():.0f} to "
                f"K = {cells['kernel_size'].max():.0f} the trend of F1 {_moves(found)}, by "
                f"{as_text(found, signed=True)}."
            )
        if dumb:
            said.append(f"{capitalised(arm.name)}: not learned at K = {listing(dumb)}.")
        else:
            said.append(f"{capitalised(arm.name)}: every network has learned.")
    if MENDED in by_arm and THESIS in by_arm:
        said += _mended_beside_thesis(results, by_arm[MENDED])
    return said


def _mended_beside_thesis(results: Results, mended: pd.DataFrame) -> list[str]:
    groups: dict[str, list[str]] = {"better than": [], "worse than": [], "not told apart from": []}
    for row in _cells(results, MENDED, mended):
        found = _minus_thesis_start(results, row)
        if found.value == found.value:
            better, worse = found.low > 0, found.high < 0
            words = "better than" if better else "worse than" if worse else "not told apart from"
            groups[words].append(f"K = {row.kernel_size:.0f} ({as_text(found, signed=True)})")
    return [
        f"Line by line, the mended start is {words} the {THESIS.name} at {', '.join(places)}."
        for words, places in groups.items()
        if places
    ]


def _moves(found: Estimate) -> str:
    if found.high < 0:
        return "falls"
    return "rises" if found.low > 0 else "has no direction beyond its interval"


def _cells(results: Results, arm: Arm, cells: pd.DataFrame) -> list[_Cell]:
    beside = arm_cells(results, THESIS).set_index("kernel_size")["runs"].to_dict()
    return [
        _Cell(
            arm,
            str(cell.Index),
            cell.kernel_size,
            cell.runs,
            () if arm == THESIS else beside.get(cell.kernel_size, ()),
        )
        for cell in cells.itertuples()
    ]


def _trend(results: Results, arm: Arm, cells: pd.DataFrame) -> _Trend:
    minus: Estimate = NONE
    common: list[float] = []
    if arm != THESIS:
        minus, common = difference_of_changes(results, cells, arm_cells(results, THESIS))
    notes = []
    if absent := untrained(cells):
        notes.append(f"partial: not trained at K = {listing(absent)}")
    if not absent and minus.value == minus.value and len(common) < len(SIZES):
        notes.append(f"difference over K = {listing(common)}")
    if (least := int(cells["seeds"].min())) < LEAST_SEEDS:
        notes.append(f"a cell has {least} of {LEAST_SEEDS} seeds")
    sizes = tuple(cells["kernel_size"])
    return _Trend(arm, sizes, least, change(results, cells), minus, common, "; ".join(notes))


def _cell_columns(results: Results) -> list[Column]:
    def settings(row: _Cell) -> dict:
        return results.spec(row.runs[0])["network"]

    def learned(row: _Cell) -> bool:
        return bool(above_comb(results, row.runs).low > 0)

    def mark(has_learned: bool) -> str:
        return "" if has_learned else "†"

    return [
        Column("start", lambda row: row.arm.name, "start"),
        Column("experiment", lambda row: row.arm.experiment),
        Column("cell", lambda row: row.name),
        Column("kernel_init", lambda row: settings(row).get("kernel_init", "")),
        Column("window", lambda row: settings(row).get("window", math.nan)),
        Column("kernel_size", lambda row: row.kernel_size, "K", whole),
        Column("seeds", lambda row: len(row.runs), "seeds", seeds),
        Column("learned", learned, "", mark),
        Column(
            "threshold",
            lambda row: joined(best_thresholds(results, row.runs, "validation")),
            "φ",
            thresholds,
        ),
        Column(
            "thesis_train_f1",
            lambda row: _PRINTED.get(row.kernel_size, math.nan),
            "training F1, thesis",
            score,
        ),
        EstimateColumn(
            "train_f1",
            lambda row: mean_f1(results, row.runs, split="train", calibration="train"),
            "training F1",
        ),
        EstimateColumn("test_f1", lambda row: mean_f1(results, row.runs), "test F1"),
        EstimateColumn(
            "minus_thesis_start",
            lambda row: _minus_thesis_start(results, row),
            f"test F1 − that of the {THESIS.name}",
            signed=True,
        ),
        EstimateColumn(
            "test_matched_f1",
            lambda row: mean_f1(results, row.runs, score="matched"),
            "test matched F1",
        ),
    ]


def _minus_thesis_start(results: Results, row: _Cell) -> Estimate:
    if not row.beside:
        return NONE
    return paired_difference(line_f1(results, row.runs), line_f1(results, row.beside))


def _trend_columns() -> list[Column]:
    return [
        Column("start", lambda row: row.arm.name, "start"),
        Column("experiment", lambda row: row.arm.experiment),
        Column("sizes", lambda row: ";".join(f"{size:.0f}" for size in row.sizes), "K", _spaced),
        Column("seeds", lambda row: row.seeds, "seeds", seeds),
        EstimateColumn("change", lambda row: row.change, "change of F1", signed=True),
        EstimateColumn(
            "change_minus_thesis_start",
            lambda row: row.minus_thesis,
            f"change − that of the {THESIS.name}",
            signed=True,
        ),
        Column("note", lambda row: row.note, "note", lambda note: note or DASH),
    ]


def _spaced(sizes: str) -> str:
    return sizes.replace(";", ", ")
