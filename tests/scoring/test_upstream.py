"""The thesis's F1 against a literal transcription of its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ckstudy.errors import StudyError
from ckstudy.scoring import upstream
from ckstudy.scoring.thresholds import THRESHOLDS


def literal(prediction, bubble_count, threshold, tolerance):
    """(TP, FP, FN, F1) of one line, sample by sample, as the definition reads."""
    predicted = [i for i, z in enumerate(prediction) if float(z) > threshold]
    true = [i for i, y in enumerate(bubble_count) if y > 0.5]
    hits = sum(any(abs(i - j) <= tolerance for j in predicted) for i in true)
    missed = len(true) - hits
    false = sum(not any(abs(i - j) <= tolerance for j in true) for i in predicted)
    fp, fn = false, missed
    if hits + fp == 0:
        fp = 1
    if hits + fn == 0:
        fn = 1
    precision = max(hits / (hits + fp), 1e-3)
    recall = max(hits / (hits + fn), 1e-3)
    return hits, false, missed, 2 * precision * recall / (precision + recall)


# Values on, just above and just below thresholds, beside ordinary ones.
edge_values = [
    np.nextafter(np.float32(t), np.float32(t) + np.float32(s), dtype=np.float32)
    for t in (1e-5, 0.1, 0.9)
    for s in (-1, 0, 1)
]
outputs = st.one_of(st.sampled_from(edge_values), st.floats(-0.5, 1.5, width=32))


@st.composite
def lines(draw, max_samples=40):
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, max_samples)))
    prediction = draw(arrays.arrays(np.float32, shape, elements=outputs, fill=st.just(0.0)))
    count = draw(
        arrays.arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 0, 1, 2]), fill=st.just(0))
    )
    return prediction, count


@given(lines())
@settings(max_examples=150, deadline=None)
def test_counts_and_f1_equal_the_literal_definition(example):
    prediction, bubble_count = example
    thresholds = THRESHOLDS[::4]
    counts = upstream.count(prediction, bubble_count, thresholds)
    f1 = upstream.f1(counts)
    for line in range(len(prediction)):
        for tolerance in range(10):
            for k, threshold in enumerate(thresholds):
                expected = literal(prediction[line], bubble_count[line], threshold, tolerance)
                at = line, tolerance, k
                assert (
                    counts.true_positives[at],
                    counts.false_positives[at],
                    counts.false_negatives[at],
                ) == expected[:3]
                assert f1[at] == pytest.approx(expected[3], rel=1e-14)


def test_a_whole_line_of_the_studys_length_equals_the_literal_definition():
    rng = np.random.default_rng(1)
    bubble_count = (rng.random((1, 8446)) < 0.05).astype(np.uint8)
    prediction = (0.6 * bubble_count + 0.15 * rng.normal(size=(1, 8446))).astype(np.float32)
    counts = upstream.count(prediction, bubble_count, THRESHOLDS)
    for tolerance, k in [(0, 0), (4, 12), (9, 24)]:
        predicted = np.flatnonzero(prediction[0].astype(np.float64) > THRESHOLDS[k])
        true = np.flatnonzero(bubble_count[0])
        near = np.abs(predicted[:, None] - true[None, :]) <= tolerance
        assert counts.true_positives[0, tolerance, k] == near.any(axis=0).sum()
        assert counts.false_negatives[0, tolerance, k] == (~near.any(axis=0)).sum()
        assert counts.false_positives[0, tolerance, k] == (~near.any(axis=1)).sum()


@pytest.mark.parametrize(
    ("predicted", "true", "expected"),
    [
        ([], [], 0.001),  # nothing there, nothing found: both floors
        ([], [5], 0.001),
        ([5], [], 0.001),
        ([5], [5], 1.0),
        # precision 1, recall 0.5
        ([5], [5, 50], 2 / 3),
        # one hit among 2000 true samples: the recall 1/2000 is lifted to the floor
        ([0], list(range(0, 2000 * 21, 21)), 2 * 1e-3 / (1 + 1e-3)),
    ],
)
def test_empty_denominators_and_floors(predicted, true, expected):
    prediction = np.zeros((1, 42_000), np.float32)
    prediction[0, predicted] = 1
    bubble_count = np.zeros((1, 42_000), np.uint8)
    bubble_count[0, true] = 1
    f1 = upstream.f1(upstream.count(prediction, bubble_count, [0.5]))
    assert f1[0, 4, 0] == pytest.approx(expected, rel=1e-12)


def test_the_score_can_be_gamed_by_widening_the_truth():
    """Firing at all nine samples around each bubble, not at one, is perfect to this score."""
    bubble_count = (np.random.default_rng(2).random((8, 8446)) < 0.03).astype(np.uint8)
    kernel = np.ones(9)
    widened = np.array([np.convolve(line, kernel, mode="same") > 0 for line in bubble_count])
    f1 = upstream.f1(upstream.count(widened.astype(np.float32), bubble_count, [0.5]))
    assert np.all(f1[:, 4, 0] == 1.0)
    assert np.all(f1[:, 3, 0] < 1.0)


def test_a_prediction_with_nan_is_refused():
    prediction = np.zeros((3, 20), np.float32)
    prediction[1, 4] = np.nan
    with pytest.raises(StudyError, match=r"line 1 .*NaN"):
        upstream.count(prediction, np.zeros((3, 20), np.uint8), [0.5])


@pytest.mark.parametrize(
    ("prediction", "bubble_count", "thresholds"),
    [
        (np.zeros((2, 5)), np.zeros((2, 6), int), [0.5]),
        (np.zeros(5), np.zeros(5, int), [0.5]),
        (np.zeros((2, 5)), np.zeros((2, 5)), [0.5]),
        (np.zeros((2, 5)), np.zeros((2, 5), int), [0.5, 0.5]),
        (np.zeros((2, 5)), np.zeros((2, 5), int), []),
    ],
)
def test_arrays_that_do_not_fit_are_refused(prediction, bubble_count, thresholds):
    with pytest.raises(ValueError):
        upstream.count(prediction, bubble_count, thresholds)
