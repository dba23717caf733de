"""``ckstudy.predict`` and ``ckstudy.localise``: a trained network on RF lines as recorded.

Both scale the lines as the network was trained, bring them to its rate and take a block of them
at a time, so that memory does not grow with their number.
"""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from ckstudy.acoustics.constants import SOUND_SPEED
from ckstudy.devices.memory import check_memory
from ckstudy.devices.torch_device import resolve_device
from ckstudy.errors import StudyError
from ckstudy.localisation.calibration import TOLERANCE, calibrated_threshold
from ckstudy.localisation.detections import find_detections
from ckstudy.localisation.half_samples import PER_SAMPLE, predict_at_half_samples
from ckstudy.localisation.likeness import LOOK_AT, unlike_training
from ckstudy.localisation.readers import open_recording
from ckstudy.localisation.recording import Recording, recording_of
from ckstudy.localisation.resample import SOUND_SPEEDS, Grid, check_rate
from ckstudy.networks import Localiser
from ckstudy.networks.predict import predict_lines
from ckstudy.networks.release import load_model

BATCH = 16
BATCH_SAMPLES = 2**18  # a network's memory grows with the samples that it sees at a time
BATCHES = 8  # read at a time
LOOK_AT_SAMPLES = 2**22


@dataclass(frozen=True)
class Localisation:
    """What turns the lines of a recording into detections.

    Attributes
    ----------
    network : Localiser
    threshold : float
    speed_of_sound : float
        In m/s.
    start_us : float
        Time after transmission of a line's first sample, in µs.
    half_samples : bool
        Whether the network is asked between its samples too.
    """

    network: Localiser
    threshold: float
    speed_of_sound: float = SOUND_SPEED
    start_us: float = 0.0
    half_samples: bool = False

    def __post_init__(self) -> None:
        for name, value in (
            ("threshold", self.threshold),
            ("time of the first sample", self.start_us),
        ):
            if not math.isfinite(value):
                raise StudyError(f"the {name} is {value}; give a finite number")
        low, high = SOUND_SPEEDS
        if not low <= self.speed_of_sound <= high:
            raise StudyError(
                f"the speed of sound is {self.speed_of_sound:g} m/s; give {low:g} to {high:g}"
            )

    def blocks(
        self, recording: Recording, grid: Grid, *, batch_size: int = BATCH, progress: bool = True
    ) -> Iterator[tuple[np.ndarray, pd.DataFrame]]:
        """Blocks of lines, (n, samples), with their detections, in order."""
        for first, rf, prediction in predict_blocks(
            self.network,
            recording,
            grid,
            half_samples=self.half_samples,
            batch_size=batch_size,
            progress=progress,
        ):
            yield (
                rf,
                find_detections(
                    prediction,
                    self.threshold,
                    grid.finer(PER_SAMPLE) if self.half_samples else grid,
                    first_line=first,
                    speed_of_sound=self.speed_of_sound,
                    start_us=self.start_us,
                ),
            )


