"""Predictors that a network has to beat.

Two of them do not look at the line at all: the comb and uniform noise. The others are linear
filters of the line, fitted on training lines only (:mod:`ckstudy.scoring.linear`). All have
their thresholds chosen on validation lines, as a network has.
"""

from functools import partial

import numpy as np
import pandas as pd
from tqdm import tqdm

from ckstudy.scoring.evaluation import Predictor, score_lines
from ckstudy.scoring.intervals import RESAMPLES
from ckstudy.scoring.linear import LinearFilter, matched_filter, ridge_filter, wiener_filter
from ckstudy.scoring.score_files import SCORES, line_scores
from ckstudy.scoring.summary import summarise_scores
from ckstudy.scoring.thresholds import THRESHOLDS, calibrate

INPUT_INDEPENDENT = ("comb", "random")
RIDGE_TAPS = (257, 521)  # the receptive fields of the CKCNN with K = 65 and K = 131
NOISE_SEED = 20_230_101

# Fractions of all samples that a threshold lets through: from one in two to one in a thousand.
FRACTIONS = np.geomspace(0.5, 1e-3, 40)
QUANTILE_LINES = 128


def comb(samples: int, tolerance: int) -> np.ndarray:
    """One at every (2t + 1)th sample from sample t on, zero elsewhere; (samples,) float32.

    Each sample has exactly one prediction within ±t, apart from a few at the line's end.
    """
    line = np.zeros(samples, np.float32)
    line[tolerance :: 2 * tolerance + 1] = 1
    return line


def noise(samples: int, line_number: int) -> np.ndarray:
    """Independent uniform numbers from [0, 1), (samples,) float32; a function of the number.

    At the threshold φ each sample fires with probability 1 - φ.
    """
    rng = np.random.default_rng([NOISE_SEED, line_number])
    return rng.random(samples, dtype=np.float32)


def score_baselines(
    train, validation, test, *, tolerance: int = 4, resamples: int = RESAMPLES
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit on training lines, choose thresholds on validation lines, score test lines.

    Parameters
    ----------
    train, validation, test : ckstudy.dataset.Lines
    tolerance : int
        Of the study, in samples: the comb's period is 2 t + 1.
    resamples : int
        Of the bootstrap over lines.

    Returns
    -------
    summary : DataFrame
        One row per baseline, score and tolerance 0, ..., 9.
    line_table : DataFrame
        Scores of each test line at ``tolerance``.
    """
    summaries, line_tables = [], []
    bar = tqdm(_baselines(train, tolerance).items(), desc="baselines", disable=None, leave=False)
    for name, predict in bar:
        thresholds = THRESHOLDS if name in INPUT_INDEPENDENT else _quantiles(predict, validation)
        per_score = dict.fromkeys(SCORES, thresholds)
        calibration = score_lines(predict, validation, per_score)
        counted = score_lines(predict, test, per_score)
        tables = []
        for score, counts in counted.items():
            best = calibrate(SCORES[score].f1(calibration[score]), thresholds)
            tables.append(line_scores(test, "validation", score, counts, thresholds, best.index))
        scores = pd.concat(tables, ignore_index=True)
        scores.insert(0, "baseline", name)
        summaries.append(summarise_scores(scores, ["baseline", "score", "tolerance"], resamples))
        line_tables.append(scores[scores["tolerance"] == tolerance])
    return pd.concat(summaries, ignore_index=True), pd.concat(line_tables, ignore_index=True)


def _baselines(train, tolerance: int) -> dict[str, Predictor]:
    def fire(lines, rows):
        line = comb(lines.rf.shape[1], tolerance)
        return np.broadcast_to(line, lines.rf[rows].shape)

    def draw(lines, rows):
        samples = lines.rf.shape[1]
        return np.stack([noise(samples, int(number)) for number in lines.line_number[rows]])

    fitted = {
        "matched_filter": matched_filter(train.rf, train.bubble_count),
        "wiener": wiener_filter(train.rf, train.bubble_count),
        **{
            f"ridge_fir_{taps}": ridge_filter(train.rf, train.bubble_count, taps)
            for taps in RIDGE_TAPS
        },
    }
    filters = {name: partial(_filter, filter_) for name, filter_ in fitted.items()}
    return {"comb": fire, "random": draw, **filters}


def _filter(linear: LinearFilter, lines, rows) -> np.ndarray:
    return linear(lines.rf[rows])


def _quantiles(predict: Predictor, validation) -> np.ndarray:
    """Thresholds for a signal of any unit: they let through fixed fractions of the samples."""
    rows = slice(0, QUANTILE_LINES)
    signal = np.asarray(predict(validation, rows), dtype=np.float64)
    return np.unique(np.quantile(signal, 1 - FRACTIONS))
