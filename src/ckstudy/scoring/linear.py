"""Linear time-invariant filters that turn a line into a localisation signal.

The label marks the sample at which an echo starts. A filter must therefore look ahead, and each
of these is described by its taps w over lags k, later samples positive:

    z[n] = Σ_k w[k] x[n + k].

Lines are divided by their root mean square first, since pressure makes them differ fifty-fold,
and are zero outside. Everything is fitted on the lines given, in float64, through sums over all
lines of their correlations.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.linalg

ECHO_SAMPLES = 512  # lags over which the mean echo is estimated: 8.2 µs at 62.5 MHz
CHUNK = 64  # lines transformed at a time


@dataclass(frozen=True)
class LinearFilter:
    """A filter by its taps.

    Attributes
    ----------
    taps : float64 array, (taps,)
    first_lag : int
        Lag in samples of ``taps[0]``; the following taps have the following lags.
    """

    taps: np.ndarray
    first_lag: int

    def __call__(self, rf: np.ndarray) -> np.ndarray:
        """Filter lines (n, samples) of any unit; returns float32 of the same shape."""
        samples = rf.shape[1]
        size = scipy.fft.next_fast_len(samples + len(self.taps), real=True)
        kernel = np.zeros(size)
        kernel[np.arange(self.first_lag, self.first_lag + len(self.taps)) % size] = self.taps
        response = scipy.fft.rfft(kernel).conj()
        spectrum = scipy.fft.rfft(scale_lines(rf), size, axis=1)
        return scipy.fft.irfft(spectrum * response, size, axis=1)[:, :samples].astype(np.float32)


def scale_lines(rf: np.ndarray) -> np.ndarray:
    """Lines divided by their root mean square, in float64; a line of zeros stays zero."""
    rf = np.asarray(rf, dtype=np.float64)
    rms = np.sqrt(np.mean(rf**2, axis=1, keepdims=True))
    return rf / np.where(rms > 0, rms, 1)


def matched_filter(rf: np.ndarray, bubble_count: np.ndarray) -> LinearFilter:
    """Correlation with the mean echo, whose norm is made 1.

    Parameters
    ----------
    rf, bubble_count : arrays, (lines, samples)
        Lines to estimate the mean echo from: what follows a label, on average.
    """
    echo = mean_echo(rf, bubble_count)
    return LinearFilter(echo / np.linalg.norm(echo), 0)


def wiener_filter(
    rf: np.ndarray, bubble_count: np.ndarray, regularisation: float = 1e-3
) -> LinearFilter:
    """Wiener deconvolution of the mean echo, H* / (|H|² + λ max |H|²).

    Parameters
    ----------
    rf, bubble_count : arrays, (lines, samples)
        Lines to estimate the mean echo from.
    regularisation : float
        λ, relative to the largest |H|².

    Returns
    -------
    LinearFilter
        Of 8 x ``ECHO_SAMPLES`` taps, half of them on either side.
    """
    echo = mean_echo(rf, bubble_count)
    size = 8 * ECHO_SAMPLES
    response = scipy.fft.rfft(echo, size)
    power = np.abs(response) ** 2
    inverse = scipy.fft.irfft(response / (power + regularisation * power.max()), size)
    return LinearFilter(scipy.fft.fftshift(inverse), -size // 2)


def ridge_filter(
    rf: np.ndarray, bubble_count: np.ndarray, taps: int, ridge: float = 1e-4
) -> LinearFilter:
    """The filter of least squared error to the bubble count, with a ridge penalty.

    Solves (R + λ R[0] I) w = c, with the Toeplitz matrix R of the lines' autocorrelation and
    the correlation c of labels and lines, both summed over all lines (Wiener and Hopf's
    equations). The window is centred on the sample, like a network's receptive field.

    Parameters
    ----------
    rf, bubble_count : arrays, (lines, samples)
        Lines to fit.
    taps : int
        Odd length of the window.
    ridge : float
        λ, relative to the lines' total power.
    """
    if taps < 1 or taps % 2 == 0:
        raise ValueError(f"a centred window needs an odd number of taps, not {taps}")
    half = taps // 2
    auto, cross = _correlations(rf, bubble_count, taps)
    column = auto[:taps].copy()
    column[0] *= 1 + ridge
    weights = scipy.linalg.solve_toeplitz(column, cross[np.arange(-half, half + 1)])
    return LinearFilter(weights, -half)


def mean_echo(rf: np.ndarray, bubble_count: np.ndarray) -> np.ndarray:
    """Mean of the scaled line after a label, lags 0 to ``ECHO_SAMPLES`` - 1."""
    _, cross = _correlations(rf, bubble_count, ECHO_SAMPLES)
    return cross[:ECHO_SAMPLES] / max(int(bubble_count.sum(dtype=np.int64)), 1)


def _correlations(rf, bubble_count, lags: int) -> tuple[np.ndarray, np.ndarray]:
    """Sums over lines of Σ x[n] x[n + k] and of Σ y[n] x[n + k]; negative k from the end."""
    size = scipy.fft.next_fast_len(rf.shape[1] + lags, real=True)
    auto = np.zeros(size // 2 + 1)
    cross = np.zeros(size // 2 + 1, np.complex128)
    for first in range(0, len(rf), CHUNK):
        rows = slice(first, first + CHUNK)
        line = scipy.fft.rfft(scale_lines(rf[rows]), size, axis=1)
        label = scipy.fft.rfft(bubble_count[rows].astype(np.float64), size, axis=1)
        auto += (line.real**2 + line.imag**2).sum(axis=0)
        cross += (label.conj() * line).sum(axis=0)
    return scipy.fft.irfft(auto, size), scipy.fft.irfft(cross, size)
