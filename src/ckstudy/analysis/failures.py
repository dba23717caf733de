"""Where networks fail: every bubble of the test lines, found or missed, by what is hard about it.

All of it rests on matched detections (:mod:`ckstudy.scoring.matched`) at the thesis's tolerance,
with the threshold that is best on the validation lines, and on the outputs that the study kept.

A *factor* is something that may make a bubble hard to find. Pressure and number of bubbles are a
line's; depth, the time to the nearest other echo, and the radius are the bubble's own. A false
detection has a place, so that it has a depth, but neither a neighbour nor a radius: by these two
factors there is recall, and no precision.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from ckstudy.analysis import thesis
from ckstudy.dataset import Lines
from ckstudy.errors import StudyError
from ckstudy.scoring.intervals import RESAMPLES, ratio_intervals
from ckstudy.scoring.output_file import read_outputs
from ckstudy.scoring.score_files import model_digest, read_thresholds
from ckstudy.scoring.units import micrometres, nanoseconds

TOLERANCE = thesis.TOLERANCE

DETECTIONS_PER_BUBBLE = np.linspace(2.0, 0.05, 40)
"""At which numbers of detections a precision-recall curve is taken."""


class Factor(NamedTuple):
    """What may make a bubble hard to find; its name is a column."""

    name: str
    label: str
    of_line: bool
    has_false: bool


FACTORS = (
    Factor("pressure_kpa", "pressure (kPa)", of_line=True, has_false=True),
    Factor("bubbles", "bubbles in the line", of_line=True, has_false=True),
    Factor("depth_mm", "depth (mm)", of_line=False, has_false=True),
    Factor("gap_us", "nearest other echo (µs)", of_line=False, has_false=False),
    Factor("radius_um", "radius (µm)", of_line=False, has_false=False),
)


class Failures(NamedTuple):
    """The four tables of the analysis; each has a column ``run``.

    Attributes
    ----------
    bins : DataFrame
        Scores by groups of each factor: factor, low, high, middle (the mean), lines, bubbles,
        detections, true_positives, recall with its interval, precision, f1 (of all bubbles of the
        group together), abs_error_samples.
    correlations : DataFrame
        factor, and its correlation with being found (0 or 1), over all bubbles.
    errors : DataFrame
        error_samples (detection minus truth), error_ns, error_um, and how many pairs have it.
    precision_recall : DataFrame
        threshold, true_positives, false_positives, false_negatives, precision, recall: all lines
        together; ``chosen`` marks the study's own threshold.
    """

    bins: pd.DataFrame
    correlations: pd.DataFrame
    errors: pd.DataFrame
    precision_recall: pd.DataFrame


class Outcomes(NamedTuple):
    """What became of each bubble, and of each detection, of some lines."""

    lines: int
    bubbles: pd.DataFrame
    detections: pd.DataFrame


def find_failures(runs: Path, names: Iterable[str], lines: Lines, bins: int) -> Failures:
    """The tables of all runs, from the outputs that were kept for ``lines``.

    Parameters
    ----------
    runs : Path
        Folder of the runs, each with its model, thresholds and outputs.
    names : iterable of str
    lines : ckstudy.dataset.Lines
        The test lines.
    bins : int
        Groups of a factor.
    """
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in Failures._fields}
    truths = bubble_factors(lines)
    edges = {factor.name: factor_edges(truths, factor, bins) for factor in FACTORS}
    for name in tqdm(list(names), desc="failures", unit="network", disable=None, leave=False):
        folder = runs / name
        digest = model_digest(folder / "model.safetensors")
        chosen = read_thresholds(folder / "thresholds.csv", digest)
        threshold = chosen["validation", "matched"][TOLERANCE]
        prediction = read_outputs(folder / "test_outputs.h5", lines, digest)
        outcomes = outcomes_of(prediction, lines, truths, threshold)
        for part, table in (
            ("bins", scores_by_factor(outcomes, edges)),
            ("correlations", correlations(outcomes.bubbles)),
            ("errors", error_histogram(outcomes, lines)),
            ("precision_recall", precision_recall(prediction, lines, threshold)),
        ):
            table.insert(0, "run", name)
            found[part].append(table)
    return Failures(*(pd.concat(tables, ignore_index=True) for tables in found.values()))


def bubble_factors(lines: Lines) -> pd.DataFrame:
    """One row per bubble, by line (its place) and onset (sample), with every factor as a column.

    Depth is that of a bubble on the axis whose echo starts then: c·t/2.

    Raises
    ------
    StudyError
        Where the lines do not say where their bubbles are, or other than their labels.
    """
    parts = []
    for place in range(len(lines)):
        known = lines.bubbles.of_line(place)
        order = np.argsort(known["arrival_s"], kind="stable")
        arrival = known["arrival_s"][order]
        onset = np.rint(arrival * lines.sampling_rate_hz).astype(np.int64)
        count = lines.bubble_count[place].astype(np.int64)
        if not np.array_equal(onset, np.repeat(np.arange(count.size), count)):
            raise StudyError(
                f"line {lines.line_number[place]} has labels other than the arrival times of its "
                "bubbles, which tell what became of each; take simulated lines, or leave the "
                "analysis out (analyses.failures: null)"
            )
        parts.append(
            pd.DataFrame(
                {
                    "line": place,
                    "onset": onset,
                    "pressure_kpa": lines.pressure[place] / 1e3,
                    "bubbles": onset.size,
                    "depth_mm": depth_mm(arrival * lines.sampling_rate_hz, lines),
                    "gap_us": 1e6 * _nearest(arrival),
                    "radius_um": 1e6 * known["radius_m"][order],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def depth_mm(samples: np.ndarray, lines: Lines) -> np.ndarray:
    """Depth in mm of an echo that starts at ``samples``."""
    return micrometres(samples, lines.sampling_rate_hz) / 1e3


def _nearest(arrival: np.ndarray) -> np.ndarray:
    """Distance of each of some ascending numbers to its nearest neighbour; inf without one."""
    if not arrival.size:
        return np.empty(0)
    gaps = np.concatenate([[np.inf], np.diff(arrival), [np.inf]])
    return np.minimum(gaps[:-1], gaps[1:])


def factor_edges(truths: pd.DataFrame, factor: Factor, bins: int) -> np.ndarray:
    """Ascending ends of groups with equally many bubbles, or lines, as far as values differ."""
    rows = truths.drop_duplicates("line") if factor.of_line else truths
    values = rows[factor.name].to_numpy(float)
    values = values[np.isfinite(values)]
    if not values.size:
        return np.array([0.0, 0.0])
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)))
    return edges if edges.size > 1 else np.repeat(edges, 2)


def outcomes_of(
    prediction: np.ndarray,
    lines: Lines,
    truths: pd.DataFrame,
    threshold: float,
    tolerance: int = TOLERANCE,
) -> Outcomes:
    """Match the peaks above ``threshold`` with the bubbles of each line.

    Parameters
    ----------
    prediction : (lines, samples)
    lines : ckstudy.dataset.Lines
    truths : DataFrame
        Of :func:`bubble_factors`.
    threshold : float
    tolerance : int
        In samples.

    Returns
    -------
    Outcomes
        ``bubbles``: ``truths`` with found (bool) and error (samples, NaN where missed);
        ``detections``: line, sample, right, and the factors that a detection has.
    """
    from ckstudy.scoring import matched  # and numba, which who reads the tables can do without

    found = np.zeros(len(truths), dtype=bool)
    error = np.full(len(truths), np.nan)
    first = np.searchsorted(truths["line"], np.arange(len(lines) + 1))
    onsets = truths["onset"].to_numpy()
    parts = []
    for place, line in enumerate(prediction):
        peaks = matched.find_maxima(line)
        peaks = peaks[line[peaks] > threshold]
        own = slice(first[place], first[place + 1])
        pairs = matched.match(onsets[own], peaks, tolerance)
        found[own][pairs[:, 0]] = True
        error[own][pairs[:, 0]] = peaks[pairs[:, 1]] - onsets[own][pairs[:, 0]]
        right = np.zeros(peaks.size, dtype=bool)
        right[pairs[:, 1]] = True
        parts.append(
            pd.DataFrame(
                {
                    "line": place,
                    "sample": peaks,
                    "right": right,
                    "pressure_kpa": lines.pressure[place] / 1e3,
                    "bubbles": own.stop - own.start,
                    "depth_mm": depth_mm(peaks, lines),
                }
            )
        )
    bubbles = truths.assign(found=found, error=error)
    return Outcomes(len(lines), bubbles, pd.concat(parts, ignore_index=True))


def scores_by_factor(outcomes: Outcomes, edges: dict[str, np.ndarray]) -> pd.DataFrame:
    """Recall, precision, F1 and error in each group of each factor; see :class:`Failures`."""
    return pd.concat(
        [_by_factor(outcomes, factor, edges[factor.name]) for factor in FACTORS],
        ignore_index=True,
    )


def _by_factor(outcomes: Outcomes, factor: Factor, edges: np.ndarray) -> pd.DataFrame:
    bubbles = outcomes.bubbles[np.isfinite(outcomes.bubbles[factor.name])]
    groups = len(edges) - 1
    group = _group(bubbles[factor.name], edges)
    hits, all_of = np.zeros((2, outcomes.lines, groups))
    np.add.at(hits, (bubbles["line"], group), bubbles["found"])
    np.add.at(all_of, (bubbles["line"], group), 1)
    recall = ratio_intervals(hits, all_of, resamples=RESAMPLES)
    by_group = bubbles.assign(abs_error=bubbles["error"].abs()).groupby(group)
    index = range(groups)
    true_positives = hits.sum(axis=0)
    total = all_of.sum(axis=0)
    detections = np.full(groups, np.nan)
    if factor.has_false:
        places = _group(outcomes.detections[factor.name], edges)
        wrong = np.bincount(places[~outcomes.detections["right"]], minlength=groups)
        detections = true_positives + wrong
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = true_positives / detections
        f1 = 2 * true_positives / (detections + total)
    return pd.DataFrame(
        {
            "factor": factor.name,
            "low": edges[:-1],
            "high": edges[1:],
            "middle": by_group[factor.name].mean().reindex(index).to_numpy(),
            "lines": (all_of > 0).sum(axis=0),
            "bubbles": total.astype(int),
            "detections": detections,
            "true_positives": true_positives.astype(int),
            "recall": [each.value for each in recall],
            "recall_low": [each.low for each in recall],
            "recall_high": [each.high for each in recall],
            "precision": precision,
            "f1": f1,
            "abs_error_samples": by_group["abs_error"].mean().reindex(index).to_numpy(),
        }
    )


def _group(values: pd.Series, edges: np.ndarray) -> np.ndarray:
    """The group of each value; what lies outside belongs to the first or the last."""
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)


def correlations(bubbles: pd.DataFrame) -> pd.DataFrame:
    """Pearson's r of each factor with being found, 0 or 1; NaN where one of the two is constant."""
    rows = []
    for factor in FACTORS:
        pair = bubbles[[factor.name, "found"]].astype(float)
        pair = pair[np.isfinite(pair).all(axis=1)]
        constant = len(pair) < 2 or (pair.nunique() < 2).any()
        r = np.nan if constant else float(np.corrcoef(pair.to_numpy().T)[0, 1])
        rows.append((factor.name, r))
    return pd.DataFrame(rows, columns=["factor", "correlation"])


