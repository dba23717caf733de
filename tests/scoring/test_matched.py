"""Peaks against scipy's, matchings against scipy's general (not one-dimensional) solvers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.optimize import linear_sum_assignment
from scipy.signal import find_peaks
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from ckstudy.acoustics.constants import SOUND_SPEED
from ckstudy.scoring import matched, units
from ckstudy.scoring.counts import concatenate
from ckstudy.scoring.thresholds import THRESHOLDS


def largest(bubbles, predictions, tolerance):
    """Size of a maximum matching, by Hopcroft and Karp's algorithm for any bipartite graph."""
    if len(bubbles) == 0 or len(predictions) == 0:
        return 0
    near = np.abs(np.subtract.outer(bubbles, predictions)) <= tolerance
    return int((maximum_bipartite_matching(csr_array(near)) >= 0).sum())


def least_error(bubbles, predictions, tolerance):
    """Least total |error| among maximum matchings, by the assignment problem.

    A pair out of tolerance costs more than all pairs within it together, so the cheapest
    assignment has as few of them as possible.
    """
    distance = np.abs(np.subtract.outer(np.asarray(bubbles), np.asarray(predictions)))
    near = distance <= tolerance
    cost = np.where(near, distance, 1000 * (distance.size + 1))
    rows, columns = linear_sum_assignment(cost)
    return int(distance[rows, columns][near[rows, columns]].sum())


positions = st.lists(st.integers(0, 60), max_size=14)


@given(arrays.arrays(np.float32, st.integers(0, 40), elements=st.sampled_from([0, 0.5, 1, 2])))
@settings(max_examples=300, deadline=None)
def test_maxima_and_plateaus_equal_those_of_scipy(signal):
    expected = find_peaks(signal)[0] if signal.size else []
    assert matched.find_maxima(signal).tolist() == list(expected)


@given(positions, positions, st.integers(0, 9))
@settings(max_examples=500, deadline=None)
def test_matching_is_maximum_one_to_one_and_of_least_error(bubbles, predictions, tolerance):
    bubbles, predictions = sorted(bubbles), sorted(set(predictions))
    pairs = matched.match(bubbles, predictions, tolerance)
    error = np.abs(
        np.take(np.array(bubbles, int), pairs[:, 0])
        - np.take(np.array(predictions, int), pairs[:, 1])
    )
    assert len(np.unique(pairs[:, 0])) == len(np.unique(pairs[:, 1])) == len(pairs)
    assert np.all(error <= tolerance)
    assert len(pairs) == largest(bubbles, predictions, tolerance)
    if bubbles and predictions:
        assert error.sum() == least_error(bubbles, predictions, tolerance)


@given(positions, positions, st.integers(0, 9))
@settings(max_examples=200, deadline=None)
def test_a_greedy_sweep_finds_as_many_pairs_at_no_smaller_error(bubbles, predictions, tolerance):
    bubbles, predictions = sorted(bubbles), sorted(set(predictions))
    i = j = size = error = 0
    while i < len(bubbles) and j < len(predictions):
        distance = predictions[j] - bubbles[i]
        if abs(distance) <= tolerance:
            size, error, i, j = size + 1, error + abs(distance), i + 1, j + 1
        elif distance < 0:
            j += 1
        else:
            i += 1
    pairs = matched.match(bubbles, predictions, tolerance)
    assert size == len(pairs)
    assert error >= sum(abs(bubbles[b] - predictions[p]) for b, p in pairs)


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.6), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_dense_lines_are_matched_maximally_too(seed, density, tolerance):
    rng = np.random.default_rng(seed)
    count = rng.poisson(density, 150)
    bubbles = np.repeat(np.arange(150), count)
    predictions = np.flatnonzero(rng.random(150) < rng.random())
    pairs = matched.match(bubbles, predictions, tolerance)
    assert len(pairs) == largest(bubbles, predictions, tolerance)
    if bubbles.size and predictions.size:
        error = np.abs(bubbles[pairs[:, 0]] - predictions[pairs[:, 1]]).sum()
        assert error == least_error(bubbles, predictions, tolerance)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_counts_equal_peaks_and_matchings_made_one_by_one(seed):
    rng = np.random.default_rng(seed)
    bubble_count = rng.poisson(0.08, (2, 90)).astype(np.uint8)
    # Rounded, so that plateaus and equal peaks occur.
    prediction = np.round(
        0.5 * np.minimum(bubble_count, 1) + 0.3 * rng.normal(size=(2, 90)), 1
    ).astype(np.float32)
    thresholds = THRESHOLDS[::5]
    counts = matched.count(prediction, bubble_count, thresholds)
    for line in range(2):
        bubbles = np.repeat(np.arange(90), bubble_count[line])
        maxima = find_peaks(prediction[line])[0]
        for k, threshold in enumerate(thresholds):
            kept = maxima[prediction[line, maxima].astype(np.float64) > threshold]
            for tolerance in range(10):
                at = line, tolerance, k
                size = largest(bubbles, kept, tolerance)
                assert counts.true_positives[at] == size
                assert counts.false_positives[at] == len(kept) - size
                assert counts.false_negatives[at] == len(bubbles) - size
                if len(bubbles) and len(kept):
                    error = least_error(bubbles, kept, tolerance)
                    assert counts.absolute_error[at] == error
                    if size:
                        assert counts.mean_absolute_error[at] == error / size
                if not size:
                    assert np.isnan(counts.mean_absolute_error[at])


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3]))
@settings(max_examples=30, deadline=None)
def test_several_outputs_a_sample_count_in_samples(seed, per_sample):
    rng = np.random.default_rng(seed)
    bubble_count = rng.poisson(0.2, (2, 60)).astype(np.uint8)
    prediction = rng.normal(size=(2, 60 * per_sample)).astype(np.float32)
    counts = matched.count(prediction, bubble_count, [0.0, 0.7], 3, per_sample=per_sample)
    for line in range(2):
        bubbles = np.repeat(np.arange(60), bubble_count[line])
        maxima = find_peaks(prediction[line])[0]
        for k, threshold in enumerate((0.0, 0.7)):
            kept = maxima[prediction[line, maxima] > threshold]
            for tolerance in range(4):
                at = line, tolerance, k
                size = largest(bubbles * per_sample, kept, tolerance * per_sample)
                assert counts.true_positives[at] == size
                assert counts.false_positives[at] == len(kept) - size
                assert counts.false_negatives[at] == len(bubbles) - size
                if len(bubbles) and len(kept):
                    error = least_error(bubbles * per_sample, kept, tolerance * per_sample)
                    assert counts.absolute_error[at] == error / per_sample


