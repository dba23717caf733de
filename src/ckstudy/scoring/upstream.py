"""The thesis's F1, at all thresholds and tolerances at once.

A sample is predicted where z > φ and true where at least one bubble's echo starts there. With
the tolerance t in samples

    TP = true samples with a predicted sample within ±t,
    FN = true samples without one,
    FP = predicted samples with no true sample within ±t.

Nothing is paired: one predicted sample may confirm many true ones, and any number of predicted
samples around a true one cost nothing. :mod:`ckstudy.scoring.matched` is the answer to that.
"""

import numba
import numpy as np
from numpy.typing import ArrayLike

from ckstudy.scoring.counts import MAX_TOLERANCE, Counts, checked_lines
from ckstudy.scoring.levels import digitise

FLOOR = 1e-3


def count(
    prediction: ArrayLike,
    bubble_count: ArrayLike,
    thresholds: ArrayLike,
    max_tolerance: int = MAX_TOLERANCE,
) -> Counts:
    """Count the outcomes of each line at tolerances 0, ..., ``max_tolerance``.

    Parameters
    ----------
    prediction : array, (lines, samples)
        The network's output.
    bubble_count : integer array, (lines, samples)
        Number of bubbles whose echo starts at the sample.
    thresholds : array, (thresholds,)
        Strictly ascending.

    Returns
    -------
    Counts
        Each array (lines, max_tolerance + 1, thresholds).

    Raises
    ------
    ValueError, StudyError
        As :func:`ckstudy.scoring.counts.checked_lines`.

    Examples
    --------
    Two bubbles, one found two samples late: right from tolerance 2 on.

    >>> import numpy as np
    >>> from ckstudy.scoring.upstream import count, f1
    >>> bubbles, output = np.zeros((2, 1, 60), int)
    >>> bubbles[0, [10, 40]] = 1
    >>> output[0, 12] = 1
    >>> f1(count(output, bubbles, [0.5], max_tolerance=3))[0, :, 0].round(3)
    array([0.001, 0.001, 0.667, 0.667])
    """
    prediction, bubble_count, thresholds = checked_lines(prediction, bubble_count, thresholds)
    shape = (len(prediction), max_tolerance + 1, thresholds.size)
    hits = np.zeros(shape, np.int64)
    false_alarms = np.zeros(shape, np.int64)
    truths = np.zeros(len(prediction), np.int64)
    _count(digitise(prediction, thresholds), bubble_count, hits, false_alarms, truths)
    return Counts(hits, false_alarms, truths[:, None, None] - hits)


def f1(counts: Counts) -> np.ndarray:
    """F1 = 2 P R / (P + R) of each line, with the thesis's conventions for empty denominators.

    Where TP + FP = 0, FP becomes 1; where TP + FN = 0, FN becomes 1; then precision P and
    recall R are floored at 1e-3. The lowest possible F1 is therefore 0.001, not 0.
    """
    hits = counts.true_positives.astype(np.float64)
    predicted = np.maximum(hits + counts.false_positives, 1)
    actual = np.maximum(hits + counts.false_negatives, 1)
    precision = np.maximum(hits / predicted, FLOOR)
    recall = np.maximum(hits / actual, FLOOR)
    return 2 * precision * recall / (precision + recall)


@numba.njit(cache=True, nogil=True)
def _count(levels, bubble_count, hits, false_alarms, truths):
    lines, samples = levels.shape
    _, tolerances, thresholds = hits.shape
    distance = np.empty(samples, np.int64)
    highest = np.empty((tolerances, thresholds + 1), np.int64)
    remote = np.empty((tolerances + 1, thresholds + 1), np.int64)
    for line in range(lines):
        highest[:] = 0
        remote[:] = 0

        # True samples, sorted by the highest level within ±t, for each t.
        for i in range(samples):
            if bubble_count[line, i] > 0:
                truths[line] += 1
                level = 0
                for t in range(tolerances):
                    if i - t >= 0:
                        level = max(level, levels[line, i - t])
                    if i + t < samples:
                        level = max(level, levels[line, i + t])
                    highest[t, level] += 1

        # All samples, sorted by level and by the distance to the nearest true sample, capped.
        since = tolerances
        for i in range(samples):
            since = 0 if bubble_count[line, i] > 0 else min(since + 1, tolerances)
            distance[i] = since
        since = tolerances
        for i in range(samples - 1, -1, -1):
            since = 0 if bubble_count[line, i] > 0 else min(since + 1, tolerances)
            remote[min(since, distance[i]), levels[line, i]] += 1

        # A level above k counts at threshold k; a distance above t counts at tolerance t.
        for t in range(tolerances - 1, -1, -1):
            for level in range(thresholds + 1):
                remote[t, level] += remote[t + 1, level]
        for t in range(tolerances):
            hit = 0
            remote_samples = 0
            for k in range(thresholds - 1, -1, -1):
                hit += highest[t, k + 1]
                remote_samples += remote[t + 1, k + 1]
                hits[line, t, k] = hit
                false_alarms[line, t, k] = remote_samples
