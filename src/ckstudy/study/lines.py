"""The sets of lines of a study: splits, noise, and what each is simulated from.

Plain Python, no torch: the workflow's rules and the command line both build on it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from ckstudy.acoustics.specification import SimulationSpec
from ckstudy.errors import StudyError
from ckstudy.study.checks import Whole
from ckstudy.study.spec import RunSpec, check_noise_percent

SPLITS = ("train", "validation", "test")
# Splits share a seed and differ in their line numbers: no line is in two of them.
FIRST_LINE = {"train": 0, "validation": 1_000_000, "test": 2_000_000}


@dataclass(frozen=True)
class DataSpec:
    """The lines of a study; the keys of the config's section ``data``.

    Attributes
    ----------
    lines : dict of int
        Lines of each split.
    seed, bubbles, pressure_kpa, population, shell, noise_percent, sampling_rate_mhz
        As in :class:`ckstudy.acoustics.specification.SimulationSpec`.
    """

    lines: dict[str, int]
    seed: int
    bubbles: tuple[int, int]
    pressure_kpa: tuple[float, float]
    population: str
    shell: str
    noise_percent: float | tuple[float, float]
    sampling_rate_mhz: float

    def __post_init__(self) -> None:
        if not isinstance(self.lines, dict) or set(self.lines) != set(SPLITS):
            raise StudyError(f"lines must say how many for {', '.join(SPLITS)}, not {self.lines!r}")
        for split, count in self.lines.items():
            Whole(1, 1_000_000)(count, f"lines.{split}")
        if not isinstance(self.noise_percent, list | tuple):
            check_noise_percent(self.noise_percent)
        checked = self.simulation("train")
        for each in ("bubbles", "pressure_kpa", "noise_percent", "sampling_rate_mhz"):
            object.__setattr__(self, each, getattr(checked, each))

    def simulation(self, split: str, noise: float | None = None) -> SimulationSpec:
        """What the lines of ``split`` are simulated from.

        Parameters
        ----------
        split : {"train", "validation", "test"}
        noise : float, optional
            As :attr:`RunSpec.noise`. The lines are the study's own, number by number, with that
            noise.
        """
        alike = {each.name: getattr(self, each.name) for each in fields(self)}
        return SimulationSpec(
            **alike
            | {
                "noise_percent": self.noise_percent if noise is None else noise,
                "split": split,
                "lines": self.lines[split],
                "first_line": FIRST_LINE[split],
            }
        )


def noise_levels(specs: Iterable[RunSpec]) -> list[float | None]:
    """The noise of each set of lines that these runs need; None, the study's own, first."""
    levels = {spec.noise for spec in specs}
    return sorted(levels, key=lambda noise: -1.0 if noise is None else noise)


def check_noise_of_lines(spec: RunSpec, *paths: Path) -> None:
    """That these files hold lines of the noise that the run's spec names, where it names one.

    Raises
    ------
    StudyError
        Where they do not.
    """
    # Not at the top: the workflow imports this module each time it plans.
    from ckstudy.dataset import read_lines

    for path in paths if spec.noise is not None else ():
        found = read_lines(path, slice(0, 0)).attributes["parameters"].get("noise_percent")
        if found != spec.noise:
            raise StudyError(
                f"{path} has lines with {found} % of noise, and the run {spec.run!r} is one "
                f"of lines with {spec.noise:g} %; take those of data/noise_{spec.noise:g}"
            )


def lines_name(split: str, noise: float | None = None) -> str:
    """Name of a set of lines among the study's, such as ``train`` or ``noise_32/train``."""
    return split if noise is None else f"noise_{noise:g}/{split}"
