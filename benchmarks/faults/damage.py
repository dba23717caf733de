"""Full disks, folders that cannot be written, files truncated, overwritten or removed."""

import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path

from benchmarks.faults import commands
from benchmarks.faults.outcome import LOST, Tally, judge

ROOM = "64m"  # of a file system that is large enough


def run(folder: Path, log: Path) -> int:
    """The study, as far as it is missing; its exit status."""
    process = commands.start(folder, log)
    process.join()
    return process.exitcode


def follow(said: str, folder: Path) -> None:
    """Do what a message says: delete what it names, if it says so."""
    if "elete" not in said:
        return
    for named in re.findall(r"[\w./-]+", said.partition("to take")[0]):
        path = folder / named.rstrip(".:")
        if named.strip("./") and path.is_file():
            path.unlink()
        elif named.endswith(".parts") and path.is_dir():
            shutil.rmtree(path)


def delete_after(folder: Path, file: str) -> None:
    """Delete what depends on ``file``, so that it is made again."""
    files = [each for each, _ in commands.steps()]
    own = next(number for number, each in enumerate(files) if file in each)
    first = max(own + 1, len(commands.LINES))  # lines do not depend on one another
    for later in files[first:]:
        for each in later:
            (folder / each).unlink(missing_ok=True)


def spoil(path: Path, choose: random.Random) -> str:
    """Cut a file short or overwrite a part of it, at a random place; says what was done."""
    size = path.stat().st_size
    place = choose.randrange(size)
    if choose.random() < 0.5:
        os.truncate(path, place)
        return f"cut at {place} of {size}"
    with open(path, "r+b") as file:
        file.seek(place)
        file.write(choose.randbytes(min(64, size - place)))
    return f"overwritten at {place} of {size}"


def damage_files(root: Path, many: int, choose: random.Random, wanted: dict, tally: Tally) -> None:
    """Spoil a file of a finished study; what depends on it is then made again."""
    files = [name for name in wanted if not name.startswith("figures")]
    for number in range(many):
        file = files[number % len(files)]
        folder, log = root / "damaged", root / "damaged.log"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(root / "whole", folder)
        what = spoil(folder / file, choose)
        delete_after(folder, file)
        status = run(folder, log)
        if status == 0 and not _is_read(file):
            # Nothing of this row reads it: Snakemake's start does, see workflow.py.
            from ckstudy.errors import StudyError
            from ckstudy.records import check_folder

            try:
                check_folder(folder)
            except StudyError as error:
                log.write_text(f"error: {error}\n".replace(f"{folder}/", ""))
                status = 2
        outcome, about = judge(
            status,
            log,
            lambda said, at=folder: follow(said, at),
            lambda at=folder, to=log: run(at, to),
            lambda at=folder: commands.made(at) == wanted,
        )
        tally.add(f"damaged {_kind(file)}", outcome, f"{file} {what}: {about}")


def _is_read(file: str) -> bool:
    return not file.startswith("baseline")


def files_in(folder: Path, pattern: str = "*") -> list[Path]:
    """Files of a folder in which a process is at work, and may remove a folder meanwhile."""
    found = ((Path(place), name) for place, _, names in os.walk(folder) for name in names)
    return [place / name for place, name in found if fnmatch(name, pattern)]


def _kind(file: str) -> str:
    return "data" if file.endswith(".h5") else "model" if file.endswith("rs") else "table or spec"