def test_outputs_between_the_samples_part_neighbours():
    """Of bubbles at adjacent samples one is lost at the samples, and none where there are two."""
    bubble_count = np.zeros((1, 20), np.uint8)
    bubble_count[0, [9, 10]] = 1
    dip = np.zeros((1, 40), np.float32)
    dip[0, [18, 19, 20]] = 1, 0.5, 1
    at_samples = matched.count(dip[:, ::2], bubble_count, [0.3])
    between = matched.count(dip, bubble_count, [0.3], per_sample=2)
    assert at_samples.true_positives[0, 0, 0] == 1
    assert between.true_positives[0, 0, 0] == 2


def score(peaks, bubbles, tolerance=4, samples=100):
    prediction = np.zeros((1, samples), np.float32)
    prediction[0, peaks] = 1
    bubble_count = np.bincount(bubbles, minlength=samples)[None].astype(np.uint8)
    return matched.f1(matched.count(prediction, bubble_count, [0.5]))[0, tolerance, 0]


@pytest.mark.parametrize(
    ("peaks", "bubbles", "expected"),
    [
        ([], [], 1.0),
        ([], [5], 0.0),
        ([5], [], 0.0),
        ([5], [5], 1.0),
        ([7], [5, 9], 2 / 3),  # one peak confirms one bubble, not two
        ([5, 9], [7], 2 / 3),  # and one bubble excuses one peak
        ([7], [7, 7], 2 / 3),  # two bubbles at one sample are two
        ([5, 9], [7, 7], 1.0),
        ([3], [8], 0.0),  # five samples apart
        ([4], [8], 1.0),
    ],
)
def test_small_cases_by_hand(peaks, bubbles, expected):
    assert score(peaks, bubbles) == pytest.approx(expected, rel=1e-14)


def test_the_least_error_is_preferred_to_the_first_in_reach():
    """The leftmost prediction in reach of the bubble at 9 is at 5, four samples off."""
    assert matched.match([9], [5, 9], 4).tolist() == [[0, 1]]
    # Size comes first: pairing 9 with 9 would leave the bubble at 12 without a partner.
    assert matched.match([9, 12], [5, 9], 4).tolist() == [[0, 0], [1, 1]]


def test_ties_leave_later_bubbles_and_later_predictions_unmatched():
    assert matched.match([7, 7], [7], 4).tolist() == [[0, 0]]
    assert matched.match([7], [5, 9], 4).tolist() == [[0, 0]]


def test_widening_the_truth_gains_nothing():
    """What scores 1.0 by the thesis's F1 falls below the honest prediction here."""
    rng = np.random.default_rng(3)
    bubble_count = (rng.random((8, 8446)) < 0.05).astype(np.uint8)
    bubble_count[:, [0, -1]] = 0
    widened = np.array([np.convolve(line, np.ones(9), mode="same") > 0 for line in bubble_count])
    honest = matched.f1(matched.count(bubble_count.astype(np.float32), bubble_count, [0.5]))
    gamed = matched.f1(matched.count(widened.astype(np.float32), bubble_count, [0.5]))
    assert np.all(gamed[:, 4, 0] < honest[:, 4, 0] - 0.1)


def test_a_sample_is_sixteen_nanoseconds_and_twelve_micrometres():
    assert units.nanoseconds(1, 62.5e6) == pytest.approx(16.0)
    assert units.micrometres(1, 62.5e6) == pytest.approx(11.84)
    np.testing.assert_allclose(units.micrometres([0, 2], 125e6), [0, 11.84])


def test_depths_are_those_of_the_simulated_medium():
    assert units.SPEED_OF_SOUND == SOUND_SPEED


def test_chunks_of_lines_join_to_the_whole():
    rng = np.random.default_rng(4)
    bubble_count = rng.poisson(0.05, (5, 200)).astype(np.uint8)
    prediction = rng.random((5, 200), dtype=np.float32)
    whole = matched.count(prediction, bubble_count, [0.3, 0.6])
    joined = concatenate(
        matched.count(prediction[rows], bubble_count[rows], [0.3, 0.6])
        for rows in (slice(0, 2), slice(2, 5))
    )
    for field in ("true_positives", "false_positives", "false_negatives", "absolute_error"):
        np.testing.assert_array_equal(getattr(joined, field), getattr(whole, field))


def test_unsorted_positions_are_refused():
    with pytest.raises(ValueError, match="ascending"):
        matched.match([5, 3], [1], 4)
    with pytest.raises(ValueError, match="ascending"):
        matched.match([5], [1, 1], 4)
