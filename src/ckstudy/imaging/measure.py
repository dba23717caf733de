"""How good images are: point spread, resolvable distance, and F1 of the bubbles that are found.

Every way to make an image is measured on the same simulated frames. What it has to choose, a
threshold, and for raw delay-and-sum by how much its peaks lie too deep, it chooses on frames of
other numbers.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from ckstudy.acoustics.constants import SOUND_SPEED
from ckstudy.acoustics.scene import MEAN_RADIUS, Scene
from ckstudy.errors import StudyError
from ckstudy.files import cannot_write, write_text
from ckstudy.imaging.beamform import Grid2D
from ckstudy.imaging.calibration import THRESHOLDS, best_threshold, field_grid, positions
from ckstudy.imaging.detect import SEPARATION, find_bubbles
from ckstudy.imaging.frame_file import channel_data
from ckstudy.imaging.point_spread import point_spread
from ckstudy.imaging.score import TOLERANCE, count, match
from ckstudy.imaging.simulate import simulate_frame
from ckstudy.imaging.specification import FrameSpec
from ckstudy.imaging.super_resolve import (
    EVERY_ELEMENT,
    Geometry,
    b_mode,
    localise_lines,
    sum_lines,
)
from ckstudy.networks.release import load_model
from ckstudy.study.imaging import ImagingSpec

RAW = "raw"
FILES = ("thresholds", "point_spread", "pairs", "detections")
FIRST_TEST_FRAME = 1_000_000
PRESSURE_KPA = 200.0
# Raw delay-and-sum: maxima closer than half its point spread are flanks; levels are multiples of
# the image's root mean square, which does not depend on pressure or depth of the frame.
RAW_SEPARATION = (340e-6, 700e-6)
RAW_THRESHOLDS = np.round(np.geomspace(0.1, 10, 41), 4)
# A single bubble or a pair is looked at from so far above to so far below, and to either side.
ABOVE, BELOW, BESIDE = 1.5e-3, 2.5e-3, 4e-3
POINT_PIXEL = (5e-6, 20e-6)
_JITTER = (0.5e-3, 2e-3)
_POINTS, _PAIRS = 0, 1

Lines = tuple[np.ndarray, Geometry]


@dataclass
class Method:
    """A way to make an image and find bubbles in it.

    Attributes
    ----------
    name : str
    prepare : callable
        From channel data and their geometry to what is delayed and summed.
    show : callable
        From lines, their geometry and pixels to an image (lateral, axial).
    thresholds : (n,) float64
        To choose from.
    separation : (float, float)
        As of :func:`ckstudy.imaging.detect.find_bubbles`.
    threshold, lag_m : float
        As chosen.
    """

    name: str
    prepare: Callable[[np.ndarray, Geometry], Lines]
    show: Callable[[np.ndarray, Geometry, Grid2D], np.ndarray]
    thresholds: np.ndarray
    separation: tuple[float, float]
    threshold: float = 0.0
    lag_m: float = 0.0

    def find(self, image: np.ndarray, grid: Grid2D, threshold: float | None = None) -> pd.DataFrame:
        """Bubbles above the threshold, by default the one that was chosen."""
        level = self.threshold if threshold is None else threshold
        return find_bubbles(image, grid, level, separation=self.separation, lag_m=self.lag_m)


def measure_images(
    spec: ImagingSpec,
    out: str | Path,
    *,
    device: torch.device | str = "cpu",
    threads: int | None = None,
) -> None:
    """Measure raw delay-and-sum and each network; write ``FILES`` as CSV into the folder ``out``.

    Parameters
    ----------
    spec : ImagingSpec
    out : str or Path
    device : torch.device or str
    threads : int, optional

    Raises
    ------
    StudyError
        For a model that cannot be loaded, or a folder that cannot be written to.
    """
    show = partial(_show_rf, threads)
    methods = [Method(RAW, lambda *heard: heard, show, RAW_THRESHOLDS, RAW_SEPARATION)]
    for model in spec.models:
        prepare = partial(localise_lines, load_model(model).to(device))
        show = partial(sum_lines, threads=threads)
        methods.append(Method(_label(model), prepare, show, THRESHOLDS, SEPARATION))
    with tqdm(total=_frames(spec), desc="measuring", unit="frame", disable=None) as bar:
        tables = {
            "thresholds": _calibrate(spec, methods, threads, bar),
            "point_spread": _point_spread(spec, methods, threads, bar),
            "pairs": _pairs(spec, methods, threads, bar),
            "detections": _detections(spec, methods, threads, bar),
        }
    try:
        for name in FILES:
            text = tables[name].to_csv(index=False, float_format="%.6g", lineterminator="\n")
            write_text(Path(out) / f"{name}.csv", text)
    except OSError as error:
        raise StudyError(cannot_write(error, out)) from None


def conditions(spec: ImagingSpec) -> list[dict]:
    """What the fields of bubbles that are tested differ in."""
    usual = {"noise_percent": 0.0, "pressure_kpa": PRESSURE_KPA}
    first = {"bubbles": spec.bubbles[0], **usual}
    return [
        *({"bubbles": many, **usual} for many in spec.bubbles),
        *({**first, "noise_percent": noise} for noise in spec.noise_percent),
        *({**first, "pressure_kpa": pressure} for pressure in spec.pressure_kpa),
    ]


def _label(model: str) -> str:
    """A network's name: that of the run where it is a run's."""
    path = Path(model)
    return path.parent.name if path.name == "model.safetensors" else path.stem


def _frames(spec: ImagingSpec) -> int:
    distances = len(spec.axial_distances_um) + len(spec.lateral_distances_um)
    return (
        1
        + spec.points * (1 + distances)
        + spec.calibration_frames * len(spec.bubbles)
        + spec.frames * len(conditions(spec))
    )


def _show_rf(threads: int | None, rf: np.ndarray, geometry: Geometry, grid: Grid2D) -> np.ndarray:
    """Envelope, in multiples of the image's root mean square."""
    found = b_mode(rf, geometry, grid, EVERY_ELEMENT, threads)
    return found / max(float(np.sqrt(np.mean(found**2))), 1e-30)


