"""From a scene to an RF line and its labels."""

from dataclasses import dataclass
from functools import cache

import numba
import numpy as np
from scipy import fft

from ckstudy.acoustics import bubble
from ckstudy.acoustics.constants import (
    LINE_SAMPLES,
    MAXIMUM_DEPTH,
    REFERENCE_DISTANCE,
    SIMULATION_RATE,
)
from ckstudy.acoustics.noise import add_noise
from ckstudy.acoustics.propagation import (
    DepthNodes,
    attenuation,
    chebyshev_points,
    lagrange_weights,
)
from ckstudy.acoustics.pulse import transmit_pulse
from ckstudy.acoustics.scene import Scene, draw_conditions, draw_scene, noise_generator
from ckstudy.acoustics.shell import shell
from ckstudy.acoustics.specification import SimulationSpec
from ckstudy.acoustics.transducer import receive_response
from ckstudy.errors import StudyError

# Attenuation on the way back is interpolated between the spectra at this many distances.
DISTANCE_NODES = 3
BUBBLES_AT_A_TIME = 2 * bubble.LANES


@dataclass(frozen=True)
class Line:
    """One simulated line.

    Attributes
    ----------
    number : int
    rf : (samples,) float32
        Voltage in V.
    bubble_count : (samples,) uint8
        How many echoes start at each sample.
    scene : Scene
    """

    number: int
    rf: np.ndarray
    bubble_count: np.ndarray
    scene: Scene


def simulate_line(spec: SimulationSpec, number: int) -> Line:
    """Line ``number`` of ``spec``; it depends on no other line, nor on ``first_line``.

    Examples
    --------
    Three bubbles, and the voltage in which they are to be found:

    >>> from ckstudy.acoustics.line import simulate_line
    >>> from ckstudy.acoustics.specification import SimulationSpec
    >>> line = simulate_line(SimulationSpec(bubbles=(3, 3)), 0)
    >>> line.rf.shape, int(line.bubble_count.sum())
    ((8446,), 3)
    """
    spec, noise = draw_conditions(spec, number)
    scene = draw_scene(spec, number)
    rf = simulate_rf(scene, spec.shell, spec.steps, spec.every)
    rate = SIMULATION_RATE / spec.every
    rf = add_noise(rf, noise, rate, noise_generator(spec.seed, number))
    return Line(number, rf.astype(np.float32), label(scene.arrival, rate, rf.size), scene)


def label(arrival: np.ndarray, sampling_rate: float, samples: int) -> np.ndarray:
    """Bubbles per sample, (samples,) uint8, from the times (s) at which their echoes start.

    Raises
    ------
    StudyError
        Where more than 255 echoes start at one sample.
    """
    count = np.bincount(np.rint(arrival * sampling_rate).astype(np.int64), minlength=samples)
    if count.max(initial=0) > 255:
        raise StudyError("more than 255 bubbles fall on one sample: ask for fewer bubbles a line")
    return count.astype(np.uint8)


def simulate_rf(
    scene: Scene,
    shell_name: str = "segers",
    steps: int = 1,
    every: int = 4,
    precision: type = np.float32,
) -> np.ndarray:
    """RF line of all bubbles of ``scene``, in V and without noise.

    Parameters
    ----------
    scene : Scene
    shell_name : str
    steps : int
        Runge-Kutta steps for each 4 ns.
    every : int
        Samples of the 250 MHz grid for one of the line.
    precision : numpy dtype
        Of the bubbles' oscillation.

    Returns
    -------
    (LINE_SAMPLES / every,) float64
    """
    fields = np.zeros((DISTANCE_NODES, LINE_SAMPLES))
    nodes, numbers = depth_nodes(steps), shell_numbers(shell_name, precision)
    waveforms = nodes.waveforms(scene.pressure)
    distance, starts = scene.distance, scene.arrival * SIMULATION_RATE
    weights = lagrange_weights(distance_nodes(), distance) * REFERENCE_DISTANCE / distance
    table = bubble.bubble_table(scene.radius, nodes.weights(scene.axial), steps)
    # A few bubbles at a time, so that their echoes are still in the cache when they are added up.
    for first in range(0, starts.size, BUBBLES_AT_A_TIME):
        some = slice(first, first + BUBBLES_AT_A_TIME)
        echoes = bubble.echoes(table[:, some], numbers, waveforms, steps, precision)
        _superpose(echoes, starts[some], weights[:, some], fields)
    return _receive(fields, every)


@cache
def depth_nodes(steps: int) -> DepthNodes:
    """The incident pressure at any depth, for so many steps of 4 ns."""
    return DepthNodes(transmit_pulse(), bubble.DEPTH_NODES, 2 * steps)


@cache
def shell_numbers(name: str, precision: type) -> tuple:
    """What the equation of a bubble needs of the shell of that name."""
    return bubble.shell_numbers(shell(name), precision)


@cache
def distance_nodes() -> np.ndarray:
    """Distances in m between which attenuation on the way back is interpolated."""
    return chebyshev_points(0.0, MAXIMUM_DEPTH, DISTANCE_NODES)


@numba.njit(cache=True, error_model="numpy", fastmath={"contract"})
def _superpose(echoes, starts, weights, fields):
    """Add every echo to the fields, from its start (in samples) on, linearly interpolated."""
    bubbles, samples = echoes.shape
    delayed = np.empty(samples + 1)
    for index in range(bubbles):
        start = int(starts[index])
        late = starts[index] - start
        early = 1 - late
        delayed[0] = early * echoes[index, 0]
        for n in range(1, samples):
            delayed[n] = early * echoes[index, n] + late * echoes[index, n - 1]
        delayed[samples] = late * echoes[index, samples - 1]
        length = min(samples + 1, fields.shape[1] - start)
        for node in range(fields.shape[0]):
            weight = weights[node, index]
            for n in range(length):
                fields[node, start + n] += weight * delayed[n]


def _receive(fields: np.ndarray, every: int) -> np.ndarray:
    """Voltage from the pressures at the distance nodes: attenuation, receiver, decimation.

    Decimation drops the spectrum above the new Nyquist frequency, where the receiver hears less
    than 2e-6 of its peak.
    """
    response = receive_spectra(every)
    spectrum = fft.rfft(fields, axis=1)[:, : response.shape[1]]
    samples = fields.shape[1] // every
    return fft.irfft((spectrum * response).sum(axis=0), samples) / every


@cache
def receive_spectra(every: int) -> np.ndarray:
    """Attenuation from each distance node times the receiver's response, (nodes, bins)."""
    samples = LINE_SAMPLES // every
    frequency = np.arange(samples // 2 + 1) * SIMULATION_RATE / LINE_SAMPLES
    way_back = np.exp(-attenuation(frequency) * distance_nodes()[:, None])
    return way_back * receive_response(frequency)
