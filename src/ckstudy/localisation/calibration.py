"""The threshold of a released network: its own calibration, never one for the lines at hand."""

import math
from pathlib import Path

from ckstudy.errors import StudyError
from ckstudy.networks import Localiser
from ckstudy.scoring.counts import MAX_TOLERANCE, TOLERANCE
from ckstudy.scoring.score_files import model_digest, read_thresholds

SPLIT, SCORE = "validation", "matched"


# Where a model file and the folder of a run keep their thresholds, by whether they are for outputs
# at half samples too.
KEYS = {False: "thresholds", True: "half_sample_thresholds"}
FILES = {False: "thresholds.csv", True: "half_sample_thresholds.csv"}


def calibrated_threshold(
    network: Localiser, tolerance: int = TOLERANCE, *, half_samples: bool = False
) -> float:
    """The threshold of best mean ``matched`` F1 on the network's validation lines.

    It is taken from the network's file, where a shipped network has it, or else from the
    ``thresholds.csv`` beside the file, where a study keeps it. Those for outputs at half samples
    are ``half_sample_thresholds``, in either.

    Parameters
    ----------
    network : Localiser
        As loaded by :func:`ckstudy.load_model`.
    tolerance : int
        In samples of the network's lines, 0 to 9: how near a detection has to be to count.
    half_samples : bool
        Whether the network is asked at half samples too; thresholds for that differ.

    Raises
    ------
    StudyError
        Where there is no calibration, or none for that tolerance.
    """
    if not 0 <= tolerance <= MAX_TOLERANCE:
        raise StudyError(
            f"the tolerance is {tolerance}; thresholds are calibrated for 0 to {MAX_TOLERANCE} "
            "samples"
        )
    kept = network.about.get(KEYS[half_samples])
    if kept is not None:
        try:
            threshold = float(kept[SPLIT][SCORE][tolerance])
            if math.isfinite(threshold):
                return threshold
            raise ValueError(threshold)
        except (TypeError, ValueError, LookupError):
            raise StudyError(
                f"{network.about.get('path')} does not hold one {SCORE} threshold from the {SPLIT} "
                f"lines for each tolerance ({KEYS[half_samples]}); give a threshold"
            ) from None
    if "path" not in network.about:
        raise StudyError(f"the {network.name} was not loaded from a file: give a threshold")
    model = Path(network.about["path"])
    beside = model.with_name(FILES[half_samples])
    if not beside.is_file():
        option, what = (" --half-samples", "half_sample_") if half_samples else ("", "")
        raise StudyError(
            f"{model} holds no {what}thresholds, and there is no {beside}: make it with "
            f"`ckstudy calibrate{option}`, or give a threshold"
        )
    return read_thresholds(beside, model_digest(model))[SPLIT, SCORE][tolerance]
