"""The thresholds of the study, and how the best one is chosen for each tolerance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

# 10^-5, 10^-4.5, ..., 10^-1.5 and 0.10, 0.15, ..., 0.90: 8 + 17 = 25 values.
THRESHOLDS = np.array(
    [*(10 ** (-k / 2) for k in range(10, 2, -1)), *(k / 20 for k in range(2, 19))]
)


@dataclass(frozen=True)
class Calibration:
    """The threshold of the best mean F1 for each tolerance.

    Attributes
    ----------
    index : integer array, (tolerances,)
        Position among the thresholds.
    threshold, mean_f1 : float array, (tolerances,)
    """

    index: np.ndarray
    threshold: np.ndarray
    mean_f1: np.ndarray


def calibrate(f1: ArrayLike, thresholds: ArrayLike = THRESHOLDS) -> Calibration:
    """Choose, for each tolerance, the threshold with the best mean F1 over the lines.

    Equal means are common only where the predictions themselves are equal, or empty; then the
    smallest threshold is taken.

    Parameters
    ----------
    f1 : array, (lines, tolerances, thresholds)
        F1 of each calibration line.
    thresholds : array, (thresholds,)
        Ascending.
    """
    f1 = np.asarray(f1)
    thresholds = np.asarray(thresholds, dtype=np.float64)
    if f1.ndim != 3 or f1.shape[0] == 0 or f1.shape[2] != thresholds.size:
        raise ValueError(
            f"f1 {f1.shape} must have the shape (lines, tolerances, {thresholds.size} thresholds)"
        )
    mean = f1.mean(axis=0)
    index = mean.argmax(axis=1)
    return Calibration(index, thresholds[index], mean[np.arange(len(mean)), index])
