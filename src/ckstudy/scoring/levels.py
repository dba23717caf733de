"""Digitising a prediction into threshold levels, the first step of both scores."""

import numba
import numpy as np


def digitise(signal: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Number of thresholds strictly below each sample.

    With ascending thresholds a sample is predicted at threshold number k exactly where its level
    exceeds k, so one pass over the signal serves all thresholds. float32 samples are compared
    with the float64 thresholds exactly, without rounding either.

    Parameters
    ----------
    signal : array, (lines, samples)
    thresholds : float64 array, (thresholds,), ascending

    Returns
    -------
    int16 array, (lines, samples)
    """
    levels = np.empty(signal.shape, np.int16)
    _fill(signal, thresholds, levels)
    return levels


# Called from Python only: the cache of a compiled function does not notice a change of another
# file whose functions it has taken in.
@numba.njit(cache=True, nogil=True)
def _fill(signal, thresholds, levels):
    for line in range(signal.shape[0]):
        for i in range(signal.shape[1]):
            low = 0
            high = thresholds.size
            while low < high:
                middle = (low + high) // 2
                if signal[line, i] > thresholds[middle]:
                    low = middle + 1
                else:
                    high = middle
            levels[line, i] = low
