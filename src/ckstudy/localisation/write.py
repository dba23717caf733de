"""Localising a file of lines into a file of detections, and a picture of some."""

from pathlib import Path

import numpy as np
import pandas as pd

from ckstudy.errors import StudyError
from ckstudy.files import atomic_path, cannot_write
from ckstudy.localisation.detections import append_csv, write_header
from ckstudy.localisation.localise import BATCH, Localisation
from ckstudy.localisation.recording import Recording
from ckstudy.localisation.resample import Grid


def localise_file(
    how: Localisation,
    recording: Recording,
    grid: Grid,
    out: Path,
    *,
    picture: Path | None = None,
    batch_size: int = BATCH,
) -> int:
    """Write the detections of all lines to ``out`` (CSV), a block at a time.

    ``out`` is there once all is done, and not before. ``picture`` is drawn of a few lines.

    Returns
    -------
    int
        The number of detections.

    Raises
    ------
    StudyError
        For samples that are not finite, or a file that cannot be read or written.
    """
    wanted = _drawn(recording) if picture is not None else []
    kept: list[tuple[int, np.ndarray]] = []
    kept_detections: list[pd.DataFrame] = []
    total = first = 0
    try:
        with atomic_path(out) as temporary, open(temporary, "w", encoding="utf-8") as file:
            write_header(file)
            for rf, found in how.blocks(recording, grid, batch_size=batch_size):
                append_csv(file, found)
                total += len(found)
                mine = [line for line in wanted if first <= line < first + len(rf)]
                kept += [(line, rf[line - first].copy()) for line in mine]
                kept_detections.append(found[found["line"].isin(mine)])
                first += len(rf)
            if picture is not None:
                _draw(picture, kept, pd.concat(kept_detections), how, grid)
    except OSError as error:
        raise StudyError(cannot_write(error, error.filename or out)) from None
    return total


# matplotlib is loaded where a picture is asked for, and needed nowhere else.


def _drawn(recording: Recording) -> list[int]:
    from ckstudy.localisation.figure import chosen_lines

    return chosen_lines(recording.lines)


def _draw(
    path: Path,
    lines: list[tuple[int, np.ndarray]],
    detections: pd.DataFrame,
    how: Localisation,
    grid: Grid,
) -> None:
    from ckstudy.localisation.figure import draw_detections, save_picture

    figure = draw_detections(
        lines,
        detections,
        sampling_rate_hz=grid.sampling_rate_hz,
        speed_of_sound=how.speed_of_sound,
        start_us=how.start_us,
    )
    save_picture(figure, path)
