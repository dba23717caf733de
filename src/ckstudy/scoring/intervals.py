"""Percentile bootstrap intervals of mean scores (Efron and Tibshirani, 1993, chapter 13).

Lines are what is resampled, because the lines of a data set are independent. Every quantity of
the same lines is resampled with the same draws, so that a difference of two columns is paired.
Where a study trained a network several times, with different seeds, its networks are resampled
too, independently of the lines, which all of them share: the pigeonhole bootstrap (Owen, 2007,
Annals of Applied Statistics 1(2)).
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


def contrast_interval(
    groups, signs=(1,), *, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = SEED
) -> Interval:
    """Signed sum of the means of groups of networks, over their training seeds and over lines.

    A mean, a difference of two means and a difference of differences are such sums. A resample
    draws the lines once, for all networks, which makes every difference paired line by line, and
    in each group draws networks with replacement, independently of the other groups: equal
    seeds do not make two different networks alike. With one network in each group only the lines
    are resampled, and the interval is that of the lines' contrasts.

    Parameters
    ----------
    groups : sequence of array, (seeds, lines)
        A score of the same lines by each network of the group.
    signs : sequence of float
        Weight of each group's mean: ``(1, -1)`` for a difference.
    resamples, level, seed
        As for :func:`mean_interval`.

    Raises
    ------
    ValueError
        Where there are no lines or no networks, or the groups are not of the same lines.
    """
    groups = [np.asarray(group, dtype=np.float64) for group in groups]
    if len(groups) != len(signs) or not groups:
        raise ValueError(f"{len(groups)} groups of networks need as many signs, not {len(signs)}")
    if any(group.ndim != 2 or group.size == 0 for group in groups):
        raise ValueError(
            f"scores {[group.shape for group in groups]} must have the shape (seeds, lines)"
        )
    lines = groups[0].shape[1]
    if any(group.shape[1] != lines for group in groups):
        raise ValueError(f"scores {[group.shape for group in groups]} are not of the same lines")
    weights = _line_weights(lines, resamples, seed) / lines
    means = [
        draw_networks(weights @ group.T, place, seed=seed) for place, group in enumerate(groups)
    ]
    value = sum(sign * group.mean() for sign, group in zip(signs, groups, strict=True))
    resampled = sum(sign * mean for sign, mean in zip(signs, means, strict=True))
    return Interval(float(value), *percentile_ends(resampled, level))


def draw_networks(statistics, group: int = 0, *, seed: int = SEED) -> np.ndarray:
    """Mean of a statistic over networks drawn with replacement, anew in each resample.

    Parameters
    ----------
    statistics : array, (resamples, networks)
        The statistic of every network of a group in each resample of the lines.
    group : int
        Groups with different numbers are drawn independently.
    seed : int
        Of the draws.

    Returns
    -------
    array, (resamples,)
        With a single network, its own statistics.
    """
    resamples, networks = statistics.shape
    if networks == 1:
        return statistics[:, 0]
    # Far from the draws of the lines, which take the seed alone.
    draws = np.random.default_rng([seed, 1 + group])
    drawn = draws.integers(networks, size=(resamples, networks))
    return np.take_along_axis(statistics, drawn, axis=1).mean(axis=1)


def percentile_ends(resampled: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Ends of the percentile interval of a resampled statistic, (resamples,)."""
    tail = (1 - level) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return float(low), float(high)


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
    ends = np.full((2, means.shape[1]), np.nan)
    for column, resampled in enumerate(means.T):
        resampled = resampled[np.isfinite(resampled)]  # some draw no line that has a score
        if resampled.size:
            ends[:, column] = percentile_ends(resampled, level)
    return ends
