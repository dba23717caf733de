"""The study's tables, each with the thesis's printed numbers beside its own.

A difference from the thesis is a finding: it is printed with its uncertainty (see
:mod:`ckstudy.analysis.estimates`). A row that only one side has shows a dash on the other.
"""

import math
from collections.abc import Iterable

import pandas as pd

from ckstudy.analysis import thesis
from ckstudy.analysis.estimates import (
    NONE,
    Estimate,
    line_f1,
    mean_f1,
    median_f1,
    paired_difference,
)
from ckstudy.analysis.results import Results
from ckstudy.errors import StudyError
from ckstudy.report.tables.table import (
    DASH,
    Table,
    as_text,
    flat,
    format_cells,
    interval,
    listing,
    number,
    provenance,
)

TOLERANCE = thesis.TOLERANCE


def kernel_size_table(results: Results) -> Table:
    """Table 1: threshold and mean F1 of the large-kernel CKCNN against its kernel size."""
    printed = {row.kernel_size: row for row in thesis.TABLE_1}
    cells = results.cells("kernel_size")
    rows = []
    for size, cell in _members(printed, cells, "kernel_size"):
        told = printed.get(size)
        runs = _runs(cells, cell)
        train = mean_f1(results, runs, split="train", calibration="train")
        rows.append(
            {
                "kernel_size": size,
                "cell": cell,
                "seeds": len(runs),
                "thesis_threshold": told.threshold if told else math.nan,
                "threshold_train": thresholds(results, runs, "train"),
                "threshold_validation": thresholds(results, runs, "validation"),
                "thesis_train_f1": told.mean_f1 if told else math.nan,
                **flat("train_f1", train),
                **flat("difference", train - told.mean_f1 if told else NONE),
                **flat("test_f1", mean_f1(results, runs)),
                **flat("test_matched_f1", mean_f1(results, runs, score="matched")),
            }
        )
    data = pd.DataFrame(rows)
    text = format_cells(
        data,
        {
            "K": lambda row: f"{row.kernel_size:.0f}",
            "seeds": seeds_text,
            "φ thesis": lambda row: number(row.thesis_threshold, "{:.2f}"),
            "φ training lines": lambda row: spoken_thresholds(row.threshold_train),
            "φ validation lines": lambda row: spoken_thresholds(row.threshold_validation),
            "training F1, thesis": lambda row: number(row.thesis_train_f1),
            "training F1, ours": lambda row: interval(row, "train_f1"),
            "ours − thesis": lambda row: interval(row, "difference", signed=True),
            "test F1": lambda row: interval(row, "test_f1"),
            "test matched F1": lambda row: interval(row, "test_matched_f1"),
        },
    )
    caption = (
        f"Table 1. Large-kernel CKCNN at ω0 = {thesis.TABLE_1_OMEGA_0:.0f}: best threshold φ and "
        f"mean F1 at a tolerance of {TOLERANCE} samples. As in the thesis, the training F1 uses "
        "the threshold that is best on the training lines themselves; the test F1 and the matched "
        f"F1 use the threshold that is best on the validation lines. {provenance(results, cells)} "
        f"{_missing('kernel sizes', printed, cells['kernel_size'])}"
    )
    return Table("table1", "Kernel size", caption, data, (("", text),))


