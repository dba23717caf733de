"""What a user may choose about a simulated data set, and the checks of those choices."""

import math
from dataclasses import dataclass

from ckstudy.acoustics.constants import SIMULATION_RATE
from ckstudy.json_fields import JsonFields, bad

# Radii at rest in µm that each population may take.
POPULATIONS = {"monodisperse": (1.2, 3.6), "polydisperse": (0.5, 6.0)}
MIXED = "mixed"  # one of these for each line, with equal chances
POPULATION_NAMES = (*POPULATIONS, MIXED)
SHELLS = ("segers", "marmottant")  # of ckstudy.acoustics.shell, which needs NumPy
SAMPLING_RATES_MHZ = (31.25, 62.5, 125.0)

BAND_MHZ = (1.43, 3.60)
"""What the study's pulse and its echoes fill."""

MAXIMUM_BUBBLES = 20_000
# Above 300 kPa the collapse of small bubbles outruns fixed time steps (and the model).
PRESSURES_KPA = (1.0, 300.0)
MAXIMUM_NOISE_PERCENT = 256.0
LARGEST_INTEGER = 2**63 - 1


@dataclass(frozen=True)
class SimulationSpec(JsonFields):
    """A data set to simulate. Every field has its unit in its name or is a pure number.

    Attributes
    ----------
    split : str
        Name of the part of the study that the lines are for; a label only.
    lines, first_line : int
        How many lines, and the number of the first. Line n of a seed is always the same line.
    seed : int
        With the line number, the only source of randomness.
    bubbles : (int, int)
        Bubbles per line, uniform between the two.
    pressure_kpa : (float, float)
        Peak pressure of the transmitted pulse, uniform between the two.
    population : str
        "monodisperse" (normal, 2.4 ± 0.12 µm), "polydisperse" (density ∝ R² exp(-2.19 R)), or
        "mixed", which is one or the other for a whole line, with equal chances.
    radius_um : (float, float) or None
        Range of the radii at rest; None for the population's own, which is also the widest.
        "mixed" takes none.
    shell : str
        "segers" or "marmottant".
    noise_percent : float or (float, float)
        Standard deviation of the noise in percent of 9.65 V; 0 leaves the line unfiltered. Of two
        numbers, each line has a level between them, uniform in log(1 + percent): half of the
        lines between 0 and 32 % have less than 4.7 %.
    sampling_rate_mhz : float
        31.25, 62.5 or 125.

    Examples
    --------
    >>> from ckstudy.acoustics.specification import SimulationSpec
    >>> spec = SimulationSpec(lines=8, bubbles=(1, 5), noise_percent=1.0)
    >>> spec.seed, spec.sampling_rate_mhz
    (2023, 62.5)
    """

    split: str = "train"
    lines: int = 1024
    seed: int = 2023
    first_line: int = 0
    bubbles: tuple[int, int] = (10, 1000)
    pressure_kpa: tuple[float, float] = (5.0, 250.0)
    population: str = "monodisperse"
    radius_um: tuple[float, float] | None = None
    shell: str = "segers"
    noise_percent: float | tuple[float, float] = 0.0
    sampling_rate_mhz: float = 62.5

    def __post_init__(self) -> None:
        if not isinstance(self.split, str) or not self.split:
            raise bad("split", self.split, "a name such as train")
        for name, lowest in (("lines", 1), ("seed", 0), ("first_line", 0)):
            value = getattr(self, name)
            if not _is_integer(value) or not lowest <= value <= LARGEST_INTEGER:
                raise bad(name, value, f"a whole number of at least {lowest}")
        if self.first_line + self.lines > LARGEST_INTEGER:
            raise bad("first_line", self.first_line, "a number that leaves room for the lines")
        self._set_range("bubbles", 0, MAXIMUM_BUBBLES, "bubbles", int)
        self._set_range("pressure_kpa", *PRESSURES_KPA, "kPa", float)
        if self.population not in POPULATION_NAMES:
            raise bad("population", self.population, f"one of {', '.join(POPULATION_NAMES)}")
        if self.radius_um is not None:
            if self.population == MIXED:
                raise bad("radius_um", self.radius_um, f"left out where population is {MIXED}")
            self._set_range("radius_um", *POPULATIONS[self.population], "µm", float)
        if self.shell not in SHELLS:
            raise bad("shell", self.shell, f"one of {', '.join(SHELLS)}")
        self._set_noise()
        if self.sampling_rate_mhz not in SAMPLING_RATES_MHZ:
            allowed = ", ".join(f"{rate:g}" for rate in SAMPLING_RATES_MHZ)
            raise bad("sampling_rate_mhz", self.sampling_rate_mhz, f"one of {allowed}")
        object.__setattr__(self, "sampling_rate_mhz", float(self.sampling_rate_mhz))

    def _set_range(self, name: str, lowest: float, highest: float, unit: str, kind: type) -> None:
        value = getattr(self, name)
        numbers = "whole numbers" if kind is int else "numbers"
        wanted = f"two {numbers}, low and high, within {lowest:g} to {highest:g} {unit}"
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise bad(name, value, wanted)
        low, high = value
        right = _is_integer if kind is int else _is_number
        if not (right(low) and right(high) and lowest <= low <= high <= highest):
            raise bad(name, list(value), wanted)
        object.__setattr__(self, name, (kind(low), kind(high)))

    def _set_noise(self) -> None:
        value, highest = self.noise_percent, MAXIMUM_NOISE_PERCENT
        if isinstance(value, list | tuple):
            self._set_range("noise_percent", 0, highest, "%", float)
        elif _is_number(value) and 0 <= value <= highest:
            object.__setattr__(self, "noise_percent", float(value))
        else:
            wanted = f"a number from 0 to {highest:g}, or two such numbers, low and high"
            raise bad("noise_percent", value, wanted)

    @property
    def radius_range_um(self) -> tuple[float, float]:
        """Range of the radii at rest in µm."""
        return self.radius_um or POPULATIONS[self.population]

    @property
    def every(self) -> int:
        """Samples of the simulation for one of the output."""
        return round(SIMULATION_RATE / (1e6 * self.sampling_rate_mhz))

    @property
    def steps(self) -> int:
        """Runge-Kutta steps for each 4 ns: polydisperse bubbles include small, stiff ones."""
        return 2 if self.population == "polydisperse" else 1


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
