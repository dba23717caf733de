"""A score that cannot be gamed: peaks matched one-to-one with bubbles.

Predictions are the local maxima of z that exceed φ (non-maximum suppression), as
:func:`scipy.signal.find_peaks` finds them: a plateau counts once, at its middle sample (rounded
down), and the first and the last sample are never maxima. Truths are bubbles, so a sample at
which two echoes start holds two. A pair may match where its positions differ by at most t
samples. With M the size of a maximum one-to-one matching

    TP = M,    FN = bubbles - M,    FP = predictions - M,    F1 = 2 TP / (2 TP + FP + FN).

Many matchings are maximum. The one scored here has the least total absolute error among them, so
the mean absolute error that is reported is a well-defined number. Because crossing pairs can be
uncrossed without leaving the tolerance or increasing the total, an order-preserving matching
attains it, and a dynamic programme over the two sorted rows finds it exactly.
"""

import numba
import numpy as np
from numpy.typing import ArrayLike

from ckstudy.scoring.counts import MAX_TOLERANCE, Counts, checked_lines
from ckstudy.scoring.levels import digitise

# A matching is worth one PAIR for each of its pairs less its total |error| in samples, so that
# comparing two numbers compares sizes first and errors second.
PAIR = 1 << 32
UNMATCHED, SKIPPED, PAIRED = 0, 1, 2


def count(
    prediction: ArrayLike,
    bubble_count: ArrayLike,
    thresholds: ArrayLike,
    max_tolerance: int = MAX_TOLERANCE,
    per_sample: int = 1,
) -> Counts:
    """Match each line's peaks and bubbles at tolerances 0, ..., ``max_tolerance``.

    Parameters
    ----------
    prediction : array, (lines, samples * per_sample)
        The network's output.
    bubble_count : integer array, (lines, samples)
        Number of bubbles whose echo starts at the sample.
    thresholds : array, (thresholds,)
        Strictly ascending.
    max_tolerance : int
        In samples.
    per_sample : int
        How many of the outputs there are for a sample; the first of them is the sample's own.
        Positions are then as fine as that, and tolerances and errors still in samples.

    Returns
    -------
    Counts
        Each array (lines, max_tolerance + 1, thresholds), with ``absolute_error``.

    Raises
    ------
    ValueError, StudyError
        As :func:`ckstudy.scoring.counts.checked_lines`.
    """
    if per_sample > 1:
        own = np.asarray(bubble_count)
        bubble_count = np.zeros((*own.shape[:-1], own.shape[-1] * per_sample), own.dtype)
        bubble_count[..., ::per_sample] = own
    prediction, bubble_count, thresholds = checked_lines(prediction, bubble_count, thresholds)
    shape = (len(prediction), max_tolerance + 1, thresholds.size)
    pairs, predictions, error = (np.zeros(shape, np.int64) for _ in range(3))
    bubbles = bubble_count.sum(axis=1, dtype=np.int64)
    levels = digitise(prediction, thresholds)
    _count(prediction, levels, bubble_count, pairs, predictions, error, per_sample)
    in_samples = error if per_sample == 1 else error / per_sample
    return Counts(pairs, predictions - pairs, bubbles[:, None, None] - pairs, in_samples)


def f1(counts: Counts) -> np.ndarray:
    """F1 = 2 TP / (2 TP + FP + FN) of each line; 1 where there was nothing and none was found."""
    both = 2.0 * counts.true_positives
    total = both + counts.false_positives + counts.false_negatives
    return np.divide(both, total, out=np.ones_like(both), where=total > 0)


