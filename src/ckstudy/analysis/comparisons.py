"""Scores of the study's networks against baselines and against the thesis's printed numbers."""

from collections.abc import Sequence

import pandas as pd

from ckstudy.analysis import thesis
from ckstudy.analysis.estimates import line_f1, mean_f1, paired_difference
from ckstudy.analysis.results import Results
from ckstudy.errors import StudyError
from ckstudy.scoring.intervals import NONE, Estimate


def baseline_f1(rows: pd.DataFrame, name: str, score: str) -> Estimate:
    """Mean F1 of a baseline, from rows of a single tolerance; NaN where it is not there."""
    found = rows[(rows["baseline"] == name) & (rows["score"] == score)]
    if found.empty:
        return NONE
    row = found.iloc[0]
    return Estimate(float(row["mean_f1"]), float(row["ci_low"]), float(row["ci_high"]))


def above_comb(results: Results, runs: Sequence[str]) -> Estimate:
    """Mean test F1 of a cell minus that of the comb, which depends on no noise, line by line."""
    return paired_difference(line_f1(results, runs), results.baseline_lines("comb")[["f1"]])


def best_run(results: Results) -> str:
    """The run with the best mean F1 on the validation lines; test lines have no say in it.

    Among those on the study's own lines: on noisier ones a score is another score.

    Raises
    ------
    StudyError
        Where there is none.
    """
    best = best_run_of(results, results.cells()["network"].unique())
    if best is None:
        raise StudyError("no network of the study was trained on its own lines")
    return best


def best_run_of(results: Results, networks: Sequence[str]) -> str | None:
    """The same, among networks of these names; None where there is none."""
    cells = results.cells()
    best: dict[str, float] = {}
    for run in (run for runs in cells[cells["network"].isin(networks)]["runs"] for run in runs):
        rows = results.thresholds(run)
        wanted = (rows["split"] == "validation") & (rows["score"] == "upstream")
        best[run] = rows.loc[wanted & (rows["tolerance"] == thesis.TOLERANCE), "mean_f1"].max()
    return max(best, key=best.__getitem__, default=None)


def minus_thesis(results: Results, runs: Sequence[str]) -> Estimate:
    """F1 of a cell minus what the thesis prints for it; NaN where it prints nothing.

    For the networks of Table 1 it is the training F1, for the others of Table 2 the mean test
    F1, both with thresholds from the training lines, as in the thesis. The thesis's number is
    taken as exact, since it prints no uncertainty: the interval is that of ours alone.
    """
    network = results.spec(runs[0])["network"]
    if network["name"] != "ckcnn":
        return NONE
    size, omega_0 = network["kernel_size"], network["omega_0"]
    if omega_0 == thesis.TABLE_1_OMEGA_0:
        for row in thesis.TABLE_1:
            if row.kernel_size == size:
                ours = mean_f1(results, runs, split="train", calibration="train")
                return ours - row.mean_f1
    for cell in thesis.TABLE_2:
        if (cell.kernel_size, cell.omega_0) == (size, omega_0):
            return mean_f1(results, runs, calibration="train") - cell.mean_f1
    return NONE
