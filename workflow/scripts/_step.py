"""What the scripts of this folder share: the log, and how a failure is told.

Snakemake starts a script with the object ``snakemake`` (inputs, outputs, parameters). It sends
what the script prints to the screen, and says of a failure only that there was one.
"""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TextIO

from ckstudy.errors import StudyError
from ckstudy.files import WriteError
from ckstudy.records import recorded

sys.path.append(str(Path(__file__).parents[1] / "rules"))
from digests import entries

gc.set_threshold(100_000)  # as in ckstudy.cli.main


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
        except (StudyError, WriteError) as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2)


def recorded_job(snakemake: Any) -> AbstractContextManager[None]:
    """Check the job's inputs and record its outputs, see :mod:`ckstudy.records`."""
    told = {key: value for key, value in snakemake.params.items() if key != "code"}
    return recorded(
        snakemake.rule,
        entries=entries(snakemake.rule),
        inputs=snakemake.input,
        outputs=snakemake.output,
        parameters=told,
    )
