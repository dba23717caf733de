"""Whether lines that were simulated again are those of an archive.

An archive keeps no lines, only marks of them. The same simulator makes the same bytes on the same
kind of processor. On another one the last bits differ: without fused multiply-add and AVX no
sample of 32 lines moved by more than 1e-5 of its line's root mean square, and every label stayed
where it was. A correction of the simulator can do as little. Scores then hardly move, though not
to the byte the same, so that this is worth a warning and no more. Lines with other labels or other
samples are other lines: a score on them would stand under a false name, and that is an error.
"""

import hashlib
from pathlib import Path

import numpy as np

from ckstudy.dataset import data_hash, read_lines
from ckstudy.errors import StudyError

SAME = "the archived lines"
ROUNDED = "the archived lines, but for rounding"
CORRECTED = "the archived lines, but for a small change of the simulator"

PROBES = 16  # lines of which a sample is kept

# Of a line's root mean square: ten times what another processor was measured to do to a sample,
# and half of what the step from 1 % of noise to 2 % does to the least concerned of the probes.
TOLERANCE = 1e-4


def describe_lines(path: Path) -> dict:
    """The marks of a data file.

    Returns
    -------
    dict
        ``sha256`` of lines and labels, ``labels_sha256`` of the labels alone, number of
        ``lines``, digest of the ``simulator``'s code (None where the file does not tell); of
        :data:`PROBES` lines, evenly spread, the root mean square ``rms_v`` and the sample in the
        middle ``middle_v``, both in V.

    Raises
    ------
    StudyError
        As :func:`ckstudy.dataset.read_lines`.
    """
    lines = read_lines(path)
    probes = lines.rf[np.arange(PROBES) * len(lines) // PROBES].astype(np.float64)
    return {
        "sha256": data_hash(path),
        "labels_sha256": hashlib.sha256(lines.bubble_count.tobytes()).hexdigest(),
        "lines": len(lines),
        "simulator": lines.attributes["provenance"].get("source_digest"),
        "rms_v": _digits(np.sqrt(np.mean(probes**2, axis=1))),
        "middle_v": _digits(probes[:, probes.shape[1] // 2]),
    }


def compare_lines(found: dict, wanted: dict) -> str:
    """One of the constants above, or in words why these marks are of other lines."""
    if found["sha256"] == wanted["sha256"]:
        return SAME
    for mark, what in (("lines", "number of lines differs"), ("labels_sha256", "bubbles differ")):
        if found[mark] != wanted[mark]:
            return f"their {what}"
    tolerance = TOLERANCE * np.asarray(wanted["rms_v"])
    for mark in ("rms_v", "middle_v"):
        if (np.abs(np.subtract(found[mark], wanted[mark])) > tolerance).any():
            return "their samples differ by more than rounding"
    return ROUNDED if found["simulator"] == wanted["simulator"] else CORRECTED


def _digits(values: np.ndarray) -> list[float]:
    return [float(f"{value:.9g}") for value in values]


def check_lines(data: Path, wanted: dict[str, dict]) -> dict[str, str]:
    """Compare simulated lines with the archived ones.

    Parameters
    ----------
    data : Path
        Folder of the sets of lines, such as ``results/laptop/data``.
    wanted : dict of dict
        Marks by the name of the set, such as ``noise_32/test``.

    Returns
    -------
    dict of str
        :data:`SAME`, :data:`ROUNDED` or :data:`CORRECTED`, by the name of the set.

    Raises
    ------
    StudyError
        Where a set is missing, or holds other lines.
    """
    found = {
        name: compare_lines(describe_lines(data / f"{name}.h5"), marks)
        for name, marks in wanted.items()
    }
    if other := {name: why for name, why in found.items() if why not in (SAME, ROUNDED, CORRECTED)}:
        reasons = "; ".join(f"{data / name}.h5: {why}" for name, why in other.items())
        raise StudyError(
            f"these are not the lines that the archived networks were made with: {reasons}. "
            "Simulate with the code that the archive names in its README, or train anew"
        )
    return found


def warnings(found: dict[str, str]) -> list[str]:
    """What to say of lines that are nearly the archived ones; nothing where they are the same.

    Parameters
    ----------
    found : dict of str
        As :func:`check_lines` returns it.
    """
    reasons = {
        ROUNDED: "by rounding, as they do on another kind of processor",
        CORRECTED: "a little, by a change of the simulator since or by rounding",
    }
    return [
        f"the lines {', '.join(names)} differ from the archived ones {how}: by less than "
        f"{TOLERANCE:g} of a line's root mean square where they were probed; scores may differ "
        "from the archived ones in their last digits"
        for kind, how in reasons.items()
        if (names := [name for name, about in found.items() if about == kind])
    ]