def predict(
    model: str | Path | Localiser,
    rf: Any,
    *,
    sampling_rate_hz: float | None = None,
    samples_axis: int | None = None,
    half_samples: bool = False,
    batch_size: int = BATCH,
    device: torch.device | str | None = None,
) -> np.ndarray:
    """The localisation signal of RF lines: it peaks where the echo of a bubble starts.

    Parameters
    ----------
    model : str, Path or Localiser
        The name of a shipped network such as ``"best"``, the path of a released one, or one that
        :func:`ckstudy.load_model` loaded.
    rf : array, h5py.Dataset, path or Recording
        Lines of RF samples as they were recorded, not scaled: (lines, samples), or (samples,) for
        one; a path is opened by :func:`ckstudy.localisation.readers.open_recording`.
    sampling_rate_hz : float, optional
        15e6 to 250e6; needed where a file does not say it.
    samples_axis : int, optional
        Which axis holds the samples; by default the last of two.
    half_samples : bool
        Ask the network between its samples too, for twice the work: see
        :mod:`ckstudy.localisation.half_samples`.
    batch_size : int
        Lines that the network sees at a time, fewer where they are long.
    device : torch.device or {"auto", "cpu", "cuda"}, optional
        Where to compute; by default where the network is.

    Returns
    -------
    ndarray, (lines, M) float32, or (M,) for one line of one axis
        At the network's rate (``network.sampling_rate_hz``). M is the number of samples of ``rf``
        where the rates agree; otherwise the signal was resampled, and sample m is the time m
        divided by the network's rate. With ``half_samples`` at twice that rate.

    Raises
    ------
    StudyError
        For an unknown model, a rate outside 15 to 250 MHz, samples that are not finite, complex
        numbers, empty or too short lines.

    Examples
    --------
    >>> import numpy as np
    >>> from ckstudy import build_network, predict
    >>> network = build_network("ckcnn", kernel_size=9, channels=2, seed=0)
    >>> rf = np.random.default_rng(0).normal(size=(3, 500)).astype(np.float32)
    >>> predict(network, rf, sampling_rate_hz=62.5e6).shape
    (3, 500)
    """
    network = _network(model, device)
    with _opened(rf, samples_axis) as recording:
        grid = prepare(network, recording, sampling_rate_hz)
        samples = (grid.finer(PER_SAMPLE) if half_samples else grid).network_samples
        found = np.empty((recording.lines, samples), np.float32)
        for first, _, prediction in predict_blocks(
            network, recording, grid, half_samples=half_samples, batch_size=batch_size
        ):
            found[first : first + len(prediction)] = prediction
        return found[0] if len(recording.shape) == 1 else found


def localise(
    model: str | Path | Localiser,
    rf: Any,
    *,
    sampling_rate_hz: float | None = None,
    samples_axis: int | None = None,
    threshold: float | None = None,
    tolerance: int = TOLERANCE,
    speed_of_sound: float = SOUND_SPEED,
    start_us: float = 0.0,
    half_samples: bool = False,
    batch_size: int = BATCH,
    device: torch.device | str | None = None,
) -> pd.DataFrame:
    """Find the bubbles in RF lines.

    Parameters
    ----------
    model, rf, sampling_rate_hz, samples_axis, half_samples, batch_size, device
        As in :func:`predict`.
    threshold : float, optional
        By default the one that the model was calibrated with, see
        :func:`ckstudy.localisation.calibration.calibrated_threshold`.
    tolerance : int
        In samples of the network's rate, 0 to 9: which of the calibrated thresholds.
    speed_of_sound : float
        In m/s, for depths.
    start_us : float
        Time after transmission at which a line's first sample was taken, in µs.

    Returns
    -------
    DataFrame
        A row a detection: ``line``, ``sample`` (nearest of the recorded line), ``time_us``,
        ``depth_mm``, ``score``.

    Warns
    -----
    UserWarning
        Where the lines look unlike those that the network was trained on.

    Raises
    ------
    StudyError
        As :func:`predict`; where the model has no calibration and ``threshold`` is not given.

    Examples
    --------
    >>> import numpy as np
    >>> from ckstudy import build_network, localise
    >>> network = build_network("ckcnn", kernel_size=9, channels=2, seed=0)
    >>> rf = np.random.default_rng(0).normal(size=(3, 500)).astype(np.float32)
    >>> found = localise(network, rf, sampling_rate_hz=62.5e6, threshold=0.5)
    >>> list(found.columns)
    ['line', 'sample', 'time_us', 'depth_mm', 'score']
    """
    network = _network(model, device)
    if threshold is None:
        threshold = calibrated_threshold(network, tolerance, half_samples=half_samples)
    how = Localisation(network, threshold, speed_of_sound, start_us, half_samples)
    with _opened(rf, samples_axis) as recording:
        grid = prepare(network, recording, sampling_rate_hz)
        for sentence in look_at(network, recording, grid):
            warnings.warn(sentence, stacklevel=2)
        parts = [found for _, found in how.blocks(recording, grid, batch_size=batch_size)]
    return pd.concat(parts, ignore_index=True)


