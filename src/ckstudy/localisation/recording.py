"""RF lines of any layout, read in blocks, so that they may be more than fit into memory."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import h5py
import numpy as np

from ckstudy.errors import StudyError

# Squares of what lies beyond would leave the range of float32 when a line is scaled.
SMALLEST, LARGEST = 1e-15, 1e15
_REFUSED = {
    "c": "complex numbers (demodulated, IQ data); the networks take RF lines, before demodulation",
    "b": "truth values",
    "O": "objects",
    "S": "text",
    "U": "text",
    "V": "records of several fields",
}


@dataclass
class Recording:
    """RF lines in an array of any layout, in memory or on the disk; nothing is written to it.

    Parameters
    ----------
    array : ndarray, memmap or h5py.Dataset
        Real numbers with one axis of samples. All other axes count lines, the last of them
        fastest: in (frames, samples, channels), line n is channel n % channels of frame
        n // channels.
    name : str
        What messages call it.
    sampling_rate_hz : float, optional
        Where the file says it.
    samples_axis : int, optional
        Which axis holds the samples. By default the last of two; an array with one axis, or with
        two of which one has a single entry, is one line; with more it has to be said.
    transposed : bool
        Whether the array's axes are stored in reverse order, as MATLAB's are in HDF5:
        ``samples_axis`` and the order of the lines are those of the array as MATLAB shows it.
    close : callable, optional
        Closes the file.

    Attributes
    ----------
    lines, samples : int

    Raises
    ------
    StudyError
        Where the array holds something else than real numbers, is empty, or its layout is unknown.
    """

    array: Any
    name: str
    sampling_rate_hz: float | None = None
    samples_axis: int | None = None
    transposed: bool = False
    close: Callable[[], None] = field(default=lambda: None, repr=False)

    def __post_init__(self) -> None:
        kind = self.array.dtype.kind
        if kind not in "fiu":
            raise StudyError(
                f"{self.name} holds {_REFUSED.get(kind, f'values of type {self.array.dtype}')}; "
                "give RF samples as real numbers"
            )
        axis = self._sample_axis()
        shape = self.array.shape
        others = [i for i in range(len(shape)) if i != axis]
        self._axis = axis
        self._line_axes = others[::-1] if self.transposed else others
        self.samples = int(shape[axis])
        self.lines = int(np.prod([shape[i] for i in others], dtype=np.int64))
        if not self.samples or not self.lines:
            raise StudyError(f"{self.name} is empty: its shape is {self.shape}")

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape, as its user sees it."""
        return self.array.shape[::-1] if self.transposed else self.array.shape

    @property
    def integers(self) -> bool:
        """Whether the samples are whole numbers, as converters give them."""
        return self.array.dtype.kind in "iu"

    def _sample_axis(self) -> int:
        """Which axis of the stored array holds the samples."""
        dimensions = len(self.shape)
        if dimensions == 0:
            raise StudyError(f"{self.name} is a single number; give lines of samples")
        axis = self.samples_axis
        if axis is None:
            if dimensions > 2:
                raise StudyError(
                    f"{self.name} has the shape {self.shape}: say which of its {dimensions} axes "
                    f"holds the samples, from 0 to {dimensions - 1} (--samples-axis); "
                    "all others then count lines"
                )
            # A column is one line too: a line of a single sample is no line.
            axis = 0 if dimensions == 2 and self.shape[1] == 1 else dimensions - 1
        if not -dimensions <= axis < dimensions:
            raise StudyError(
                f"{self.name} has the shape {self.shape}: there is no axis {axis}; "
                f"--samples-axis goes from 0 to {dimensions - 1}"
            )
        axis %= dimensions
        return dimensions - 1 - axis if self.transposed else axis

    def read(self, first: int, last: int) -> np.ndarray:
        """Lines ``first`` to ``last - 1`` as (n, samples) float32.

        Raises
        ------
        StudyError
            Where a sample is not finite or beyond what float32 can square, or the file ends early.
        """
        last = min(last, self.lines)
        try:
            block = self._take(first, last)
        except OSError as error:
            raise StudyError(f"{self.name} cannot be read to its end: {error}") from None
        with np.errstate(over="ignore"):
            rf = np.array(block, dtype=np.float32, order="C")  # a copy: the input is not ours
        self._check(rf, block, first)
        return rf

    def _take(self, first: int, last: int) -> np.ndarray:
        if self.array.ndim == 1:
            return np.asarray(self.array[...])[np.newaxis]
        if self.array.ndim == 2:
            if self._axis == 1:
                return np.asarray(self.array[first:last])
            return np.asarray(self.array[:, first:last]).T
        sizes = [self.array.shape[i] for i in self._line_axes]
        block = np.empty((last - first, self.samples), self.array.dtype)
        for row, line in enumerate(range(first, last)):
            index: list[Any] = [slice(None)] * self.array.ndim
            for axis, place in zip(self._line_axes, np.unravel_index(line, sizes), strict=True):
                index[axis] = int(place)
            block[row] = self.array[tuple(index)]
        return block

    def _check(self, rf: np.ndarray, block: np.ndarray, first: int) -> None:
        if not np.isfinite(rf).all():
            row, sample = np.argwhere(~np.isfinite(rf))[0]
            value = block[row, sample]
            raise StudyError(
                f"{self.name}: sample {sample} of line {first + row} is {value}, which is not a "
                "number that a network can take; leave the line out, or mend the sample"
            )
        # Of the block, in which small numbers are not yet rounded to nothing.
        largest = np.maximum(block.max(axis=1).astype(float), -block.min(axis=1).astype(float))
        wrong = (largest > LARGEST) | ((largest > 0) & (largest < SMALLEST))
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise StudyError(
                f"{self.name}: line {first + row} reaches {largest[row]:.3g}; give it in a unit "
                f"that makes its largest value {SMALLEST:g} to {LARGEST:g}, such as volts or counts"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def recording_of(rf: Any, samples_axis: int | None = None) -> Recording:
    """An array, memmap or open HDF5 dataset as a :class:`Recording`.

    Raises
    ------
    StudyError
        As :class:`Recording`, for rows of unequal length, and for an array that is masked in parts.
    """
    if np.ma.is_masked(rf):
        raise StudyError(
            "parts of the array are masked, and a network hears every sample; fill them first, "
            "for example with zeros: rf.filled(0)"
        )
    try:
        array = rf if isinstance(rf, np.ndarray | h5py.Dataset) else np.asarray(rf)
    except ValueError as error:
        raise StudyError(f"the lines are no array: {error}") from None
    return Recording(array, "the array", samples_axis=samples_axis)
