"""Which bubbles each frame holds."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ckstudy.acoustics.scene import MEAN_RADIUS, Scene, draw_radius
from ckstudy.imaging.specification import FrameSpec

# Streams of random numbers beside those of lines: a frame is no line, nor are its numbers.
_FIELD_STREAM, _FLOW_STREAM, _NOISE_STREAM = 2, 3, 4


class FrameScene(NamedTuple):
    """The bubbles of one frame.

    Attributes
    ----------
    scene : Scene
        Lateral positions are those about the middle of the array.
    bubble : (bubbles,) int64
        Number of each bubble, the same in every frame that it is in.
    """

    scene: Scene
    bubble: np.ndarray


def draw_frames(spec: FrameSpec) -> Iterator[FrameScene]:
    """The scenes of all frames of ``spec``, in order."""
    if spec.scene == "vessels":
        yield from _vessels(spec)
        return
    fixed = {"points": _points, "pairs": _pairs}
    for frame in range(spec.first_frame, spec.first_frame + spec.frames):
        if spec.scene == "field":
            axial, lateral, radius = _field(spec, frame)
        else:
            axial, lateral = fixed[spec.scene](spec)
            radius = np.full(axial.size, 1e-6 * MEAN_RADIUS)
        scene = Scene(1e3 * spec.pressure_kpa, axial, lateral, radius)
        first = (frame - spec.first_frame) * axial.size if spec.scene == "field" else 0
        yield FrameScene(scene, first + np.arange(axial.size))


def noise_generator(seed: int, frame: int, element: int) -> np.random.Generator:
    """Random numbers of the noise of one element in one frame."""
    return _generator(seed, frame, _NOISE_STREAM, element)


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=key)))


def _field(spec: FrameSpec, frame: int) -> tuple[np.ndarray, ...]:
    random = _generator(spec.seed, frame, _FIELD_STREAM)
    low, high = spec.depth_mm
    axial = 1e-3 * random.uniform(low, high, spec.bubbles)
    lateral = 1e-3 * spec.width_mm * random.uniform(-0.5, 0.5, spec.bubbles)
    return axial, lateral, draw_radius(spec.lines, random, spec.bubbles)


def _points(spec: FrameSpec) -> tuple[np.ndarray, np.ndarray]:
    axial = 1e-3 * np.array(spec.depths_mm)
    return axial, np.zeros(axial.size)


def _pairs(spec: FrameSpec) -> tuple[np.ndarray, np.ndarray]:
    """A row of pairs at each depth, evenly over the width."""
    many = len(spec.distances_um)
    middle = 1e-3 * spec.width_mm * ((np.arange(many) + 0.5) / many - 0.5)
    half = 0.5e-6 * np.array(spec.distances_um)
    axial, lateral = [], []
    for depth in spec.depths_mm:
        for sign in (-1, 1):
            away = sign * half
            axial.append(1e-3 * depth + (away if spec.direction == "axial" else 0 * away))
            lateral.append(middle + (away if spec.direction == "lateral" else 0 * away))
    return np.concatenate(axial), np.concatenate(lateral)


def _vessels(spec: FrameSpec) -> Iterator[FrameScene]:
    """Two straight vessels along the diagonals of a rectangle, bubbles flowing downwards.

    A bubble keeps its distance r from the middle of its vessel, of radius R, and moves with
    speed (1 - (r/R)²). One that reaches the end of its vessel, or the end of its life, is
    followed by a new one anywhere in either vessel.
    """
    random = _generator(spec.seed, spec.first_frame, _FLOW_STREAM)
    low, high = (1e-3 * depth for depth in spec.depth_mm)
    half_width, wall = 0.5e-3 * spec.width_mm, 0.5e-3 * spec.diameter_mm
    length = np.hypot(high - low, 2 * half_width)
    down, across = (high - low) / length, 2 * half_width / length

    def draw(count: int) -> np.ndarray:
        """Side, place along the vessel, distance from its middle, radius: (4, count)."""
        side = np.where(random.random(count) < 0.5, -1.0, 1.0)
        along = length * random.random(count)
        off = wall * random.uniform(-1, 1, count)
        return np.stack([side, along, off, draw_radius(spec.lines, random, count)])

    state, number = draw(spec.bubbles), np.arange(spec.bubbles)
    for _ in range(spec.frames):
        side, along, off, radius = state
        # Off the middle is at right angles to the vessel.
        axial = np.clip(low + along * down + off * across, 1e-3, 97e-3)
        lateral = side * (-half_width + along * across - off * down)
        scene = Scene(1e3 * spec.pressure_kpa, axial, lateral, radius.copy())
        yield FrameScene(scene, number.copy())
        along += 1e-3 * spec.speed_mm_s / spec.frame_rate_hz * (1 - (off / wall) ** 2)
        gone = (along > length) | (random.random(spec.bubbles) < 1 / spec.lifetime_frames)
        many = int(gone.sum())
        state[:, gone] = draw(many)
        number[gone] = number.max(initial=-1) + 1 + np.arange(many)
