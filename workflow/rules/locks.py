"""The lock of a Snakemake that was killed, told from that of one that runs.

Snakemake keeps its lock as plain files below ``.snakemake/locks`` and deletes them when it ends.
After a power cut, or ``kill -9``, they stay, and the next run would stop with "Directory cannot be
locked". So each run of this workflow also holds a file of its own, locked by the kernel, which
lets go of it when the process ends, however it ends. Where none is held, what lies in
``.snakemake/locks`` is stale.
"""

import fcntl
import os
import shutil
import sys
from pathlib import Path

_held = []  # open as long as this process lives


def remove_stale_lock(folder: Path = Path(".snakemake")) -> None:
    """Delete Snakemake's lock where its process is gone, and mark this process as running.

    A process that runs keeps its lock, and Snakemake then says itself what to do.
    """
    marks = folder / "running"
    marks.mkdir(parents=True, exist_ok=True)
    with open(marks / "guard", "w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # one start at a time
        others = [mark for mark in marks.iterdir() if mark.name != "guard"]
        running = [mark for mark in others if not _delete_if_free(mark)]
        locks = folder / "locks"
        if not running and locks.is_dir() and any(locks.iterdir()):
            shutil.rmtree(locks)
            print(
                "Removed the lock of a run that was killed; going on from there.", file=sys.stderr
            )
        mark = open(marks / str(os.getpid()), "w")  # noqa: SIM115
        fcntl.flock(mark, fcntl.LOCK_EX)
        _held.append(mark)


def _delete_if_free(mark: Path) -> bool:
    """Delete the mark of a process that has ended; False where it runs."""
    with open(mark) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        mark.unlink(missing_ok=True)
    return True
