"""Intervals against scipy's bootstrap and Welch's test, closed forms, and simulated coverage."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from ckstudy.scoring.intervals import column_intervals, contrast_interval, mean_interval

rng = np.random.default_rng(0)
SCORES = rng.beta(8, 2, 400)


def test_ends_agree_with_scipys_percentile_bootstrap():
    ours = mean_interval(SCORES, resamples=20_000)
    theirs = stats.bootstrap(
        (SCORES,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.value == pytest.approx(SCORES.mean(), rel=1e-12)
    assert ours.low == pytest.approx(theirs.low, abs=0.03 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.03 * width)


def test_the_level_sets_the_width():
    standard_error = SCORES.std() / np.sqrt(len(SCORES))
    for level in (0.5, 0.8, 0.95):
        found = mean_interval(SCORES, level=level, resamples=20_000)
        expected = 2 * stats.norm.ppf((1 + level) / 2) * standard_error
        assert found.high - found.low == pytest.approx(expected, rel=0.05)


def test_resamples_are_drawn_with_replacement_from_the_seed():
    """The same numbers as indexing with the drawn line numbers, one resample at a time."""
    drawn = np.random.default_rng(7).integers(len(SCORES), size=(50, len(SCORES)))
    means = [SCORES[row].mean() for row in drawn]
    found = mean_interval(SCORES, resamples=50, seed=7)
    assert found.low == pytest.approx(np.quantile(means, 0.025), rel=1e-12)
    assert found.high == pytest.approx(np.quantile(means, 0.975), rel=1e-12)
    again = mean_interval(SCORES, resamples=50, seed=7)
    assert (again.low, again.high) == (found.low, found.high)
    assert mean_interval(SCORES, resamples=50, seed=8).low != found.low


def test_columns_are_the_same_as_one_by_one():
    columns = np.stack([SCORES, SCORES**2], axis=1)
    for column, together in zip(columns.T, column_intervals(columns), strict=True):
        alone = mean_interval(column)
        assert together.value == pytest.approx(column.mean(), rel=1e-12)
        assert (together.low, together.high) == pytest.approx((alone.low, alone.high), rel=1e-12)


def test_lines_without_a_score_are_left_out():
    missing = SCORES.copy()
    missing[::3] = np.nan
    found = mean_interval(missing)
    assert found.value == pytest.approx(np.nanmean(missing), rel=1e-12)
    assert found.low < found.value < found.high
    none = mean_interval([np.nan, np.nan])
    assert np.all(np.isnan([none.value, none.low, none.high]))


def test_a_paired_difference_is_narrower_than_an_unpaired_one():
    other = SCORES - 0.02 + rng.normal(0, 0.005, len(SCORES))
    paired = contrast_interval([SCORES[None], other[None]], (1, -1))
    assert paired.low < np.mean(SCORES - other) < paired.high
    assert paired.value == pytest.approx(0.02, abs=0.001)
    alone = mean_interval(SCORES)
    assert paired.high - paired.low < 0.2 * (alone.high - alone.low)
    direct = mean_interval(SCORES - other)
    assert (paired.low, paired.high) == pytest.approx((direct.low, direct.high), rel=1e-9)


def test_about_95_of_100_intervals_hold_the_true_mean():
    held = 0
    for trial in range(400):
        sample = np.random.default_rng(trial).beta(8, 2, 80)
        found = mean_interval(sample, resamples=400, seed=trial)
        held += found.low <= 0.8 <= found.high
    # 5 standard errors of a proportion, and the percentile method's known small deficit.
    assert 0.90 <= held / 400 <= 0.99


def two_way(generator, seeds: int, lines: int, of_seed: float, of_line: float, rest: float):
    """Scores (seeds, lines) with normal effects of the seed, of the line, and of both."""
    return (
        0.5
        + of_seed * generator.standard_normal((seeds, 1))
        + of_line * generator.standard_normal((1, lines))
        + rest * generator.standard_normal((seeds, lines))
    )


def coverage(parts, seeds, lines: int = 40, trials: int = 400) -> float:
    """How often the 95 % interval holds the true sum, of groups that share the lines' effects."""
    held = 0
    for trial in range(trials):
        generator = np.random.default_rng(trial)
        of_lines = parts[1] * generator.standard_normal((1, lines))
        groups = [
            of_lines * (place == 0) + two_way(generator, count, lines, parts[0], 0, parts[2])
            for place, count in enumerate(seeds)
        ]
        signs = (1, -1)[: len(seeds)]
        found = contrast_interval(groups, signs, resamples=400)
        held += found.low <= 0.5 * sum(signs) <= found.high
    return held / trials


@pytest.mark.parametrize(
    "parts",
    [(0.1, 0.01, 0.01), (0.02, 0.1, 0.1), (0.01, 0.1, 0.3), (0.0, 0.1, 0.1)],
    ids=["seeds", "seeds and lines", "lines", "no seeds"],
)
@pytest.mark.parametrize("seeds", [(3,), (3, 3)], ids=["mean", "difference"])
def test_with_three_seeds_95_of_100_intervals_hold_the_truth(parts, seeds):
    # 4 standard errors of a proportion of 400 below; above, Welch's interval may be cautious.
    assert coverage(parts, seeds) > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 400)