def _fields(
    spec: ImagingSpec, frames: int, first: int, condition: dict, threads: int | None
) -> Iterator[tuple[int, np.ndarray, np.ndarray, Geometry, Grid2D]]:
    """Number, truth and channel data of fields of bubbles, with their geometry and pixels."""
    wanted = FrameSpec(
        frames=frames, first_frame=first, seed=spec.seed, elements=spec.elements, **condition
    )
    geometry = Geometry(wanted.array.position, wanted.sampling_rate_hz, SOUND_SPEED)
    for number, (frame, rf) in enumerate(channel_data(wanted, threads), first):
        truth = np.stack([frame.scene.axial, frame.scene.lateral], axis=1)
        yield number, truth, rf, geometry, field_grid(wanted)


def _calibrate(
    spec: ImagingSpec, methods: list[Method], threads: int | None, bar: tqdm
) -> pd.DataFrame:
    """Choose each method's lag on a single bubble, and its threshold on fields of bubbles."""
    raw = methods[0]
    place = np.array([[50e-3, 0.0]])
    rf, geometry = _hear(spec, place, threads)
    grid = _around(place[0])
    raw.lag_m = point_spread(raw.show(rf, geometry, grid), grid).axial - place[0, 0]
    bar.update()
    found: dict[str, list] = {method.name: [] for method in methods}
    for many in spec.bubbles:
        condition = {"bubbles": many, "noise_percent": 0.0, "pressure_kpa": PRESSURE_KPA}
        for _, truth, rf, geometry, grid in _fields(
            spec, spec.calibration_frames, 0, condition, threads
        ):
            for method in methods:
                image = method.show(*method.prepare(rf, geometry), grid)
                bubbles = method.find(image, grid, float(method.thresholds[0]))
                found[method.name].append((truth, bubbles))
            bar.update()
    rows = []
    for method in methods:
        method.threshold, counts = best_threshold(found[method.name], method.thresholds)
        rows.append(
            {
                "method": method.name,
                "threshold": method.threshold,
                "lag_um": 1e6 * method.lag_m,
                "f1": counts.f1,
                "frames": len(found[method.name]),
            }
        )
    return pd.DataFrame(rows)


