"""An image of what a network says of each element's line.

Where the wave of an echo is, the network has a spike of a sample or three where it *starts*. The
same delay-and-sum that makes a B-mode image of the lines then makes one of spikes: a bubble is
where the elements agree.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from ckstudy.imaging.beamform import Aperture, Grid2D, delay_and_sum, envelope
from ckstudy.localisation.resample import Grid
from ckstudy.networks import Localiser
from ckstudy.networks.predict import predict_lines

# Of the network's samples. Spikes are widened to this standard deviation, since elements agree to
# a sample and pixels are as large as that; chosen on frames that nothing else is measured on.
SPIKE_WIDTH = 0.8
EVERY_ELEMENT = Aperture()
B_MODE_APERTURE = Aperture(1.0, "hann")
# An image of what has a wavelength of 0.4 mm needs no pixels of 20 µm.
B_MODE_PIXEL = (40e-6, 100e-6)


@dataclass(frozen=True)
class Geometry:
    """How channel data were taken.

    Attributes
    ----------
    position : (elements,) float64
        Lateral positions of the elements in m.
    sampling_rate_hz : float
    speed_of_sound : float
        In m/s.
    start_s : float
        Time of the first sample, after the plane wave left.
    """

    position: np.ndarray
    sampling_rate_hz: float
    speed_of_sound: float
    start_s: float = 0.0


def super_resolve(
    network: Localiser, rf: np.ndarray, geometry: Geometry, grid: Grid2D, threads: int | None = None
) -> np.ndarray:
    """Image of the localised lines of one frame.

    Parameters
    ----------
    network : Localiser
    rf : (elements, samples) float32
        As recorded; brought to the network's rate and scale here.
    geometry : Geometry
    grid : Grid2D
    threads : int, optional

    Returns
    -------
    (lateral, axial) float32
        About 1 or more where a bubble is: the mean over all elements.
    """
    return sum_lines(*localise_lines(network, rf, geometry), grid, threads=threads)


def localise_lines(
    network: Localiser, rf: np.ndarray, geometry: Geometry
) -> tuple[np.ndarray, Geometry]:
    """Spikes where echoes start, (elements, samples) float32, and how these are sampled."""
    own = Grid.between(geometry.sampling_rate_hz, network.sampling_rate_hz, rf.shape[1])
    spikes = widen(predict_lines(network, own.resample(rf), progress=False))
    rate = geometry.sampling_rate_hz * float(own.ratio)
    return spikes, replace(geometry, sampling_rate_hz=rate)


def sum_lines(
    lines: np.ndarray,
    geometry: Geometry,
    grid: Grid2D,
    aperture: Aperture = EVERY_ELEMENT,
    threads: int | None = None,
) -> np.ndarray:
    """Delay-and-sum of lines of a geometry, see :func:`ckstudy.imaging.beamform.delay_and_sum`."""
    return delay_and_sum(
        lines,
        geometry.position,
        grid,
        sampling_rate_hz=geometry.sampling_rate_hz,
        speed_of_sound=geometry.speed_of_sound,
        start_s=geometry.start_s,
        aperture=aperture,
        threads=threads,
    )


def widen(prediction: np.ndarray) -> np.ndarray:
    """A network's output (lines, samples) limited to 0 to 1, each spike a Gaussian.

    The limit keeps one element that is very sure from speaking for others that hear nothing.
    """
    reach = int(4 * SPIKE_WIDTH)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SPIKE_WIDTH) ** 2)
    limited = np.clip(prediction, 0, 1)
    return ndimage.convolve1d(limited, kernel.astype(np.float32), axis=1, mode="constant")


def b_mode(
    rf: np.ndarray,
    geometry: Geometry,
    grid: Grid2D,
    aperture: Aperture = B_MODE_APERTURE,
    threads: int | None = None,
) -> np.ndarray:
    """Envelope of the delay-and-sum of RF, (lateral, axial) float32 in the unit of ``rf``.

    A bubble appears 1 mm too deep: its echo starts where it is and lasts for microseconds.
    """
    return envelope(sum_lines(rf, geometry, grid, aperture, threads), threads)
