"""How a single bubble looks: how wide, and where."""

from typing import NamedTuple

import numpy as np

from ckstudy.imaging.beamform import Grid2D


class PointSpread(NamedTuple):
    """Of the highest peak of an image; all in m.

    Attributes
    ----------
    axial_width, lateral_width : float
        Full width at half of the maximum, along the lines through it.
    axial, lateral : float
        Where it is.
    """

    axial_width: float
    lateral_width: float
    axial: float
    lateral: float


def point_spread(image: np.ndarray, grid: Grid2D) -> PointSpread:
    """Width and place of the highest pixel of an image (lateral, axial)."""
    column, row = np.unravel_index(int(np.argmax(image)), image.shape)
    return PointSpread(
        half_width(grid.axial, image[column], int(row)),
        half_width(grid.lateral, image[:, row], int(column)),
        float(grid.axial[row]),
        float(grid.lateral[column]),
    )


def half_width(place: np.ndarray, profile: np.ndarray, peak: int) -> float:
    """Full width at half maximum of ``profile`` (n,) about its sample ``peak``.

    Linear between samples; NaN where the profile does not fall to a half on both sides.
    """
    level = float(profile[peak]) / 2
    below = profile <= level
    left, right = np.flatnonzero(below[:peak]), np.flatnonzero(below[peak + 1 :])
    if not left.size or not right.size:
        return float("nan")
    low, high = int(left[-1]), peak + 1 + int(right[0])

    def crossing(under: int, over: int) -> float:
        part = (level - profile[under]) / (profile[over] - profile[under])
        return float(place[under] + part * (place[over] - place[under]))

    return crossing(high, high - 1) - crossing(low, low + 1)
