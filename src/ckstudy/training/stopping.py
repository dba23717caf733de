"""Stopping a training from outside or at a set time, between two steps."""

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class Stopped(Exception):
    """A training was asked to stop, saved its checkpoint and can be resumed.

    Attributes
    ----------
    exit_status : int
        128 + the signal's number, as a shell reports it: not 0, so that a workflow sees an
        unfinished job. 0 where the time was up, as was planned.
    """

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


class StopRequest:
    """True once a signal has asked for a stop, or the time is up.

    Attributes
    ----------
    signum : int or None
        The signal that asked.
    deadline : float
        When the time is up, by :func:`time.monotonic`.
    """

    def __init__(self, deadline: float = math.inf) -> None:
        self.signum: int | None = None
        self.deadline = deadline

    def __call__(self, signum: int, frame: object) -> None:
        self.signum = signum

    def __bool__(self) -> bool:
        return self.signum is not None or time.monotonic() >= self.deadline

    @property
    def reason(self) -> str:
        """Who asked, in words."""
        return "because the time is up" if self.signum is None else f"by signal {self.signum}"

    @property
    def exit_status(self) -> int:
        """128 + the signal's number; 0 where there was none."""
        return 0 if self.signum is None else 128 + self.signum


@contextmanager
def stop_on_signals(deadline: float = math.inf) -> Iterator[StopRequest]:
    """Turn SIGTERM, SIGUSR1 and SIGINT into a request that the training loop looks at."""
    request = StopRequest(deadline)
    before = {signum: signal.signal(signum, request) for signum in SIGNALS}
    try:
        yield request
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
