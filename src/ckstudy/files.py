"""Files, written atomically: a reader sees the old one or the new one, never half of either."""

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_REMEDY = {
    errno.ENOSPC: "make room there, and run the same again",
    errno.EDQUOT: "your quota is used up: make room there, and run the same again",
    errno.EROFS: "choose a folder that can be written to",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.ENOENT: "there is no such place, or it was removed meanwhile",
    errno.EEXIST: "name a file",
}
_FULL = 2**16  # bytes: less is left on a disk that is full


class WriteError(OSError):
    """A file could not be written; the message says which, why, and what to do."""

    def __str__(self) -> str:
        remedy = _REMEDY.get(self.errno or 0)
        said = f"cannot write {self.filename}: {self.strerror}"
        return f"{said}; {remedy}" if remedy else said


def cannot_write(error: OSError, path: str | Path) -> str:
    """What a user is told where ``path`` cannot be written: that, why, and what to do."""
    if isinstance(error, WriteError):
        return str(error)
    return str(WriteError(error.errno, error.strerror or str(error), str(path)))


def is_of_writing(error: OSError) -> bool:
    """Whether an error of the system can come from nothing but a file being written."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; move it there once the block has succeeded.

    The content is flushed to the disk before the rename, so that neither kill -9 nor a power
    cut leaves a truncated file under the final name. On an exception the temporary is removed,
    and the exception is the one that is seen, whatever becomes of the temporary.

    Raises
    ------
    WriteError
        Where the system does not let the file be written.
    """
    path = Path(path)
    if path.is_symlink():
        path = path.resolve()  # the file that it means
    if path.exists() and not path.is_file() and not path.is_dir():
        raise WriteError(errno.EEXIST, "it is a device, a pipe or a socket", str(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        # It tells of the file that is replaced.
        record_path(path).unlink(missing_ok=True)
        os.replace(temporary, path)
    except BaseException as error:
        reason = _reason(error, path.parent)
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if reason is None:
            raise
        raise WriteError(reason, os.strerror(reason), str(path)) from error


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` to ``path`` atomically, in UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: object) -> None:
    """Write ``value`` to ``path`` atomically as indented JSON, with a final newline."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file's content, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def record_path(path: str | Path) -> Path:
    """Where the record of a file is kept, see :mod:`ckstudy.records`."""
    path = Path(path)
    return path.with_name(".made") / f"{path.name}.json"


def _reason(error: BaseException, folder: Path) -> int | None:
    """The system's number of what kept a file from being written; None for other errors.

    HDF5, safetensors and torch say it in words, each in its own, or not at all.
    """
    if isinstance(error, WriteError) or not isinstance(error, Exception):
        return None
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    if found := re.search(r"(?:errno = |code: )(\d+)", str(error)):
        return int(found[1])
    with suppress(OSError):
        if shutil.disk_usage(folder).free < _FULL:
            return errno.ENOSPC
    return None