def error_histogram(outcomes: Outcomes, lines: Lines) -> pd.DataFrame:
    """How many matched pairs have each error, -t to t samples, in ns and in µm of depth too."""
    error = outcomes.bubbles["error"].dropna().astype(int)
    samples = np.arange(-TOLERANCE, TOLERANCE + 1)
    count = error.value_counts().reindex(samples, fill_value=0).to_numpy()
    return pd.DataFrame(
        {
            "error_samples": samples,
            "error_ns": nanoseconds(samples, lines.sampling_rate_hz),
            "error_um": micrometres(samples, lines.sampling_rate_hz),
            "pairs": count,
        }
    )


def precision_recall(prediction: np.ndarray, lines: Lines, chosen: float) -> pd.DataFrame:
    """Precision and recall of all lines together, at thresholds that let ever fewer peaks through.

    Such that there are 2 to 0.05 detections for each bubble, as far as there are peaks, and at
    the ``chosen`` threshold.
    """
    from ckstudy.scoring import matched

    heights = np.concatenate([line[matched.find_maxima(line)] for line in prediction])
    heights = np.sort(heights.astype(np.float64))[::-1]
    bubbles = int(lines.bubble_count.sum(dtype=np.int64))
    wanted = np.rint(DETECTIONS_PER_BUBBLE * bubbles).astype(int)
    levels = heights[np.clip(wanted, 0, heights.size - 1)] if heights.size else np.empty(0)
    thresholds = np.unique(np.append(levels, chosen))
    counts = matched.count(prediction, lines.bubble_count, thresholds, TOLERANCE)
    true, false, missed = (
        part[:, TOLERANCE].sum(axis=0)
        for part in (counts.true_positives, counts.false_positives, counts.false_negatives)
    )
    with np.errstate(invalid="ignore"):
        precision, recall = true / (true + false), true / (true + missed)
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "chosen": thresholds == chosen,
            "true_positives": true,
            "false_positives": false,
            "false_negatives": missed,
            "precision": precision,
            "recall": recall,
        }
    )


def average_precision(curve: pd.DataFrame) -> float:
    """Area under a precision-recall curve's steps, as far as it reaches; NaN without bubbles."""
    if curve["recall"].isna().all():
        return float("nan")
    points = curve.sort_values("threshold", ascending=False)
    gained = np.diff(points["recall"].to_numpy(), prepend=0.0)
    return float(np.nansum(gained * points["precision"].to_numpy()))
