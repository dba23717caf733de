"""Plane-wave propagation in water: attenuation, and the second harmonic that grows with depth."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import fft

from ckstudy.acoustics.constants import (
    ATTENUATION,
    DRIVE_FREQUENCY,
    MAXIMUM_DEPTH,
    NONLINEARITY,
    SIMULATION_RATE,
    SOUND_SPEED,
    WATER_DENSITY,
)
from ckstudy.acoustics.pulse import Pulse


def attenuation(frequency: ArrayLike) -> np.ndarray:
    """Attenuation of water in Np/m at ``frequency`` in Hz: quadratic in frequency."""
    # dB/cm to Np/m: 100 cm in a metre, 20/ln 10 dB in a neper.
    return ATTENUATION * (np.asarray(frequency) / 1e6) ** 2 * 5 * np.log(10)


def harmonic_growth(frequency: np.ndarray, depth: float | np.ndarray) -> np.ndarray:
    """Effective length in m over which the second harmonic has grown at ``depth`` (m).

    (exp(-2 α1 z) - exp(-α z)) / (α - 2 α1), with α1 the attenuation of the drive frequency;
    z exp(-2 α1 z) where the difference vanishes. Shapes broadcast.
    """
    source = 2 * attenuation(DRIVE_FREQUENCY)
    exponent = -(attenuation(frequency) - source) * depth
    small = np.abs(exponent) < 1e-12
    safe = np.where(small, 1.0, exponent)
    ratio = np.where(small, 1.0, np.expm1(safe) / safe)
    return depth * np.exp(-source * depth) * ratio


def incident_harmonics(pulse: Pulse, depth: float, oversampling: int) -> tuple[np.ndarray, ...]:
    """First and second harmonic at ``depth`` (m), per unit of peak pressure and of its square.

    The pressure that a transmitted peak of P (Pa) makes is P·first + P²·second, in the time that
    starts with the pulse's arrival, z/c.

    Returns
    -------
    first, second : (oversampling * PULSE_SAMPLES,) float64
        Dimensionless and in 1/Pa, band-limited interpolation of the 250 MHz grid.
    """
    samples = pulse.pressure.size
    frequency = fft.rfftfreq(samples, 1 / SIMULATION_RATE)
    first = fft.rfft(pulse.pressure) * np.exp(-attenuation(frequency) * depth)
    source = NONLINEARITY / (WATER_DENSITY * SOUND_SPEED**3) * pulse.pressure * pulse.derivative
    second = fft.rfft(source) * harmonic_growth(frequency, depth)
    return tuple(oversample(spectrum, samples, oversampling) for spectrum in (first, second))


def oversample(spectrum: np.ndarray, samples: int, factor: int) -> np.ndarray:
    """The signal of a one-sided ``spectrum`` of ``samples`` samples, on a ``factor`` finer grid."""
    spectrum = spectrum.copy()
    if factor > 1 and samples % 2 == 0:
        spectrum[-1] /= 2  # the Nyquist bin splits into a positive and a negative frequency
    return factor * fft.irfft(spectrum, factor * samples)


class DepthNodes:
    """The incident pressure as a sum over few depths of one waveform each.

    Attenuation and harmonic growth are smooth in depth, so that the pressure at any depth is
    interpolated between Chebyshev points of the range (barycentric Lagrange weights): one
    waveform for each node, shared by all bubbles, instead of an inverse FFT for each bubble.

    Parameters
    ----------
    pulse : Pulse
    nodes : int
        Number of depths.
    oversampling : int
        Samples of the waveforms for each of the 250 MHz grid.
    """

    def __init__(self, pulse: Pulse, nodes: int, oversampling: int):
        self.depths = chebyshev_points(0.0, MAXIMUM_DEPTH, nodes)
        pairs = [incident_harmonics(pulse, depth, oversampling) for depth in self.depths]
        self._first = np.stack([first for first, _ in pairs], axis=1)
        self._second = np.stack([second for _, second in pairs], axis=1)

    def waveforms(self, peak: float) -> np.ndarray:
        """Pressure in Pa at the nodes, (samples, nodes), for a transmitted ``peak`` in Pa."""
        return peak * self._first + peak**2 * self._second

    def weights(self, depth: np.ndarray) -> np.ndarray:
        """Weight of each node at each ``depth`` (bubbles,) in m: (nodes, bubbles)."""
        return lagrange_weights(self.depths, depth)


def chebyshev_points(low: float, high: float, count: int) -> np.ndarray:
    """Chebyshev points of the first kind on [low, high], (count,)."""
    angle = np.pi * (np.arange(count) + 0.5) / count
    return (low + high) / 2 - (high - low) / 2 * np.cos(angle)


def lagrange_weights(nodes: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values at ``at`` (n,) of the Lagrange polynomials of ``nodes`` (m,): shape (m, n)."""
    weights = np.ones((nodes.size, at.size))
    for j, node in enumerate(nodes):
        for k, other in enumerate(nodes):
            if k != j:
                weights[j] *= (at - other) / (node - other)
    return weights
