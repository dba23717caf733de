"""F1 on lines unlike those of the training, with a threshold that lines like them have chosen."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ckstudy.dataset import Lines
from ckstudy.networks.predict import predict_lines
from ckstudy.networks.release import load_model
from ckstudy.scoring.baselines import comb
from ckstudy.scoring.counts import TOLERANCE
from ckstudy.scoring.evaluation import SCORERS, Predictor, f1_at
from ckstudy.scoring.filter_lengths import CEILING, COMB
from ckstudy.scoring.intervals import mean_interval
from ckstudy.scoring.score_files import model_digest, read_thresholds
from ckstudy.scoring.thresholds import calibrate

BOUNDS = (COMB, CEILING)
"""Predictors that do not look at a line: the comb, and the truth itself."""


def own_thresholds(run: Path) -> dict[str, float]:
    """By score, the threshold that the study's validation lines chose for a run's network."""
    chosen = read_thresholds(run / "thresholds.csv", model_digest(run / "model.safetensors"))
    return {score: chosen["validation", score][TOLERANCE] for score in SCORERS}


def network_predictor(run: Path, device: torch.device) -> Predictor:
    """A run's network, as what predicts lines."""
    network = load_model(run / "model.safetensors").to(device)

    def predict(lines: Lines, rows: slice) -> np.ndarray:
        return predict_lines(network, lines.rf[rows], device=device, progress=False)

    return predict


def calibrated_scores(
    predict: Predictor,
    validation: Lines,
    test: Lines,
    thresholds: np.ndarray,
    own: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """A row for each score and way to choose the threshold.

    Parameters
    ----------
    predict : callable
        From lines and a slice of them to their prediction, (n, samples).
    validation, test : Lines
        To choose the threshold on, and to score.
    thresholds : array, (thresholds,)
        Ascending, to choose from.
    own : mapping, optional
        From a score to a threshold that was chosen elsewhere, to be tried too.

    Returns
    -------
    DataFrame
        score, calibration (``level``: by the validation lines given; ``own``), threshold,
        mean_f1, ci_low, ci_high, lines.
    """
    signals = [predict(each, slice(None)) for each in (validation, test)]
    tables = []
    for score, how in SCORERS.items():
        counts = how.count(signals[0], validation.bubble_count, thresholds, TOLERANCE)
        chosen = {"level": calibrate(how.f1(counts), thresholds).threshold[TOLERANCE]}
        chosen |= {} if own is None else {"own": own[score]}
        for calibration, threshold in chosen.items():
            f1 = f1_at(score, signals[1], test.bubble_count, threshold)
            tables.append(_row(score, calibration, threshold, f1))
    return pd.concat(tables)


def bounds(test: Lines) -> pd.DataFrame:
    """The scores of :data:`BOUNDS`, which hold for all lines with the same bubbles."""
    teeth = np.broadcast_to(comb(test.rf.shape[1], TOLERANCE), test.rf.shape)
    truth = (test.bubble_count > 0).astype(np.float32)
    tables = []
    for name, signal in zip(BOUNDS, (teeth, truth), strict=True):
        for score in SCORERS:
            f1 = f1_at(score, signal, test.bubble_count, 0.5)
            tables.append(_row(score, "level", 0.5, f1).assign(run=name))
    return pd.concat(tables)


def _row(score: str, calibration: str, threshold: float, f1: np.ndarray) -> pd.DataFrame:
    mean = mean_interval(f1)
    values = {
        "score": score,
        "calibration": calibration,
        "threshold": threshold,
        "mean_f1": float(mean.value),
        "ci_low": float(mean.low),
        "ci_high": float(mean.high),
        "lines": len(f1),
    }
    return pd.DataFrame([values])
