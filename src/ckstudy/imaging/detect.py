"""Bubbles in an image: its local maxima, finer than its pixels."""

import numba
import numpy as np
import pandas as pd

from ckstudy.imaging.beamform import Grid2D

COLUMNS = ("frame", "axial_mm", "lateral_mm", "score")
SEPARATION = (40e-6, 200e-6)
"""Axial and lateral distance in m within which only the highest pixel is a bubble.

Localised lines add up to arcs that cross at a bubble: their flanks have maxima of their own.
"""


def find_bubbles(
    image: np.ndarray,
    grid: Grid2D,
    threshold: float,
    *,
    frame: int = 0,
    separation: tuple[float, float] = SEPARATION,
    lag_m: float = 0.0,
) -> pd.DataFrame:
    """Local maxima of an image above a threshold.

    Parameters
    ----------
    image : (lateral, axial) float32
    grid : Grid2D
    threshold : float
    frame : int
    separation : (float, float)
        Half the sides, axial and lateral in m, of the rectangle in which a maximum has to be the
        highest pixel. Of equal pixels the first is taken.
    lag_m : float
        By how much maxima lie below the bubbles.

    Returns
    -------
    DataFrame
        ``frame``, ``axial_mm``, ``lateral_mm`` and ``score``, the image there; by depth. Positions
        are those of the top of the parabola through a maximum and its neighbours, in either
        direction.
    """
    pixel = grid.pixel
    half = [max(1, round(far / size)) for far, size in zip(separation, pixel, strict=True)]
    found = _maxima(np.ascontiguousarray(image), np.float32(threshold), half[1], half[0])
    columns, rows = found[:, 0].astype(int), found[:, 1].astype(int)
    table = pd.DataFrame(
        {
            "frame": frame,
            "axial_mm": 1e3 * (grid.axial[rows] + pixel[0] * found[:, 3] - lag_m),
            "lateral_mm": 1e3 * (grid.lateral[columns] + pixel[1] * found[:, 2]),
            "score": image[columns, rows].astype(np.float64),
        },
        columns=list(COLUMNS),
    )
    return table.sort_values(["axial_mm", "lateral_mm"], ignore_index=True)


@numba.njit(cache=True, nogil=True)
def _maxima(image, threshold, across, along):
    """Rows of column, row, and the offsets from these of the parabolas' tops, in pixels."""
    columns, rows = image.shape
    found = []
    for i in range(columns):
        for j in range(rows):
            value = image[i, j]
            if value <= threshold:
                continue
            highest = True
            for k in range(max(0, i - across), min(columns, i + across + 1)):
                for m in range(max(0, j - along), min(rows, j + along + 1)):
                    other = image[k, m]
                    earlier = k < i or (k == i and m < j)
                    if other > value or (earlier and other == value):
                        highest = False
                        break
                if not highest:
                    break
            if highest:
                lateral = axial = 0.0
                if 0 < i < columns - 1:
                    lateral = _top(image[i - 1, j], value, image[i + 1, j])
                if 0 < j < rows - 1:
                    axial = _top(image[i, j - 1], value, image[i, j + 1])
                found.append((float(i), float(j), lateral, axial))
    table = np.empty((len(found), 4))
    for n in range(len(found)):
        for part in range(4):
            table[n, part] = found[n][part]
    return table


@numba.njit(cache=True, nogil=True)
def _top(before, here, after):
    """Where the parabola through three values, the middle one the highest, has its top."""
    bend = float(before) - 2.0 * float(here) + float(after)
    return 0.0 if bend >= 0 else 0.5 * (float(before) - float(after)) / bend