def test_where_only_seeds_differ_the_interval_is_welchs():
    first, second = np.array([0.8, 0.82, 0.9]), np.array([0.7, 0.71, 0.74, 0.75])
    expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    groups = [np.repeat(each[:, None], 30, axis=1) for each in (first, second)]
    found = contrast_interval(groups, (1, -1))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-6)
    one = contrast_interval(groups[:1], level=0.9)
    alone = stats.ttest_1samp(first, 0).confidence_interval(0.9)
    assert (one.low, one.high) == pytest.approx((alone.low, alone.high), rel=1e-6)


def test_with_many_seeds_the_variance_is_the_closed_form_of_normal_data():
    """σ_seed²/S + σ_line²/L + σ_rest²/(S L), the variance of the mean that we estimate."""
    parts, seeds, lines = (0.05, 0.1, 0.02), 40, 300
    expected = parts[0] ** 2 / seeds + parts[1] ** 2 / lines + parts[2] ** 2 / (seeds * lines)
    widths = [
        np.ptp([found.low, found.high])
        for trial in range(30)
        for found in [
            contrast_interval([two_way(np.random.default_rng(trial), seeds, lines, *parts)])
        ]
    ]
    squared = np.mean(np.square(widths)) / (2 * stats.norm.ppf(0.975)) ** 2
    # Student's t is a little wider, and 30 trials leave some 5 % of chance.
    assert squared == pytest.approx(expected, rel=0.15)


def test_with_one_network_each_only_lines_are_drawn():
    alone = mean_interval(SCORES)
    one = contrast_interval([SCORES[None]])
    assert (one.value, one.low, one.high) == pytest.approx(
        (alone.value, alone.low, alone.high), rel=1e-12
    )


def test_seeds_widen_the_interval_only_where_they_disagree():
    alone = mean_interval(SCORES)
    agree = contrast_interval([np.stack([SCORES] * 3)])
    # The normal approximation instead of percentiles: the same but for skewness and draws.
    assert (agree.low, agree.high) == pytest.approx((alone.low, alone.high), abs=5e-4)
    disagree = contrast_interval([np.stack([SCORES - 0.1, SCORES, SCORES + 0.1])])
    assert disagree.value == pytest.approx(alone.value, rel=1e-12)
    half = stats.t.ppf(0.975, 2) * 0.1 / np.sqrt(3)
    assert disagree.high - disagree.value == pytest.approx(half, rel=0.02)


def test_groups_draw_their_networks_independently_and_share_the_lines():
    generator = np.random.default_rng(5)
    of_lines = 0.2 * generator.standard_normal(200)
    first = of_lines + 0.01 * generator.standard_normal((10, 1))
    second = of_lines + 0.01 * generator.standard_normal((10, 1))
    found = contrast_interval([first, second], (1, -1), resamples=20_000)
    # What the lines have in common cancels; the variances of the two groups' means add.
    welch = stats.ttest_ind(first.mean(axis=1), second.mean(axis=1), equal_var=False)
    expected = welch.confidence_interval(0.95)
    assert found.high - found.low == pytest.approx(expected.high - expected.low, rel=0.05)
    assert found.value == pytest.approx(first.mean() - second.mean(), abs=1e-12)


def test_a_difference_of_differences_is_that_of_the_lines():
    four = [SCORES**power for power in (1, 2, 3, 4)]
    found = contrast_interval([each[None] for each in four], (1, -1, -1, 1))
    direct = mean_interval(four[0] - four[1] - four[2] + four[3])
    assert (found.value, found.low, found.high) == pytest.approx(
        (direct.value, direct.low, direct.high), rel=1e-9
    )


scores_of_seeds = st.tuples(st.integers(1, 4), st.integers(1, 6)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.floats(0, 1, width=32))
)


@settings(max_examples=60, deadline=None)
@given(scores_of_seeds, st.floats(-1, 1), st.floats(0.1, 3))
@example(np.zeros((2, 1)), 1.2417576387881504e-80, 1.0)  # a variance whose square is 0
def test_intervals_follow_shifts_and_scalings(scores, shift, factor):
    found = contrast_interval([scores], resamples=200)
    assert found.low - 1e-12 <= found.value <= found.high + 1e-12 or len(scores) == 1
    moved = contrast_interval([factor * scores + shift], resamples=200)
    # Where all scores are equal a variance of rounding errors is left.
    assert moved.low == pytest.approx(factor * found.low + shift, abs=1e-6)
    assert moved.high == pytest.approx(factor * found.high + shift, abs=1e-6)
    mirrored = contrast_interval([scores], (-1,), resamples=200)
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low), abs=1e-9)
    none = contrast_interval([scores, scores[:, ::-1][:, ::-1]], (1, -1), resamples=200)
    assert none.value == pytest.approx(0, abs=1e-12)
    assert none.low <= 1e-12
    assert none.high >= -1e-12


@pytest.mark.parametrize(
    ("groups", "signs", "said"),
    [
        ([np.zeros((2, 3)), np.zeros((2, 4))], (1, -1), "same lines"),
        ([np.zeros((2, 3))], (1, -1), "as many signs"),
        ([np.zeros(3)], (1,), "shape"),
        ([np.zeros((0, 3))], (1,), "shape"),
        ([], (), "groups"),
    ],
)
def test_groups_that_do_not_fit_are_refused(groups, signs, said):
    with pytest.raises(ValueError, match=said):
        contrast_interval(groups, signs)


def test_no_lines_are_refused():
    with pytest.raises(ValueError, match="no lines"):
        mean_interval(np.zeros(0))
    with pytest.raises(ValueError, match="no lines"):
        column_intervals(np.zeros((0, 3)))
