"""A study on the disk: which files it consists of, and what its lines are simulated from.

Plain Python, no torch: the workflow's rules and the command line both build on it, so that what
one of them has made the other finds done.
"""

from dataclasses import dataclass
from pathlib import Path

from ckstudy.errors import StudyError

SPLITS = ("train", "validation", "test")
# Splits share a seed and differ in their line numbers: no line is in two of them.
FIRST_LINE = {"train": 0, "validation": 1_000_000, "test": 2_000_000}
RUN_FILES = ("spec.json", "model.safetensors", "history.csv")

# What a training, and the simulation of its lines, cannot do without.
_NEEDED = {
    "": ("results", "device", "preset", "seed", "data", "networks", "training", "loss"),
    "data": ("seed", "lines"),
    "training": (
        "epochs",
        "batch_size",
        "decay_epochs",
        "decay_factor",
        "validation_every",
    ),
}
_SECTIONS = ("", "data", "training", "loss", "evaluation")


def simulation_spec(config: dict, split: str) -> dict:
    """What the lines of ``split`` are simulated from: the choices of ``ckstudy simulate --spec``.

    Parameters
    ----------
    config : dict
        A whole study config, see ``config/README.md``.
    split : {"train", "validation", "test"}
    """
    spec = {key: value for key, value in config["data"].items() if key != "lines"}
    spec["split"] = split
    spec["lines"] = config["data"]["lines"][split]
    spec["first_line"] = FIRST_LINE[split]
    return spec


@dataclass(frozen=True)
class StudyFolder:
    """Where a study keeps what it makes, below its folder of results."""

    path: Path

    def data(self, split: str) -> Path:
        """The lines of a split."""
        return self.path / "data" / f"{split}.h5"

    def run(self, name: str) -> Path:
        """The folder of a run, which holds :data:`RUN_FILES` once it is trained."""
        return self.path / "runs" / name

    def checkpoints(self, name: str) -> Path:
        """The folder of a run's progress."""
        return self.path / "checkpoints" / name


def check_config(config: dict, base: dict) -> dict:
    """``config`` itself, if it can be trained.

    The workflow checks a config in depth, by its schema. This is for a machine that has little
    more than torch, where a mistyped key would otherwise train something else for hours.

    Parameters
    ----------
    config : dict
        A study config, overlays included.
    base : dict
        The one below all overlays, which names every key.

    Raises
    ------
    StudyError
        For a key that is missing, or that an overlay has and the base does not.
    """
    for section in _SECTIONS:
        found, known = (_section(each, section) for each in (config, base))
        where = f"section {section!r} of the config" if section else "the config"
        if missing := [key for key in _NEEDED.get(section, ()) if key not in found]:
            raise StudyError(f"{where} lacks {', '.join(missing)}; start from config/config.yaml")
        if unknown := [key for key in found if key not in known]:
            raise StudyError(
                f"{where} has no key {', '.join(map(repr, unknown))}; it has {', '.join(known)}"
            )
    return config


def _section(config: dict, name: str) -> dict:
    return (config.get(name) or {}) if name else config
