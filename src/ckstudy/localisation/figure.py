"""A picture of lines with the bubbles that were found in them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ckstudy.errors import StudyError
from ckstudy.files import atomic_path
from ckstudy.report.figures.style import GREY, PAGE, VERMILION, fix_ticks, house_style, lay_out

LINES = 4
CLOSE_UP_MM = 4.0
SUFFIXES = (".png", ".svg", ".pdf")


def chosen_lines(total: int, many: int = LINES) -> list[int]:
    """Numbers of a few lines, spread evenly over all of them."""
    return np.unique(np.linspace(0, total - 1, many).astype(int)).tolist()


def check_suffix(path: Path) -> None:
    """Raise a StudyError where ``path`` is of no kind of picture that is drawn here."""
    if path.suffix.lower() not in SUFFIXES:
        raise StudyError(f"the picture {path} must end in {', '.join(SUFFIXES)}")


def draw_detections(
    lines: Sequence[tuple[int, np.ndarray]],
    detections: pd.DataFrame,
    *,
    sampling_rate_hz: float,
    speed_of_sound: float,
    start_us: float = 0.0,
) -> Figure:
    """Draw each line over depth, whole and close up, with a mark at each detection.

    Marks stand where echoes start, in front of their energy. Either drawing has its own scale.

    Parameters
    ----------
    lines : sequence of (int, ndarray)
        Number and samples of each.
    detections : DataFrame
        Of these lines, and any others; the columns of :func:`ckstudy.localise`.
    sampling_rate_hz, speed_of_sound, start_us : float
        Of the lines, as they were localised.
    """
    with house_style():
        figure = Figure(figsize=(PAGE, 1.1 * len(lines) + 0.5), layout="constrained")
        axes = figure.subplots(len(lines), 2, squeeze=False, width_ratios=(3, 2))
        for row, (number, rf) in zip(axes, lines, strict=True):
            time_us = start_us + 1e6 * np.arange(rf.size) / sampling_rate_hz
            depth = 1e-3 * time_us * speed_of_sound / 2
            own = detections[detections["line"] == number]
            middle = own["depth_mm"].iloc[len(own) // 2] if len(own) else depth[rf.size // 2]
            ends = middle - CLOSE_UP_MM / 2, middle + CLOSE_UP_MM / 2
            near = (depth >= ends[0]) & (depth <= ends[1])
            _draw(row[0], depth, rf, own)
            _draw(row[1], depth[near], rf[near], own)
            row[0].set_xlim(depth[0], depth[-1])
            row[1].set_xlim(*ends)
            row[0].set_ylabel(f"line {number}")
            row[0].set_title(f"{len(own)} detections", loc="right", pad=2)
        axes[-1, 0].set_xlabel("depth (mm)")
        axes[-1, 1].set_xlabel("depth (mm), close up")
        fix_ticks(figure)
    return figure


def _draw(axis: Axes, depth: np.ndarray, rf: np.ndarray, own: pd.DataFrame) -> None:
    largest = float(np.abs(rf).max()) or 1.0
    axis.plot(depth, rf / largest, color=GREY, linewidth=0.4, rasterized=rf.size > 20_000)
    axis.vlines(own["depth_mm"], -1.45, -1.15, color=VERMILION, linewidth=0.5)
    axis.set_ylim(-1.5, 1.1)
    axis.set_yticks([])


def save_picture(figure: Figure, path: Path) -> None:
    """Write ``figure`` in the format that the end of ``path`` names, without dates."""
    kind = path.suffix.lower()[1:]
    formats: dict[str, dict[str, Any]] = {
        # Of a PNG the last fifth of its size takes most of the time.
        "png": {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 1}},
        "svg": {"metadata": {"Date": None, "Creator": None}},
        "pdf": {"metadata": {"CreationDate": None, "Creator": None, "Producer": None}},
    }
    with house_style(), atomic_path(path) as temporary:
        lay_out(figure)
        figure.savefig(temporary, format=kind, **formats[kind])
