"""Predictors that a network has to beat.

Two of them do not look at the line at all: the comb and uniform noise. The others are linear
filters of the line (:mod:`ckstudy.scoring.linear`) and its sparse deconvolution
(:mod:`ckstudy.scoring.sparse`), fitted on training lines only. Thresholds and regularisation are
chosen on validation lines, as a network's thresholds are.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from tqdm import tqdm

from ckstudy.dataset import Lines
from ckstudy.scoring.aggregate import summarise_scores
from ckstudy.scoring.evaluation import SCORERS, Predictor, line_scores, score_lines
from ckstudy.scoring.filter_lengths import RIDGE_TAPS
from ckstudy.scoring.intervals import RESAMPLES
from ckstudy.scoring.linear import (
    LinearFilter,
    correlate,
    matched_filter,
    ridge_filter,
    wiener_filter,
)
from ckstudy.scoring.matched import find_maxima
from ckstudy.scoring.score_files import SCORES
from ckstudy.scoring.sparse import sparse_deconvolution
from ckstudy.scoring.thresholds import THRESHOLDS, calibrate

NOISE_SEED = 20_230_101

REGULARISATIONS = tuple(10.0**-k for k in range(2, 11))
SPARSE_REGULARISATIONS = (1e-2, 3e-3, 1e-3, 3e-4)
# Of amplitudes, of which the mean bubble's is 1.
SPARSE_THRESHOLDS = np.geomspace(1e-3, 10, 41)

# Fractions of all local maxima that a threshold lets through.
FRACTIONS = np.geomspace(1, 0.01, 41)[1:]
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
    train: Lines,
    validation: Lines,
    test: Lines,
    *,
    tolerance: int = 4,
    resamples: int = RESAMPLES,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit on training lines, choose on validation lines, score test lines.

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
        One row per baseline, score and tolerance 0, ..., 9, with the regularisation chosen.
    line_table : DataFrame
        Scores of each test line at ``tolerance``.
    """
    summaries, line_tables = [], []
    progress = tqdm(total=5 + len(RIDGE_TAPS), desc="baselines", disable=None, leave=False)
    for baseline in _baselines(train, validation, tolerance):
        per_score = dict.fromkeys(SCORES, baseline.thresholds)
        calibration = score_lines(baseline.predict, validation, per_score)
        counted = score_lines(baseline.predict, test, per_score)
        tables = []
        for score, counts in counted.items():
            best = calibrate(SCORERS[score].f1(calibration[score]), baseline.thresholds)
            tables.append(
                line_scores(test, "validation", score, counts, baseline.thresholds, best.index)
            )
        scores = pd.concat(tables, ignore_index=True)
        scores.insert(0, "baseline", baseline.name)
        means = summarise_scores(scores, ["baseline", "score", "tolerance"], resamples)
        summaries.append(means.assign(regularisation=baseline.regularisation))
        line_tables.append(scores[scores["tolerance"] == tolerance])
        progress.update()
    progress.close()
    return pd.concat(summaries, ignore_index=True), pd.concat(line_tables, ignore_index=True)


@dataclass(frozen=True)
class Baseline:
    """A predictor, and the thresholds among which one is to be chosen."""

    name: str
    predict: Predictor
    thresholds: np.ndarray
    regularisation: float = np.nan


def _baselines(train: Lines, validation: Lines, tolerance: int) -> Iterator[Baseline]:
    def fire(lines: Lines, rows: slice) -> np.ndarray:
        line = comb(lines.rf.shape[1], tolerance)
        return np.broadcast_to(line, lines.rf[rows].shape)

    def draw(lines: Lines, rows: slice) -> np.ndarray:
        samples = lines.rf.shape[1]
        return np.stack([noise(samples, int(number)) for number in lines.line_number[rows]])

    yield Baseline("comb", fire, THRESHOLDS)
    yield Baseline("random", draw, THRESHOLDS)

    fitted = correlate(train.rf, train.bubble_count)
    yield _filter_baseline("matched_filter", matched_filter(fitted), validation)
    yield _regularised("wiener", partial(wiener_filter, fitted), validation, tolerance)
    for taps in RIDGE_TAPS:
        name, make = f"ridge_fir_{taps}", partial(ridge_filter, fitted, taps)
        yield _regularised(name, make, validation, tolerance)
    candidates = [
        Baseline(
            "fista",
            partial(_at_maxima, sparse_deconvolution(fitted, regularisation)),
            SPARSE_THRESHOLDS,
            regularisation,
        )
        for regularisation in SPARSE_REGULARISATIONS
    ]
    yield _best(candidates, validation, tolerance)


def best_ridge(train: Lines, validation: Lines, taps: int, tolerance: int) -> Baseline:
    """The ridge filter of so many taps, fitted on training lines, that validation lines choose."""
    make = partial(ridge_filter, correlate(train.rf, train.bubble_count), taps)
    return _regularised(f"ridge_fir_{taps}", make, validation, tolerance)


def _regularised(
    name: str, make: Callable[[float], LinearFilter], validation: Lines, tolerance: int
) -> Baseline:
    candidates = [
        _filter_baseline(name, make(regularisation), validation, regularisation)
        for regularisation in REGULARISATIONS
    ]
    return _best(candidates, validation, tolerance)


def _best(candidates: list[Baseline], validation: Lines, tolerance: int) -> Baseline:
    """Of equals the first: the most regularised."""
    return max(candidates, key=lambda candidate: _reached(candidate, validation, tolerance))


def _filter_baseline(
    name: str, linear: LinearFilter, validation: Lines, regularisation: float = np.nan
) -> Baseline:
    """With thresholds that let through fixed fractions of the filter's maxima."""
    predict = partial(_at_maxima, linear)
    signal = np.asarray(predict(validation, slice(0, QUANTILE_LINES)), dtype=np.float64)
    maxima = signal[np.isfinite(signal)]
    thresholds = np.unique(np.quantile(maxima, 1 - FRACTIONS)) if maxima.size else THRESHOLDS
    return Baseline(name, predict, thresholds, regularisation)


def _reached(baseline: Baseline, validation: Lines, tolerance: int) -> float:
    """Best mean F1 (the thesis's) on the validation lines."""
    counts = score_lines(baseline.predict, validation, {"upstream": baseline.thresholds})
    f1 = SCORERS["upstream"].f1(counts["upstream"])
    return float(calibrate(f1, baseline.thresholds).mean_f1[tolerance])


def _at_maxima(method: Callable[[np.ndarray], np.ndarray], lines: Lines, rows: slice) -> np.ndarray:
    """What a method makes of the lines at its local maxima, and -inf elsewhere.

    A filter's peaks are as broad as its band is narrow. Only their tops are predictions: without
    this the thesis's F1 would count the flanks of every peak as false.
    """
    signal = method(lines.rf[rows])
    tops = np.full_like(signal, -np.inf)
    for line, top in zip(signal, tops, strict=True):
        maxima = find_maxima(line)
        top[maxima] = line[maxima]
    return tops
