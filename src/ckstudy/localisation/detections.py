"""From a localisation signal to bubbles: the peaks that the ``matched`` score counts."""

from typing import TextIO

import numpy as np
import pandas as pd

from ckstudy.localisation.resample import Grid
from ckstudy.scoring.matched import find_maxima

COLUMNS = ("line", "sample", "time_us", "depth_mm", "score")
_FORMAT = "%d,%d,%.6f,%.6f,%.9g"


def find_detections(
    prediction: np.ndarray,
    threshold: float,
    grid: Grid,
    *,
    first_line: int = 0,
    speed_of_sound: float,
    start_us: float = 0.0,
) -> pd.DataFrame:
    """Detections: the local maxima of each line that exceed ``threshold``.

    They are those of :mod:`ckstudy.scoring.matched`, and so of ``ckstudy evaluate``.

    Parameters
    ----------
    prediction : ndarray, (lines, samples)
        A network's output, at its own rate.
    threshold : float
    grid : Grid
        From the network's samples to those of the recorded line.
    first_line : int
        Number of the first of these lines.
    speed_of_sound : float
        In m/s; a depth is half the way that sound goes in the time.
    start_us : float
        Time after transmission at which the first sample was taken, in µs.

    Returns
    -------
    DataFrame
        ``line``; ``sample``, the nearest of the recorded line; ``time_us`` after transmission and
        ``depth_mm``, as fine as the network's samples; ``score``, the network's output there.
        Ordered by line and sample.
    """
    threshold = np.float64(threshold)  # float32 samples are compared with it without rounding
    found = []
    for row in prediction:
        maxima = find_maxima(row)
        found.append(maxima[row[maxima].astype(np.float64) > threshold])
    counts = [len(each) for each in found]
    sample = np.concatenate(found) if found else np.empty(0, np.int64)
    row_index = np.repeat(np.arange(len(prediction)), counts)
    time_us = start_us + 1e6 * grid.time_s(sample)
    return pd.DataFrame(
        {
            "line": row_index + first_line,
            "sample": grid.own_sample(sample),
            "time_us": time_us,
            "depth_mm": 1e-3 * time_us * speed_of_sound / 2,
            "score": prediction[row_index, sample],
        }
    )


def write_header(file: TextIO) -> None:
    """Begin an open text file of detections."""
    file.write(",".join(COLUMNS) + "\n")


def append_csv(file: TextIO, detections: pd.DataFrame) -> None:
    """Write detections to an open text file, with their scores to the last bit."""
    if len(detections):
        np.savetxt(file, detections[list(COLUMNS)].to_numpy(np.float64), fmt=_FORMAT)
