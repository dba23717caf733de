"""What an array hears of a scene: one frame of channel data.

A bubble's oscillation is the same for every element; only the way back differs. The equation is
therefore solved once for each bubble, and its echo enters each element's line by its own delay,
spreading and attenuation, exactly as in :mod:`ckstudy.acoustics.line`, with one difference: the
echo is decimated before the echoes are added up, and not after. Two neighbouring samples of
250 MHz, which the delay is interpolated between, are then samples of two of the echo's
``every`` phases. A low-pass before leaves only what folds to where the receiver is deaf (a test
holds the two simulators together).
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numba
import numpy as np
from scipy import fft

from ckstudy.acoustics import bubble
from ckstudy.acoustics.constants import (
    LINE_SAMPLES,
    REFERENCE_DISTANCE,
    SIMULATION_RATE,
    SOUND_SPEED,
)
from ckstudy.acoustics.line import (
    DISTANCE_NODES,
    depth_nodes,
    distance_nodes,
    receive_spectra,
    shell_numbers,
)
from ckstudy.acoustics.propagation import lagrange_weights
from ckstudy.acoustics.scene import Scene
from ckstudy.acoustics.simulate_dataset import available_cores

# Echoes are held in memory for so many bubbles at a time: 12 MB.
BUBBLES_AT_A_TIME = 32 * bubble.LANES
# Samples of 250 MHz on either side of the low-pass's middle, for each of ``every``.
_HALF_LENGTH = 12


def simulate_frame(
    scene: Scene,
    position: np.ndarray,
    shell_name: str = "segers",
    steps: int = 1,
    every: int = 4,
    threads: int | None = None,
) -> np.ndarray:
    """Channel data of all bubbles of ``scene`` after one plane wave, in V and without noise.

    Parameters
    ----------
    scene : Scene
    position : (elements,) float64
        Lateral positions of the elements in m.
    shell_name : str
    steps : int
        Runge-Kutta steps for each 4 ns.
    every : int
        Samples of the 250 MHz grid for one of a line.
    threads : int, optional
        By default one for each core; the result does not depend on it.

    Returns
    -------
    (elements, LINE_SAMPLES / every) float32
    """
    samples = LINE_SAMPLES // every
    fields = np.zeros((len(position), DISTANCE_NODES, samples), np.float32)
    # The line's order of bubbles is of no consequence; by depth, the sums stay in the cache.
    order = np.argsort(scene.axial, kind="stable")
    axial, lateral, radius = (each[order] for each in (scene.axial, scene.lateral, scene.radius))
    ahead = _HALF_LENGTH * every  # by which the low-pass sees an echo before it starts
    waveforms = depth_nodes(steps).waveforms(scene.pressure)
    table = bubble.bubble_table(radius, depth_nodes(steps).weights(axial), steps)
    numbers = shell_numbers(shell_name, np.float32)
    with ThreadPoolExecutor(threads or available_cores()) as pool:
        for first in range(0, axial.size, BUBBLES_AT_A_TIME):
            some = slice(first, first + BUBBLES_AT_A_TIME)
            heard = [table[:, each] for each in _lanes(some, axial.size)]
            found = pool.map(lambda each: bubble.echoes(each, numbers, waveforms, steps), heard)
            phases = _phases(np.concatenate([_low_pass(each, every) for each in found]), every)

            def hear(element: int, some: slice = some, phases: np.ndarray = phases) -> None:
                distance = np.hypot(axial[some], lateral[some] - position[element])
                start = (axial[some] + distance) / SOUND_SPEED * SIMULATION_RATE - ahead
                weights = lagrange_weights(distance_nodes(), distance)
                weights *= REFERENCE_DISTANCE / distance
                _superpose(phases, start, weights, fields[element])

            list(pool.map(hear, range(len(position))))
        lines = list(pool.map(lambda field: _receive(field, every), fields))
    return np.stack(lines)


def _lanes(some: slice, bubbles: int) -> list[slice]:
    """Parts of ``some`` that are integrated together, whichever thread takes them."""
    stop = min(some.stop, bubbles)
    return [
        slice(first, min(first + bubble.LANES, stop))
        for first in range(some.start, stop, bubble.LANES)
    ]


def _low_pass(echoes: np.ndarray, every: int) -> np.ndarray:
    """Echoes (bubbles, samples) below the new Nyquist frequency, starting 12 * every earlier."""
    samples = echoes.shape[1] + 2 * _HALF_LENGTH * every
    length = fft.next_fast_len(samples, real=True)
    return fft.irfft(fft.rfft(echoes, length) * _low_pass_spectrum(every, length), length)[
        :, :samples
    ]


@cache
def _low_pass_spectrum(every: int, length: int) -> np.ndarray:
    from scipy import signal  # here: it takes a second to import

    taps = signal.firwin(2 * _HALF_LENGTH * every + 1, 1 / every, window=("kaiser", 9.0))
    return fft.rfft(taps, length).astype(np.complex64)


def _phases(echoes: np.ndarray, every: int) -> np.ndarray:
    """Echoes (bubbles, samples) as (bubbles, every, m): sample n is [n % every, 1 + n // every].

    A zero stands before each phase and at least one after it.
    """
    bubbles, samples = echoes.shape
    length = -(-samples // every)
    padded = np.zeros((bubbles, (length + 2) * every), echoes.dtype)
    padded[:, every : every + samples] = echoes
    return np.ascontiguousarray(padded.reshape(bubbles, length + 2, every).transpose(0, 2, 1))


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _superpose(phases, starts, weights, field):
    """Add every echo to one element's field (nodes, samples), from its start (250 MHz) on.

    Sample m of the line is sample m * every - start of the echo, between two whole ones.
    """
    bubbles, every, length = phases.shape
    nodes, samples = field.shape
    delayed = np.empty(length, phases.dtype)
    number = phases.dtype.type
    for index in range(bubbles):
        start = int(np.floor(starts[index]))
        late = number(starts[index] - start)
        early = number(1.0) - late
        # The line's first sample m in the echo is sample n = m * every - start of it.
        first = -(-start // every)
        n = first * every - start
        skipped = max(0, -first)
        heard = min(length - 1, samples - first) - skipped
        if heard <= 0:
            continue
        # Slices, so that the compiler knows of no negative index and makes vector instructions.
        here = phases[index, n, 1 + skipped :]
        # Before the first phase comes the last, a sample of the line earlier.
        before = phases[index, (n - 1) % every, int(n > 0) + skipped :]
        for m in range(heard):
            delayed[m] = early * here[m] + late * before[m]
        for node in range(nodes):
            weight = number(weights[node, index])
            row = field[node, first + skipped :]
            for m in range(heard):
                row[m] += weight * delayed[m]


def _receive(field: np.ndarray, every: int) -> np.ndarray:
    """Voltage from the pressures at the distance nodes, which are decimated already."""
    response = receive_spectra(every)
    samples = field.shape[1]
    spectrum = (fft.rfft(field, axis=1) * response).sum(axis=0)
    return fft.irfft(spectrum, samples).astype(np.float32)