def omega_0_table(results: Results) -> Table:
    """Table 2: median and mean test F1 of the large-kernel CKCNN against ω0.

    The thesis's own comparison takes the thresholds from the training lines; the study's takes
    them from the validation lines, for both scores.
    """
    printed = {(row.kernel_size, row.omega_0): row for row in thesis.TABLE_2}
    cells = results.cells("omega_0")
    keyed = cells.assign(place=list(zip(cells["kernel_size"], cells["omega_0"], strict=True)))
    rows = []
    for score, calibration in (
        ("upstream", "train"),
        ("upstream", "validation"),
        ("matched", "validation"),
    ):
        for (size, omega_0), cell in _members(printed, keyed, "place"):
            # The thesis has no matched score to compare with.
            told = printed.get((size, omega_0)) if score == "upstream" else None
            runs = _runs(cells, cell)
            median = median_f1(results, runs, score=score, calibration=calibration)
            mean = mean_f1(results, runs, score=score, calibration=calibration)
            rows.append(
                {
                    "score": score,
                    "calibration": calibration,
                    "kernel_size": size,
                    "omega_0": omega_0,
                    "cell": cell,
                    "seeds": len(runs),
                    "threshold": thresholds(results, runs, calibration, score),
                    "thesis_median_f1": told.median_f1 if told else math.nan,
                    **flat("median_f1", median),
                    **flat("median_difference", median - told.median_f1 if told else NONE),
                    "thesis_mean_f1": told.mean_f1 if told else math.nan,
                    **flat("mean_f1", mean),
                    **flat("mean_difference", mean - told.mean_f1 if told else NONE),
                }
            )
    data = pd.DataFrame(rows)
    axes = {
        "K": lambda row: f"{row.kernel_size:.0f}",
        "ω0": lambda row: f"{row.omega_0:g}",
        "seeds": seeds_text,
        "φ": lambda row: spoken_thresholds(row.threshold),
    }
    beside_thesis = axes | {
        "median, thesis": lambda row: number(row.thesis_median_f1),
        "median, ours": lambda row: interval(row, "median_f1"),
        "median, ours − thesis": lambda row: interval(row, "median_difference", signed=True),
        "mean, thesis": lambda row: number(row.thesis_mean_f1),
        "mean, ours": lambda row: interval(row, "mean_f1"),
        "mean, ours − thesis": lambda row: interval(row, "mean_difference", signed=True),
    }
    alone = axes | {
        "median": lambda row: interval(row, "median_f1"),
        "mean": lambda row: interval(row, "mean_f1"),
    }
    upstream = data["score"] == "upstream"
    training = data["calibration"] == "train"
    matched = data[~upstream & (data["cell"] != "")]
    caption = (
        f"Table 2. Large-kernel CKCNN: median and mean of the F1 of the test lines at a tolerance "
        f"of {TOLERANCE} samples. The thesis took its threshold φ from the training lines; what "
        "the study says elsewhere of test lines uses thresholds from the validation lines. Of "
        "several seeds, the median is the mean of theirs. "
        f"{provenance(results, cells)} {_missing('cells (K, ω0)', printed, keyed['place'])}"
    )
    blocks = (
        (
            "F1 as in the thesis (`upstream`), φ from the training lines",
            format_cells(data[upstream & training], beside_thesis),
        ),
        (
            "F1 as in the thesis (`upstream`), φ from the validation lines",
            format_cells(data[upstream & ~training], beside_thesis),
        ),
        (
            "One-to-one matched F1 (`matched`), φ from the validation lines; the thesis has none",
            format_cells(matched, alone),
        ),
    )
    return Table("table2", "Kernel size and ω0", caption, data, blocks)


