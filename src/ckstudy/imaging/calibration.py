"""Above which score a maximum of an image is a bubble: chosen once for a network, and kept.

A threshold of lines says nothing of images, where elements are averaged. It is chosen on simulated
frames, for the best F1 over all of them, and written to ``NAME.imaging.json`` beside the network's
file ``NAME.safetensors``; shipped networks come with theirs.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from ckstudy.acoustics.constants import SOUND_SPEED
from ckstudy.errors import StudyError
from ckstudy.files import write_json
from ckstudy.imaging.beamform import Grid2D
from ckstudy.imaging.detect import find_bubbles
from ckstudy.imaging.frame_file import channel_data
from ckstudy.imaging.score import Counts2D, count, total
from ckstudy.imaging.specification import FrameSpec
from ckstudy.imaging.super_resolve import Geometry, super_resolve
from ckstudy.networks import Localiser
from ckstudy.scoring.score_files import model_digest

THRESHOLDS = np.round(np.arange(0.2, 2.0001, 0.04), 2)
BUBBLES = (250, 500, 750, 1000)
MARGIN = 1e-3  # m of the image beyond the bubbles


def best_threshold(
    frames: Iterable[tuple[np.ndarray, pd.DataFrame]], thresholds: np.ndarray
) -> tuple[float, Counts2D]:
    """The threshold of the best F1 over all frames together, and its counts.

    Parameters
    ----------
    frames : iterable of (ndarray, DataFrame)
        Axial and lateral positions of the bubbles in m, (n, 2), and the detections above the
        lowest threshold.
    thresholds : (n,) float64
        Of those that tie, the middle one is taken.
    """
    counts = [
        [count(truth, positions(found[found["score"] > level])) for level in thresholds]
        for truth, found in frames
    ]
    totals = [total(list(each)) for each in zip(*counts, strict=True)]
    f1 = np.array([each.f1 for each in totals])
    tied = np.flatnonzero(f1 == f1.max())
    best = int(tied[tied.size // 2])
    return float(thresholds[best]), totals[best]


def positions(found: pd.DataFrame) -> np.ndarray:
    """Axial and lateral positions of detections in m, (n, 2)."""
    return 1e-3 * found[["axial_mm", "lateral_mm"]].to_numpy(np.float64)


def field_grid(spec: FrameSpec) -> Grid2D:
    """Pixels of a field of bubbles, and a little around."""
    low, high = (1e-3 * depth for depth in spec.depth_mm)
    half = 0.5e-3 * spec.width_mm + MARGIN
    return Grid2D.spanning((low - MARGIN, high + MARGIN), (-half, half))


def calibration_specs(
    frames: int = 1, seed: int = 77, noise_percent: Iterable[float] = (0.0,)
) -> list[FrameSpec]:
    """Fields of several densities at each level of noise, ``frames`` of each."""
    return [
        FrameSpec(bubbles=many, frames=frames, seed=seed, noise_percent=noise)
        for noise in noise_percent
        for many in BUBBLES
    ]


def calibrate(
    network: Localiser, specs: list[FrameSpec], model: str | Path, threads: int | None = None
) -> dict:
    """What ``NAME.imaging.json`` holds: the threshold, its F1, and what it was chosen on."""
    bar = tqdm(total=sum(spec.frames for spec in specs), unit="frame", disable=None)

    def found() -> Iterable[tuple[np.ndarray, pd.DataFrame]]:
        for spec in specs:
            geometry = Geometry(spec.array.position, spec.sampling_rate_hz, SOUND_SPEED)
            grid = field_grid(spec)
            for frame, rf in channel_data(spec, threads):
                image = super_resolve(network, rf, geometry, grid, threads)
                truth = np.stack([frame.scene.axial, frame.scene.lateral], axis=1)
                yield truth, find_bubbles(image, grid, THRESHOLDS[0])
                bar.update()

    threshold, counts = best_threshold(found(), THRESHOLDS)
    return {
        "model_digest": model_digest(Path(model)),
        "threshold": threshold,
        "f1": round(counts.f1, 4),
        "bubbles": counts.bubbles,
        "frames": [spec.as_dict() for spec in specs],
    }


def calibration_path(model: str | Path) -> Path:
    """Where the calibration of the network in the file ``model`` is kept."""
    return Path(model).with_suffix(".imaging.json")


def write_calibration(path: Path, found: dict) -> None:
    """Write what :func:`calibrate` found."""
    write_json(path, found)


def calibrated_threshold(model: str | Path) -> float:
    """The threshold that was chosen for the network in the file ``model``.

    Raises
    ------
    StudyError
        Where there is none, or one of another network.
    """
    path = calibration_path(model)
    how = "make it with `ckstudy calibrate-image`, or give a threshold"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        digest, threshold = found["model_digest"], float(found["threshold"])
    except FileNotFoundError:
        raise StudyError(f"there is no threshold for images of {model} ({path}): {how}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{path} holds no threshold ({error}): {how}") from None
    if digest != model_digest(Path(model)):
        raise StudyError(f"{path} is the calibration of another network than {model}: {how}")
    return threshold
