"""The tables of one model: its thresholds, and the scores of single lines.

Thresholds are written in full, so that what is read back is the very same number; everything
else with six significant digits, so that a file does not depend on the last bit of a sum.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from ckstudy.csv_files import read_csv
from ckstudy.errors import StudyError
from ckstudy.files import file_sha256, write_text
from ckstudy.scoring.counts import MAX_TOLERANCE

SCORES = ("upstream", "matched")
SPLITS = ("train", "validation")

THRESHOLD_COLUMNS = ("split", "score", "tolerance", "threshold", "mean_f1", "model")
LINE_COLUMNS = (
    "line",
    "bubbles",
    "pressure_kpa",
    "calibration",
    "score",
    "tolerance",
    "threshold",
    "true_positives",
    "false_positives",
    "false_negatives",
    "f1",
    "abs_error_samples",
)


def model_digest(path: str | Path) -> str:
    """Sixteen hexadecimal digits of a model file's contents; ties thresholds to their model."""
    try:
        return file_sha256(path)[:16]
    except OSError as error:
        raise StudyError(f"the model {path} cannot be read: {error.strerror}") from None


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write ``table`` as CSV, atomically: thresholds in full, other floats with six digits."""
    if "threshold" in table:
        table = table.assign(threshold=[_in_full(value) for value in table["threshold"]])
    write_text(path, table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def read_table(path: str | Path, columns: Iterable[str], made_by: str) -> pd.DataFrame:
    """Read a table that the command ``made_by`` writes; see :func:`ckstudy.csv_files.read_csv`."""
    # A digest may consist of decimal digits, with an e among them, and is no number for that.
    return read_csv(path, columns, f"make it with `ckstudy {made_by}`", text=["model"])


def read_thresholds(path: str | Path, model: str | None = None) -> dict[tuple[str, str], list]:
    """The calibrated thresholds of a model, one for each tolerance.

    Parameters
    ----------
    path : str or Path
        A ``thresholds.csv`` of ``ckstudy calibrate``.
    model : str, optional
        Digest of the model that the thresholds must belong to.

    Returns
    -------
    dict
        From (split, score) to the list of thresholds by tolerance.

    Raises
    ------
    StudyError
        For a file that is not such a table, is incomplete, or belongs to another model.
    """
    table = read_table(path, THRESHOLD_COLUMNS, "calibrate")
    if model is not None:
        others = set(table["model"].fillna("none")) - {model}
        if others:
            raise StudyError(
                f"the thresholds in {path} belong to another model ({', '.join(sorted(others))}, "
                f"not {model}); calibrate this one"
            )
    found = {}
    for split in SPLITS:
        for score in SCORES:
            rows = table[(table["split"] == split) & (table["score"] == score)]
            rows = rows.sort_values("tolerance")
            values = pd.to_numeric(rows["threshold"], errors="coerce").to_numpy(float)
            whole = rows["tolerance"].tolist() == list(range(MAX_TOLERANCE + 1))
            if not whole or not np.isfinite(values).all():
                raise StudyError(
                    f"{path} does not hold one {score} threshold from the {split} lines for each "
                    f"tolerance 0, ..., {MAX_TOLERANCE}; make it with `ckstudy calibrate`"
                )
            found[split, score] = values.tolist()
    return found


def _in_full(value: float) -> str:
    return repr(float(value))
