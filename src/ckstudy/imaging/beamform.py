"""Delay-and-sum after a plane wave: from channel data to an image.

The wave leaves the array at time 0, straight down. From a point at depth z and lateral position x
an element at x_e hears it at

    t = (z + sqrt((x - x_e)² + z²)) / c,

and the image there is the mean over the elements of what each heard at that time, linearly
interpolated between samples (Montaldo et al., IEEE UFFC 56(3), 2009). Of an f-number F only the
elements with |x - x_e| ≤ z / (2F) are taken, with the weights of the apodisation. Before the first
and after the last sample of a line there is silence.

Written here because the libraries that do it (vbeam, MATLAB's USTB, PyMUST, ultraspy) bring jax,
a GPU or matrices of the size of pixels times elements; a test compares with plain NumPy in double
precision.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numba
import numpy as np
from scipy import fft

from ckstudy.acoustics.simulate_dataset import available_cores
from ckstudy.errors import StudyError

APODISATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "boxcar": np.ones_like,
    "hann": lambda u: 0.5 * (1 + np.cos(np.pi * u)),
}
"""Weights at u = |x - x_e| / (z / (2F)), from 0 in the middle to 1 at the aperture's end."""

_TABLE = 1024  # steps in u², between which weights are interpolated
_COLUMNS = 16  # of the image, that a thread takes at a time


@dataclass(frozen=True)
class Grid2D:
    """The pixels of an image.

    Attributes
    ----------
    axial, lateral : (n,) and (m,) float64
        Depths and lateral positions in m, evenly spaced.
    """

    axial: np.ndarray
    lateral: np.ndarray

    @classmethod
    def spanning(
        cls,
        depth: tuple[float, float],
        width: tuple[float, float],
        pixel: tuple[float, float] = (20e-6, 50e-6),
    ) -> "Grid2D":
        """Pixels of a size (axial, lateral) from end to end, all in m."""
        axial, lateral = (
            low + size * np.arange(max(2, round((high - low) / size) + 1))
            for (low, high), size in zip((depth, width), pixel, strict=True)
        )
        return cls(axial, lateral)

    @property
    def pixel(self) -> tuple[float, float]:
        """Axial and lateral size of a pixel in m."""
        axial, lateral = self.axial, self.lateral
        return float(axial[1] - axial[0]), float(lateral[1] - lateral[0])


@dataclass(frozen=True)
class Aperture:
    """Which elements count at a point, and how much.

    Attributes
    ----------
    f_number : float
        0 takes all elements.
    apodisation : {"boxcar", "hann"}
        "hann" needs an f-number.
    """

    f_number: float = 0.0
    apodisation: str = "boxcar"

    def __post_init__(self) -> None:
        if not 0 <= self.f_number <= 100:
            raise StudyError(f"the f-number is {self.f_number:g}; give 0 to 100")
        if self.apodisation not in APODISATIONS:
            raise StudyError(
                f"the apodisation is {self.apodisation!r}; give one of {', '.join(APODISATIONS)}"
            )
        if self.apodisation != "boxcar" and self.f_number == 0:
            raise StudyError(f"the apodisation {self.apodisation} needs an f-number above 0")


def delay_and_sum(
    lines: np.ndarray,
    position: np.ndarray,
    grid: Grid2D,
    *,
    sampling_rate_hz: float,
    speed_of_sound: float,
    start_s: float = 0.0,
    aperture: Aperture = Aperture(),
    threads: int | None = None,
) -> np.ndarray:
    """Mean over the elements of ``lines`` at the time of each pixel.

    Parameters
    ----------
    lines : (elements, samples) float32
        RF, or anything else that was heard at these times.
    position : (elements,) float64
        Lateral positions of the elements in m.
    grid : Grid2D
    sampling_rate_hz, speed_of_sound : float
    start_s : float
        Time of the first sample, after the plane wave left.
    aperture : Aperture
    threads : int, optional
        By default one for each core; the result does not depend on it.

    Returns
    -------
    (lateral, axial) float32
        An image column by column, since the sound runs along these.
    """
    lines = np.ascontiguousarray(lines, dtype=np.float32)
    image = np.zeros((grid.lateral.size, grid.axial.size), np.float32)
    steps = np.sqrt(np.linspace(0, 1, _TABLE + 1))
    weights = np.append(APODISATIONS[aperture.apodisation](steps), 0).astype(np.float32)
    if aperture.apodisation == "boxcar":
        weights = weights[:0]  # one everywhere
    per_metre = sampling_rate_hz / speed_of_sound
    first = start_s * sampling_rate_hz
    work = partial(_sum, lines, position, grid.axial, per_metre, first, aperture.f_number, weights)

    def columns(begin: int) -> None:
        some = slice(begin, begin + _COLUMNS)
        work(grid.lateral[some], image[some])

    with ThreadPoolExecutor(threads or available_cores()) as pool:
        list(pool.map(columns, range(0, grid.lateral.size, _COLUMNS)))
    return image


