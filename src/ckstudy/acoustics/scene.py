"""Which bubbles a line holds: random positions, radii and pressure."""

from dataclasses import dataclass, replace

import numpy as np

from ckstudy.acoustics.constants import SOUND_SPEED
from ckstudy.acoustics.specification import MIXED, POPULATIONS, SimulationSpec

AXIAL_RANGE = (3.7e-3, 96.3e-3)  # m
LATERAL_RANGE = (-14e-3, 14e-3)  # m
MEAN_RADIUS, RADIUS_DEVIATION = 2.4, 0.12  # µm, monodisperse
SIZE_DECAY = 2.19  # 1/µm, polydisperse: density ∝ R² exp(-2.19 R)

# Of a line's random numbers. Stream 2 is that of :mod:`ckstudy.probing.changed_lines`.
_SCENE_STREAM, _NOISE_STREAM, _CONDITION_STREAM = 0, 1, 3


@dataclass(frozen=True)
class Scene:
    """The bubbles of one line and the sound that meets them.

    Attributes
    ----------
    pressure : float
        Peak pressure of the transmitted pulse in Pa.
    axial, lateral, radius : (bubbles,) float64
        Depth, sideways distance, and radius at rest, in m.
    """

    pressure: float
    axial: np.ndarray
    lateral: np.ndarray
    radius: np.ndarray

    @property
    def distance(self) -> np.ndarray:
        """Distance of each bubble from the element, in m."""
        return np.hypot(self.axial, self.lateral)

    @property
    def arrival(self) -> np.ndarray:
        """Time in s at which each echo starts: there as a plane wave, back along the distance."""
        return (self.axial + self.distance) / SOUND_SPEED


def scene_generator(seed: int, line: int) -> np.random.Generator:
    """Random numbers of the scene of a line: they depend on nothing but (seed, line number)."""
    return _generator(seed, line, _SCENE_STREAM)


def noise_generator(seed: int, line: int) -> np.random.Generator:
    """Random numbers of the noise of a line, independent of its scene."""
    return _generator(seed, line, _NOISE_STREAM)


def _generator(seed: int, line: int, stream: int) -> np.random.Generator:
    sequence = np.random.SeedSequence(seed, spawn_key=(line, stream))
    return np.random.Generator(np.random.Philox(sequence))


def draw_conditions(spec: SimulationSpec, line: int) -> tuple[SimulationSpec, float]:
    """``spec`` with the population of ``line``, and the noise of that line in percent.

    Drawn apart from scene and noise: a line of a mixture is the line that its population and its
    noise alone would have given.
    """
    noise = spec.noise_percent
    if spec.population != MIXED and not isinstance(noise, tuple):
        return spec, noise
    which, share = _generator(spec.seed, line, _CONDITION_STREAM).random(2)
    if spec.population == MIXED:
        spec = replace(spec, population=tuple(POPULATIONS)[int(which * len(POPULATIONS))])
    if isinstance(noise, tuple):
        low, high = np.log1p(noise)
        noise = float(np.clip(np.expm1(low + share * (high - low)), *noise))
    return spec, noise


def draw_scene(spec: SimulationSpec, line: int) -> Scene:
    """The scene of ``line`` under ``spec``, which has one population for all lines.

    Pressure, number of bubbles, depths, lateral positions and radii are drawn in this order.
    The order and the number of draws do not depend on the ranges, so that two specifications
    which differ in one range share everything else as far as it goes.
    """
    random = scene_generator(spec.seed, line)
    pressure = 1e3 * random.uniform(*spec.pressure_kpa)
    bubbles = round(random.uniform(*spec.bubbles))
    axial = random.uniform(*AXIAL_RANGE, bubbles)
    lateral = random.uniform(*LATERAL_RANGE, bubbles)
    return Scene(pressure, axial, lateral, draw_radius(spec, random, bubbles))


def draw_radius(spec: SimulationSpec, random: np.random.Generator, bubbles: int) -> np.ndarray:
    """Radii at rest in m, (bubbles,), of the population of ``spec``."""
    low, high = spec.radius_range_um
    if spec.population == "polydisperse":
        radius = _polydisperse_radius(random.random(bubbles), low, high)
    else:
        radius = np.clip(random.normal(MEAN_RADIUS, RADIUS_DEVIATION, bubbles), low, high)
    return 1e-6 * radius


def _polydisperse_radius(quantile: np.ndarray, low: float, high: float) -> np.ndarray:
    """Radii in µm at the ``quantile`` of the density ∝ R² exp(-2.19 R) on [low, high]."""
    if low == high:
        return np.full(quantile.shape, low)
    radius = np.linspace(low, high, 4097)
    a = SIZE_DECAY
    antiderivative = -np.exp(-a * radius) * (radius**2 / a + 2 * radius / a**2 + 2 / a**3)
    share = antiderivative - antiderivative[0]
    return np.interp(quantile * share[-1], share, radius)
