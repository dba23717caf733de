"""Frames of channel data in a file: simulated ones, or a user's own.

The readers are those of :mod:`ckstudy.localisation`. What an image needs besides the samples (rate,
elements, start time, speed of sound) comes from the options, or from numbers of these names in the
file (attributes in HDF5, arrays in ``.mat`` and ``.npz``):

====================  ===========================================================
``sampling_rate_hz``  of the lines
``pitch_mm``          distance from element to element, or
``element_x_m``       the lateral position of each
``start_us``          of the first sample, after the plane wave left; 0 by default
``speed_of_sound``    in m/s; 1480 by default
====================  ===========================================================
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from ckstudy.acoustics.constants import SOUND_SPEED
from ckstudy.errors import StudyError
from ckstudy.imaging.array import MOST_ELEMENTS, LinearArray
from ckstudy.imaging.super_resolve import Geometry
from ckstudy.localisation.readers import POSITIONS, open_recording, read_numbers
from ckstudy.localisation.recording import Recording
from ckstudy.localisation.resample import SOUND_SPEEDS, check_rate

LATEST_US = 1e4


@dataclass(frozen=True)
class ChannelData:
    """Frames of (elements, samples), read one at a time; a context manager that closes the file.

    Attributes
    ----------
    recording : Recording
    frames, elements : int
    geometry : Geometry
    frames_first : bool
        Whether the elements of a frame follow each other among the recording's lines.
    """

    recording: Recording
    frames: int
    elements: int
    geometry: Geometry
    frames_first: bool = True

    def frame(self, number: int) -> np.ndarray:
        """One frame, (elements, samples) float32.

        Raises
        ------
        StudyError
            For samples that are not finite, and for a frame that is silent.
        """
        if self.frames_first:
            rf = self.recording.read(number * self.elements, (number + 1) * self.elements)
        else:
            lines = range(number, self.frames * self.elements, self.frames)
            rf = np.concatenate([self.recording.read(line, line + 1) for line in lines])
        if not rf.any():
            raise StudyError(
                f"{self.recording.name}: frame {number} is silent, all its samples are zero; check "
                "the layout and the variable, or leave the frame out"
            )
        return rf

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self.frame(number) for number in range(self.frames))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.recording.close()


def open_channel_data(
    path: str | Path,
    *,
    variable: str | None = None,
    samples_axis: int | None = None,
    elements_axis: int | None = None,
    sampling_rate_hz: float | None = None,
    pitch_mm: float | None = None,
    start_us: float | None = None,
    speed_of_sound: float | None = None,
) -> ChannelData:
    """Open a file of channel data.

    Parameters
    ----------
    path : str or Path
        Of an array (elements, samples) or (frames, elements, samples), see
        :func:`ckstudy.localisation.readers.open_recording`.
    variable : str, optional
        Name of the array inside, where there are several.
    samples_axis, elements_axis : int, optional
        By default the last axis, and the last but one.
    sampling_rate_hz, pitch_mm, start_us, speed_of_sound : float, optional
        What the file does not say.

    Raises
    ------
    StudyError
        For a file that cannot be read, axes that cannot be, and a rate, geometry or speed that is
        missing, impossible, or not what the file says.
    """
    # Where not said, the last: of a line or a frame alone too.
    recording = open_recording(
        path, variable=variable, samples_axis=-1 if samples_axis is None else samples_axis
    )
    try:
        stated = read_numbers(
            path,
            ("pitch_mm", POSITIONS, "start_us", "speed_of_sound"),
            # Of an HDF5 file; an array in memory has no name.
            beside=getattr(recording.array, "name", None),
        )
        frames, elements, first = _layout(recording, samples_axis, elements_axis)
        geometry = Geometry(
            _array(recording, stated, pitch_mm, elements).position,
            check_rate(
                _agreed(recording, "sampling_rate_hz", sampling_rate_hz, recording.sampling_rate_hz)
            ),
            _speed(
                _agreed(recording, "speed_of_sound", speed_of_sound, _one(stated, "speed_of_sound"))
            ),
            _start(_agreed(recording, "start_us", start_us, _one(stated, "start_us"))),
        )
    except BaseException:
        recording.close()
        raise
    return ChannelData(recording, frames, elements, geometry, first)


def _layout(
    recording: Recording, samples_axis: int | None, elements_axis: int | None
) -> tuple[int, int, bool]:
    """Frames, elements, and whether a frame's elements follow each other."""
    name, shape = recording.name, recording.shape
    if len(shape) not in (2, 3):
        raise StudyError(
            f"{name} has the shape {shape}; give elements x samples, or frames x elements x samples"
        )
    dimensions = len(shape)
    samples = (-1 if samples_axis is None else samples_axis) % dimensions
    others = [axis for axis in range(dimensions) if axis != samples]
    axis = others[-1] if elements_axis is None else elements_axis
    if not -dimensions <= axis < dimensions or axis % dimensions == samples:
        raise StudyError(
            f"{name} has the shape {shape}, with the samples along axis {samples}: the elements "
            f"cannot be along axis {axis} (--elements-axis)"
        )
    axis %= dimensions
    elements = shape[axis]
    if elements > shape[samples] and samples_axis is None:
        raise StudyError(
            f"{name} has the shape {shape}: {elements} elements with {shape[samples]} samples "
            f"each? If the samples are along another axis, say which (--samples-axis {axis})"
        )
    if not 2 <= elements <= MOST_ELEMENTS:
        raise StudyError(
            f"{name} has the shape {shape}, which makes {elements} elements; an image needs 2 to "
            f"{MOST_ELEMENTS} (--elements-axis, --samples-axis)"
        )
    return recording.lines // elements, elements, axis == others[-1]