def find_maxima(signal: ArrayLike) -> np.ndarray:
    """Sample numbers of the local maxima of ``signal``, as :func:`scipy.signal.find_peaks`."""
    signal = np.ascontiguousarray(signal)
    maxima = np.empty(signal.size // 2 + 1, np.int64)
    return maxima[: _fill_maxima(signal, maxima)]


def match(bubbles: ArrayLike, predictions: ArrayLike, tolerance: int) -> np.ndarray:
    """Match bubbles and predictions: most pairs first, then the least total absolute error.

    Of matchings that tie in both, the one that leaves later bubbles unmatched is returned, and
    of these the one that leaves later predictions unmatched.

    Parameters
    ----------
    bubbles : integer array, (bubbles,)
        Sample numbers in ascending order; repeated where several echoes start at one sample.
    predictions : integer array, (predictions,)
        Sample numbers, strictly ascending.
    tolerance : int
        Largest distance of a pair, in samples.

    Returns
    -------
    integer array, (pairs, 2)
        Index into ``bubbles`` and index into ``predictions`` of each pair, ascending.

    Examples
    --------
    >>> from ckstudy.scoring.matched import match
    >>> match([10, 20, 90], [12, 19, 50], tolerance=4)
    array([[0, 0],
           [1, 1]])
    """
    bubbles = np.ascontiguousarray(bubbles, dtype=np.int64)
    predictions = np.ascontiguousarray(predictions, dtype=np.int64)
    if np.any(np.diff(bubbles) < 0) or np.any(np.diff(predictions) <= 0):
        raise ValueError("bubbles must be in ascending and predictions in strictly ascending order")
    work = _workspace(bubbles.size, predictions.size, tolerance)
    _match(bubbles, bubbles.size, predictions, predictions.size, tolerance, *work)
    partner = np.empty(bubbles.size, np.int64)
    _trace(bubbles.size, *work[1:], partner)
    matched = np.flatnonzero(partner >= 0)
    return np.stack([matched, partner[matched]], axis=1)


@numba.njit(cache=True, nogil=True)
def _count(prediction, levels, bubble_count, pairs, predictions, error, per_sample):
    lines, samples = prediction.shape
    _, tolerances, thresholds = pairs.shape
    maxima = np.empty(samples // 2 + 1, np.int64)
    above = np.empty(samples // 2 + 1, np.int64)
    for line in range(lines):
        bubbles = _places(bubble_count[line])
        found = _fill_maxima(prediction[line], maxima)
        work = _workspace(bubbles.size, found, (tolerances - 1) * per_sample)
        previous = -1
        for k in range(thresholds):
            kept = 0
            for i in range(found):
                if levels[line, maxima[i]] > k:
                    above[kept] = maxima[i]
                    kept += 1
            for t in range(tolerances):
                predictions[line, t, k] = kept
                if kept == previous:  # the same peaks as at the threshold before
                    pairs[line, t, k] = pairs[line, t, k - 1]
                    error[line, t, k] = error[line, t, k - 1]
                elif kept > 0:
                    reach = t * per_sample
                    worth = _match(
                        bubbles,
                        bubbles.size,
                        above,
                        kept,
                        reach,
                        work[0],
                        work[1],
                        work[2],
                        work[3],
                    )
                    size = (worth + PAIR - 1) // PAIR
                    pairs[line, t, k] = size
                    error[line, t, k] = size * PAIR - worth
            previous = kept


@numba.njit(cache=True, nogil=True)
def _places(bubble_count):
    """The sample of each bubble; ``np.repeat`` takes seconds to compile."""
    many = 0
    for i in range(bubble_count.size):
        many += bubble_count[i]
    places = np.empty(many, np.int64)
    many = 0
    for i in range(bubble_count.size):
        for _ in range(bubble_count[i]):
            places[many] = i
            many += 1
    return places


@numba.njit(cache=True, nogil=True)
def _fill_maxima(signal, maxima):
    """Write the local maxima of ``signal`` to ``maxima``; return how many there are."""
    found = 0
    i = 1
    while i < signal.size - 1:
        if signal[i - 1] < signal[i]:
            end = i + 1
            while end < signal.size - 1 and signal[end] == signal[i]:
                end += 1
            if signal[end] < signal[i]:
                maxima[found] = (i + end - 1) // 2
                found += 1
            i = end
        else:
            i += 1
    return found


@numba.njit(cache=True, nogil=True)
def _workspace(bubbles, predictions, tolerance):
    """Arrays for :func:`_match`: the row of worths, each bubble's window, and the choices."""
    return (
        np.empty(predictions + 1, np.int64),
        np.empty(bubbles, np.int64),
        np.empty(bubbles, np.int64),
        np.empty((bubbles, 2 * tolerance + 1), np.int8),
    )


@numba.njit(cache=True, nogil=True)
def _match(bubbles, many, predictions, found, tolerance, worth, first, last, choice):
    """Worth of the best matching; fills ``first``, ``last`` and ``choice`` for :func:`_trace`.

    ``worth[j]`` is the best worth with the bubbles so far and the first j predictions. Bubble i
    can only be paired with predictions first[i] to last[i] - 1, and these windows move one way:
    below the window a row equals the row before, above it the row is constant.
    """
    worth[0] = 0
    low = 0
    high = 0
    for i in range(many):
        while low < found and predictions[low] < bubbles[i] - tolerance:
            low += 1
        if high < low:
            high_before = high
            high = low
            for j in range(high_before, low):
                worth[j + 1] = worth[j]
        while high < found and predictions[high] <= bubbles[i] + tolerance:
            worth[high + 1] = worth[high]
            high += 1
        first[i] = low
        last[i] = high
        diagonal = worth[low]
        for j in range(low, high):
            without = worth[j + 1]
            best = without
            taken = UNMATCHED
            if worth[j] > best:
                best = worth[j]
                taken = SKIPPED
            paired = diagonal + PAIR - abs(bubbles[i] - predictions[j])
            if paired > best:
                best = paired
                taken = PAIRED
            worth[j + 1] = best
            choice[i, j - low] = taken
            diagonal = without
    return worth[high]


@numba.njit(cache=True, nogil=True)
def _trace(many, first, last, choice, partner):
    """Walk the choices back from the end; ``partner[i]`` is bubble i's prediction, or -1."""
    j = last[many - 1] if many > 0 else 0
    for i in range(many - 1, -1, -1):
        partner[i] = -1
        j = min(j, last[i])
        while j > first[i]:
            taken = choice[i, j - 1 - first[i]]
            if taken == UNMATCHED:
                break
            j -= 1
            if taken == PAIRED:
                partner[i] = j
                break
