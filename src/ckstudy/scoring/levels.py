"""Compiled helper that both scores share: digitising a prediction into threshold levels."""

import numba


@numba.njit(cache=True, nogil=True)
def fill_levels(signal, thresholds, levels):
    """Set ``levels[i]`` to the number of thresholds strictly below ``signal[i]``.

    With ascending thresholds the sample is predicted at threshold number k exactly where its
    level exceeds k, so one pass over the signal serves all thresholds. float32 samples are
    compared with the float64 thresholds exactly, without rounding either.
    """
    for i in range(signal.size):
        low = 0
        high = thresholds.size
        while low < high:
            middle = (low + high) // 2
            if signal[i] > thresholds[middle]:
                low = middle + 1
            else:
                high = middle
        levels[i] = low
