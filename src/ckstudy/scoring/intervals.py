"""Estimates of mean scores, and how far other lines and other training seeds could move them.

The lines of a data set are independent, and so are trainings from different seeds. With one
network only the lines can be drawn anew, and the interval is that of the percentile bootstrap
(Efron and Tibshirani, 1993, chapter 13). Every quantity of the same lines is resampled with the
same draws, so that a difference is paired line by line. Such an interval says nothing about
another training.

Where networks of several seeds were trained, the variance of the mean is that of a two-way layout
with random effects (Searle, Casella and McCulloch, 1992, chapter 4): for scores

    x[s, l] = m + a[s] + b[l] + e[s, l],    Var(mean) = σ_a²/S + σ_b²/L + σ_e²/(S L).

The variance between the seeds' means, divided by S, estimates the first and the last part; the
bootstrap over lines estimates the last two, and the last one alone. With the degrees of freedom
of Welch (1947) and Satterthwaite (1946), S - 1 for the seeds of a group and L - 1 for the lines,
Student's t gives the interval. From three seeds it is wide, as it has to be.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

RESAMPLES = 2000
LEVEL = 0.95
SEED = 0


@dataclass(frozen=True)
class Estimate:
    """A statistic with the ends of its interval; NaN where there is nothing to estimate.

    Examples
    --------
    >>> Estimate(0.75, 0.5, 1.0) - 0.25
    Estimate(value=0.5, low=0.25, high=0.75)
    """

    value: float
    low: float
    high: float

    def __sub__(self, constant: float) -> "Estimate":
        """The estimate minus a number that is taken as exact."""
        return Estimate(self.value - constant, self.low - constant, self.high - constant)


NONE = Estimate(np.nan, np.nan, np.nan)


def mean_interval(
    scores: ArrayLike, *, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = SEED
) -> Estimate:
    """Mean over the lines, with its bootstrap interval.

    Parameters
    ----------
    scores : array, (lines,)
        A score of each line; NaN where a line has none.
    resamples : int
        Number of resampled sets of lines.
    level : float
        Coverage aimed at, such as 0.95.
    seed : int
        Of the draws.

    Raises
    ------
    ValueError
        Where there are no lines.
    """
    column = np.asarray(scores, dtype=np.float64)[:, None]
    (found,) = column_intervals(column, resamples=resamples, level=level, seed=seed)
    return found


def column_intervals(
    scores: ArrayLike, *, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = SEED
) -> list[Estimate]:
    """:func:`mean_interval` of each column of scores of the same lines, (lines, columns)."""
    columns = np.asarray(scores, dtype=np.float64)
    if len(columns) == 0:
        raise ValueError("there are no lines to resample")
    weights = _line_weights(len(columns), resamples, seed)
    present = np.isfinite(columns)
    total = weights @ np.where(present, columns, 0.0)
    with np.errstate(invalid="ignore"):
        means = total / (weights @ present.astype(np.float64))
        mean = np.where(present, columns, 0.0).sum(axis=0) / present.sum(axis=0)
    return [
        Estimate(float(value), *_ends(resampled, level))
        for value, resampled in zip(mean, means.T, strict=True)
    ]


def ratio_intervals(
    parts: ArrayLike,
    wholes: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = SEED,
) -> list[Estimate]:
    """Ratio of two sums over the lines, with its bootstrap interval, for each column.

    Lines are drawn, not what is counted in them: bubbles of a line share its fate.

    Parameters
    ----------
    parts, wholes : array, (lines, columns)
        Such as the bubbles that were found in each line, and all bubbles.
    resamples, level, seed
        As for :func:`mean_interval`.

    Returns
    -------
    list of Estimate
        NaN where a column's whole is 0.
    """
    part, whole = (np.asarray(each, dtype=np.float64) for each in (parts, wholes))
    weights = _line_weights(len(part), resamples, seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = part.sum(axis=0) / whole.sum(axis=0)
        resampled = (weights @ part) / (weights @ whole)
    return [
        Estimate(float(one), *_ends(many, level))
        for one, many in zip(value, resampled.T, strict=True)
    ]


def contrast_interval(
    groups: Sequence[ArrayLike],
    signs: Sequence[float] = (1,),
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = SEED,
) -> Estimate:
    """Signed sum of the means of groups of networks, over their training seeds and over lines.

    A mean, a difference of two means and a difference of differences are such sums. All networks
    share the lines, which makes every difference paired line by line; the seeds of different
    groups are independent: equal seeds do not make two different networks alike.

    Parameters
    ----------
    groups : sequence of array, (seeds, lines)
        A score of the same lines by each network of the group.
    signs : sequence of float
        Weight of each group's mean: ``(1, -1)`` for a difference.
    resamples, level, seed
        As for :func:`mean_interval`.

    Returns
    -------
    Estimate
        With a single network in each group, that of the lines' contrasts by
        :func:`mean_interval`.

    Raises
    ------
    ValueError
        Where there are no lines or no networks, or the groups are not of the same lines.
    """
    scores = [np.asarray(group, dtype=np.float64) for group in groups]
    if any(group.ndim != 2 or group.size == 0 for group in scores):
        raise ValueError(
            f"scores {[group.shape for group in scores]} must have the shape (seeds, lines)"
        )
    counts = {group.shape[1] for group in scores}
    if len(counts) > 1:
        raise ValueError(f"scores {[group.shape for group in scores]} are not of the same lines")
    return interval_of_networks(
        [group.mean(axis=1) for group in scores],
        [
            _line_weights(group.shape[1], resamples, seed) @ group.T / group.shape[1]
            for group in scores
        ],
        signs,
        lines=max(counts, default=0),
        level=level,
    )


def interval_of_networks(
    values: Sequence[np.ndarray],
    resampled: Sequence[np.ndarray],
    signs: Sequence[float] = (1,),
    *,
    lines: int,
    level: float = LEVEL,
) -> Estimate:
    """Signed sum of the groups' means of any statistic of single networks, with its interval.

    Parameters
    ----------
    values : sequence of array, (networks,)
        The statistic of each network of a group, on the lines.
    resampled : sequence of array, (resamples, networks)
        The same in each resample of the lines; all groups share the resamples.
    signs : sequence of float
        Weight of each group's mean.
    lines : int
        Number of lines; the smallest where networks are scored on several sets.
    level : float
        Coverage aimed at.

    Raises
    ------
    ValueError
        Where there is no group, or not a sign for each.
    """
    from scipy.special import stdtrit

    if len(values) != len(signs) or not values:
        raise ValueError(f"{len(values)} groups of networks need as many signs, not {len(signs)}")
    value = sum(sign * each.mean() for sign, each in zip(signs, values, strict=True))
    contrasts = sum(sign * each.mean(axis=1) for sign, each in zip(signs, resampled, strict=True))
    several = [place for place, each in enumerate(values) if len(each) > 1]
    if not several:
        return Estimate(float(value), *_percentile_ends(contrasts, level))
    # Parts of the variance, each with its degrees of freedom.
    by_lines = contrasts.var(ddof=1)
    by_seeds = {
        place: signs[place] ** 2 * values[place].var(ddof=1) / len(values[place])
        for place in several
    }
    twice = sum(signs[place] ** 2 * _interaction(resampled[place]) for place in several)
    seeds = sum(by_seeds.values())
    variance = max(seeds + by_lines - twice, seeds, by_lines)
    if variance == 0:
        return Estimate(float(value), float(value), float(value))
    # As shares of it: the square of a variance that is next to nothing would be 0.
    spread = (by_lines / variance) ** 2 / max(lines - 1, 1)
    spread += sum(
        (part / variance) ** 2 / (len(values[place]) - 1) for place, part in by_seeds.items()
    )
    half = stdtrit(1 / spread, (1 + level) / 2) * np.sqrt(variance)
    return Estimate(float(value), float(value - half), float(value + half))


def resample_lines(
    scores: np.ndarray,
    statistic: Callable[..., np.ndarray],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> np.ndarray:
    """A statistic over the lines, of resampled sets of them.

    Parameters
    ----------
    scores : array, (lines, networks)
    statistic : callable
        Takes an array and ``axis``, such as :func:`numpy.median`.
    resamples, seed
        As for :func:`mean_interval`.

    Returns
    -------
    array, (resamples, networks)
    """
    drawn = np.random.default_rng(seed).integers(len(scores), size=(resamples, len(scores)))
    return statistic(scores[drawn], axis=1)


def _interaction(resampled: np.ndarray) -> float:
    """Variance over lines of a group's mean that its networks do not share: σ_e²/(S L).

    It is in the spread of the seeds' means and in that of resampled lines alike.
    """
    networks = resampled.shape[1]
    covariance = np.cov(resampled, rowvar=False)
    alone = np.trace(covariance) / networks
    shared = (covariance.sum() - np.trace(covariance)) / (networks * (networks - 1))
    return max(alone - shared, 0.0) / networks


def _percentile_ends(resampled: np.ndarray, level: float) -> tuple[float, float]:
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


def _ends(resampled: np.ndarray, level: float) -> tuple[float, float]:
    resampled = resampled[np.isfinite(resampled)]  # some draw no line that has a score
    return _percentile_ends(resampled, level) if resampled.size else (np.nan, np.nan)
