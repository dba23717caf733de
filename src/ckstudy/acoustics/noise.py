"""Receiver noise: white, then filtered together with the signal."""

from functools import cache

import numpy as np

REFERENCE_VOLTAGE = 9.65  # V: the largest value of the echo of one 2.4 µm bubble, 125 kPa, 50 mm
REFERENCE_RATE = 62.5e6  # Hz: the sampling rate at which the deviation is stated
CUT_OFF = 5.1e6  # Hz


def add_noise(
    rf: np.ndarray, percent: float, sampling_rate: float, random: np.random.Generator
) -> np.ndarray:
    """``rf`` (samples,) in V with noise, both low-pass filtered.

    White Gaussian noise with a standard deviation of ``percent`` of 9.65 V at 62.5 MHz; at other
    rates the deviation grows with the square root of the rate, so that the noise within the
    signal's band is equally strong. Signal and noise then pass a Butterworth low-pass of fourth
    order at 5.1 MHz, forwards and backwards, which leaves no phase. Zero ``percent`` returns the
    line as it is, unfiltered.
    """
    if percent == 0:
        return rf
    # Here: it takes a second to import, which lines without noise need not wait for.
    from scipy import signal

    deviation = percent / 100 * REFERENCE_VOLTAGE * np.sqrt(sampling_rate / REFERENCE_RATE)
    noisy = rf + deviation * random.standard_normal(rf.size)
    return signal.sosfiltfilt(_low_pass(sampling_rate), noisy)


@cache
def _low_pass(sampling_rate: float) -> np.ndarray:
    from scipy import signal

    return signal.butter(4, CUT_OFF, fs=sampling_rate, output="sos")