def _one(stated: dict[str, np.ndarray], key: str) -> float | None:
    if key not in stated:
        return None
    if stated[key].size != 1:
        raise StudyError(
            f"the file holds {stated[key].size} numbers called {key}; an image needs one, for all "
            "elements and frames: keep one there"
        )
    return float(stated[key][0])


def _agreed(
    recording: Recording, key: str, given: float | None, stated: float | None
) -> float | None:
    """What is given, or what the file states; both must agree."""
    if given is not None and stated is not None and not math.isclose(given, stated, rel_tol=1e-6):
        raise StudyError(
            f"{recording.name} says that its {key} is {stated:g}, not {given:g}; leave the option "
            "out, or mend the file"
        )
    return stated if given is None else given


def _array(
    recording: Recording, stated: dict[str, np.ndarray], pitch_mm: float | None, elements: int
) -> LinearArray:
    if POSITIONS in stated:
        array = LinearArray.at(stated[POSITIONS], f"{recording.name}, {POSITIONS}")
        if len(array) != elements:
            raise StudyError(
                f"{recording.name} has the positions of {len(array)} elements, but its shape "
                f"{recording.shape} makes {elements}; check the axes (--elements-axis)"
            )
        own = 1e3 * float(np.mean(np.diff(array.position)))
        _agreed(recording, "pitch_mm", pitch_mm, None if pitch_mm is None else round(own, 9))
        return array
    pitch = _agreed(recording, "pitch_mm", pitch_mm, _one(stated, "pitch_mm"))
    if pitch is None:
        raise StudyError(
            "the distance from element to element is not known: say it with --pitch-mm, or keep it "
            "in the file as pitch_mm"
        )
    return LinearArray.of_pitch(elements, pitch)


def _speed(speed: float | None) -> float:
    speed = SOUND_SPEED if speed is None else speed
    low, high = SOUND_SPEEDS
    if not low <= speed <= high:
        raise StudyError(f"the speed of sound is {speed:g} m/s; give {low:g} to {high:g}")
    return speed


def _start(start_us: float | None) -> float:
    start = 0.0 if start_us is None else start_us
    if not abs(start) <= LATEST_US:
        raise StudyError(
            f"the time of the first sample is {start:g} µs; give {-LATEST_US:g} to {LATEST_US:g}"
        )
    return 1e-6 * start
