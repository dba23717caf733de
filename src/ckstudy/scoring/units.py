"""Errors in samples as times and depths."""

import numpy as np
from numpy.typing import ArrayLike

SPEED_OF_SOUND = 1480.0
"""In water at 20 °C, in m/s: that of the simulated lines."""


def nanoseconds(samples: ArrayLike, sampling_rate_hz: float) -> np.ndarray:
    """Time that ``samples`` last: 16 ns for one at 62.5 MHz."""
    return np.asarray(samples) / sampling_rate_hz * 1e9


def micrometres(
    samples: ArrayLike, sampling_rate_hz: float, speed_of_sound: float = SPEED_OF_SOUND
) -> np.ndarray:
    """Depth that ``samples`` of delay stand for, there and back: 11.84 µm for one at 62.5 MHz."""
    return np.asarray(samples) / sampling_rate_hz * speed_of_sound / 2 * 1e6
