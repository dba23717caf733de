"""Percentile bootstrap intervals of mean scores (Efron and Tibshirani, 1993, chapter 13).

Lines are what is resampled, because the lines of a data set are independent. Every quantity of
the same lines is resampled with the same draws, so that a difference of two columns is paired.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95
SEED = 0


@dataclass(frozen=True)
class Interval:
    """A mean with the ends of its percentile interval; floats, or arrays of the same shape."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def mean_interval(
    scores, *, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = SEED
) -> Interval:
    """Mean over the lines, with its bootstrap interval.

    Parameters
    ----------
    scores : array, (lines,) or (lines, columns)
        One score, or several, of each line. A line whose score is NaN has none; a column is
        then averaged over the lines that have one.
    resamples : int
        Number of resampled sets of lines.
    level : float
        Coverage aimed at, such as 0.95.
    seed : int
        Of the draws.

    Returns
    -------
    Interval
        Floats for one column of scores, arrays (columns,) for several.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim == 0 or len(scores) == 0:
        raise ValueError("there are no lines to resample")
    columns = scores.reshape(len(scores), -1)
    weights = _line_weights(len(columns), resamples, seed)
    present = np.isfinite(columns)
    total = weights @ np.where(present, columns, 0.0)
    with np.errstate(invalid="ignore"):
        means = total / (weights @ present.astype(np.float64))
        mean = np.where(present, columns, 0.0).sum(axis=0) / present.sum(axis=0)
    low, high = _ends(means, level)
    shape = scores.shape[1:]
    return Interval(*(part.reshape(shape)[()] for part in (mean, low, high)))


def difference_interval(first, second, **options) -> Interval:
    """Mean over the lines of ``first - second``, two scores of the same lines, (lines,) each."""
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"the scores {first.shape} and {second.shape} are not of the same lines")
    return mean_interval(first - second, **options)


def seeds_and_lines_interval(
    scores, *, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = SEED
) -> Interval:
    """Mean over training seeds and lines, each resampled with replacement and crossed.

    Parameters
    ----------
    scores : array, (seeds, lines)
        Of the same lines, by networks trained with different seeds; or the differences of two
        such groups of networks.

    Returns
    -------
    Interval
        Wider than that over lines alone where the seeds disagree. With one seed it is the same.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2 or scores.size == 0:
        raise ValueError(f"scores {scores.shape} must have the shape (seeds, lines)")
    seeds, lines = scores.shape
    line_weights = _line_weights(lines, resamples, seed)
    seed_weights = _line_weights(seeds, resamples, seed + 1)
    means = np.einsum("bl,bl->b", seed_weights @ scores, line_weights) / (seeds * lines)
    low, high = _ends(means[:, None], level)
    return Interval(float(scores.mean()), float(low[0]), float(high[0]))


@lru_cache(maxsize=4)
def _line_weights(lines: int, resamples: int, seed: int) -> np.ndarray:
    """How often each line is drawn in each resample, (resamples, lines) float64."""
    drawn = np.random.default_rng(seed).integers(lines, size=(resamples, lines))
    offset = np.arange(resamples)[:, None] * lines
    weights = np.bincount((drawn + offset).ravel(), minlength=resamples * lines)
    weights = weights.reshape(resamples, lines).astype(np.float64)
    weights.flags.writeable = False  # the cache hands out the same array again
    return weights


def _ends(means: np.ndarray, level: float) -> np.ndarray:
    tail = (1 - level) / 2
    ends = np.full((2, means.shape[1]), np.nan)
    for column, resampled in enumerate(means.T):
        resampled = resampled[np.isfinite(resampled)]  # some draw no line that has a score
        if resampled.size:
            ends[:, column] = np.quantile(resampled, [tail, 1 - tail])
    return ends
