"""A study on the disk: which files it consists of, and what its lines are simulated from.

Plain Python, no torch: the workflow's rules and the command line both build on it, so that what
one of them has made the other finds done.
"""

from collections.abc import Iterable
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


def noise_of(spec: dict) -> float | None:
    """Noise of the lines of a run in percent of 9.65 V; None for the study's own lines.

    Parameters
    ----------
    spec : dict
        A member of the grid, see :func:`ckstudy.grid.expand_grid`.
    """
    return spec.get("data", {}).get("noise_percent")


def noise_levels(specs: Iterable[dict]) -> list[float | None]:
    """The noise of each set of lines that these runs need; None, the study's own, first."""
    levels = {noise_of(spec) for spec in specs}
    return sorted(levels, key=lambda noise: -1.0 if noise is None else noise)


def simulation_spec(config: dict, split: str, noise: float | None = None) -> dict:
    """What the lines of ``split`` are simulated from: the choices of ``ckstudy simulate --spec``.

    Parameters
    ----------
    config : dict
        A whole study config, see ``config/README.md``.
    split : {"train", "validation", "test"}
    noise : float, optional
        As :func:`noise_of`. The lines are the study's own, number by number, with that noise.
    """
    spec = {key: value for key, value in config["data"].items() if key != "lines"}
    if noise is not None:
        spec["noise_percent"] = noise
    spec["split"] = split
    spec["lines"] = config["data"]["lines"][split]
    spec["first_line"] = FIRST_LINE[split]
    return spec


def check_noise(spec: dict, *paths: Path) -> None:
    """That these files hold lines of the noise that the run's spec names, where it names one.

    Raises
    ------
    StudyError
        Where they do not.
    """
    # Here and not above: the workflow imports this module each time it plans.
    from ckstudy.dataset import read_lines

    wanted = noise_of(spec)
    for path in paths if wanted is not None else ():
        found = read_lines(path, slice(0, 0)).attributes["parameters"].get("noise_percent")
        if found != wanted:
            raise StudyError(
                f"{path} has lines with {found} % of noise, and the run {spec['run']!r} is one "
                f"of lines with {wanted:g} %; take those of data/noise_{wanted:g}"
            )


def lines_name(split: str, noise: float | None = None) -> str:
    """Name of a set of lines among the study's, such as ``train`` or ``noise_32/train``."""
    return split if noise is None else f"noise_{noise:g}/{split}"


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
