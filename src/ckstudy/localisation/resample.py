"""Bringing a signal to the rate of a network, and positions back.

A network is bound to the rate of its lines: what its layers hold between the samples of their
kernels was never trained, so that sampling the kernels anew may lose most of it
(docs/long-kernels.md measures that), while the *signal*, which is band-limited, can be resampled
without loss as long as its band fits below half of either rate.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from ckstudy.errors import StudyError

RATES_HZ = 15e6, 250e6
SOUND_SPEEDS = 500.0, 5000.0  # m/s
# The ratio of the rates is taken to the nearest fraction with at most this denominator, which is
# off by 1.3 parts in 10,000 at worst. Positions are computed with the same fraction: no drift.
LARGEST_DENOMINATOR = 4096


@dataclass(frozen=True)
class Grid:
    """The samples of a line of one's own, and those of the same line at the network's rate.

    Attributes
    ----------
    sampling_rate_hz : float
        Of the line as it was recorded.
    samples : int
        Of the line as it was recorded.
    ratio : Fraction
        Samples at the network's rate for one of these.
    """

    sampling_rate_hz: float
    samples: int
    ratio: Fraction

    @classmethod
    def between(cls, sampling_rate_hz: float, network_rate_hz: float, samples: int) -> "Grid":
        """The grid of lines of so many ``samples``.

        Raises
        ------
        StudyError
            For a rate outside 15 to 250 MHz.
        """
        rate = check_rate(sampling_rate_hz)
        ratio = Fraction(network_rate_hz) / Fraction(rate)
        return cls(rate, samples, ratio.limit_denominator(LARGEST_DENOMINATOR))

    def finer(self, factor: int) -> "Grid":
        """The same grid with ``factor`` times as many samples of the network's."""
        return replace(self, ratio=self.ratio * factor)

    @property
    def network_samples(self) -> int:
        """Samples of the line at the network's rate."""
        return -(-self.samples * self.ratio.numerator // self.ratio.denominator)

    def resample(self, rf: np.ndarray) -> np.ndarray:
        """Lines (n, samples) at the network's rate, (n, network_samples) float32.

        By a polyphase filter (:func:`scipy.signal.resample_poly`); where the rates agree, the
        very same samples.
        """
        if self.ratio == 1:
            return rf
        from scipy.signal import resample_poly  # here: it takes a second to import

        # Without the line through its ends, a line does not jump where it begins and ends.
        found = resample_poly(
            rf.astype(np.float64),
            self.ratio.numerator,
            self.ratio.denominator,
            axis=-1,
            padtype="line",
        )
        return found.astype(np.float32)

    def time_s(self, network_sample: np.ndarray) -> np.ndarray:
        """Time of samples of the network's grid, after the line's first sample."""
        return np.asarray(network_sample) / float(self.ratio) / self.sampling_rate_hz

    def own_sample(self, network_sample: np.ndarray) -> np.ndarray:
        """The line's own sample nearest to each sample of the network's grid."""
        up, down = self.ratio.numerator, self.ratio.denominator
        nearest = (2 * np.asarray(network_sample, dtype=np.int64) * down + up) // (2 * up)
        return np.minimum(nearest, self.samples - 1)


def check_rate(sampling_rate_hz: float | None) -> float:
    """A sampling rate that ``localise`` can use, in Hz.

    Raises
    ------
    StudyError
        For none, or one outside 15 to 250 MHz.
    """
    low, high = RATES_HZ
    if sampling_rate_hz is None:
        raise StudyError(
            "the sampling rate is not known: say it with --sampling-rate-mhz (in Python "
            "sampling_rate_hz), or keep it in the file as sampling_rate_hz"
        )
    rate = float(sampling_rate_hz)
    if not low <= rate <= high:
        raise StudyError(
            f"the sampling rate is {rate:g} Hz, which is {rate / 1e6:g} MHz: it must lie within "
            f"{low / 1e6:g} to {high / 1e6:g} MHz (the option takes MHz, Python takes Hz)"
        )
    return rate
