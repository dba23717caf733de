"""What both scores count: true positives, false positives and false negatives."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ckstudy.errors import StudyError

MAX_TOLERANCE = 9

TOLERANCE = 4
"""Of every score in the thesis, in samples of 16 ns."""


@dataclass(frozen=True)
class Counts:
    """Outcomes of every line at every tolerance and threshold.

    Attributes
    ----------
    true_positives, false_positives, false_negatives : int64 array, (lines, tolerances, thresholds)
        The tolerance in samples is the index along the second axis: 0, 1, ...
    absolute_error : array of the same shape, or None
        Sum of |localisation error| over the matched pairs, in samples; None for a score that
        pairs nothing.
    """

    true_positives: np.ndarray
    false_positives: np.ndarray
    false_negatives: np.ndarray
    absolute_error: np.ndarray | None = None

    @property
    def mean_absolute_error(self) -> np.ndarray | None:
        """Mean |localisation error| of the matched pairs in samples; NaN where there are none."""
        if self.absolute_error is None:
            return None
        pairs = self.true_positives
        return np.divide(
            self.absolute_error, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0
        )


def concatenate(parts: Iterable[Counts]) -> Counts:
    """Join the counts of successive chunks of lines."""
    parts = list(parts)
    errors = [part.absolute_error for part in parts if part.absolute_error is not None]
    return Counts(
        np.concatenate([part.true_positives for part in parts]),
        np.concatenate([part.false_positives for part in parts]),
        np.concatenate([part.false_negatives for part in parts]),
        np.concatenate(errors) if len(errors) == len(parts) else None,
    )


def checked_lines(
    prediction: ArrayLike, bubble_count: ArrayLike, thresholds: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Check what a score is given, and bring it into the form that the compiled loops read.

    Parameters
    ----------
    prediction : array, (lines, samples), real
    bubble_count : array, (lines, samples), whole numbers
    thresholds : array, (thresholds,), strictly ascending

    Returns
    -------
    prediction, bubble_count, thresholds : contiguous arrays; thresholds are float64

    Raises
    ------
    ValueError
        Where shapes differ or the thresholds do not ascend.
    StudyError
        Where a prediction is NaN: a comparison with it would silently count as "no bubble".
    """
    prediction = np.ascontiguousarray(prediction)
    bubble_count = np.ascontiguousarray(bubble_count)
    thresholds = np.ascontiguousarray(thresholds, dtype=np.float64)
    if prediction.ndim != 2 or prediction.shape != bubble_count.shape:
        raise ValueError(
            f"prediction {prediction.shape} and bubble count {bubble_count.shape} "
            "must both have the shape (lines, samples)"
        )
    if bubble_count.dtype.kind not in "iub":
        raise ValueError(f"bubble_count must hold whole numbers, not {bubble_count.dtype}")
    if thresholds.ndim != 1 or thresholds.size == 0 or not np.all(np.diff(thresholds) > 0):
        raise ValueError("thresholds must be one strictly ascending row")
    broken = np.isnan(prediction).any(axis=1)
    if broken.any():
        raise StudyError(
            f"the prediction of line {int(np.flatnonzero(broken)[0])} (and {int(broken.sum()) - 1} "
            "more) contains NaN, so it cannot be scored: the network has diverged, or the line "
            "itself is broken; train it again with a smaller learning rate"
        )
    return prediction, bubble_count, thresholds
