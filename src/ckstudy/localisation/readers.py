"""Opening RF lines in the files that people keep them in; nothing is unpickled, nothing written.

===================  ==========================================  =============================
file                 what is read                                memory
===================  ==========================================  =============================
``.npy``             the array                                   a block at a time
``.npz``             the array, or the one that is named         the whole array
``.mat`` up to v7    the matrix, or the one that is named        the whole matrix
``.mat`` v7.3        the same, with MATLAB's order of axes       a block at a time
``.h5``, ``.hdf5``   the dataset, or the one that is named;      a block at a time
                     ``rf`` of this study's own files
``.csv``, ``.txt``   numbers between commas, semicolons, tabs    the whole table
                     or spaces; ``#`` begins a comment
===================  ==========================================  =============================

A file's kind is told by its first bytes, and by its name only where these do not tell: HDF5 that is
called ``.mat`` has MATLAB's order of axes. A sampling rate in Hz is taken from a number called
``sampling_rate_hz`` beside the array: in an ``.npz`` or ``.mat`` another array, in HDF5 an
attribute of the dataset, its group or the file, or a dataset in one of the two.
"""

import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.io

from ckstudy.errors import StudyError
from ckstudy.localisation.recording import Recording

RATE = "sampling_rate_hz"
POSITIONS = "element_x_m"  # of an array's elements; beside the lines, and never taken for them
KINDS = ".npy, .npz, .mat, HDF5 (.h5, .hdf5), or numbers as text (.csv, .tsv, .txt, .dat)"
_TEXT = (".csv", ".tsv", ".txt", ".dat", ".asc")
_OWN_FORMATS = ("ckstudy-lines", "ckstudy-frames")


def open_recording(
    path: str | Path, *, variable: str | None = None, samples_axis: int | None = None
) -> Recording:
    """Open a file of RF lines for reading; a context manager that closes it.

    Parameters
    ----------
    path : str or Path
    variable : str, optional
        Name of the array inside, such as ``rf`` or ``group/rf``; needed where there are several.
    samples_axis : int, optional
        As in :class:`~ckstudy.localisation.recording.Recording`.

    Raises
    ------
    StudyError
        Where the file is missing, of no known kind, truncated, has no such variable or several,
        or holds something else than real numbers.
    """
    path = Path(path)
    kind = _kind(path)
    if kind in ("npy", "text") and variable is not None:
        raise StudyError(f"{path} holds one array without a name; leave out --variable")
    if kind == "npy":
        return Recording(_memory_map(path), str(path), None, samples_axis)
    if kind == "text":
        return Recording(_table(path), str(path), None, samples_axis)
    if kind == "hdf5":
        return _open_hdf5(path, variable, samples_axis)
    arrays = _npz(path, variable) if kind == "npz" else _mat(path, variable)
    (name, array), rate = arrays
    return Recording(array, f"{path}, {name}", rate, samples_axis)


def read_numbers(
    path: str | Path, names: Collection[str], beside: str | None = None
) -> dict[str, np.ndarray]:
    """Numbers that a file states beside its lines, by name, as float64; those that it has.

    In an ``.npz`` or ``.mat`` these are other arrays, in HDF5 attributes of the dataset ``beside``,
    of its group or of the file, or datasets in that group or at the top.

    Raises
    ------
    StudyError
        Where a file cannot be read, or what has such a name is no finite number.
    """
    path = Path(path)
    kind = _kind(path)
    found: dict[str, Any] = {}
    try:
        if kind == "hdf5":
            with h5py.File(path, "r") as file:
                data = file if beside is None else file[beside]
                stated = {name: _stated(data, name) for name in names}
                found = {name: value for name, value in stated.items() if value is not None}
        elif kind == "npz":
            with np.load(path, allow_pickle=False) as stored:
                found = {name: stored[name] for name in names if name in stored.files}
        elif kind == "mat":
            loaded = scipy.io.loadmat(path, variable_names=list(names))
            found = {name: loaded[name] for name in names if name in loaded}
    except Exception as error:  # scipy raises half a dozen kinds for a damaged file
        raise _damaged(path, error) from None
    numbers = {}
    for name, value in found.items():
        try:
            numbers[name] = np.asarray(value, dtype=np.float64).reshape(-1)
        except (TypeError, ValueError):
            numbers[name] = np.array([np.nan])
        if not (numbers[name].size and np.isfinite(numbers[name]).all()):
            raise StudyError(f"{path} says that {name} is {value!r}; it must be finite numbers")
    return numbers


