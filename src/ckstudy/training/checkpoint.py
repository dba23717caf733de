"""Checkpoints that survive kill -9, and the lock that keeps two trainers apart."""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from ckstudy.errors import StudyError
from ckstudy.files import atomic_path, cannot_write

_NAME = "checkpoint.pt"
_LOCK = "lock"


class TakenError(StudyError):
    """Another process is at this training."""


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the checkpoint folder alone; the kernel frees it when the process ends, however.

    Raises
    ------
    TakenError
        Where another process holds it: two trainers would overwrite each other's progress.
    StudyError
        Where nothing can be written there.
    """
    lock = FileLock(folder / _LOCK)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise TakenError(
            f"another process is training on {folder}; wait for it or stop it first"
        ) from None
    except OSError as error:
        raise StudyError(cannot_write(error, folder)) from None
    try:
        for left in folder.glob(f".{_NAME}.*.tmp"):  # of a process that was killed as it wrote
            left.unlink(missing_ok=True)
        yield
    finally:
        lock.release()


def save(folder: Path, state: dict) -> None:
    """Write ``state`` as the folder's checkpoint, whole or not at all."""
    with atomic_path(folder / _NAME) as temporary:
        torch.save(state, temporary)


def load(folder: Path, fingerprint: str, say: Callable[[str], None]) -> dict | None:
    """The folder's checkpoint, or None where there is none that fits.

    Parameters
    ----------
    folder : Path
    fingerprint : str
        What the checkpoint must have been made by: spec, code and data. Another one means
        starting afresh.
    say : callable
        Called with one line that tells the user what was found.
    """
    path = folder / _NAME
    if not path.exists():
        return None
    try:
        _check_sums(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises half a dozen kinds for a damaged file
        say(f"checkpoint {path} cannot be read ({error}); starting afresh")
        return None
    if state.get("fingerprint") != fingerprint:
        say(f"checkpoint {path} belongs to other settings, code or data; starting afresh")
        return None
    say(f"resuming {path} at epoch {state['epoch']}, step {state['step']}")
    return state


def _check_sums(path: Path) -> None:
    """Compare the sums that torch writes with what is there; torch itself reads past them."""
    with zipfile.ZipFile(path) as parts:
        damaged = parts.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f"{damaged} is damaged")


def remove(folder: Path) -> None:
    """Delete the checkpoint, once the released model is on the disk.

    The lock file stays: were it deleted, two processes could each hold a lock of that name.
    """
    (folder / _NAME).unlink(missing_ok=True)
