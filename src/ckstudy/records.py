"""A record beside each file that a study makes: what made it, from what, and its digest.

The record of ``runs/x/test.csv`` is ``runs/x/.made/test.csv.json``. It serves two readers:
:func:`check` tells a file that was truncated or changed since from one that is as it was made, and
``ckstudy provenance`` tells a person where a file comes from. It is deleted as soon as its file is
written anew, by whatever (:func:`ckstudy.files.atomic_path`), so that it never tells of another.

=============  ==================================================================================
``file``       its name, number of ``bytes``, ``sha256``, time of last change ``mtime_ns``
``step``       the rule or the command, its ``entries`` and the digest of their ``code``
``parameters`` what it was told
``inputs``     the digests of the files it read, by their paths as seen from the file's folder
``environment`` versions, platform, commit (:func:`ckstudy.provenance.environment`), ``device``
=============  ==================================================================================
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ckstudy.errors import StudyError
from ckstudy.files import file_sha256, record_path, write_json
from ckstudy.provenance import PACKAGE, VERSIONED, environment, source_digest

FORMAT = 1
_SHOWN = 5  # damaged files that a message names
_ROOT = PACKAGE.parents[1]


@contextmanager
def recorded(
    step: str,
    *,
    entries: Sequence[str | Path],
    inputs: Iterable[str | Path],
    outputs: Iterable[str | Path],
    parameters: dict[str, Any] | None = None,
    device: str = "cpu",
) -> Iterator[None]:
    """Check the inputs of a step; once the block has succeeded, record its outputs.

    Parameters
    ----------
    step : str
        Name of the rule or the command.
    entries : sequence of str or Path
        Where its code begins, see :func:`ckstudy.provenance.source_digest`.
    inputs, outputs : iterable of path
    parameters : dict, optional
        JSON values.
    device : str
        Where it computed.

    Raises
    ------
    StudyError
        Where an input is not what its record says.
    """
    read = list(map(Path, inputs))
    check(read)
    digests = {path: _digest(path) for path in read if path.is_file()}
    yield
    about = {
        "format": FORMAT,
        "step": step,
        "entries": [_place(entry) for entry in entries],
        "code": source_digest(*entries),
        "parameters": parameters or {},
        "device": device,
        "environment": environment(),
    }
    for path in map(Path, outputs):
        if not path.is_file():
            continue  # as a model that was not released, because the training was stopped
        near = {os.path.relpath(each, path.parent): found for each, found in digests.items()}
        facts = _facts(path)
        write_json(record_path(path), {"file": path.name, **facts, **about, "inputs": near})


def read_record(path: str | Path) -> dict | None:
    """The record of a file; None where it has none, or one that cannot be read."""
    try:
        found = json.loads(record_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(found, dict) and found.get("format") == FORMAT and "sha256" in found
    return found if whole else None


def damaged(paths: Iterable[str | Path]) -> list[Path]:
    """Those of ``paths`` that are there, have a record, and are not what it says."""
    found = []
    for path in map(Path, paths):
        record = read_record(path) if path.is_file() else None
        if record and not _unchanged(path, record) and file_sha256(path) != record["sha256"]:
            found.append(path)
    return found


def check(paths: Iterable[str | Path]) -> None:
    """Raise a StudyError that names those of ``paths`` that :func:`damaged` finds."""
    if bad := damaged(paths):
        names = ", ".join(map(str, bad[:_SHOWN]))
        more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        many, them = (
            ("is not the file that was", "it")
            if len(bad) == 1
            else ("are not the files that were", "them")
        )
        raise StudyError(
            f"{names}{more} {many} written by this study: changed since, or damaged. Delete "
            f"{them} and run the study again, which makes {them} anew; to take {them} as "
            f"{'it is' if len(bad) == 1 else 'they are'}, delete {record_path(bad[0]).parent}"
        )


def check_folder(folder: str | Path) -> None:
    """:func:`check` all files below ``folder`` that have a record."""
    check(
        made.parent.parent / made.name.removesuffix(".json")
        for made in sorted(Path(folder).glob("**/.made/*.json"))
    )


def _facts(path: Path) -> dict[str, Any]:
    status = path.stat()
    return {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": file_sha256(path)}


def _unchanged(path: Path, record: dict) -> bool:
    """Whether neither size nor time of the file changed: then its content is not read."""
    status = path.stat()
    return (status.st_size, status.st_mtime_ns) == (record.get("bytes"), record.get("mtime_ns"))


def _digest(path: Path) -> str:
    record = read_record(path)
    return record["sha256"] if record and _unchanged(path, record) else file_sha256(path)


def _place(entry: str | Path) -> str:
    """An entry as a record has it: a file by its path in the checkout."""
    return os.path.relpath(entry, _ROOT) if isinstance(entry, Path) else entry


@dataclass(frozen=True)
class Origin:
    """Where a file comes from, and what of it is no longer so.

    Attributes
    ----------
    path : Path
    record : dict or None
        None where the file was not made by a step that keeps records.
    changes : tuple of str
        What differs from when it was made: file, code, versions; nothing where all is the same.
    inputs : tuple of Origin
    """

    path: Path
    record: dict | None
    changes: tuple[str, ...]
    inputs: tuple["Origin", ...] = ()

    def all_changes(self) -> dict[str, None]:
        """Changes of the file and of all that it was made from, each once, in order."""
        found = dict.fromkeys(f"{self.path}: {change}" for change in self.changes)
        for each in self.inputs:
            found |= each.all_changes()
        return found


def trace(path: str | Path, sha256: str | None = None) -> Origin:
    """Follow a file to what it was made from, as far as there are records.

    Parameters
    ----------
    path : str or Path
    sha256 : str, optional
        What it was when something else was made from it.
    """
    path = Path(path)
    record = read_record(path)
    if not path.is_file():
        return Origin(path, record, ("is no longer there",))
    changes = []
    now = _digest(path)
    if sha256 is not None and now != sha256:
        changes.append("was another file when it was read")
    if record is None:
        return Origin(path, None, tuple(changes))
    if now != record["sha256"]:
        changes.append("was changed since it was made, or damaged")
    if (code := _code_now(record["entries"])) != record["code"]:
        changes.append(
            f"the code of {record['step']} is another one: {code}, then {record['code']}"
        )
    before, present = record["environment"], environment()
    changes += [
        f"{name} was {before[name]}, is {present[name]}"
        for name in ("python", *VERSIONED)
        if name in before and before[name] != present[name]
    ]
    inputs = tuple(
        trace(os.path.normpath(path.parent / near), digest)
        for near, digest in record["inputs"].items()
    )
    return Origin(path, record, tuple(changes), inputs)


def _code_now(entries: Sequence[str]) -> str:
    """The digest of the same entries in the present tree."""
    places = [_ROOT / entry if entry.endswith((".py", ".ipynb")) else entry for entry in entries]
    try:
        return source_digest(*places)
    except ValueError as error:
        return str(error)
