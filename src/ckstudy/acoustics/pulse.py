"""The transmitted pulse: one cycle of a three-level drive through the transducer."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import fft

from ckstudy.acoustics.constants import DRIVE_FREQUENCY, SIMULATION_RATE
from ckstudy.acoustics.transducer import BIN_WIDTH, transmit_response

# Length: one period, twice the inverse of the transmit bandwidth (-6 dB), and 4 µs of ring-down.
BANDWIDTH = 1.81e6  # Hz
PULSE_SAMPLES = math.ceil((1 / DRIVE_FREQUENCY + 2 / BANDWIDTH + 4e-6) * SIMULATION_RATE)


@dataclass(frozen=True)
class Pulse:
    """Pressure at the transducer per unit of peak pressure, and its rate of change.

    Attributes
    ----------
    pressure : (PULSE_SAMPLES,) float64, dimensionless
    derivative : (PULSE_SAMPLES,) float64, 1/s
    """

    pressure: np.ndarray
    derivative: np.ndarray


def drive() -> np.ndarray:
    """One cycle at 1.7 MHz on three levels: +1, 0, -1, with short pauses between.

    Shape (50000,), the number of samples whose spectrum has bins of 5 kHz.
    """
    signal = np.zeros(round(SIMULATION_RATE / BIN_WIDTH))
    signal[0:50] = 1.0
    signal[74:124] = -1.0
    return signal


@cache
def transmit_pulse() -> Pulse:
    """The pulse at the transducer, with a peak of 1 before its baseline is levelled."""
    signal = drive()
    frequency = fft.rfftfreq(signal.size, 1 / SIMULATION_RATE)
    spectrum = transmit_response(frequency) * fft.rfft(signal)
    pressure = fft.irfft(spectrum, signal.size)[:PULSE_SAMPLES]
    derivative = fft.irfft(2j * np.pi * frequency * spectrum, signal.size)[:PULSE_SAMPLES]
    peak = np.max(np.abs(pressure))
    pressure, derivative = pressure / peak, derivative / peak
    # The pressure begins and ends at zero, so that its periodic continuation has no step.
    pressure = pressure - np.linspace(pressure[0], pressure[-1], pressure.size)
    pressure.flags.writeable = derivative.flags.writeable = False
    return Pulse(pressure, derivative)