def prepare(network: Localiser, recording: Recording, sampling_rate_hz: float | None) -> Grid:
    """The grid of a recording's lines; refuses what the network cannot take.

    Raises
    ------
    StudyError
        For a rate that is unknown, outside 15 to 250 MHz, or not what the file says; for lines
        that are too short; for whole numbers where the network takes volts.
    """
    said = recording.sampling_rate_hz
    given = sampling_rate_hz
    if given is not None and said is not None and not math.isclose(given, said, rel_tol=1e-6):
        raise StudyError(
            f"{recording.name} says that its sampling rate is {said / 1e6:g} MHz, not "
            f"{given / 1e6:g} MHz; leave the rate out, or mend the file"
        )
    rate = check_rate(said if sampling_rate_hz is None else sampling_rate_hz)
    grid = Grid.between(rate, network.sampling_rate_hz, recording.samples)
    least = network.padding + 1
    if grid.network_samples < least:
        own = math.ceil(least / grid.ratio)
        other = f"; its shape is {recording.shape}, are the samples along another axis?"
        raise StudyError(
            f"{recording.name} has lines of {recording.samples} samples: too short for this "
            f"network, which needs {own} at {rate / 1e6:g} MHz"
            f"{other if recording.lines > recording.samples else ''}"
        )
    # One line at the least, with what enters and what leaves a layer.
    check_memory(
        8 * grid.network_samples * network.options.get("channels", 1),
        next(network.parameters()).device,
        f"{recording.name}: a line of {recording.samples} samples",
        "cut the lines into shorter ones; are the samples along another axis?",
    )
    if recording.integers and network.input_scaling == "volts":
        raise StudyError(
            f"{recording.name} holds whole numbers ({recording.array.dtype}), but this network "
            "takes volts at the hydrophone: convert counts to volts, or take a network with "
            "input_scaling line_rms, to which the unit does not matter"
        )
    return grid


def look_at(network: Localiser, recording: Recording, grid: Grid) -> list[str]:
    """In what the recording's lines, evenly chosen, are unlike the training lines."""
    many = min(LOOK_AT, max(1, LOOK_AT_SAMPLES // recording.samples))
    chosen = np.unique(np.linspace(0, recording.lines - 1, many).astype(int))
    rf = np.concatenate([recording.read(line, line + 1) for line in chosen])
    return unlike_training(network, grid.resample(rf), grid.sampling_rate_hz)


def predict_blocks(
    network: Localiser,
    recording: Recording,
    grid: Grid,
    *,
    half_samples: bool = False,
    batch_size: int = BATCH,
    progress: bool = True,
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """The first line's number, the lines (n, samples) and their prediction, block by block.

    Memory depends on ``batch_size`` and the length of the lines, not on their number.
    """
    batch = max(1, min(batch_size, BATCH_SAMPLES // grid.network_samples))
    bar = tqdm(
        total=recording.lines,
        unit="line",
        desc="localising",
        disable=None if progress else True,
        leave=False,
    )
    with bar:
        for first in range(0, recording.lines, BATCHES * batch):
            rf = recording.read(first, first + BATCHES * batch)
            if half_samples:
                prediction = predict_at_half_samples(network, rf, grid, batch_size=batch)
            else:
                prediction = predict_lines(
                    network, grid.resample(rf), batch_size=batch, progress=False
                )
            bar.update(len(rf))
            yield first, rf, prediction


def _network(model: str | Path | Localiser, device: torch.device | str | None) -> Localiser:
    network = model if isinstance(model, Localiser) else load_model(model)
    if device is None:
        return network
    return network.to(resolve_device(device) if isinstance(device, str) else device)


@contextmanager
def _opened(rf: Any, samples_axis: int | None) -> Iterator[Recording]:
    """The recording that ``rf`` is, or that it leads to; what is opened here is closed here."""
    if isinstance(rf, Recording):
        yield rf
    elif isinstance(rf, str | Path):
        with open_recording(rf, samples_axis=samples_axis) as recording:
            yield recording
    else:
        yield recording_of(rf, samples_axis)
