"""A file of channel data, frame by frame, into an image, a table of bubbles and a density map."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd
from tqdm import tqdm

from ckstudy.errors import StudyError
from ckstudy.files import atomic_path, cannot_write
from ckstudy.imaging.beamform import Grid2D
from ckstudy.imaging.channel_data import ChannelData
from ckstudy.imaging.detect import COLUMNS, find_bubbles
from ckstudy.imaging.super_resolve import B_MODE_PIXEL, Geometry, b_mode, super_resolve
from ckstudy.localisation.resample import Grid
from ckstudy.networks import Localiser

SHALLOWEST = 0.5e-3  # m; nearer than this an element hears the pulse itself
MOST_PIXELS = 200_000_000
DENSITY_PIXEL = 50e-6  # m
_FORMAT = "%d,%.6f,%.6f,%.9g"


@dataclass
class Pictures:
    """What is drawn of all frames together; images are (lateral, axial).

    Attributes
    ----------
    grid, b_grid : Grid2D
        Of ``best`` and of ``b_mode``.
    b_mode : ndarray
        Mean over the frames of the B-mode images' intensity.
    best : ndarray
        Highest value of the super-resolved images.
    density : ndarray
        Detections in each square of ``DENSITY_PIXEL``.
    frames : int
    """

    grid: Grid2D
    b_grid: Grid2D
    b_mode: np.ndarray = field(init=False)
    best: np.ndarray = field(init=False)
    density: np.ndarray = field(init=False)
    frames: int = 0

    def __post_init__(self) -> None:
        self.b_mode = np.zeros((self.b_grid.lateral.size, self.b_grid.axial.size), np.float32)
        self.best = np.zeros((self.grid.lateral.size, self.grid.axial.size), np.float32)
        self.density = np.zeros([edges.size - 1 for edges in self.density_edges], np.int64)

    @property
    def density_edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Lateral and axial edges in m of the squares in which detections are counted."""
        lateral, axial = self.grid.lateral, self.grid.axial
        return tuple(  # type: ignore[return-value]
            np.arange(each[0], each[-1] + DENSITY_PIXEL, DENSITY_PIXEL) for each in (lateral, axial)
        )

    def add(self, b_image: np.ndarray, image: np.ndarray, bubbles: pd.DataFrame) -> None:
        """Add the images and detections of one frame."""
        self.frames += 1
        self.b_mode += (b_image**2 - self.b_mode) / self.frames
        np.maximum(self.best, image, out=self.best)
        self.density += np.histogram2d(
            1e-3 * bubbles["lateral_mm"], 1e-3 * bubbles["axial_mm"], self.density_edges
        )[0].astype(np.int64)


def usual_grid(
    geometry: Geometry,
    samples: int,
    *,
    depth_mm: tuple[float, float] | None = None,
    width_mm: tuple[float, float] | None = None,
    pixel_um: tuple[float, float] = (20.0, 50.0),
) -> Grid2D:
    """Pixels below the array, as deep as its lines reach.

    Raises
    ------
    StudyError
        For ends that are not in order or where nothing was heard, and too many pixels.
    """
    rate, speed, start = geometry.sampling_rate_hz, geometry.speed_of_sound, geometry.start_s
    reach = speed * (start + (samples - 1) / rate) / 2
    if depth_mm is None:
        depth = (max(SHALLOWEST, speed * start / 2), reach)
    else:
        depth = (1e-3 * depth_mm[0], 1e-3 * depth_mm[1])
    if width_mm is None:
        width = (float(geometry.position[0]), float(geometry.position[-1]))
    else:
        width = (1e-3 * width_mm[0], 1e-3 * width_mm[1])
    if not (0 < depth[0] < depth[1] and depth[0] < reach):
        raise StudyError(
            f"the image goes from {1e3 * depth[0]:g} to {1e3 * depth[1]:g} mm of depth, and the "
            f"lines reach to {1e3 * reach:.3g} mm; give the smaller depth first, above 0 and in "
            "reach, and check the start time and the rate"
        )
    if not width[0] < width[1]:
        raise StudyError(f"the image goes from {1e3 * width[0]:g} to {1e3 * width[1]:g} mm across")
    size = tuple(1e-6 * each for each in pixel_um)
    if not all(1e-6 <= each <= 1e-3 for each in size):
        raise StudyError(f"a pixel is {pixel_um[0]:g} x {pixel_um[1]:g} µm; give 1 to 1000 µm")
    many = (depth[1] - depth[0]) * (width[1] - width[0]) / (size[0] * size[1])
    if many > MOST_PIXELS:
        raise StudyError(
            f"the image has {many:.2g} pixels, more than {MOST_PIXELS:.0e}; make it smaller, or "
            "its pixels larger"
        )
    return Grid2D.spanning(depth, width, (size[0], size[1]))


def check_lines(network: Localiser, data: ChannelData) -> None:
    """Raise a StudyError for lines that the network cannot take."""
    rate, samples = data.geometry.sampling_rate_hz, data.recording.samples
    grid = Grid.between(rate, network.sampling_rate_hz, samples)
    if grid.network_samples <= network.padding:
        raise StudyError(
            f"{data.recording.name} has lines of {samples} samples: too short for this network, "
            f"which needs {math.ceil((network.padding + 1) / grid.ratio)} at {rate / 1e6:g} MHz"
        )
    if data.recording.integers and network.input_scaling == "volts":
        raise StudyError(
            f"{data.recording.name} holds whole numbers, but this network takes volts: convert "
            "them, or take a network with input_scaling line_rms"
        )


def images(
    network: Localiser, data: ChannelData, grid: Grid2D, b_grid: Grid2D, threads: int | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """B-mode and super-resolved image of each frame, one frame in memory at a time."""
    for rf in data:
        yield (
            b_mode(rf, data.geometry, b_grid, threads=threads),
            super_resolve(network, rf, data.geometry, grid, threads),
        )


def render(
    network: Localiser,
    data: ChannelData,
    grid: Grid2D,
    threshold: float,
    bubbles_out: Path,
    threads: int | None = None,
) -> tuple[Pictures, int]:
    """Image all frames; write detections to ``bubbles_out`` (CSV), a frame at a time.

    Returns
    -------
    Pictures
        Of all frames together.
    int
        The number of detections.

    Raises
    ------
    StudyError
        For a frame that cannot be imaged, or a file that cannot be written.
    """
    if not np.isfinite(threshold):
        raise StudyError(f"the threshold is {threshold}; give a finite number")
    ends = [(float(each[0]), float(each[-1])) for each in (grid.axial, grid.lateral)]
    pictures = Pictures(grid, Grid2D.spanning(ends[0], ends[1], B_MODE_PIXEL))
    total = 0
    try:
        with atomic_path(bubbles_out) as temporary, open(temporary, "w", encoding="utf-8") as file:
            file.write(",".join(COLUMNS) + "\n")
            frames = images(network, data, grid, pictures.b_grid, threads)
            bar = tqdm(frames, total=data.frames, desc="imaging", unit="frame", disable=None)
            for number, (b_image, image) in enumerate(bar):
                found = find_bubbles(image, grid, threshold, frame=number)
                append(file, found)
                pictures.add(b_image, image, found)
                total += len(found)
    except OSError as error:
        raise StudyError(cannot_write(error, error.filename or bubbles_out)) from None
    return pictures, total


def append(file: TextIO, found: pd.DataFrame) -> None:
    """Write detections to an open text file."""
    if len(found):
        np.savetxt(file, found[list(COLUMNS)].to_numpy(np.float64), fmt=_FORMAT)
