"""Means and medians of networks' scores with their uncertainty, for tables, figures and claims.

Every interval is a 95 % percentile bootstrap over lines, and over the training seeds where a cell
of the study has several. With one seed it holds the trained network fixed: it says how far other
lines could move the number, and nothing about another seed. With few seeds it is too narrow; see
``docs/scoring.md``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ckstudy.analysis import thesis
from ckstudy.analysis.results import Results
from ckstudy.scoring.intervals import (
    RESAMPLES,
    SEED,
    contrast_interval,
    draw_networks,
    percentile_ends,
)


@dataclass(frozen=True)
class Estimate:
    """A statistic of the line scores with its 95 % interval; NaN where there is none."""

    value: float
    low: float
    high: float

    def __sub__(self, constant: float) -> "Estimate":
        return Estimate(self.value - constant, self.low - constant, self.high - constant)


NONE = Estimate(math.nan, math.nan, math.nan)


def line_f1(results: Results, runs: Sequence[str], **selection) -> pd.DataFrame:
    """F1 of every line, by line number, a column for each run.

    The runs are those of one cell. ``selection`` is that of
    :meth:`~ckstudy.analysis.results.Results.line_scores`: by default the thesis's F1 of test
    lines at its tolerance, with the threshold that is best on the validation lines.
    """
    each = [results.line_scores(run, **selection)["f1"] for run in runs]
    return pd.concat(each, axis=1, join="inner", keys=list(runs))


def mean_f1(results: Results, runs: Sequence[str], **selection) -> Estimate:
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


def median_f1(results: Results, runs: Sequence[str], **selection) -> Estimate:
    """Median F1 over the lines, the mean of it over the runs of a cell; NaN without a run."""
    if not runs:
        return NONE
    f1 = line_f1(results, runs, **selection).to_numpy()
    resampled = np.median(_resample(f1, SEED), axis=1)
    return _estimate(np.median(f1, axis=0).mean(), draw_networks(resampled))


def contrast(*terms: tuple[float, pd.DataFrame]) -> Estimate:
    """Signed sum of mean F1, each over the runs of a cell, on the lines that all of them have.

    Parameters
    ----------
    *terms : (float, DataFrame)
        Sign, and F1 of every line as :func:`line_f1` gives it.
    """
    groups = pd.concat([f1 for _, f1 in terms], axis=1, join="inner", keys=range(len(terms)))
    interval = contrast_interval(
        [groups[place].to_numpy().T for place in range(len(terms))], [sign for sign, _ in terms]
    )
    return Estimate(interval.mean, interval.low, interval.high)


def paired_difference(first: pd.DataFrame, second: pd.DataFrame) -> Estimate:
    """Mean F1 of ``first`` minus that of ``second``, line by line; see :func:`line_f1`."""
    return contrast((1, first), (-1, second))


def train_minus_test(results: Results, runs: Sequence[str], score: str = "upstream") -> Estimate:
    """Mean F1 of the training lines minus that of the test lines, both at the same threshold.

    The threshold is the best one on the training lines. The two sets of lines are independent,
    and so are their resamples; the networks drawn are the same on both.
    """
    train, test = (
        line_f1(results, runs, split=split, calibration="train", score=score).to_numpy()
        for split in ("train", "test")
    )
    resampled = _resample(train, SEED).mean(axis=1) - _resample(test, SEED + 1).mean(axis=1)
    return _estimate(train.mean() - test.mean(), draw_networks(resampled))


def _resample(scores: np.ndarray, seed: int) -> np.ndarray:
    """Scores (lines, runs) of resampled sets of lines: (resamples, lines, runs)."""
    lines = len(scores)
    return scores[np.random.default_rng(seed).integers(lines, size=(RESAMPLES, lines))]


def _estimate(value: float, resampled: np.ndarray) -> Estimate:
    return Estimate(float(value), *percentile_ends(resampled))
