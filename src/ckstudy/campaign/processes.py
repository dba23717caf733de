"""Several members of a grid at a time, each in a process of its own.

A process takes one member after the other, over a pipe. It trains with the same code, lock and
checkpoint as a training by itself, so it releases the same bits as that does with as many
threads. The parent only hands out members: where it ends, however it ends, the pipes close, and
its processes save their progress and end too.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait

import torch

from ckstudy.campaign.member import FAILED, UNFINISHED, GridMember, say
from ckstudy.training.stopping import SIGNALS, Stopped, StopRequest, stop_on_signals

# How long the parent may fail to see that a signal came.
_POLL_SECONDS = 0.2


def train_in_jobs(
    members: Iterable[GridMember],
    *,
    jobs: int,
    threads: int,
    device: torch.device,
    stop: StopRequest,
) -> dict[str, str]:
    """Train ``members``, ``jobs`` at a time, beginning in their order.

    A signal to this process, or to one that trains, stops all of them.

    Parameters
    ----------
    members : iterable of GridMember
    jobs : int
        Processes.
    threads : int
        CPU threads of each.
    device : torch.device
        Shared by all of them.
    stop : StopRequest
        That of the caller's signals and time.

    Returns
    -------
    dict of str
        What became of each, by run: see :meth:`GridMember.train`. A process that is killed from
        outside has failed at its member; another one takes its place.

    Raises
    ------
    Stopped
        After a signal, when all processes have saved their progress and ended.
    """
    waiting = list(members)
    outcomes: dict[str, str] = {}
    free = list(range(min(jobs, len(waiting))))
    idle: list[_Job] = []
    busy: dict[Connection, _Job] = {}
    asked = False
    try:
        while busy or (waiting and not stop):
            while waiting and (idle or free) and not stop:
                job = idle.pop() if idle else _Job(free.pop(0), threads, device, stop.deadline)
                job.give(waiting.pop(0))
                busy[job.connection] = job
            ready = wait(list(busy), _POLL_SECONDS)
            for connection in [each for each in busy if each in ready]:
                job = busy.pop(connection)
                try:
                    outcomes[job.member.run] = connection.recv()
                    idle.append(job)
                except (EOFError, ConnectionError):
                    outcomes[job.member.run] = job.lost(stop)
                    free.append(job.line)
            if stop.signum is not None and not asked:
                for job in busy.values():
                    job.process.terminate()
                asked = True
    finally:
        for job in busy.values():  # after an error in this process
            job.process.terminate()
        for job in (*idle, *busy.values()):
            job.dismiss()
    if stop.signum is not None:
        raise Stopped(f"the grid stopped {stop.reason}", stop.exit_status)
    return outcomes | {member.run: UNFINISHED for member in waiting}


class _Job:
    """A process that trains, seen from its parent.

    Attributes
    ----------
    connection : Connection
        Members go out by it, and what became of them comes back.
    member : GridMember
        What it is at.
    line : int
        Line of the terminal for its progress bar.
    """

    def __init__(self, line: int, threads: int, device: torch.device, deadline: float) -> None:
        # Not forked from this process: a CUDA device cannot be used in one that is forked from one
        # that knows it. The server of forks only imports, and does so once for all of them.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        self.line = line
        self.connection, theirs = context.Pipe()
        self.process = context.Process(
            target=_work, args=(theirs, line, threads, str(device), deadline)
        )
        # A signal that comes while the process starts waits until it listens, and one to the whole
        # group does not end the server: both inherit that. The start of a tracker would undo it.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()

    def give(self, member: GridMember) -> None:
        """Have ``member`` trained."""
        self.member = member
        # Where it has ended meanwhile, the parent will see that next.
        with suppress(ConnectionError):
            self.connection.send(member)

    def lost(self, stop: StopRequest) -> str:
        """The process ended before it answered: what became of its member."""
        self.process.join()
        self.connection.close()
        status = self.process.exitcode or 0
        if status - 128 in SIGNALS:
            if stop.signum is None:
                stop(status - 128, None)
            return UNFINISHED
        say(
            f"{self.member.run}: its process ended with status {status} before it was done; "
            "a later call goes on from its last checkpoint"
        )
        return FAILED

    def dismiss(self) -> None:
        """Have the process end, and wait for that."""
        self.connection.close()
        self.process.join()


def _work(connection: Connection, line: int, threads: int, device: str, deadline: float) -> None:
    """Train the members that come over ``connection``, until it is closed."""
    torch.set_num_threads(threads)
    # The clock that a deadline is told by is that of the machine, on Linux and macOS.
    with stop_on_signals(deadline) as stop:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        threading.Thread(target=_follow_parent, daemon=True).start()
        try:
            while True:
                member = connection.recv()
                late = stop and stop.signum is None
                connection.send(
                    UNFINISHED if late else member.train(torch.device(device), stop, line)
                )
        except (EOFError, ConnectionError):
            return
        except Stopped as stopped:
            say(str(stopped))
            raise SystemExit(stopped.exit_status) from None


def _follow_parent() -> None:
    """Ask this process to stop, where its parent has ended."""
    if parent := multiprocessing.parent_process():
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
