"""The same line with one bubble more, or one less: a true change that a network has to follow."""

from dataclasses import dataclass

import numpy as np

from ckstudy.acoustics.constants import SIMULATION_RATE
from ckstudy.acoustics.line import simulate_rf
from ckstudy.acoustics.noise import add_noise
from ckstudy.acoustics.scene import (
    AXIAL_RANGE,
    LATERAL_RANGE,
    MEAN_RADIUS,
    Scene,
    draw_conditions,
    draw_scene,
    noise_generator,
)
from ckstudy.acoustics.specification import SimulationSpec

_STREAM = 2  # of the random numbers of a line; the others are in ckstudy.acoustics.scene


@dataclass(frozen=True)
class ChangedLine:
    """A line that differs from another by one bubble.

    Attributes
    ----------
    kind : {"inserted", "removed"}
    onset : int
        Sample at which the echo of that bubble starts.
    rf : (samples,) float32
        Voltage in V.
    """

    kind: str
    onset: int
    rf: np.ndarray


def changed_lines(spec: SimulationSpec, number: int, count: int) -> list[ChangedLine]:
    """Line ``number`` of ``spec`` with one more bubble, ``count`` times, and with one less.

    Where, and which, is drawn from the seed and the line's number. A bubble that comes in has the
    mean radius and a place like any other's. Noise is that of the line.
    """
    spec, noise = draw_conditions(spec, number)
    scene = draw_scene(spec, number)
    seed = np.random.SeedSequence(spec.seed, spawn_key=(number, _STREAM))
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        axial, lateral = (random.uniform(*ends) for ends in (AXIAL_RANGE, LATERAL_RANGE))
        one = Scene(
            scene.pressure,
            np.array([axial]),
            np.array([lateral]),
            np.array([1e-6 * MEAN_RADIUS]),
        )
        more = Scene(
            scene.pressure,
            np.append(scene.axial, one.axial),
            np.append(scene.lateral, one.lateral),
            np.append(scene.radius, one.radius),
        )
        found.append(_line("inserted", one, more, spec, noise, number))
    many = scene.axial.size
    for index in random.choice(many, size=min(count, many), replace=False):
        others = np.delete(np.arange(many), index)
        one, fewer = (_some(scene, which) for which in (np.array([index]), others))
        found.append(_line("removed", one, fewer, spec, noise, number))
    return found


def _some(scene: Scene, which: np.ndarray) -> Scene:
    return Scene(scene.pressure, scene.axial[which], scene.lateral[which], scene.radius[which])


def _line(
    kind: str, one: Scene, scene: Scene, spec: SimulationSpec, noise: float, number: int
) -> ChangedLine:
    rate = SIMULATION_RATE / spec.every
    rf = simulate_rf(scene, spec.shell, spec.steps, spec.every)
    rf = add_noise(rf, noise, rate, noise_generator(spec.seed, number))
    return ChangedLine(kind, int(np.rint(one.arrival[0] * rate)), rf.astype(np.float32))
