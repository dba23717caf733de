"""A study's grid, one member after the other, inside a budget of time.

Writes what the workflow's rules ``simulate`` and ``train`` write, where they write it, and goes
on where the last call stopped: on the same machine or on another one that has the folder.
"""

import json
import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ckstudy.acoustics.specification import SimulationSpec
from ckstudy.errors import StudyError
from ckstudy.records import recorded
from ckstudy.study.config import Study
from ckstudy.study.folder import StudyFolder
from ckstudy.study.lines import noise_levels
from ckstudy.study.spec import RunSpec

# Kept of the budget for writing the last checkpoint and coming to an end.
RESERVE_SECONDS = 5.0
SPLITS = ("train", "validation")


def deadline_after(minutes: float | None, began: float) -> float:
    """When to stop, by :func:`time.monotonic`: somewhat before the budget is used up."""
    if minutes is None:
        return math.inf
    if not 0 < minutes < math.inf:
        raise StudyError(
            f"a budget of {minutes:g} minutes is none to train in: give a number above 0, or "
            "leave --minutes out to train to the end"
        )
    return began + 60 * minutes - min(RESERVE_SECONDS, 6 * minutes)


def missing_lines(
    study: Study, noise: float | None, folder: StudyFolder
) -> dict[Path, SimulationSpec]:
    """What is still to be simulated for trainings on lines of ``noise``: SimulationSpecs by file.

    Raises
    ------
    StudyError
        Where there are lines, but those of another config.
    """
    missing = {}
    for split in SPLITS:
        spec = study.data.simulation(split, noise)
        path = folder.data(split, noise)
        if path.exists():
            _check_lines(path, spec.as_dict())
        else:
            missing[path] = spec
    return missing


def simulate_missing(
    study: Study,
    specs: dict[str, RunSpec],
    folder: StudyFolder,
    deadline: float,
    processes: int | None = None,
) -> bool:
    """Simulate the lines that the trainings need and that are not there; True once all are.

    What is done when the time is up is kept, and the next call goes on from there.

    Parameters
    ----------
    study : Study
    specs : dict of RunSpec
        The members that are to be trained, by run: only their lines are simulated.
    folder : StudyFolder
    deadline : float
        By :func:`time.monotonic`.
    processes : int, optional
        Worker processes; all cores by default.

    Raises
    ------
    StudyError
        As :func:`missing_lines`, or where another process is at it.
    """
    missing: dict = {}
    for noise in noise_levels(specs.values()):
        missing |= missing_lines(study, noise, folder)
    if not missing:
        return True
    from ckstudy.acoustics.simulate_dataset import simulate_dataset

    try:
        with _interrupt_at(deadline):
            for path, spec in missing.items():
                code, told = ["ckstudy.cli.simulate:simulate"], spec.as_dict()
                with recorded("simulate", entries=code, inputs=[], outputs=[path], parameters=told):
                    simulate_dataset(spec, path, processes)
    except _TimeUp:
        return False
    except SystemError as error:
        # What C code makes of an exception that a signal raises within it.
        if not isinstance(error.__cause__, _TimeUp):
            raise
        return False
    return True


def _check_lines(path: Path, wanted: dict) -> None:
    from ckstudy.dataset import read_lines

    found = read_lines(path, slice(0, 0)).attributes["parameters"]
    wanted = json.loads(json.dumps(wanted))
    differ = [name for name in wanted if found.get(name) != wanted[name]]
    if differ:
        raise StudyError(
            f"the lines of {path} are those of another config: they differ in "
            f"{', '.join(differ)}. Choose another folder by --out, or delete the file to have it "
            "simulated anew"
        )


def train_members(
    specs: dict[str, RunSpec],
    folder: StudyFolder,
    *,
    device: str,
    deadline: float,
    jobs: int = 1,
    threads: int = 0,
) -> list[str]:
    """Train the members of ``specs`` that are not done, in their order.

    Parameters
    ----------
    specs : dict of RunSpec
        By run, in the order in which to train them.
    folder : StudyFolder
        Its lines must be there.
    device : {"auto", "cpu", "cuda"}
    deadline : float
        Stop at this time, by :func:`time.monotonic`, with the progress saved.
    jobs : int
        Members at a time: 1 trains in this process, more each in a process of its own.
    threads : int
        CPU threads of each job; 0 shares out torch's choice.

    Returns
    -------
    list of str
        Runs that are not done yet: for want of time, or because another process is at them.

    Raises
    ------
    StudyError
        For a number of jobs or threads that makes no sense; or, once all others are trained,
        where trainings failed.
    Stopped
        After a signal, with the progress saved.
    """
    import torch

    from ckstudy.campaign.member import DONE, FAILED, UNFINISHED, GridMember
    from ckstudy.campaign.processes import train_in_jobs
    from ckstudy.devices.torch_device import resolve_device
    from ckstudy.training.identity import code_digest, data_hashes
    from ckstudy.training.stopping import Stopped, stop_on_signals

    if jobs < 1 or threads < 0:
        raise StudyError(f"{jobs} jobs of {threads} threads each: at least 1 job is needed")
    threads = threads or max(1, torch.get_num_threads() // jobs)
    target, digest = resolve_device(device), code_digest()
    lines = {}
    for noise in noise_levels(specs.values()):
        train, validation = (folder.data(split, noise) for split in SPLITS)
        lines[noise] = (train, validation), data_hashes(train, validation)
    members = [GridMember(spec, folder, *lines[spec.noise], digest) for spec in specs.values()]
    wanted = [member for member in members if not member.done]
    outcomes: dict[str, str] = {}
    with stop_on_signals(deadline) as stop:
        if jobs > 1:
            outcomes = train_in_jobs(wanted, jobs=jobs, threads=threads, device=target, stop=stop)
        else:
            torch.set_num_threads(threads)
            for member in wanted:
                if stop.signum is not None:
                    raise Stopped(f"the grid stopped {stop.reason}", stop.exit_status)
                outcomes[member.run] = UNFINISHED if stop else member.train(target, stop)
    if failures := [run for run, outcome in outcomes.items() if outcome == FAILED]:
        raise StudyError(
            f"{len(failures)} trainings failed: {', '.join(failures)}; the reasons are above"
        )
    # One that starts from another's weights may have been done, and be so no longer.
    outdated = [member.run for member in members if member not in wanted and not member.done]
    return [run for run, outcome in outcomes.items() if outcome != DONE] + outdated


# Python swallows an exception that a signal raises inside a destructor or a callback of the
# garbage collector, so the alarm comes again until it is heard.
_REPEAT_SECONDS = 5.0


class _TimeUp(KeyboardInterrupt):
    """Interrupts a simulation as Ctrl-C would."""


@contextmanager
def _interrupt_at(deadline: float) -> Iterator[None]:
    if deadline == math.inf:
        yield
        return
    if (left := deadline - time.monotonic()) <= 0:
        raise _TimeUp

    def interrupt(signum: int, frame: object) -> None:
        raise _TimeUp

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, left, _REPEAT_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
