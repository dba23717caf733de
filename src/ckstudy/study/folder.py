"""A study on the disk: which files it consists of.

Plain Python, no torch: the workflow's rules and the command line both build on it, so that what
one of them has made the other finds done.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from ckstudy.errors import StudyError
from ckstudy.study.lines import lines_name
from ckstudy.study.spec import RunSpec

RUN_FILES = ("spec.json", "model.safetensors", "history.csv")


@dataclass(frozen=True)
class StudyFolder:
    """Where a study keeps what it makes, below its folder of results."""

    path: Path

    def data(self, split: str, noise: float | None = None) -> Path:
        """The lines of a split, of a noise as :attr:`RunSpec.noise` has it."""
        return self.path / "data" / f"{lines_name(split, noise)}.h5"

    def run(self, name: str) -> Path:
        """The folder of a run, which holds :data:`RUN_FILES` once it is trained."""
        return self.path / "runs" / name

    def checkpoints(self, name: str) -> Path:
        """The folder of a run's progress."""
        return self.path / "checkpoints" / name


def read_run_spec(path: Path) -> RunSpec:
    """The spec in a run's ``spec.json``.

    Raises
    ------
    StudyError
        Where the file is missing or holds no spec.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}; train the run") from None
    except ValueError as error:
        raise StudyError(f"{path} is not JSON ({error}); train the run again") from None
    return RunSpec.from_json(values, str(path))
