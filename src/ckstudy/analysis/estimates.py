"""Means and medians of networks' scores with their uncertainty, for tables, figures and claims.

Every interval aims at 95 %. With one training seed it is a bootstrap over lines: it holds the
trained network fixed, says how far other lines could move the number, and nothing about another
seed. With several it is Student's t over seeds and lines; see :mod:`ckstudy.scoring.intervals`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ckstudy.analysis import thesis
from ckstudy.analysis.results import Results
from ckstudy.scoring.intervals import (
    LEVEL,
    NONE,
    SEED,
    Estimate,
    contrast_interval,
    interval_of_networks,
    resample_lines,
)


def line_f1(results: Results, runs: Sequence[str], **selection: Any) -> pd.DataFrame:
    """F1 of every line, by line number, a column for each run.

    The runs are those of one cell. ``selection`` is that of
    :meth:`~ckstudy.analysis.results.Results.line_scores`: by default the thesis's F1 of test
    lines at its tolerance, with the threshold that is best on the validation lines.
    """
    each = [results.line_scores(run, **selection)["f1"] for run in runs]
    return pd.concat(each, axis=1, join="inner", keys=list(runs))


def mean_f1(results: Results, runs: Sequence[str], **selection: Any) -> Estimate:
    """Mean F1 over the runs of a cell and over the lines; NaN without a run.

    That of a single run is the summary's, whose interval is over lines alone.
    """
    if not runs:
        return NONE
    if len(runs) > 1:
        return contrast((1, line_f1(results, runs, **selection)))
    usual = {
        "split": "test",
        "calibration": "validation",
        "score": "upstream",
        "tolerance": thesis.TOLERANCE,
    }
    row = results.scores(**(usual | selection)).loc[runs[0]]
    return Estimate(float(row["mean_f1"]), float(row["ci_low"]), float(row["ci_high"]))


def median_f1(results: Results, runs: Sequence[str], **selection: Any) -> Estimate:
    """Median F1 over the lines, the mean of it over the runs of a cell; NaN without a run."""
    if not runs:
        return NONE
    f1 = line_f1(results, runs, **selection).to_numpy()
    resampled = resample_lines(f1, np.median)
    return interval_of_networks([np.median(f1, axis=0)], [resampled], lines=len(f1))


def contrast(*terms: tuple[float, pd.DataFrame], level: float = LEVEL) -> Estimate:
    """Signed sum of mean F1, each over the runs of a cell, on the lines that all of them have.

    Parameters
    ----------
    *terms : (float, DataFrame)
        Sign, and F1 of every line as :func:`line_f1` gives it.
    level : float
        Coverage that the interval aims at.
    """
    groups = pd.concat([f1 for _, f1 in terms], axis=1, join="inner", keys=range(len(terms)))
    return contrast_interval(
        [groups[place].to_numpy().T for place in range(len(terms))],
        [sign for sign, _ in terms],
        level=level,
    )


def paired_difference(
    first: pd.DataFrame, second: pd.DataFrame, *, level: float = LEVEL
) -> Estimate:
    """Mean F1 of ``first`` minus that of ``second``, line by line; see :func:`line_f1`."""
    return contrast((1, first), (-1, second), level=level)


def train_minus_test(results: Results, runs: Sequence[str], score: str = "upstream") -> Estimate:
    """Mean F1 of the training lines minus that of the test lines, both at the same threshold.

    The threshold is the best one on the training lines. The two sets of lines are independent,
    and so are their resamples; the networks are the same on both.
    """
    train, test = (
        line_f1(results, runs, split=split, calibration="train", score=score).to_numpy()
        for split in ("train", "test")
    )
    resampled = resample_lines(train, np.mean) - resample_lines(test, np.mean, seed=SEED + 1)
    gaps = train.mean(axis=0) - test.mean(axis=0)
    return interval_of_networks([gaps], [resampled], lines=min(len(train), len(test)))


def best_thresholds(
    results: Results, runs: Sequence[str], split: str, score: str = "upstream"
) -> list[float]:
    """The threshold of each run that was best on the split's lines, at the thesis's tolerance."""
    found = []
    for run in runs:
        rows = results.thresholds(run)
        wanted = (rows["split"] == split) & (rows["score"] == score)
        wanted &= rows["tolerance"] == thesis.TOLERANCE
        found += rows.loc[wanted, "threshold"].tolist()
    return found