def _kind(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            start = file.read(8)
    except FileNotFoundError:
        raise StudyError(f"there is no file {path}") from None
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}") from None
    if not start:
        raise StudyError(f"{path} is empty: it has no bytes")
    suffix = path.suffix.lower()
    if start.startswith(b"\x93NUMPY"):
        return "npy"
    if start.startswith(b"PK"):
        return "npz"
    if h5py.is_hdf5(path):
        return "hdf5"
    if start.startswith(b"MATLAB") or suffix == ".mat":
        return "mat"
    if suffix in _TEXT:
        return "text"
    if suffix in (".npy", ".npz", ".h5", ".hdf5"):
        raise StudyError(f"{path} is no {suffix} file, or damaged at its start")
    raise StudyError(f"{path} is of no known kind; give {KINDS}")


def _damaged(path: Path, error: Exception) -> StudyError:
    said = " ".join(str(error).split()) or type(error).__name__
    return StudyError(f"{path} cannot be read; is it whole? ({said})")


def _memory_map(path: Path) -> np.ndarray:
    try:
        # A pickle could run any code: objects are refused.
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        if "Python objects" in str(error) or "allow_pickle" in str(error):
            raise StudyError(
                f"{path} holds pickled Python objects, which ckstudy does not load: loading them "
                "could run any program; save the RF lines as an array of numbers"
            ) from None
        raise _damaged(path, error) from None


