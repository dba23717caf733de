"""Bootstrap intervals against scipy's bootstrap, the normal approximation and plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from ckstudy.scoring.intervals import contrast_interval, mean_interval

rng = np.random.default_rng(0)
SCORES = rng.beta(8, 2, 400)


def test_ends_agree_with_scipys_percentile_bootstrap():
    ours = mean_interval(SCORES, resamples=20_000)
    theirs = stats.bootstrap(
        (SCORES,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.mean == pytest.approx(SCORES.mean(), rel=1e-12)
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
    together = mean_interval(columns)
    assert together.mean.shape == together.low.shape == (2,)
    for column in range(2):
        alone = mean_interval(columns[:, column])
        assert together.low[column] == pytest.approx(alone.low, rel=1e-12)
        assert together.high[column] == pytest.approx(alone.high, rel=1e-12)


def test_lines_without_a_score_are_left_out():
    missing = SCORES.copy()
    missing[::3] = np.nan
    found = mean_interval(missing)
    assert found.mean == pytest.approx(np.nanmean(missing), rel=1e-12)
    assert found.low < found.mean < found.high
    none = mean_interval([np.nan, np.nan])
    assert np.all(np.isnan([none.mean, none.low, none.high]))


def test_a_paired_difference_is_narrower_than_an_unpaired_one():
    other = SCORES - 0.02 + rng.normal(0, 0.005, len(SCORES))
    paired = contrast_interval([SCORES[None], other[None]], (1, -1))
    assert paired.low < np.mean(SCORES - other) < paired.high
    assert paired.mean == pytest.approx(0.02, abs=0.001)
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


def exact_bootstrap_variance(scores: np.ndarray) -> float:
    """Of the mean of drawn seeds and drawn lines, given the scores: no draws are needed.

    With x = m + a[seed] + b[line] + e[seed, line], each part centred, the three resampled parts
    are uncorrelated: the variance is mean(a²)/S + mean(b²)/L + mean(e²)/(S L).
    """
    seeds, lines = scores.shape
    of_seed = scores.mean(axis=1, keepdims=True) - scores.mean()
    of_line = scores.mean(axis=0, keepdims=True) - scores.mean()
    rest = scores - scores.mean() - of_seed - of_line
    parts = ((of_seed, seeds), (of_line, lines), (rest, seeds * lines))
    return sum(np.mean(part**2) / count for part, count in parts)


@pytest.mark.parametrize("parts", [(0.02, 0.1, 0.05), (0.001, 0.1, 0.01), (0.05, 0.01, 0.2)])
def test_width_is_that_of_the_exact_variance_of_the_resampled_mean(parts):
    scores = two_way(np.random.default_rng(3), 12, 150, *parts)
    found = contrast_interval([scores], resamples=20_000)
    expected = 2 * stats.norm.ppf(0.975) * np.sqrt(exact_bootstrap_variance(scores))
    assert found.mean == pytest.approx(scores.mean(), rel=1e-12)
    assert found.high - found.low == pytest.approx(expected, rel=0.05)


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
    # Plug-in variances are (1 - 1/S) of the true ones; 30 trials leave some 5 % of chance.
    assert squared == pytest.approx(expected, rel=0.15)


def test_with_one_network_each_only_lines_are_drawn():
    alone = mean_interval(SCORES)
    one = contrast_interval([SCORES[None]])
    assert (one.mean, one.low, one.high) == pytest.approx(
        (alone.mean, alone.low, alone.high), rel=1e-12
    )


def test_seeds_widen_the_interval_only_where_they_disagree():
    alone = mean_interval(SCORES)
    agree = contrast_interval([np.stack([SCORES] * 3)])
    assert (agree.low, agree.high) == pytest.approx((alone.low, alone.high), rel=1e-12)
    disagree = contrast_interval([np.stack([SCORES - 0.1, SCORES, SCORES + 0.1])])
    assert disagree.mean == pytest.approx(alone.mean, rel=1e-12)
    # Means of three draws from (-0.1, 0, 0.1) reach ±0.1 with a probability of 1/27 each.
    assert disagree.low < alone.mean - 0.09
    assert disagree.high > alone.mean + 0.09


@pytest.mark.parametrize("seeds", [2, 3])
def test_from_two_or_three_seeds_the_interval_runs_from_the_worst_to_the_best(seeds):
    """So it holds the true mean in 1 - 2^(1 - S) of cases where lines hardly matter: 3 of 4."""
    held = 0
    for trial in range(400):
        networks = 0.5 + 0.1 * np.random.default_rng(trial).standard_normal((seeds, 1))
        found = contrast_interval([np.repeat(networks, 5, axis=1)], resamples=1000)
        assert (found.low, found.high) == pytest.approx((networks.min(), networks.max()))
        held += found.low <= 0.5 <= found.high
    expected = 1 - 2.0 ** (1 - seeds)
    # 4 standard errors of a proportion of 400.
    assert held / 400 == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 400))


def test_groups_draw_their_networks_independently_and_share_the_lines():
    generator = np.random.default_rng(5)
    of_lines = 0.2 * generator.standard_normal(200)
    first = of_lines + 0.01 * generator.standard_normal((10, 1))
    second = of_lines + 0.01 * generator.standard_normal((10, 1))
    found = contrast_interval([first, second], (1, -1), resamples=20_000)
    # What the lines have in common cancels; the variances of the two groups' means add.
    variance = (first.mean(axis=1).var() + second.mean(axis=1).var()) / 10
    expected = 2 * stats.norm.ppf(0.975) * np.sqrt(variance)
    assert found.high - found.low == pytest.approx(expected, rel=0.05)
    assert found.mean == pytest.approx(first.mean() - second.mean(), abs=1e-12)


def test_a_difference_of_differences_is_that_of_the_lines():
    four = [SCORES**power for power in (1, 2, 3, 4)]
    found = contrast_interval([each[None] for each in four], (1, -1, -1, 1))
    direct = mean_interval(four[0] - four[1] - four[2] + four[3])
    assert (found.mean, found.low, found.high) == pytest.approx(
        (direct.mean, direct.low, direct.high), rel=1e-9
    )


scores_of_seeds = st.tuples(st.integers(1, 4), st.integers(1, 6)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.floats(0, 1, width=32))
)


@settings(max_examples=60, deadline=None)
@given(scores_of_seeds, st.floats(-1, 1), st.floats(0.1, 3))
def test_intervals_follow_shifts_and_scalings_and_stay_within_the_scores(scores, shift, factor):
    found = contrast_interval([scores], resamples=200)
    assert scores.min() - 1e-12 <= found.low <= found.high <= scores.max() + 1e-12
    moved = contrast_interval([factor * scores + shift], resamples=200)
    assert moved.low == pytest.approx(factor * found.low + shift, abs=1e-9)
    assert moved.high == pytest.approx(factor * found.high + shift, abs=1e-9)
    mirrored = contrast_interval([scores], (-1,), resamples=200)
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low), abs=1e-9)
    none = contrast_interval([scores, scores[:, ::-1][:, ::-1]], (1, -1), resamples=200)
    assert none.mean == pytest.approx(0, abs=1e-12)
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


@pytest.mark.parametrize("scores", [np.zeros((0,)), np.zeros((0, 3))])
def test_no_lines_are_refused(scores):
    with pytest.raises(ValueError, match="no lines"):
        mean_interval(scores)
