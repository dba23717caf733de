"""The study's tables, each with the thesis's printed numbers beside its own.

A difference from the thesis is a finding: it is printed with its uncertainty (see
:mod:`ckstudy.estimates`). A row that only one side has shows a dash on the other.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ckstudy import thesis
from ckstudy.estimates import NONE, Estimate, mean_f1, median_f1, paired_difference
from ckstudy.files import write_text
from ckstudy.results import Results

DASH = "–"
TOLERANCE = thesis.TOLERANCE


@dataclass(frozen=True)
class Table:
    """A table for readers and for programs.

    Attributes
    ----------
    name : str
        File name without suffix.
    title : str
        Heading in Markdown.
    caption : str
        What is shown, at which scale, and what is missing.
    data : pandas.DataFrame
        All numbers, unrounded; becomes the CSV.
    blocks : tuple of (str, pandas.DataFrame)
        Heading and formatted cells of each part of the Markdown table.
    """

    name: str
    title: str
    caption: str
    data: pd.DataFrame
    blocks: tuple[tuple[str, pd.DataFrame], ...]

    def markdown(self, level: int = 1) -> str:
        """The table as Markdown, its title a heading of the given level, its caption last."""
        parts = [f"{'#' * level} {self.title}"]
        for heading, cells in self.blocks:
            if heading:
                parts.append(f"{'#' * (level + 1)} {heading}")
            parts.append(_pipe_table(cells))
        return "\n\n".join([*parts, self.caption]) + "\n"

    def write(self, directory: str | Path) -> None:
        """Write ``name.csv`` and ``name.md`` into ``directory``."""
        csv = self.data.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        write_text(Path(directory) / f"{self.name}.csv", csv)
        write_text(Path(directory) / f"{self.name}.md", self.markdown())


def scale(results: Results, study: str) -> str:
    """Two sentences that say how large the study was that made the numbers, and the thesis."""
    lines = results.summary.groupby("split")["lines"].max()
    specs = [results.spec(run) for run in results.runs().index]
    settings = [
        {
            **spec["training"],
            "preset": spec["preset"],
            "steps": _optimiser_steps(spec["training"], int(lines["train"])),
            "crop": spec["training"].get("crop") or "all",
        }
        for spec in specs
    ]
    words = [
        f"study `{study}`",
        f"{lines['train']} training and {lines['test']} test lines",
        *(
            text.format(" or ".join(map(str, _distinct(each[key] for each in settings))))
            for key, text in (
                ("epochs", "{} epochs"),
                ("steps", "{} optimiser steps"),
                ("batch_size", "batches of {} lines"),
                ("crop", "{} samples of each"),
                ("input_scaling", "input scaling {}"),
                ("preset", "preset {}"),
            )
        ),
    ]
    return (
        f"Scale: {', '.join(words)}. The thesis: {thesis.EPOCHS} epochs, "
        f"{thesis.TEST_LINES} test lines."
    )


def _distinct(values: Iterable) -> list:
    """Each value once, numbers in order and before words."""
    return sorted(set(values), key=lambda value: (isinstance(value, str), value))


def _optimiser_steps(training: dict, lines: int) -> int:
    if training["optimizer_step"] == "epoch":
        return training["epochs"]
    return training["epochs"] * math.ceil(lines / training["batch_size"])


def kernel_size_table(results: Results, study: str) -> Table:
    """Table 1: threshold and mean F1 of the large-kernel CKCNN against its kernel size."""
    printed = {row.kernel_size: row for row in thesis.TABLE_1}
    runs = results.runs("kernel_size")
    rows = []
    for size, run in _members(printed, runs, "kernel_size"):
        told = printed.get(size)
        train = mean_f1(results, run, split="train", calibration="train", score="upstream")
        rows.append(
            {
                "kernel_size": size,
                "run": run,
                "thesis_threshold": told.threshold if told else math.nan,
                "threshold_train": _threshold(results, run, "train"),
                "threshold_validation": _threshold(results, run, "validation"),
                "thesis_train_f1": told.mean_f1 if told else math.nan,
                **_flat("train_f1", train),
                **_flat("difference", train - told.mean_f1 if told else NONE),
                **_flat("test_f1", mean_f1(results, run, score="upstream")),
                **_flat("test_matched_f1", mean_f1(results, run, score="matched")),
            }
        )
    data = pd.DataFrame(rows)
    cells = _cells(
        data,
        {
            "K": lambda row: f"{row.kernel_size:.0f}",
            "φ thesis": lambda row: _number(row.thesis_threshold, "{:.2f}"),
            "φ training lines": lambda row: _number(row.threshold_train, "{:.3g}"),
            "φ validation lines": lambda row: _number(row.threshold_validation, "{:.3g}"),
            "training F1, thesis": lambda row: _number(row.thesis_train_f1),
            "training F1, ours": lambda row: _interval(row, "train_f1"),
            "ours − thesis": lambda row: _interval(row, "difference", signed=True),
            "test F1": lambda row: _interval(row, "test_f1"),
            "test matched F1": lambda row: _interval(row, "test_matched_f1"),
        },
    )
    caption = (
        f"Table 1. Large-kernel CKCNN at ω0 = {thesis.TABLE_1_OMEGA_0:.0f}: best threshold φ and "
        f"mean F1 at a tolerance of {TOLERANCE} samples. As in the thesis, the training F1 uses "
        "the threshold that is best on the training lines themselves; the test F1 and the matched "
        f"F1 use the threshold that is best on the validation lines. {_INTERVALS} "
        f"{scale(results, study)} {_missing('kernel sizes', printed, runs['kernel_size'])}"
    )
    return Table("table1", "Kernel size", caption, data, (("", cells),))


def omega_0_table(results: Results, study: str) -> Table:
    """Table 2: median and mean test F1 of the large-kernel CKCNN against ω0."""
    printed = {(row.kernel_size, row.omega_0): row for row in thesis.TABLE_2}
    runs = results.runs("omega_0")
    keyed = runs.assign(cell=list(zip(runs["kernel_size"], runs["omega_0"], strict=True)))
    rows = []
    for score in ("upstream", "matched"):
        for (size, omega_0), run in _members(printed, keyed, "cell"):
            # The thesis has no matched score to compare with.
            told = printed.get((size, omega_0)) if score == "upstream" else None
            median = median_f1(results, run, score) if run else NONE
            mean = mean_f1(results, run, score=score)
            rows.append(
                {
                    "score": score,
                    "kernel_size": size,
                    "omega_0": omega_0,
                    "run": run,
                    "threshold": _threshold(results, run, "validation", score),
                    "thesis_median_f1": told.median_f1 if told else math.nan,
                    **_flat("median_f1", median),
                    **_flat("median_difference", median - told.median_f1 if told else NONE),
                    "thesis_mean_f1": told.mean_f1 if told else math.nan,
                    **_flat("mean_f1", mean),
                    **_flat("mean_difference", mean - told.mean_f1 if told else NONE),
                }
            )
    data = pd.DataFrame(rows)
    axes = {
        "K": lambda row: f"{row.kernel_size:.0f}",
        "ω0": lambda row: f"{row.omega_0:g}",
        "φ": lambda row: _number(row.threshold, "{:.3g}"),
    }
    beside_thesis = axes | {
        "median, thesis": lambda row: _number(row.thesis_median_f1),
        "median, ours": lambda row: _interval(row, "median_f1"),
        "median, ours − thesis": lambda row: _interval(row, "median_difference", signed=True),
        "mean, thesis": lambda row: _number(row.thesis_mean_f1),
        "mean, ours": lambda row: _interval(row, "mean_f1"),
        "mean, ours − thesis": lambda row: _interval(row, "mean_difference", signed=True),
    }
    alone = axes | {
        "median": lambda row: _interval(row, "median_f1"),
        "mean": lambda row: _interval(row, "mean_f1"),
    }
    upstream = data[data["score"] == "upstream"]
    matched = data[(data["score"] == "matched") & (data["run"] != "")]
    caption = (
        f"Table 2. Large-kernel CKCNN: median and mean of the F1 of the test lines at a tolerance "
        f"of {TOLERANCE} samples, with the threshold φ that is best on the validation lines (the "
        f"thesis took it from the training lines). {_INTERVALS} {scale(results, study)} "
        f"{_missing('cells (K, ω0)', printed, keyed['cell'])}"
    )
    blocks = (
        ("F1 as in the thesis (`upstream`)", _cells(upstream, beside_thesis)),
        ("One-to-one matched F1 (`matched`); the thesis has none", _cells(matched, alone)),
    )
    return Table("table2", "Kernel size and ω0", caption, data, blocks)


def dilated_table(results: Results, study: str) -> Table:
    """Conventional against continuous kernels in the dilated network (claim C1)."""
    runs = results.runs("dilated")
    reference = next((run for run in runs.index if runs.network[run] == "cnn_dilated"), None)
    rows = []
    for run in runs.index:
        for score in ("upstream", "matched"):
            against = NONE
            if reference is not None and run != reference:
                against = paired_difference(
                    results.line_scores(run, score=score),
                    results.line_scores(reference, score=score),
                )
            rows.append(
                {
                    "run": run,
                    "network": runs.network[run],
                    "omega_0": runs.omega_0[run],
                    "score": score,
                    "thesis_parameters": thesis.PARAMETERS.get(runs.network[run], math.nan),
                    "parameters": runs.parameters[run],
                    "threshold": _threshold(results, run, "validation", score),
                    **_flat("mean_f1", mean_f1(results, run, score=score)),
                    **_flat("median_f1", median_f1(results, run, score) if run else NONE),
                    **_flat("paired_difference", against),
                }
            )
    columns = ["run", "network", "omega_0", "score", "thesis_parameters", "parameters", "threshold"]
    for quantity in ("mean_f1", "median_f1", "paired_difference"):
        columns += _flat(quantity, NONE)
    data = pd.DataFrame(rows, columns=columns)
    cells = _cells(
        data,
        {
            "network": lambda row: f"`{row.network}`",
            "ω0": lambda row: _number(row.omega_0, "{:g}"),
            "parameters, thesis": lambda row: _number(row.thesis_parameters, "{:,.0f}"),
            "parameters, ours": lambda row: _number(row.parameters, "{:,.0f}"),
            "F1": lambda row: row.score,
            "φ": lambda row: _number(row.threshold, "{:.3g}"),
            "mean": lambda row: _interval(row, "mean_f1"),
            "median": lambda row: _interval(row, "median_f1"),
            "mean − conventional": lambda row: _interval(row, "paired_difference", signed=True),
        },
    )
    wanted = {"cnn_dilated": None, "ckcnn_dilated": None}
    caption = (
        "Dilated networks with conventional and with continuous kernels: F1 of the test lines at "
        f"a tolerance of {TOLERANCE} samples, thresholds φ from the validation lines. The last "
        "column is the mean over the lines of the difference on the same line. The thesis prints "
        f"no score for this pair, only a figure. {_INTERVALS} {scale(results, study)} "
        f"{_missing('networks', wanted, runs['network'])}"
    )
    return Table("dilated", "Dilated networks", caption, data, (("", cells),))


def baselines_table(results: Results, study: str) -> Table:
    """Every network beside predictors that learn little or do not look at the input at all."""
    at_tolerance = results.baselines[results.baselines["tolerance"] == TOLERANCE]
    comb = results.baseline_lines("comb")
    rows = []
    for name in at_tolerance["baseline"].unique():
        above = paired_difference(results.baseline_lines(name), comb) if name != "comb" else NONE
        rows.append(
            {
                "predictor": name,
                "kind": "baseline",
                "parameters": math.nan,
                **_flat("upstream_f1", _baseline(at_tolerance, name, "upstream")),
                **_flat("above_comb", above),
                **_flat("matched_f1", _baseline(at_tolerance, name, "matched")),
            }
        )
    runs = results.runs()
    for run in runs.index:
        rows.append(
            {
                "predictor": run,
                "kind": "network",
                "parameters": runs.parameters[run],
                **_flat("upstream_f1", mean_f1(results, run, score="upstream")),
                **_flat("above_comb", paired_difference(results.line_scores(run), comb)),
                **_flat("matched_f1", mean_f1(results, run, score="matched")),
            }
        )
    data = pd.DataFrame(rows)
    data = data.sort_values("upstream_f1", ascending=False, kind="stable", ignore_index=True)
    cells = _cells(
        data,
        {
            "predictor": lambda row: f"`{row.predictor}`",
            "kind": lambda row: row.kind,
            "parameters": lambda row: _number(row.parameters, "{:,.0f}"),
            "F1": lambda row: _interval(row, "upstream_f1"),
            "F1 − comb": lambda row: _interval(row, "above_comb", signed=True),
            "matched F1": lambda row: _interval(row, "matched_f1"),
        },
    )
    caption = (
        f"{best_against_comb(results)} Mean F1 of the test lines at a tolerance of {TOLERANCE} "
        f"samples, thresholds from the validation lines. The comb fires at every "
        f"{2 * TOLERANCE + 1}th sample whatever the input; the difference from it is taken line "
        f"by line. {_INTERVALS} {scale(results, study)}"
    )
    return Table("baselines", "Networks and baselines", caption, data, (("", cells),))


def best_run(results: Results) -> str:
    """The run with the best mean F1 on the validation lines; test lines have no say in it."""
    best: dict[str, float] = {}
    for run in results.runs().index:
        rows = results.thresholds(run)
        wanted = (rows["split"] == "validation") & (rows["score"] == "upstream")
        best[run] = rows.loc[wanted & (rows["tolerance"] == TOLERANCE), "mean_f1"].max()
    return max(best, key=best.__getitem__)


def best_against_comb(results: Results) -> str:
    """One sentence: does the best network beat the comb on the test lines?"""
    run = best_run(results)
    above = paired_difference(results.line_scores(run), results.baseline_lines("comb"))
    rows = results.baselines[results.baselines["tolerance"] == TOLERANCE]
    if above.low > 0:
        verdict = "beats"
    elif above.high < 0:
        verdict = "does not reach"
    else:
        verdict = "cannot be told from"
    return (
        f"The best network by its validation F1, `{run}`, {verdict} the comb: mean test F1 "
        f"{as_text(mean_f1(results, run, score='upstream'))} against "
        f"{as_text(_baseline(rows, 'comb', 'upstream'))}, a difference of "
        f"{as_text(above, signed=True)}."
    )


_INTERVALS = "Brackets: 95 % bootstrap intervals over lines, for one trained network each."


def _members(printed: Iterable, runs: pd.DataFrame, column: str) -> list[tuple]:
    """Union of the thesis's and the study's grid, sorted: (value, run or '')."""
    ours = list(zip(runs[column], runs.index, strict=True))
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
        parts.append(f"not in this study: {_listing(absent)}")
    if added:
        parts.append(f"not in the thesis: {_listing(added)}")
    text = "; ".join(parts)
    return f"Of the {what}, {text}."


def _listing(values: Sequence) -> str:
    def one(value) -> str:
        if isinstance(value, tuple):
            return "(" + ", ".join(one(part) for part in value) + ")"
        return value if isinstance(value, str) else f"{value:g}"

    return ", ".join(one(value) for value in values)


def _threshold(results: Results, run: str, split: str, score: str = "upstream") -> float:
    if not run:
        return math.nan
    rows = results.thresholds(run)
    wanted = (rows["split"] == split) & (rows["score"] == score) & (rows["tolerance"] == TOLERANCE)
    found = rows.loc[wanted, "threshold"]
    return float(found.iloc[0]) if len(found) else math.nan


def _baseline(rows: pd.DataFrame, name: str, score: str) -> Estimate:
    found = rows[(rows["baseline"] == name) & (rows["score"] == score)]
    if found.empty:
        return NONE
    row = found.iloc[0]
    return Estimate(float(row["mean_f1"]), float(row["ci_low"]), float(row["ci_high"]))


def _flat(name: str, estimate: Estimate) -> dict[str, float]:
    return {
        name: estimate.value,
        f"{name}_low": estimate.low,
        f"{name}_high": estimate.high,
    }


def _cells(data: pd.DataFrame, columns: dict[str, Callable]) -> pd.DataFrame:
    rows = [[text(row) for text in columns.values()] for row in data.itertuples()]
    return pd.DataFrame(rows, columns=list(columns))


def _number(value: float, pattern: str = "{:.3f}") -> str:
    return DASH if math.isnan(value) else pattern.format(value)


def _interval(row, name: str, *, signed: bool = False) -> str:
    ends = (getattr(row, name), getattr(row, f"{name}_low"), getattr(row, f"{name}_high"))
    return as_text(Estimate(*ends), signed=signed)


def as_text(estimate: Estimate, *, signed: bool = False) -> str:
    """``0.801 [0.790, 0.812]``, or a dash."""
    pattern = "{:+.3f}" if signed else "{:.3f}"
    if math.isnan(estimate.value):
        return DASH
    value = pattern.format(estimate.value).replace("-", "−")
    if math.isnan(estimate.low):
        return value
    low, high = (pattern.format(end).replace("-", "−") for end in (estimate.low, estimate.high))
    return f"{value} [{low}, {high}]"


def _pipe_table(cells: pd.DataFrame) -> str:
    rows = [list(cells.columns), ["---"] * len(cells.columns), *cells.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
