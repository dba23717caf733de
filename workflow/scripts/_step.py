"""What the scripts of this folder share: the log, and how a failure is told.

Snakemake starts a script with the object ``snakemake`` (inputs, outputs, parameters). It sends
what the script prints to the screen, and says of a failure only that there was one.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ckstudy.errors import StudyError


@contextmanager
def logged(log: str) -> Iterator[TextIO]:
    """Send all that the step and its child processes print to ``log``.

    Yields the screen, for the little that belongs there. A :class:`StudyError` becomes one line
    of the log and exit status 2; any other error leaves its traceback there.
    """
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    with open(os.dup(2), "w", encoding="utf-8") as screen, open(log, "wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield screen
        except StudyError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2)