def envelope(image: np.ndarray, threads: int | None = None) -> np.ndarray:
    """Magnitude of the analytic signal along the depth, of an image (lateral, axial) of RF."""
    samples = image.shape[1]
    length = fft.next_fast_len(samples)
    workers = threads or available_cores()
    spectrum = fft.fft(image, length, axis=1, workers=workers)
    spectrum[:, 1 : (length + 1) // 2] *= 2
    spectrum[:, length // 2 + 1 :] = 0
    return np.abs(fft.ifft(spectrum, axis=1, overwrite_x=True, workers=workers)[:, :samples])


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "arcp", "nsz"})
def _sum(lines, position, axial, per_metre, first, f_number, weights, lateral, image):
    """Fill ``image`` (lateral, axial), a column of which stays in the fastest cache.

    Single precision holds a time to a thousandth of a sample.
    """
    samples = lines.shape[1]
    depths = axial.size
    spacing = axial[1] - axial[0]
    last = first + samples - 1
    scale, offset, steps = np.float32(per_metre), np.float32(first), np.float32(_TABLE)
    one = np.float32(1.0)
    z = axial.astype(np.float32)
    weight, total = np.ones(depths, np.float32), np.empty(depths, np.float32)
    whole, part = np.empty(depths, np.uint32), np.empty(depths, np.float32)
    for column in range(lateral.size):
        total[:] = np.float32(0.0)
        for element in range(position.size):
            away = lateral[column] - position[element]
            # Depths at which the element belongs to the aperture ...
            low = 2 * f_number * abs(away)
            begin = max(0, int(np.ceil((low - axial[0]) / spacing - 1e-9)))
            if begin >= depths:
                continue
            if weights.size > 0:
                narrow = np.float32(low * low)
                for n in range(begin, depths):
                    place = min(narrow / max(z[n] * z[n], np.float32(1e-20)), one) * steps
                    whole[n] = np.uint32(np.int32(place))
                    part[n] = place - np.float32(np.int32(place))
                for n in range(begin, depths):
                    k = whole[n]
                    weight[n] = weights[k] + part[n] * (weights[k + np.uint32(1)] - weights[k])
            for n in range(begin, depths):
                total[n] += weight[n]
            # ... and its line has a sample before and a sample after the time.
            start = max(begin, _depth_of(first, away, axial[0], spacing, per_metre))
            stop = min(depths, _depth_of(last, away, axial[0], spacing, per_metre))
            while start < stop and _time_of(axial[start], away, per_metre) < first + 0.01:
                start += 1
            while stop > start and _time_of(axial[stop - 1], away, per_metre) > last - 0.01:
                stop -= 1
            line, row, square = lines[element], image[column], np.float32(away * away)
            # Two loops: the compiler turns the first into vector instructions.
            for n in range(start, stop):
                time = (z[n] + np.sqrt(z[n] * z[n] + square)) * scale - offset
                whole[n] = np.uint32(np.int32(time))
                part[n] = time - np.float32(np.int32(time))
            for n in range(start, stop):
                k = whole[n]
                row[n] += weight[n] * (line[k] + part[n] * (line[k + np.uint32(1)] - line[k]))
        for n in range(depths):
            if total[n] > 0:
                image[column, n] /= total[n]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _time_of(depth, away, per_metre):
    """Sample at which a depth is heard."""
    return (depth + np.sqrt(depth * depth + away * away)) * per_metre


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _depth_of(sample, away, top, spacing, per_metre):
    """First pixel that is not heard before ``sample``."""
    way = sample / per_metre
    if way <= abs(away):
        return 0
    return max(0, int(np.ceil(((way * way - away * away) / (2 * way) - top) / spacing)))
