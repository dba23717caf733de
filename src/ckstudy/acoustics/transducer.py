"""Transfer functions of the P4-1 phased array: transmission and reception.

A parametric fit to the measured curves of Blanken et al. (IEEE TMI 41(9), 2022): the logarithm
of the gain is a quartic in the logarithm of frequency within 0.5-5 MHz and goes on as its tangent
outside; the phase is the minimum phase of that gain (Bode's gain-phase relation) plus a small
measured residual.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.polynomial import Polynomial
from scipy.special import spence

BIN_WIDTH = 5e3  # Hz; the measurement's frequency resolution
FIT_BAND = (np.log(0.5), np.log(5.0))  # ln(f/MHz)
RESIDUAL_BAND = (0.25, 10.0)  # MHz

# Polynomials in ln(f/MHz), lowest order first.
_LOG_GAIN = {
    "transmit": Polynomial([-2.52709680, 2.67485409, 1.16306746, -0.25689802, -1.12340309]),
    "receive": Polynomial([-1.18680393, 2.10577574, 0.47343307, -0.72009789, -0.44805071]),
}
_PHASE_RESIDUAL = {
    "transmit": Polynomial([0.002026, 0.059278, 0.015881, -0.010955, -0.009110, 0.003546]),
    "receive": Polynomial([0.004062, 0.036629, 0.012476, -0.009357, -0.005853, 0.002550]),
}


def transmit_response(frequency: np.ndarray) -> np.ndarray:
    """Complex response T from drive to pressure, at ``frequency`` >= 0 (Hz, any shape)."""
    return _response("transmit", frequency)


def receive_response(frequency: np.ndarray) -> np.ndarray:
    """Complex response H from pressure (Pa) to voltage (V), at ``frequency`` >= 0 (Hz)."""
    return _response("receive", frequency)


def _response(direction: str, frequency: np.ndarray) -> np.ndarray:
    frequency = np.asarray(frequency, dtype=float)
    # The measured curves are stored with one bin's shift: the bin of f holds the gain and the
    # minimum phase of f + 5 kHz, while the residual was fitted at the bin's own frequency.
    u = np.log((frequency + BIN_WIDTH) / 1e6)
    gain = _LOG_GAIN[direction]
    low, high = FIT_BAND
    inside = np.clip(u, low, high)
    log_gain = gain(inside) + gain.deriv()(inside) * (u - inside)
    residual_at = np.log(np.clip(frequency / 1e6, *RESIDUAL_BAND))
    phase = _minimum_phase(direction)(u) + _PHASE_RESIDUAL[direction](residual_at)
    return np.exp(log_gain + 1j * phase)


@cache
def _minimum_phase(direction: str) -> Callable[[np.ndarray], np.ndarray]:
    """Minimum phase (rad) as a function of ln(f/MHz), interpolated from a fine grid.

    Bode: θ(x) = (1/π) ∫ L'(v) ln coth(|v - x|/2) dv. Integrated by parts, the second derivative
    L'' lives on the fitted band alone, and G, the antiderivative of ln coth, is bounded:
    θ(x) = (π/4)(L'(-∞) + L'(∞)) - (1/π) ∫ L''(v) G(v - x) dv.
    """
    from scipy.interpolate import CubicSpline

    gain = _LOG_GAIN[direction]
    slope, curvature = gain.deriv(), gain.deriv(2)
    low, high = FIT_BAND
    ends = np.pi / 4 * (slope(low) + slope(high))
    nodes, weights = np.polynomial.legendre.leggauss(48)

    grid = np.linspace(np.log(BIN_WIDTH / 1e6), np.log(130.0), 2049)
    # G has a kink of the kind u ln u at v = x: the quadrature is split there.
    split = np.clip(grid, low, high)
    integral = np.zeros_like(grid)
    for start, stop in ((low, split), (split, high)):
        half = (stop - start) / 2
        v = (start + stop)[:, None] / 2 + half[:, None] * nodes
        integral += half * np.sum(weights * curvature(v) * _antiderivative(v - grid[:, None]), 1)
    return CubicSpline(grid, ends - integral / np.pi)


def _antiderivative(u: np.ndarray) -> np.ndarray:
    """G(u) = ∫_0^u ln coth(|w|/2) dw = sign(u) (π²/4 - Li2(e^-|u|) + Li2(-e^-|u|))."""
    decay = np.exp(-np.abs(u))
    return np.sign(u) * (np.pi**2 / 4 - spence(1 - decay) + spence(1 + decay))