def _npz(path: Path, variable: str | None) -> tuple[tuple[str, np.ndarray], float | None]:
    try:
        with np.load(path, allow_pickle=False) as file:
            shapes = {name: _npz_shape(file, name) for name in file.files}
            name = _choose(path, shapes, variable)
            rate = np.asarray(file[RATE]) if RATE in shapes else None
            return (name, file[name]), _rate(path, rate)
    except StudyError:
        raise
    except (ValueError, EOFError, OSError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        if "allow_pickle" in str(error):
            raise StudyError(
                f"{path} holds pickled Python objects, which ckstudy does not load; save the RF "
                "lines as an array of numbers"
            ) from None
        raise _damaged(path, error) from None


def _npz_shape(file: Any, name: str) -> tuple[int, ...]:
    """Shape of a member, from its header alone."""
    with file.zip.open(f"{name}.npy") as member:
        version = np.lib.format.read_magic(member)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in read:
            return np.asarray(file[name]).shape
        return read[version](member)[0]


def _mat(path: Path, variable: str | None) -> tuple[tuple[str, np.ndarray], float | None]:
    try:
        shapes = {
            name: shape
            for name, shape, kind in scipy.io.whosmat(path)
            if kind not in ("cell", "struct", "object", "char", "function", "sparse", "opaque")
        }
        name = _choose(path, shapes, variable)
        wanted = [name, *([RATE] if RATE in shapes else [])]
        found = scipy.io.loadmat(path, variable_names=wanted)
        return (name, found[name]), _rate(path, found.get(RATE))
    except StudyError:
        raise
    except Exception as error:  # scipy raises half a dozen kinds for a damaged file
        raise _damaged(path, error) from None


def _open_hdf5(path: Path, variable: str | None, samples_axis: int | None) -> Recording:
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise _damaged(path, error) from None
    try:
        datasets: dict[str, h5py.Dataset] = {}

        def keep(name: str, found: object) -> None:
            if isinstance(found, h5py.Dataset) and not name.startswith("#"):
                datasets[name] = found

        file.visititems(keep)
        own = file.attrs.get("format")
        own = own.decode() if isinstance(own, bytes) else own
        if own in _OWN_FORMATS and variable is None and "rf" in datasets:
            variable = "rf"
        numbers = {name: data.shape for name, data in datasets.items() if data.dtype.kind in "fiuc"}
        # MATLAB keeps complex numbers as records, and says of which class a matrix is.
        numbers |= {
            name: data.shape
            for name, data in datasets.items()
            if data.dtype.names == ("real", "imag")
        }
        numbers = {
            name: shape
            for name, shape in numbers.items()
            if datasets[name].attrs.get("MATLAB_class", b"double") not in (b"char", b"cell")
        }
        matlab = path.suffix.lower() == ".mat"
        if matlab:
            numbers = {name: shape[::-1] for name, shape in numbers.items()}
        name = _choose(path, numbers, variable)
        data = datasets[name]
        if data.dtype.names:
            raise StudyError(
                f"{path}, {name} holds complex numbers (demodulated, IQ data); the networks take "
                "RF lines, before demodulation"
            )
        return Recording(
            data,
            f"{path}, {name}",
            _rate(path, _stated(data, RATE)),
            samples_axis,
            transposed=matlab,
            close=file.close,
        )
    except StudyError:
        file.close()
        raise
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        file.close()
        raise _damaged(path, error) from None


def _stated(data: h5py.Dataset | h5py.File, name: str) -> Any:
    """A number that is called ``name`` and stands nearest to ``data``; None without one."""
    for place in (data, data.parent, data.file):
        if name in place.attrs:
            return place.attrs[name]
        if isinstance(place, h5py.Group) and isinstance(place.get(name), h5py.Dataset):
            return place[name][...]
    return None


def _table(path: Path) -> np.ndarray:
    try:
        with open(path, encoding="utf-8-sig") as file:
            first = next((row for line in file if (row := line.split("#")[0]).strip()), "")
            # Where something else divides the columns and there is no point, a comma is the
            # decimal sign.
            marks = (",", ";", "\t") if "." in first else (";", "\t", ",")
            delimiter = next((mark for mark in marks if mark in first), None)
            comma = delimiter != "," and "," in first
            file.seek(0)
            table = np.loadtxt(
                (line.replace(",", ".") for line in file) if comma else file,
                dtype=np.float64,
                delimiter=delimiter,
                ndmin=2,
            )
    except UnicodeDecodeError:
        raise StudyError(f"{path} is no text in UTF-8; give {KINDS}") from None
    except ValueError as error:
        raise StudyError(
            f"{path} is no table of numbers with rows of equal length ({error}); put # before "
            "headings, or delete them in a copy"
        ) from None
    if not table.size:
        raise StudyError(f"{path} is empty: it has no numbers")
    return table


def _choose(path: Path, shapes: Mapping[str, tuple[int, ...]], variable: str | None) -> str:
    """The array to read: the one that is named, or the only one with more than a number."""
    beside = (RATE, POSITIONS)
    arrays = {
        name: shape for name, shape in shapes.items() if np.prod(shape) != 1 and name not in beside
    }
    inside = ", ".join(f"{name} {tuple(shape)}" for name, shape in arrays.items()) or "none"
    if variable is not None:
        variable = variable.strip("/")
        if variable not in shapes:
            raise StudyError(
                f"{path} has no array of numbers called {variable!r}; there are: {inside}"
            )
        return variable
    if len(arrays) != 1:
        how = "several arrays" if arrays else "no array"
        hint = "; name one with --variable" if arrays else "; structs and cells are not looked into"
        raise StudyError(f"{path} holds {how} of numbers: {inside}{hint}")
    return next(iter(arrays))


def _rate(path: Path, value: Any) -> float | None:
    """A sampling rate that a file states, in Hz."""
    if value is None:
        return None
    try:
        rate = float(np.asarray(value).reshape(()))
    except (TypeError, ValueError):
        rate = float("nan")
    if not 0 < rate < float("inf"):
        raise StudyError(f"{path} says that {RATE} is {value!r}; it must be a positive number")
    return rate
