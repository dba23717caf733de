"""Making a whole data set: in parallel, resumable, with bounded memory, reproducible to the byte.

Blocks of lines are simulated by worker processes, each written to a file of its own in a folder
beside the output. When all are there, they are put together in order. An interrupted simulation
leaves the folder, and the next one goes on with what it finds there, provided that it was made
by the same code for the same specification.
"""

import json
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib.metadata import version
from itertools import islice
from multiprocessing.connection import wait as wait_for_connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from filelock import FileLock, Timeout
from tqdm import tqdm

from ckstudy.acoustics.constants import LINE_SAMPLES
from ckstudy.acoustics.line import simulate_line
from ckstudy.acoustics.specification import SimulationSpec
from ckstudy.dataset import Bubbles, Lines, write_lines
from ckstudy.errors import StudyError
from ckstudy.files import atomic_path, cannot_write, write_text
from ckstudy.provenance import source_digest

LINES_PER_BLOCK = 16


def simulate_dataset(spec: SimulationSpec, path: str | Path, processes: int | None = None) -> None:
    """Simulate all lines of ``spec`` into the data set file ``path``.

    Parameters
    ----------
    spec : SimulationSpec
    path : path of the HDF5 file
    processes : int, optional
        Worker processes; by default one for each core that this process may use. The file does
        not depend on it.

    Raises
    ------
    StudyError
        Where the file cannot be written, another process is at it, or a worker was killed.
    """
    path = Path(path)
    if processes is None:
        processes = available_cores()
    if processes < 1:
        raise StudyError(f"processes is {processes}: it must be at least 1")
    if path.is_dir():
        raise StudyError(f"{path} is a folder: name a file such as {path / 'train.h5'}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # float32 and uint8 for each sample.
        needed = spec.lines * (LINE_SAMPLES // spec.every) * 5
        check_room(needed, path.parent, f"lines is {spec.lines}: these")
        with _work_folder(spec, path) as folder:
            _simulate_blocks(spec, folder, processes)
            _assemble(spec, folder, path)
            shutil.rmtree(folder)
    except OSError as error:
        raise StudyError(cannot_write(error, path)) from None


def check_room(needed: int, folder: Path, what: str) -> None:
    """Refuse what the disk of ``folder`` cannot hold; it must be there.

    Raises
    ------
    StudyError
        Where fewer than ``needed`` bytes are free.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StudyError(
            f"{what} take at least {needed / 1e6:,.0f} MB, and {folder} has {free / 1e6:,.0f} MB "
            "free; make room there, ask for fewer, or write them elsewhere"
        )


def available_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def identity(spec: SimulationSpec) -> dict:
    """What determines the lines: the specification, the code and the libraries it runs on."""
    libraries = ("numpy", "scipy", "numba", "llvmlite", "h5py")
    return {
        "parameters": spec.as_dict(),
        "seed": spec.seed,
        "first_line": spec.first_line,
        "source_digest": source_digest("ckstudy.acoustics.simulate_dataset:simulate_dataset"),
        "versions": {name: version(name) for name in libraries},
    }


@contextmanager
def _work_folder(spec: SimulationSpec, path: Path) -> Iterator[Path]:
    """The folder of finished blocks, locked; emptied where it belongs to something else."""
    folder = path.with_name(f".{path.name}.parts")
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise StudyError(f"another process is simulating {path}: wait for it or stop it") from None
    try:
        mark = folder / "identity.json"
        wanted = json.dumps(identity(spec), sort_keys=True)
        if not mark.is_file() or mark.read_text(encoding="utf-8") != wanted:
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir()
            write_text(mark, wanted)
        yield folder
    finally:
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


def _block_starts(spec: SimulationSpec) -> range:
    return range(0, spec.lines, LINES_PER_BLOCK)


def _block_path(folder: Path, start: int) -> Path:
    return folder / f"lines-{start:09d}.npz"


def _simulate_blocks(spec: SimulationSpec, folder: Path, processes: int) -> None:
    missing = [start for start in _block_starts(spec) if not _block_path(folder, start).is_file()]
    done = spec.lines - sum(min(LINES_PER_BLOCK, spec.lines - start) for start in missing)
    if not missing:
        return
    # Compile, or load from numba's cache, once and before the workers come into being.
    simulate_line(spec, spec.first_line)
    processes = min(processes, len(missing))
    if processes == 1:
        with _progress(spec, done) as bar:
            for start in missing:
                bar.update(_simulate_block(spec, folder, start))
        return
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(processes, context, initializer=_start_worker) as pool:
        try:
            _run_pool(pool, spec, folder, missing, done, processes)
        except BrokenProcessPool:
            raise StudyError(
                "a worker of the simulation was killed, perhaps for want of memory; "
                "run the same command again to go on"
            ) from None
        except BaseException:
            # Blocks that are under way are finished, for the next run to use.
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _run_pool(
    pool: ProcessPoolExecutor,
    spec: SimulationSpec,
    folder: Path,
    missing: list[int],
    done: int,
    processes: int,
) -> None:
    waiting = iter(missing)
    # A short queue: the memory of the pool does not depend on the number of lines.
    running = {
        pool.submit(_simulate_block, spec, folder, start)
        for start in islice(waiting, 2 * processes)
    }
    with _progress(spec, done) as bar:
        while running:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                bar.update(future.result())
                start = next(waiting, None)
                if start is not None:
                    running.add(pool.submit(_simulate_block, spec, folder, start))


def _progress(spec: SimulationSpec, done: int) -> tqdm:
    return tqdm(
        total=spec.lines,
        initial=done,
        desc=f"simulating {spec.split}",
        unit="line",
        smoothing=0.05,
        disable=None,
    )


def _start_worker() -> None:
    """Leave interrupts to the parent, and end with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def follow(parent: BaseProcess) -> None:
        wait_for_connection([parent.sentinel])
        os._exit(1)

    if parent := multiprocessing.parent_process():
        threading.Thread(target=follow, args=[parent], daemon=True).start()


def _simulate_block(spec: SimulationSpec, folder: Path, start: int) -> int:
    """Simulate one block into its file; returns the number of its lines."""
    stop = min(start + LINES_PER_BLOCK, spec.lines)
    lines = [simulate_line(spec, spec.first_line + k) for k in range(start, stop)]
    scenes = [line.scene for line in lines]
    arrays = {
        "rf": np.stack([line.rf for line in lines]),
        "bubble_count": np.stack([line.bubble_count for line in lines]),
        "pressure": np.array([scene.pressure for scene in scenes]),
        "line_number": np.array([line.number for line in lines], dtype=np.int64),
        "offset": np.cumsum([0, *(scene.radius.size for scene in scenes)], dtype=np.int64),
        "axial_m": np.concatenate([scene.axial for scene in scenes]),
        "lateral_m": np.concatenate([scene.lateral for scene in scenes]),
        "radius_m": np.concatenate([scene.radius for scene in scenes]),
        "arrival_s": np.concatenate([scene.arrival for scene in scenes]),
    }
    with atomic_path(_block_path(folder, start)) as temporary, open(temporary, "wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    return stop - start


def _assemble(spec: SimulationSpec, folder: Path, path: Path) -> None:
    starts = _block_starts(spec)
    rate = 1e6 * spec.sampling_rate_mhz
    bubbles = sum(
        int(_load(_block_path(folder, start), "offset")["offset"][-1]) for start in starts
    )
    facts = identity(spec)
    write_lines(
        path,
        (_read_block(_block_path(folder, start), rate) for start in starts),
        lines=spec.lines,
        samples=LINE_SAMPLES // spec.every,
        bubbles=bubbles,
        sampling_rate_hz=rate,
        parameters=facts.pop("parameters"),
        provenance=facts,
    )


def _read_block(path: Path, rate: float) -> Lines:
    bubble_names = ("offset", "axial_m", "lateral_m", "radius_m", "arrival_s")
    arrays = _load(path, *bubble_names, "rf", "bubble_count", "pressure", "line_number")
    return Lines(
        rf=arrays["rf"],
        bubble_count=arrays["bubble_count"],
        bubbles=Bubbles(*(arrays[name] for name in bubble_names)),
        pressure=arrays["pressure"],
        line_number=arrays["line_number"],
        sampling_rate_hz=rate,
    )


def _load(path: Path, *names: str) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in names}
    except (OSError, ValueError, KeyError, BadZipFile):
        raise StudyError(
            f"{path} is damaged: delete the folder {path.parent} and run the same command again"
        ) from None