def damage_progress(
    root: Path, many: int, choose: random.Random, wanted: dict, seconds: float, tally: Tally
) -> None:
    """Kill a simulation or a training, and spoil the progress that it left behind."""
    done = 0
    for _ in range(20 * many):
        if done == many:
            return
        folder, log = root / "progress", root / "progress.log"
        shutil.rmtree(folder, ignore_errors=True)
        process = commands.start(folder, log)
        end = time.monotonic() + choose.uniform(0.1, 0.8) * seconds
        wanted_kind = ("checkpoint.pt", "lines-*.npz")[done % 2]
        while process.exitcode is None and time.monotonic() < end + 2 * seconds:
            process.join(0.01)
            if files_in(folder, wanted_kind) and choose.random() < 0.3:
                break
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.join()
        left = files_in(folder, wanted_kind)
        if not left:
            continue
        what = spoil(choose.choice(left), choose)
        outcome, about = judge(
            run(folder, log),
            log,
            lambda said, at=folder: follow(said, at),
            lambda at=folder, to=log: run(at, to),
            lambda at=folder: commands.made(at) == wanted,
        )
        kind = "checkpoint" if done % 2 == 0 else "part of a simulation"
        tally.add(f"damaged {kind}", outcome, f"{what}: {about}")
        done += 1


def remove_in_use(
    root: Path, many: int, choose: random.Random, wanted: dict, seconds: float, tally: Tally
) -> None:
    """Remove a random file while the study runs."""
    for _ in range(many):
        folder, log = root / "removed", root / "removed.log"
        shutil.rmtree(folder, ignore_errors=True)
        process = commands.start(folder, log)
        removed = None
        process.join(choose.uniform(0.1, 0.9) * seconds)
        while process.exitcode is None and removed is None:
            files = files_in(folder)
            if files:
                removed = choose.choice(files)
                removed.unlink(missing_ok=True)
            process.join(0.01)
        process.join()
        status = process.exitcode
        if status == 0:  # what was removed after its last use is made again
            status = run(folder, log)
        outcome, about = judge(
            status,
            log,
            lambda said: None,
            lambda at=folder, to=log: run(at, to),
            lambda at=folder: commands.made(at) == wanted,
        )
        tally.add("file removed while in use", outcome, f"{removed}: {about}")


@contextmanager
def file_system(place: Path, size: str) -> Iterator[None]:
    """A file system of its own at ``place``; wants root."""
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def change(place: Path, options: str) -> None:
    """Mount again with other options."""
    command = ["mount", "-o", f"remount,{options}", place]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def fill_disk(root: Path, many: int, choose: random.Random, wanted: dict, tally: Tally) -> None:
    """A disk too small for the study; then a larger one."""
    needed = sum(path.stat().st_size for path in (root / "whole").rglob("*") if path.is_file())
    for _ in range(many):
        folder, log = root / "full", root / "full.log"
        size = int(choose.uniform(0.3, 1.0) * needed)
        with file_system(folder, f"{size // 1024}k"):
            status = run(folder, log)
            outcome, about = judge(
                status,
                log,
                lambda said, at=folder: change(at, f"size={ROOM}"),
                lambda at=folder, to=log: run(at, to),
                lambda at=folder: commands.made(at) == wanted,
            )
            left = [path.name for path in folder.rglob("*.tmp")]
        if left:
            outcome, about = LOST, f"temporary files stay: {left}"
        tally.add("full disk", outcome, f"{size} of {needed} bytes: {about}")


def make_read_only(
    root: Path, many: int, choose: random.Random, wanted: dict, seconds: float, tally: Tally
) -> None:
    """A file system that turns read-only at a random moment."""
    for _ in range(many):
        folder, log = root / "read-only", root / "read-only.log"
        with file_system(folder, ROOM):
            process = commands.start(folder, log)
            process.join(choose.uniform(0, seconds))
            # A file that is being written forbids it; a bind mount does not.
            while process.exitcode is None:
                with suppress(subprocess.CalledProcessError):
                    change(folder, "ro")
                    break
                process.join(0.05)
            process.join()
            outcome, about = judge(
                process.exitcode,
                log,
                lambda said, at=folder: change(at, "rw"),
                lambda at=folder, to=log: run(at, to),
                lambda at=folder: commands.made(at) == wanted,
            )
        tally.add("file system turned read-only", outcome, about)
