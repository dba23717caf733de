"""The sets of lines of a study: splits, noise, and what each is simulated from.

Plain Python, no torch: the workflow's rules and the command line both build on it.
"""

from collections.abc import Iterable
from pathlib import Path

from ckstudy.errors import StudyError

SPLITS = ("train", "validation", "test")
# Splits share a seed and differ in their line numbers: no line is in two of them.
FIRST_LINE = {"train": 0, "validation": 1_000_000, "test": 2_000_000}


def noise_of(spec: dict) -> float | None:
    """Noise of the lines of a run in percent of 9.65 V; None for the study's own lines.

    Parameters
    ----------
    spec : dict
        A member of the grid, see :func:`ckstudy.study.grid.expand_grid`.
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