def dilated_table(results: Results) -> Table:
    """Conventional against continuous kernels in the dilated network (claim C1)."""
    cells = results.cells("dilated")
    reference = next((cell for cell in cells.index if cells.network[cell] == "cnn_dilated"), None)
    rows = []
    for cell in cells.itertuples():
        for score in ("upstream", "matched"):
            against = NONE
            if reference is not None and cell.Index != reference:
                against = paired_difference(
                    line_f1(results, cell.runs, score=score),
                    line_f1(results, cells.runs[reference], score=score),
                )
            rows.append(
                {
                    "cell": cell.Index,
                    "seeds": cell.seeds,
                    "network": cell.network,
                    "omega_0": cell.omega_0,
                    "score": score,
                    "thesis_parameters": thesis.PARAMETERS.get(cell.network, math.nan),
                    "parameters": cell.parameters,
                    "threshold_train": thresholds(results, cell.runs, "train", score),
                    "threshold_validation": thresholds(results, cell.runs, "validation", score),
                    **flat("mean_f1", mean_f1(results, cell.runs, score=score)),
                    **flat("median_f1", median_f1(results, cell.runs, score=score)),
                    **flat("paired_difference", against),
                }
            )
    columns = ["cell", "seeds", "network", "omega_0", "score", "thesis_parameters", "parameters"]
    columns += ["threshold_train", "threshold_validation"]
    for quantity in ("mean_f1", "median_f1", "paired_difference"):
        columns += flat(quantity, NONE)
    data = pd.DataFrame(rows, columns=columns)
    text = format_cells(
        data,
        {
            "network": lambda row: f"`{row.network}`",
            "ω0": lambda row: number(row.omega_0, "{:g}"),
            "seeds": seeds_text,
            "parameters, thesis": lambda row: number(row.thesis_parameters, "{:,.0f}"),
            "parameters, ours": lambda row: number(row.parameters, "{:,.0f}"),
            "score": lambda row: row.score,
            "φ training lines": lambda row: spoken_thresholds(row.threshold_train),
            "φ validation lines": lambda row: spoken_thresholds(row.threshold_validation),
            "mean F1": lambda row: interval(row, "mean_f1"),
            "median F1": lambda row: interval(row, "median_f1"),
            "mean − conventional": lambda row: interval(row, "paired_difference", signed=True),
        },
    )
    wanted = {"cnn_dilated": None, "ckcnn_dilated": None}
    caption = (
        "Dilated networks with conventional and with continuous kernels: F1 of the test lines at "
        f"a tolerance of {TOLERANCE} samples, with the threshold φ that is best on the validation "
        "lines (that from the training lines stands beside it). The last column is the mean over "
        "the lines of the difference on the same line. The thesis prints no score for this pair, "
        f"only a figure, and a threshold of {thesis.DILATED_THRESHOLD:g} for the continuous "
        f"kernels. {provenance(results, cells)} {_missing('networks', wanted, cells['network'])}"
    )
    return Table("dilated", "Dilated networks", caption, data, (("", text),))


def baselines_table(results: Results) -> Table:
    """Every network beside predictors that learn little or do not look at the input at all."""
    at_tolerance = results.baselines[results.baselines["tolerance"] == TOLERANCE]
    comb = results.baseline_lines("comb")[["f1"]]
    rows = []
    for name in at_tolerance["baseline"].unique():
        above = NONE
        if name != "comb":
            above = paired_difference(results.baseline_lines(name)[["f1"]], comb)
        rows.append(
            {
                "predictor": name,
                "kind": "baseline",
                "seeds": 0,
                "parameters": math.nan,
                **flat("upstream_f1", baseline(at_tolerance, name, "upstream")),
                **flat("above_comb", above),
                **flat("matched_f1", baseline(at_tolerance, name, "matched")),
            }
        )
    cells = results.cells()
    for cell in cells.itertuples():
        rows.append(
            {
                "predictor": cell.Index,
                "kind": "network",
                "seeds": cell.seeds,
                "parameters": cell.parameters,
                **flat("upstream_f1", mean_f1(results, cell.runs)),
                **flat("above_comb", above_comb(results, cell.runs)),
                **flat("matched_f1", mean_f1(results, cell.runs, score="matched")),
            }
        )
    data = pd.DataFrame(rows)
    data = data.sort_values("upstream_f1", ascending=False, kind="stable", ignore_index=True)
    text = format_cells(
        data,
        {
            "predictor": lambda row: f"`{row.predictor}`",
            "kind": lambda row: row.kind,
            "seeds": seeds_text,
            "parameters": lambda row: number(row.parameters, "{:,.0f}"),
            "F1": lambda row: interval(row, "upstream_f1"),
            "F1 − comb": lambda row: interval(row, "above_comb", signed=True),
            "matched F1": lambda row: interval(row, "matched_f1"),
        },
    )
    caption = (
        f"{best_against_comb(results)} Mean F1 of the test lines at a tolerance of {TOLERANCE} "
        f"samples, thresholds from the validation lines. The comb fires at every "
        f"{2 * TOLERANCE + 1}th sample whatever the input; the difference from it is taken line "
        f"by line. {provenance(results, cells)}"
    )
    return Table("baselines", "Networks and baselines", caption, data, (("", text),))


