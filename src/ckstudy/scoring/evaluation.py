"""Calibrating and evaluating a trained model.

Calibration reads training and validation lines; evaluation takes the thresholds as given and
reads test lines. Neither has an argument for what the other reads, so that no test line can
have a say in a threshold.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ckstudy.dataset import Lines
from ckstudy.scoring import matched, upstream
from ckstudy.scoring.counts import TOLERANCE, Counts, concatenate
from ckstudy.scoring.score_files import THRESHOLD_COLUMNS, read_thresholds
from ckstudy.scoring.thresholds import THRESHOLDS, calibrate

SCORERS = {"upstream": upstream, "matched": matched}
CHUNK = 128  # lines predicted and scored at a time; bounds the memory

# From lines and a slice of them to their prediction, (n, samples), or a multiple of samples.
Predictor = Callable[[Lines, slice], np.ndarray]


def score_lines(
    predict: Predictor, lines: Lines, thresholds: Mapping[str, ArrayLike]
) -> dict[str, Counts]:
    """Predict and count, a chunk of lines at a time.

    Parameters
    ----------
    predict : callable
        ``predict(lines, rows)`` returns the prediction, (n, samples), of a slice of the lines, or
        several outputs a sample, see :func:`count`.
    lines : ckstudy.dataset.Lines
    thresholds : dict
        The ascending thresholds of each score, by its name.

    Returns
    -------
    dict of Counts, by the score's name
    """
    parts: dict[str, list[Counts]] = {score: [] for score in thresholds}
    for first in range(0, len(lines.rf), CHUNK):
        rows = slice(first, first + CHUNK)
        prediction = predict(lines, rows)
        for score, values in thresholds.items():
            parts[score].append(count(score, prediction, lines.bubble_count[rows], values))
    return {score: concatenate(part) for score, part in parts.items()}


def count(
    score: str, prediction: np.ndarray, bubble_count: np.ndarray, thresholds: ArrayLike
) -> Counts:
    """Counts of a prediction that has one output a sample, or several.

    ``matched`` takes the peaks among all of them. ``upstream`` counts samples, and sees the first
    output of each.

    Parameters
    ----------
    score : str
        ``"upstream"`` or ``"matched"``.
    prediction : array, (n, samples * per_sample)
    bubble_count : array, (n, samples)
    thresholds : array, (thresholds,)
        Strictly ascending.
    """
    per_sample = max(1, prediction.shape[1] // bubble_count.shape[1])
    if score == "matched":
        return matched.count(prediction, bubble_count, thresholds, per_sample=per_sample)
    return upstream.count(prediction[:, ::per_sample], bubble_count, thresholds)


def f1_at(
    score: str, prediction: np.ndarray, bubble_count: np.ndarray, threshold: float
) -> np.ndarray:
    """F1 of each line, (n,), at one threshold and the thesis's tolerance.

    Parameters
    ----------
    score : str
        ``"upstream"`` or ``"matched"``.
    prediction, bubble_count : array, (n, samples)
    threshold : float
    """
    how = SCORERS[score]
    f1: np.ndarray = how.f1(how.count(prediction, bubble_count, [threshold], TOLERANCE))
    return f1[:, TOLERANCE, 0]


def line_scores(
    lines: Lines,
    calibration: str,
    score: str,
    counts: Counts,
    thresholds: np.ndarray,
    index: np.ndarray,
    tolerances: Iterable[int] | None = None,
) -> pd.DataFrame:
    """Scores of each line at one threshold a tolerance, in the columns of ``LINE_COLUMNS``.

    Parameters
    ----------
    lines : ckstudy.dataset.Lines
        What was predicted, in the order of ``counts``.
    calibration : str
        The split that the thresholds were chosen on.
    score : str
        ``"upstream"`` or ``"matched"``.
    counts : Counts
        Of these lines.
    thresholds : array, (thresholds,)
        Those of ``counts``.
    index : integer array, (tolerances,)
        Which of them to take at each tolerance.
    tolerances : iterable of int, optional
        Those to report; all by default.
    """
    f1 = SCORERS[score].f1(counts)
    error = counts.mean_absolute_error
    parts = []
    for tolerance in range(len(index)) if tolerances is None else tolerances:
        at = slice(None), tolerance, index[tolerance]
        parts.append(
            pd.DataFrame(
                {
                    "line": lines.line_number,
                    "bubbles": lines.bubbles_per_line,
                    "pressure_kpa": lines.pressure / 1e3,
                    "calibration": calibration,
                    "score": score,
                    "tolerance": tolerance,
                    "threshold": thresholds[index[tolerance]],
                    "true_positives": counts.true_positives[at],
                    "false_positives": counts.false_positives[at],
                    "false_negatives": counts.false_negatives[at],
                    "f1": f1[at],
                    "abs_error_samples": np.nan if error is None else error[at],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def calibrate_model(
    predict: Predictor, train: Lines, validation: Lines, model: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Choose the thresholds of a model on training lines and on validation lines.

    Parameters
    ----------
    predict : callable
        As in :func:`score_lines`.
    train, validation : ckstudy.dataset.Lines
    model : str
        Digest of the model, kept with its thresholds.

    Returns
    -------
    thresholds : DataFrame
        One row per split, score and tolerance; ``THRESHOLD_COLUMNS``.
    train_scores : DataFrame
        Scores of the training lines at the thresholds chosen on them; ``LINE_COLUMNS``.
    """
    rows, train_scores = [], []
    for split, lines in (("train", train), ("validation", validation)):
        counted = score_lines(predict, lines, dict.fromkeys(SCORERS, THRESHOLDS))
        for score, counts in counted.items():
            best = calibrate(SCORERS[score].f1(counts))
            rows += [
                (split, score, tolerance, best.threshold[tolerance], mean_f1, model)
                for tolerance, mean_f1 in enumerate(best.mean_f1)
            ]
            if split == "train":
                train_scores.append(
                    line_scores(lines, split, score, counts, THRESHOLDS, best.index)
                )
    return (
        pd.DataFrame(rows, columns=THRESHOLD_COLUMNS),
        pd.concat(train_scores, ignore_index=True),
    )


def evaluate_model(
    predict: Predictor, test: Lines, thresholds: str | Path, model: str
) -> pd.DataFrame:
    """Score test lines at thresholds that were chosen elsewhere.

    Parameters
    ----------
    predict : callable
        As in :func:`score_lines`.
    test : ckstudy.dataset.Lines
    thresholds : str or Path
        The model's ``thresholds.csv``.
    model : str
        Digest of the model.

    Returns
    -------
    DataFrame
        ``LINE_COLUMNS``; one row per line, calibration split, score and tolerance.

    Raises
    ------
    StudyError
        Where the thresholds are not this model's.
    """
    chosen = read_thresholds(thresholds, model)
    wanted = {
        score: np.unique(
            [value for key, values in chosen.items() if key[1] == score for value in values]
        )
        for score in SCORERS
    }
    counted = score_lines(predict, test, wanted)
    parts = []
    for (split, score), values in chosen.items():
        index = np.searchsorted(wanted[score], values)
        parts.append(line_scores(test, split, score, counted[score], wanted[score], index))
    return pd.concat(parts, ignore_index=True)
