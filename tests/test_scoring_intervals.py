"""Bootstrap intervals against scipy's bootstrap, the normal approximation and plain loops."""

import numpy as np
import pytest
from scipy import stats

from ckstudy.scoring.intervals import (
    difference_interval,
    mean_interval,
    seeds_and_lines_interval,
)

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
    paired = difference_interval(SCORES, other)
    assert paired.low < np.mean(SCORES - other) < paired.high
    assert paired.mean == pytest.approx(0.02, abs=0.001)
    alone = mean_interval(SCORES)
    assert paired.high - paired.low < 0.2 * (alone.high - alone.low)
    with pytest.raises(ValueError, match="same lines"):
        difference_interval(SCORES, SCORES[:-1])


def test_about_95_of_100_intervals_hold_the_true_mean():
    held = 0
    for trial in range(400):
        sample = np.random.default_rng(trial).beta(8, 2, 80)
        found = mean_interval(sample, resamples=400, seed=trial)
        held += found.low <= 0.8 <= found.high
    # 5 standard errors of a proportion, and the percentile method's known small deficit.
    assert 0.90 <= held / 400 <= 0.99


def test_seeds_widen_the_interval_only_where_they_disagree():
    alone = mean_interval(SCORES)
    one = seeds_and_lines_interval(SCORES[None])
    assert (one.low, one.high) == pytest.approx((alone.low, alone.high), rel=1e-12)
    agree = seeds_and_lines_interval(np.stack([SCORES] * 3))
    assert (agree.low, agree.high) == pytest.approx((alone.low, alone.high), rel=1e-12)
    disagree = seeds_and_lines_interval(np.stack([SCORES - 0.1, SCORES, SCORES + 0.1]))
    assert disagree.mean == pytest.approx(alone.mean, rel=1e-12)
    # Means of three draws from (-0.1, 0, 0.1) reach ±0.1 with a probability of 1/27 each.
    assert disagree.low < alone.mean - 0.09
    assert disagree.high > alone.mean + 0.09


@pytest.mark.parametrize("scores", [np.zeros((0,)), np.zeros((0, 3))])
def test_no_lines_are_refused(scores):
    with pytest.raises(ValueError, match="no lines"):
        mean_interval(scores)
