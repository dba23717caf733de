"""A study on the disk: which files it consists of.

Plain Python, no torch: the workflow's rules and the command line both build on it, so that what
one of them has made the other finds done.
"""

from dataclasses import dataclass
from pathlib import Path

from ckstudy.study.lines import lines_name

RUN_FILES = ("spec.json", "model.safetensors", "history.csv")


@dataclass(frozen=True)
class StudyFolder:
    """Where a study keeps what it makes, below its folder of results."""

    path: Path

    def data(self, split: str, noise: float | None = None) -> Path:
        """The lines of a split, of a noise as :func:`noise_of` gives it."""
        return self.path / "data" / f"{lines_name(split, noise)}.h5"

    def run(self, name: str) -> Path:
        """The folder of a run, which holds :data:`RUN_FILES` once it is trained."""
        return self.path / "runs" / name

    def checkpoints(self, name: str) -> Path:
        """The folder of a run's progress."""
        return self.path / "checkpoints" / name
