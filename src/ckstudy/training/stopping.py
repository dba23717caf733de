"""Stopping a training from outside, between two steps."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class Stopped(Exception):
    """A training was asked to stop, saved its checkpoint and can be resumed.

    Attributes
    ----------
    exit_status : int
        128 + the signal's number, as a shell reports it: not 0, so that a workflow sees an
        unfinished job.
    """

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


class StopRequest:
    """Remembers the signal that asked for a stop; ``signum`` is None as long as none did."""

    def __init__(self) -> None:
        self.signum: int | None = None

    def __call__(self, signum: int, frame: object) -> None:
        self.signum = signum

    def __bool__(self) -> bool:
        return self.signum is not None


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turn SIGTERM, SIGUSR1 and SIGINT into a request that the training loop looks at."""
    request = StopRequest()
    before = {signum: signal.signal(signum, request) for signum in _SIGNALS}
    try:
        yield request
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