def _point_spread(
    spec: ImagingSpec, methods: list[Method], threads: int | None, bar: tqdm
) -> pd.DataFrame:
    """Width and place of single bubbles, one at each depth of a frame."""
    rows = []
    for point in range(spec.points):
        places = _places(spec, _POINTS, point)
        rf, geometry = _hear(spec, places, threads)
        for method in methods:
            lines = method.prepare(rf, geometry)
            for depth, place in zip(spec.depths_mm, places, strict=True):
                grid = _around(place)
                spread = point_spread(method.show(*lines, grid), grid)
                rows.append(
                    {
                        "method": method.name,
                        "depth_mm": depth,
                        "point": point,
                        "axial_fwhm_um": 1e6 * spread.axial_width,
                        "lateral_fwhm_um": 1e6 * spread.lateral_width,
                        "axial_bias_um": 1e6 * (spread.axial - place[0]),
                        "lateral_bias_um": 1e6 * (spread.lateral - place[1]),
                    }
                )
        bar.update()
    return pd.DataFrame(rows)


def _pairs(
    spec: ImagingSpec, methods: list[Method], threads: int | None, bar: tqdm
) -> pd.DataFrame:
    """Of pairs at each depth, whether each bubble has a detection of its own.

    It may be half the distance away in the direction of the pair, and no more than a right
    detection otherwise.
    """
    rows = []
    directions = (("axial", spec.axial_distances_um), ("lateral", spec.lateral_distances_um))
    asked = [
        (axis, name, distance)
        for axis, (name, distances) in enumerate(directions)
        for distance in distances
    ]
    for axis, direction, distance in asked:
        apart = np.zeros(2)
        apart[axis] = 0.5e-6 * distance
        tolerance = [*TOLERANCE]
        tolerance[axis] = min(tolerance[axis], 0.5e-6 * distance)
        for point in range(spec.points):
            places = _places(spec, _PAIRS, point)
            rf, geometry = _hear(spec, np.concatenate([places - apart, places + apart]), threads)
            for method in methods:
                lines = method.prepare(rf, geometry)
                for depth, place in zip(spec.depths_mm, places, strict=True):
                    both = np.stack([place - apart, place + apart])
                    grid = _around(place)
                    found = method.find(method.show(*lines, grid), grid)
                    pairs = match(both, positions(found), (tolerance[0], tolerance[1]))
                    rows.append(
                        {
                            "method": method.name,
                            "direction": direction,
                            "distance_um": distance,
                            "depth_mm": depth,
                            "point": point,
                            "resolved": int(len(pairs) == 2),
                        }
                    )
            bar.update()
    columns = ["method", "direction", "distance_um", "depth_mm", "point", "resolved"]
    return pd.DataFrame(rows, columns=columns)


def _detections(
    spec: ImagingSpec, methods: list[Method], threads: int | None, bar: tqdm
) -> pd.DataFrame:
    """Bubbles found in fields, frame by frame."""
    rows = []
    for condition in conditions(spec):
        fields = _fields(spec, spec.frames, FIRST_TEST_FRAME, condition, threads)
        for number, truth, rf, geometry, grid in fields:
            for method in methods:
                found = method.find(method.show(*method.prepare(rf, geometry), grid), grid)
                counts = count(truth, positions(found))
                rows.append(
                    {
                        "method": method.name,
                        **condition,
                        "frame": number,
                        "pairs": counts.pairs,
                        "detections": counts.detections,
                        "f1": counts.f1,
                        "precision": counts.precision,
                        "recall": counts.recall,
                    }
                )
            bar.update()
    return pd.DataFrame(rows)


def _places(spec: ImagingSpec, kind: int, point: int) -> np.ndarray:
    """A place near each depth and near the middle, (depths, 2): between pixels and samples."""
    random = np.random.default_rng([spec.seed, kind, point])
    depth = 1e-3 * np.array(spec.depths_mm)
    away = random.uniform(-1, 1, (depth.size, 2)) * _JITTER
    return np.stack([depth + away[:, 0], away[:, 1]], axis=1)


def _hear(
    spec: ImagingSpec, places: np.ndarray, threads: int | None
) -> tuple[np.ndarray, Geometry]:
    """Channel data of bubbles of 2.4 µm at ``places`` (n, 2)."""
    usual = FrameSpec(elements=spec.elements)
    radius = np.full(len(places), 1e-6 * MEAN_RADIUS)
    scene = Scene(1e3 * PRESSURE_KPA, places[:, 0], places[:, 1], radius)
    geometry = Geometry(usual.array.position, usual.sampling_rate_hz, SOUND_SPEED)
    return simulate_frame(scene, geometry.position, threads=threads), geometry


def _around(place: np.ndarray) -> Grid2D:
    return Grid2D.spanning(
        (place[0] - ABOVE, place[0] + BELOW),
        (place[1] - BESIDE, place[1] + BESIDE),
        POINT_PIXEL,
    )