def above_comb(results: Results, runs: Iterable[str]) -> Estimate:
    """Mean test F1 of a cell minus that of the comb, which depends on no noise, line by line."""
    return paired_difference(line_f1(results, runs), results.baseline_lines("comb")[["f1"]])


def best_run(results: Results) -> str:
    """The run with the best mean F1 on the validation lines; test lines have no say in it.

    Among those on the study's own lines: on noisier ones a score is another score.
    """
    best: dict[str, float] = {}
    for run in (run for runs in results.cells()["runs"] for run in runs):
        rows = results.thresholds(run)
        wanted = (rows["split"] == "validation") & (rows["score"] == "upstream")
        best[run] = rows.loc[wanted & (rows["tolerance"] == TOLERANCE), "mean_f1"].max()
    if not best:
        raise StudyError("no network of the study was trained on its own lines")
    return max(best, key=best.__getitem__)


def best_against_comb(results: Results) -> str:
    """One sentence: does the best network beat the comb on the test lines?"""
    run = best_run(results)
    above = above_comb(results, [run])
    rows = results.baselines[results.baselines["tolerance"] == TOLERANCE]
    if above.low > 0:
        verdict = "beats"
    elif above.high < 0:
        verdict = "does not reach"
    else:
        verdict = "cannot be told from"
    return (
        f"The best network by its validation F1, `{run}`, {verdict} the comb: mean test F1 "
        f"{as_text(mean_f1(results, [run]))} against "
        f"{as_text(baseline(rows, 'comb', 'upstream'))}, a difference of "
        f"{as_text(above, signed=True)}."
    )


def thresholds(results: Results, runs: Iterable[str], split: str, score: str = "upstream") -> str:
    """The threshold that was best on the split's lines, or those of several runs: ``0.1;0.2``."""
    found = []
    for run in runs:
        rows = results.thresholds(run)
        wanted = (rows["split"] == split) & (rows["score"] == score)
        wanted &= rows["tolerance"] == TOLERANCE
        found += [f"{value:.6g}" for value in rows.loc[wanted, "threshold"]]
    return ";".join(found)


def baseline(rows: pd.DataFrame, name: str, score: str) -> Estimate:
    """Mean F1 of a baseline, from rows of a single tolerance; NaN where it is not there."""
    found = rows[(rows["baseline"] == name) & (rows["score"] == score)]
    if found.empty:
        return NONE
    row = found.iloc[0]
    return Estimate(float(row["mean_f1"]), float(row["ci_low"]), float(row["ci_high"]))


def spoken_thresholds(found: str) -> str:
    """Thresholds to three digits, each once."""
    each = dict.fromkeys(f"{float(value):.3g}" for value in found.split(";") if value)
    return ", ".join(each) or DASH


def seeds_text(row) -> str:
    """Number of seeds of a row, or a dash."""
    return str(row.seeds) if row.seeds else DASH


def _runs(cells: pd.DataFrame, cell: str) -> tuple[str, ...]:
    return cells.runs[cell] if cell else ()


def _members(printed: Iterable, cells: pd.DataFrame, column: str) -> list[tuple]:
    """Union of the thesis's and the study's grid, sorted: (value, cell or '')."""
    ours = list(zip(cells[column], cells.index, strict=True))
    absent = set(printed) - {value for value, _ in ours}
    return sorted([*ours, *((value, "") for value in absent)])


def _missing(what: str, printed: Iterable, ours: Iterable) -> str:
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
