"""What a network put out for the test lines, kept in one HDF5 file a run.

Every analysis of detections reads it, so that no network is run on the same lines twice.

==================  ==========  =======================================================
``/output``         float32     (lines, samples), compressed without loss, a chunk a line
``/line_number``    int64       (lines,)
==================  ==========  =======================================================

Root attributes: ``format``, and ``model``, the digest of the model's file
(:func:`ckstudy.scoring.score_files.model_digest`). The file holds no dates.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from ckstudy.dataset import Lines, damage_as_os_error
from ckstudy.errors import StudyError
from ckstudy.files import atomic_path

if TYPE_CHECKING:
    from ckstudy.scoring.evaluation import Predictor

FORMAT = "ckstudy-outputs"


@contextmanager
def recorded(
    predict: "Predictor", path: str | Path, lines: Lines, model: str
) -> Iterator["Predictor"]:
    """Yield ``predict``, which now also writes what it gives for ``lines`` to ``path``.

    The file is there once the block has succeeded.

    Parameters
    ----------
    predict : callable
        As in :func:`ckstudy.scoring.evaluation.score_lines`.
    path : str or Path
    lines : ckstudy.dataset.Lines
        Those that it will be called on, all of them.
    model : str
        Digest of the model.
    """
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["format"] = FORMAT
        file.attrs["model"] = model
        file["line_number"] = lines.line_number
        output = file.create_dataset(
            "output",
            lines.rf.shape,
            np.float32,
            chunks=(1, lines.rf.shape[1]),
            compression="gzip",
            compression_opts=1,
            shuffle=True,
        )

        def predict_and_keep(given: Lines, rows: slice) -> np.ndarray:
            prediction = predict(given, rows)
            output[rows] = prediction
            return prediction

        yield predict_and_keep


def read_outputs(path: str | Path, lines: Lines, model: str) -> np.ndarray:
    """What the model put out for ``lines``, (lines, samples) float32.

    Raises
    ------
    StudyError
        Where the file is missing or damaged, or of another model or other lines.
    """
    remedy = "evaluate the run again"
    try:
        with h5py.File(path, "r") as file, damage_as_os_error():
            if file.attrs.get("format") != FORMAT:
                raise StudyError(f"{path} holds no outputs of a network; {remedy}")
            if file.attrs["model"] != model:
                raise StudyError(f"{path} holds the outputs of another model; {remedy}")
            same = np.array_equal(file["line_number"][:], lines.line_number)
            if not same or file["output"].shape != lines.rf.shape:
                raise StudyError(f"{path} holds the outputs for other lines; {remedy}")
            return file["output"][:]
    except FileNotFoundError:
        raise StudyError(f"there is no file {path}; {remedy}") from None
    except OSError as error:
        raise StudyError(f"{path} cannot be read as HDF5 ({error}); {remedy}") from None
