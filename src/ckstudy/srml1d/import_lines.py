"""RF lines from the text files of SRML-1D, for those who have its original data.

Blanken et al. (IEEE TMI 41(9), 2022) keep each line in a text file of its own::

    "Generated with ... from RFdata00001.mat"
    "Number of bubbles:",123
    "Acoustic pressure (kPa):",87.65
    "Bubble count","Voltage (a.u)","Pressure field (Pa)"
    0,-0.0012345678,87650
    ...

with one row a sample. Positions and radii of the bubbles are not in them, so that the data set
file made from them has an empty bubble table.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ckstudy import __version__
from ckstudy.dataset import Bubbles, Lines, write_lines
from ckstudy.errors import StudyError

HEADER_LINES = 4
_FILES_PER_BLOCK = 16
_FORM = "bubble count, voltage, pressure"


def import_folder(folder: str | Path, path: str | Path, sampling_rate_mhz: float = 62.5) -> int:
    """Turn all ``.txt`` files of ``folder`` into the data set file ``path``.

    Lines are ordered and numbered by the number in their file's name.

    Returns
    -------
    int
        How many lines.

    Raises
    ------
    StudyError
        Where the folder has no such files, or one of them is malformed: the message names the
        file and its line. Nothing is written then.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise StudyError(f"there is no folder {folder}")
    files = _numbered(folder)
    samples = _read(files[0][1])[0].size
    write_lines(
        path,
        _blocks(files, samples, 1e6 * sampling_rate_mhz),
        lines=len(files),
        samples=samples,
        bubbles=0,
        sampling_rate_hz=1e6 * sampling_rate_mhz,
        parameters={"lines": len(files), "sampling_rate_mhz": sampling_rate_mhz},
        provenance={
            "imported": "SRML-1D text files",
            "first_file": files[0][1].name,
            "last_file": files[-1][1].name,
            "ckstudy": __version__,
        },
    )
    return len(files)


def _numbered(folder: Path) -> list[tuple[int, Path]]:
    """Number and path of each text file of ``folder``, in the order of their numbers."""
    found: dict[int, Path] = {}
    for file in sorted(folder.glob("*.txt")):
        digits = re.findall(r"\d+", file.stem)
        if not digits:
            raise StudyError(f"{file} has no number in its name, such as RFdata00001.txt")
        number = int(digits[-1])
        if number in found:
            raise StudyError(f"{found[number]} and {file} have the same number")
        found[number] = file
    if not found:
        raise StudyError(f"{folder} has no .txt files")
    return sorted(found.items())


def _blocks(files: list[tuple[int, Path]], samples: int, rate: float) -> Iterator[Lines]:
    for start in range(0, len(files), _FILES_PER_BLOCK):
        block = files[start : start + _FILES_PER_BLOCK]
        counts, voltages, pressures = zip(*(_read(file, samples) for _, file in block), strict=True)
        nothing = np.zeros(0)
        yield Lines(
            rf=np.stack(voltages).astype(np.float32),
            bubble_count=np.stack(counts).astype(np.uint8),
            bubbles=Bubbles(np.zeros(len(block) + 1, np.int64), nothing, nothing, nothing, nothing),
            pressure=np.array(pressures),
            line_number=np.array([number for number, _ in block], dtype=np.int64),
            sampling_rate_hz=rate,
        )


def _read(file: Path, samples: int | None = None) -> tuple[np.ndarray, np.ndarray, float]:
    """Bubble count and voltage (samples,), and acoustic pressure in Pa, of one text file."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{file} cannot be read as text: {error}") from None
    if len(lines) <= HEADER_LINES:
        raise StudyError(
            f"{file} ends at line {len(lines)}: {HEADER_LINES} header lines and one row a sample "
            f"({_FORM}) are expected"
        )
    bubbles = _header_number(file, lines, 2, "Number of bubbles")
    pressure = 1e3 * _header_number(file, lines, 3, "Acoustic pressure (kPa)")
    rows = [line.split(",") for line in lines[HEADER_LINES:]]
    try:
        table = np.array(rows, dtype=np.float64)
        good = table.shape == (len(rows), 3)
    except ValueError:
        good = False
    if not good or not np.all(_sensible(table)):
        raise _bad_row(file, rows)
    count, voltage = table[:, 0], table[:, 1]
    if count.sum() != bubbles:
        raise StudyError(
            f"{file}, line 2: {bubbles:g} bubbles, but the first column holds {count.sum():g}"
        )
    if samples is not None and count.size != samples:
        raise StudyError(
            f"{file} ends at line {len(lines)} with {count.size} samples; the first file of the "
            f"folder has {samples}"
        )
    return count, voltage, pressure


def _header_number(file: Path, lines: list[str], number: int, name: str) -> float:
    title, _, value = lines[number - 1].rpartition(",")
    try:
        found = float(value)
    except ValueError:
        found = np.nan
    if name not in title or not (np.isfinite(found) and found >= 0):
        raise StudyError(
            f'{file}, line {number}: {lines[number - 1][:60]!r}, but "{name}:",NUMBER is expected'
        )
    return found


def _sensible(table: np.ndarray) -> np.ndarray:
    """Whether each row (rows, 3) is a count of 0 to 255 and two finite numbers."""
    count = table[:, 0]
    whole = (count >= 0) & (count <= 255) & (count == np.rint(count))
    return whole & np.isfinite(table).all(axis=1)


def _bad_row(file: Path, rows: list[list[str]]) -> StudyError:
    """The complaint about the first row that is not as expected."""
    for place, row in enumerate(rows):
        try:
            good = len(row) == 3 and _sensible(np.array([row], dtype=np.float64))[0]
        except ValueError:
            good = False
        if not good:
            number, text = HEADER_LINES + 1 + place, ",".join(row)[:60]
            return StudyError(f"{file}, line {number}: {text!r}, but {_FORM} is expected")
    return StudyError(f"{file} is malformed")
