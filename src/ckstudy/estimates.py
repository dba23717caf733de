"""Means and medians of a run's scores with their uncertainty, for tables, figures and claims.

Every interval is a 95 % percentile bootstrap over lines. It holds the trained network fixed: it
says how far other lines could move the number, and nothing about another training seed.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ckstudy import thesis
from ckstudy.results import Results
from ckstudy.scoring.intervals import LEVEL, RESAMPLES, SEED, difference_interval


@dataclass(frozen=True)
class Estimate:
    """A statistic of the line scores with its 95 % interval; NaN where there is none."""

    value: float
    low: float
    high: float

    def __sub__(self, constant: float) -> "Estimate":
        return Estimate(self.value - constant, self.low - constant, self.high - constant)


NONE = Estimate(math.nan, math.nan, math.nan)


def mean_f1(results: Results, run: str, **selection) -> Estimate:
    """Mean F1 with its interval, from the summary; NaN where the summary has no such row.

    By default of the test lines, at the thesis's tolerance, with the threshold that is best on
    the validation lines.
    """
    usual = {"split": "test", "calibration": "validation", "tolerance": thesis.TOLERANCE}
    rows = results.scores(**(usual | selection))
    if run not in rows.index:
        return NONE
    row = rows.loc[run]
    return Estimate(float(row["mean_f1"]), float(row["ci_low"]), float(row["ci_high"]))


def median_f1(results: Results, run: str, score: str) -> Estimate:
    """Median F1 of the test lines with its interval."""
    f1 = results.line_scores(run, score=score)["f1"].to_numpy()
    return _estimate(np.median(f1), np.median(_resample(f1, SEED), axis=1))


def paired_difference(first: pd.DataFrame, second: pd.DataFrame) -> Estimate:
    """Mean over the common lines of the F1 of ``first`` minus that of ``second``.

    Both are line scores, as :meth:`ckstudy.results.Results.line_scores` gives them.
    """
    both = pd.concat([first["f1"], second["f1"]], axis=1, join="inner").to_numpy()
    interval = difference_interval(both[:, 0], both[:, 1])
    return Estimate(float(interval.mean), float(interval.low), float(interval.high))


def train_minus_test(results: Results, run: str, score: str = "upstream") -> Estimate:
    """Mean F1 of the training lines minus that of the test lines, both at the same threshold.

    The threshold is the best one on the training lines. The two sets of lines are independent,
    and so are their resamples.
    """
    train, test = (
        results.line_scores(run, split=split, calibration="train", score=score)["f1"].to_numpy()
        for split in ("train", "test")
    )
    resampled = _resample(train, SEED).mean(axis=1) - _resample(test, SEED + 1).mean(axis=1)
    return _estimate(train.mean() - test.mean(), resampled)


def _resample(scores: np.ndarray, seed: int) -> np.ndarray:
    """Scores of resampled sets of lines, (resamples, lines)."""
    lines = len(scores)
    return scores[np.random.default_rng(seed).integers(lines, size=(RESAMPLES, lines))]


def _estimate(value: float, resampled: np.ndarray) -> Estimate:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Estimate(float(value), float(low), float(high))
