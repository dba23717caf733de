"""The data set file: RF lines and their bubbles in one HDF5 file a split.

=======================  ==========  ===================================================
``/rf``                  float32     (lines, samples), V
``/bubble_count``        uint8       (lines, samples), bubbles whose echo starts there
``/bubbles/offset``      int64       (lines + 1,), line i owns offset[i]:offset[i + 1] of
``/bubbles/axial_m``     float64     depth of each bubble,
``/bubbles/lateral_m``   float64     its sideways distance,
``/bubbles/radius_m``    float64     its radius at rest,
``/bubbles/arrival_s``   float64     and the time at which its echo starts
``/pressure``            float64     (lines,), peak of the transmitted pulse, Pa
``/line_number``         int64       (lines,)
=======================  ==========  ===================================================

Root attributes: ``format``, ``format_version``, ``sampling_rate_hz``, ``parameters`` and
``provenance`` (both JSON). Every dataset has its unit as the attribute ``unit``. The file holds
no dates, so that the same lines make the same bytes.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from ckstudy.errors import StudyError
from ckstudy.files import atomic_path, cannot_write

FORMAT = "ckstudy-lines"
FORMAT_VERSION = 1

_BUBBLE_UNITS = {"axial_m": "m", "lateral_m": "m", "radius_m": "m", "arrival_s": "s"}
_LINE_FIELDS = {
    "rf": ("V", np.float32, 2),
    "bubble_count": ("1", np.uint8, 2),
    "pressure": ("Pa", np.float64, 1),
    "line_number": ("1", np.int64, 1),
}
_BLOCK_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Bubbles:
    """The bubbles of some lines; line i owns ``offset[i]:offset[i + 1]`` of the other arrays.

    Attributes
    ----------
    offset : (lines + 1,) int64
    axial_m, lateral_m, radius_m, arrival_s : (bubbles,) float64
    """

    offset: np.ndarray
    axial_m: np.ndarray
    lateral_m: np.ndarray
    radius_m: np.ndarray
    arrival_s: np.ndarray

    def of_line(self, index: int) -> dict[str, np.ndarray]:
        """The arrays of the ``index``-th line, by name."""
        own = slice(self.offset[index], self.offset[index + 1])
        return {name: getattr(self, name)[own] for name in _BUBBLE_UNITS}


@dataclass(frozen=True)
class Lines:
    """RF lines in memory.

    Attributes
    ----------
    rf : (lines, samples) float32
        Voltage in V.
    bubble_count : (lines, samples) uint8
        Bubbles whose echo starts at the sample.
    bubbles : Bubbles
        Positions, radii and arrival times; without bubbles where the file does not know them.
    pressure : (lines,) float64
        Peak pressure of the transmitted pulse in Pa.
    line_number : (lines,) int64
    sampling_rate_hz : float
    attributes : dict
        The file's ``parameters`` and ``provenance``, parsed.
    """

    rf: np.ndarray
    bubble_count: np.ndarray
    bubbles: Bubbles
    pressure: np.ndarray
    line_number: np.ndarray
    sampling_rate_hz: float
    attributes: dict = field(default_factory=dict)

    def __len__(self) -> int:
        return self.rf.shape[0]

    @property
    def bubbles_per_line(self) -> np.ndarray:
        """Number of labelled bubbles of each line, (lines,) int64."""
        return self.bubble_count.sum(axis=1, dtype=np.int64)


def read_lines(path: str | Path, rows: slice | Sequence[int] | None = None) -> Lines:
    """Read lines into memory.

    Parameters
    ----------
    path : path of a data set file
    rows : slice, sequence of indices in any order, or None
        Which lines, by their place in the file; None for all.

    Raises
    ------
    StudyError
        Where the file is missing, truncated, of another kind, or has no such rows; where a sample
        is not finite, or all are zero though there are bubbles.

    Examples
    --------
    Two lines that are simulated into a file, and the second of them read:

    >>> from ckstudy import read_lines
    >>> from ckstudy.acoustics.simulate_dataset import simulate_dataset
    >>> from ckstudy.acoustics.specification import SimulationSpec
    >>> spec = SimulationSpec(lines=2, bubbles=(10, 20))
    >>> simulate_dataset(spec, folder / "train.h5", processes=1)
    >>> lines = read_lines(folder / "train.h5", [1])
    >>> lines.rf.shape, lines.line_number
    ((1, 8446), array([1]))
    >>> int(lines.bubbles_per_line[0]) == lines.bubbles.radius_m.size
    True
    """
    with _open(path) as file:
        total = file["rf"].shape[0]
        chosen = _row_indices(rows, total, path)
        arrays = {name: _take(file[name], chosen) for name in _LINE_FIELDS}
        lines = Lines(
            bubbles=_take_bubbles(file["bubbles"], chosen),
            sampling_rate_hz=float(file.attrs["sampling_rate_hz"]),
            attributes={
                name: json.loads(file.attrs[name]) for name in ("parameters", "provenance")
            },
            **arrays,
        )
    _check_signal(lines, path)
    return lines


def data_shape(path: str | Path) -> tuple[int, int]:
    """Numbers of lines and of samples in a file; raises as :func:`read_lines`."""
    with _open(path) as file:
        lines, samples = file["rf"].shape
    return int(lines), int(samples)


def data_hash(path: str | Path) -> str:
    """SHA-256 of the contents of ``rf`` and ``bubble_count``: what a network is trained on.

    Raises
    ------
    StudyError
        As :func:`read_lines`.
    """
    digest = hashlib.sha256()
    with _open(path) as file:
        for name in ("rf", "bubble_count"):
            dataset = file[name]
            digest.update(f"{name} {dataset.dtype.str} {dataset.shape}".encode())
            line_bytes = dataset.shape[1] * dataset.dtype.itemsize
            lines = max(1, _BLOCK_BYTES // max(1, line_bytes))
            for start in range(0, dataset.shape[0], lines):
                digest.update(np.ascontiguousarray(dataset[start : start + lines]).data)
    return digest.hexdigest()


def write_lines(
    path: str | Path,
    blocks: Iterable[Lines],
    *,
    lines: int,
    samples: int,
    bubbles: int,
    sampling_rate_hz: float,
    parameters: dict,
    provenance: dict,
) -> None:
    """Write a data set file atomically from blocks of lines, one in memory at a time.

    Parameters
    ----------
    path : path of the file to write
    blocks : iterable of Lines
        In order; together they must hold ``lines`` lines and ``bubbles`` bubbles.
    lines, samples, bubbles : int
        Sizes of the whole file.
    sampling_rate_hz : float
    parameters, provenance : dict
        JSON values that say what was asked for, and what made the file.

    Raises
    ------
    StudyError
        Where the file cannot be written.
    """
    try:
        with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
            file.attrs["sampling_rate_hz"] = float(sampling_rate_hz)
            file.attrs["parameters"] = json.dumps(parameters, sort_keys=True)
            file.attrs["provenance"] = json.dumps(provenance, sort_keys=True)
            _fill(file, blocks, lines, samples, bubbles)
    except OSError as error:
        raise StudyError(cannot_write(error, path)) from None


def _fill(file: h5py.File, blocks: Iterable[Lines], lines: int, samples: int, bubbles: int) -> None:
    """Write the datasets of an empty ``file``."""
    file.attrs["format"] = FORMAT
    file.attrs["format_version"] = FORMAT_VERSION
    for name, (unit, dtype, dimensions) in _LINE_FIELDS.items():
        shape = (lines, samples) if dimensions == 2 else (lines,)
        file.create_dataset(name, shape, dtype).attrs["unit"] = unit
    group = file.create_group("bubbles")
    group.create_dataset("offset", (lines + 1,), np.int64).attrs["unit"] = "1"
    for name, unit in _BUBBLE_UNITS.items():
        group.create_dataset(name, (bubbles,), np.float64).attrs["unit"] = unit

    line = bubble = 0
    for block in blocks:
        own = slice(line, line + len(block))
        count = int(block.bubbles.offset[-1])
        for name in _LINE_FIELDS:
            file[name][own] = getattr(block, name)
        group["offset"][line + 1 : line + len(block) + 1] = bubble + block.bubbles.offset[1:]
        for name in _BUBBLE_UNITS:
            group[name][bubble : bubble + count] = getattr(block.bubbles, name)
        line, bubble = own.stop, bubble + count
    if (line, bubble) != (lines, bubbles):
        raise ValueError(f"wrote {line} lines, {bubble} bubbles of {lines}, {bubbles}")


@contextmanager
def damage_as_os_error() -> Iterator[None]:
    """Raise what h5py raises of a damaged object as the OSError that it raises of most others."""
    try:
        yield
    except StudyError:  # a ValueError too, and said already
        raise
    except (KeyError, RuntimeError, ValueError) as error:
        raise OSError(str(error)) from None


@contextmanager
def _open(path: str | Path) -> Iterator[h5py.File]:
    path = Path(path)
    if not path.is_file():
        raise StudyError(f"there is no data set file {path}: make it with ckstudy simulate")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        # HDF5's own words ("truncated file: eof = ...") are the telling part of its message.
        reason = str(error).rsplit("(", 1)[-1].rstrip(")")
        raise StudyError(
            f"{path} cannot be read as HDF5 ({reason}): it is damaged, or no data set of ckstudy; "
            "ckstudy simulate makes those"
        ) from None
    with file:
        try:
            with damage_as_os_error():
                _check(file, path)
            yield file
        except OSError as error:
            raise StudyError(f"{path} cannot be read to its end: {error}") from None


def _check(file: h5py.File, path: Path) -> None:
    """Raise a StudyError where ``file`` is not a whole data set file of this version."""
    if _text(file.attrs.get("format")) != FORMAT:
        raise StudyError(f"{path} is an HDF5 file, but not a data set of ckstudy")
    version = file.attrs.get("format_version")
    if version != FORMAT_VERSION:
        raise StudyError(
            f"{path} has format version {version}; this ckstudy reads version {FORMAT_VERSION}: "
            "make the file again with ckstudy simulate"
        )
    names = [*_LINE_FIELDS, "bubbles/offset", *(f"bubbles/{name}" for name in _BUBBLE_UNITS)]
    missing = [name for name in names if not isinstance(file.get(name), h5py.Dataset)]
    missing += [
        name for name in ("sampling_rate_hz", "parameters", "provenance") if name not in file.attrs
    ]
    if missing:
        raise StudyError(f"{path} is incomplete: it lacks {', '.join(missing)}; make it again")
    forms = {name: (dtype, dimensions) for name, (_, dtype, dimensions) in _LINE_FIELDS.items()}
    forms["bubbles/offset"] = (np.int64, 1)
    forms |= {f"bubbles/{name}": (np.float64, 1) for name in _BUBBLE_UNITS}
    wrong = [name for name, form in forms.items() if (file[name].dtype, file[name].ndim) != form]
    if wrong:
        raise StudyError(f"{path} has {', '.join(wrong)} of another type or shape; make it again")
    _check_attributes(file.attrs, path)
    lines = file["rf"].shape[0]
    fits = file["rf"].shape == file["bubble_count"].shape and all(
        file[name].shape[0] == size
        for name, size in (
            ("pressure", lines),
            ("line_number", lines),
            ("bubbles/offset", lines + 1),
        )
    )
    if not fits or not _offsets_fit(file["bubbles"]):
        raise StudyError(f"the parts of {path} do not fit together; make it again")


def _offsets_fit(bubbles: h5py.Group) -> bool:
    """Whether the offsets share out all bubbles among the lines, in order."""
    offset = bubbles["offset"][:]
    shapes = {bubbles[name].shape for name in _BUBBLE_UNITS}
    return shapes == {(offset[-1],)} and offset[0] == 0 and bool((np.diff(offset) >= 0).all())


def _check_attributes(attributes: h5py.AttributeManager, path: Path) -> None:
    rate = attributes["sampling_rate_hz"]
    number = isinstance(rate, int | float | np.integer | np.floating)
    if not (number and np.isfinite(rate) and rate > 0):
        raise StudyError(f"{path} has the sampling rate {rate} Hz: it must be a positive number")
    for name in ("parameters", "provenance"):
        try:
            found = json.loads(attributes[name])
        except (TypeError, ValueError):
            found = None
        if not isinstance(found, dict):
            raise StudyError(f"{path}: its attribute {name!r} is no JSON object; make it again")


def _check_signal(lines: Lines, path: str | Path) -> None:
    """Raise a StudyError for samples that no hydrophone and no simulator gives."""
    if not np.isfinite(lines.rf).all():
        line, sample = np.argwhere(~np.isfinite(lines.rf))[0]
        value = lines.rf[line, sample]
        raise StudyError(f"{path}: sample {sample} of line {line} is {value}, not a finite number")
    numbers = {"pressure": lines.pressure}
    numbers |= {name: getattr(lines.bubbles, name) for name in _BUBBLE_UNITS}
    for name, values in numbers.items():
        if not np.isfinite(values).all():
            raise StudyError(f"{path}: {name} has values that are not finite; make it again")
    if lines.rf.size and not lines.rf.any() and lines.bubble_count.any():
        raise StudyError(f"{path}: every line is silent, though they have bubbles")


def _text(value: bytes | str | None) -> str | None:
    return value.decode() if isinstance(value, bytes) else value


def _row_indices(
    rows: slice | Sequence[int] | None, total: int, path: str | Path
) -> np.ndarray | slice:
    if rows is None:
        return slice(0, total)
    if isinstance(rows, slice):
        start, stop, step = rows.indices(total)
        if step == 1:
            return slice(start, max(start, stop))
        return np.arange(start, stop, step)
    chosen = np.asarray(rows, dtype=np.int64).reshape(-1)
    if chosen.size and not (-total <= chosen.min() and chosen.max() < total):
        raise StudyError(
            f"{path} has {total} lines: rows {chosen.min()} to {chosen.max()} asked for"
        )
    return chosen % total if total else chosen


def _take(dataset: h5py.Dataset, rows: np.ndarray | slice) -> np.ndarray:
    if isinstance(rows, slice):
        return dataset[rows]
    # HDF5 wants increasing indices without repetition.
    unique, inverse = np.unique(rows, return_inverse=True)
    return dataset[unique][inverse]


def _take_bubbles(group: h5py.Group, rows: np.ndarray | slice) -> Bubbles:
    offset = group["offset"][:]
    if isinstance(rows, slice):
        own = slice(int(offset[rows.start]), int(offset[rows.stop]))
        chosen = offset[rows.start : rows.stop + 1] - offset[rows.start]
        return Bubbles(chosen, **{name: group[name][own] for name in _BUBBLE_UNITS})
    counts = np.diff(offset)[rows]
    chosen = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    places = np.repeat(offset[rows] - chosen[:-1], counts) + np.arange(chosen[-1])
    return Bubbles(chosen, **{name: group[name][:][places] for name in _BUBBLE_UNITS})
