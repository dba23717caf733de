"""Linear time-invariant filters that turn a line into a localisation signal.

The label marks the sample at which an echo starts. A filter must therefore look ahead, and each
of these is described by its taps w over lags k, later samples positive:

    z[n] = Σ_k w[k] x[n + k].

Lines are divided by their root mean square first, since pressure makes them differ fifty-fold,
and are zero outside. All that a filter is fitted on are two correlations, summed over the lines
in float64.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.linalg

from ckstudy.scoring.filter_lengths import ECHO_SAMPLES

CHUNK = 64  # lines transformed at a time


@dataclass(frozen=True)
class Correlations:
    """Sums over the fitted lines, at lags -(``ECHO_SAMPLES`` - 1) to ``ECHO_SAMPLES`` - 1.

    Attributes
    ----------
    auto : float64 array, (lags,)
        Σ x[n] x[n + k] of the scaled lines x; lag k at index k, negative lags from the end.
    cross : float64 array, (lags,)
        Σ y[n] x[n + k] with the bubble counts y; likewise.
    bubbles : int
        Σ y[n].
    """

    auto: np.ndarray
    cross: np.ndarray
    bubbles: int

    @property
    def mean_echo(self) -> np.ndarray:
        """Mean of the scaled line after a label, lags 0 to ``ECHO_SAMPLES`` - 1."""
        return self.cross[:ECHO_SAMPLES] / max(self.bubbles, 1)


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
        spectrum = scipy.fft.rfft(unit_rms(rf), size, axis=1)
        return scipy.fft.irfft(spectrum * response, size, axis=1)[:, :samples].astype(np.float32)


def unit_rms(rf: np.ndarray) -> np.ndarray:
    """Lines divided by their root mean square, in float64; a line of zeros stays zero."""
    rf = np.asarray(rf, dtype=np.float64)
    rms = np.sqrt(np.mean(rf**2, axis=1, keepdims=True))
    return rf / np.where(rms > 0, rms, 1)


def correlate(rf: np.ndarray, bubble_count: np.ndarray) -> Correlations:
    """Correlate lines with themselves and with their labels; (lines, samples) both."""
    size = scipy.fft.next_fast_len(rf.shape[1] + ECHO_SAMPLES, real=True)
    auto = np.zeros(size // 2 + 1)
    cross = np.zeros(size // 2 + 1, np.complex128)
    for first in range(0, len(rf), CHUNK):
        rows = slice(first, first + CHUNK)
        line = scipy.fft.rfft(unit_rms(rf[rows]), size, axis=1)
        label = scipy.fft.rfft(bubble_count[rows].astype(np.float64), size, axis=1)
        auto += (line.real**2 + line.imag**2).sum(axis=0)
        cross += (label.conj() * line).sum(axis=0)
    lags = np.r_[0:ECHO_SAMPLES, 1 - ECHO_SAMPLES : 0]
    return Correlations(
        scipy.fft.irfft(auto, size)[lags],
        scipy.fft.irfft(cross, size)[lags],
        int(bubble_count.sum(dtype=np.int64)),
    )


def matched_filter(fitted: Correlations) -> LinearFilter:
    """Correlation with the mean echo, whose norm is made 1."""
    echo = fitted.mean_echo
    return LinearFilter(echo / np.linalg.norm(echo), 0)


def wiener_filter(fitted: Correlations, regularisation: float) -> LinearFilter:
    """Wiener deconvolution of the mean echo, H* / (|H|² + λ max |H|²).

    Parameters
    ----------
    fitted : Correlations
        Of the lines to estimate the mean echo from.
    regularisation : float
        λ, relative to the largest |H|².

    Returns
    -------
    LinearFilter
        Of 8 x ``ECHO_SAMPLES`` taps, half of them on either side.
    """
    size = 8 * ECHO_SAMPLES
    response = scipy.fft.rfft(fitted.mean_echo, size)
    power = np.abs(response) ** 2
    inverse = scipy.fft.irfft(response / (power + regularisation * power.max()), size)
    return LinearFilter(scipy.fft.fftshift(inverse), -size // 2)


def ridge_filter(fitted: Correlations, taps: int, regularisation: float) -> LinearFilter:
    """The filter of least squared error to the bubble count, with a ridge penalty.

    Solves (R + λ R[0] I) w = c, with the Toeplitz matrix R of the lines' autocorrelation and
    the correlation c of labels and lines (the Wiener-Hopf equations). The window is centred on
    the sample, like a network's receptive field.

    Parameters
    ----------
    fitted : Correlations
        Of the lines to fit.
    taps : int
        Odd length of the window, at most ``ECHO_SAMPLES``.
    regularisation : float
        λ, relative to the lines' total power.
    """
    half = taps // 2
    if taps < 1 or taps % 2 == 0 or taps > ECHO_SAMPLES:
        raise ValueError(f"taps must be odd and at most {ECHO_SAMPLES}, not {taps}")
    matrix = scipy.linalg.toeplitz(fitted.auto[:taps])
    matrix[np.diag_indices(taps)] *= 1 + regularisation
    target = fitted.cross[np.arange(-half, half + 1)]
    return LinearFilter(scipy.linalg.cho_solve(scipy.linalg.cho_factor(matrix), target), -half)
