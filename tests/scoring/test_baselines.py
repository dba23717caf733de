"""Baselines: what they do to a line, what the comb shows about the thesis's F1."""

import numpy as np
import pandas as pd
import pytest
from scoring_lines import make_lines

from ckstudy.scoring import matched, upstream
from ckstudy.scoring.baselines import comb, noise, score_baselines


@pytest.fixture(scope="module")
def tables():
    splits = [make_lines(first, lines=24) for first in (0, 1_000_000, 2_000_000)]
    return score_baselines(*splits, tolerance=4, resamples=200), splits


def test_the_comb_covers_the_line():
    line = comb(8446, 4)
    teeth = np.flatnonzero(line)
    assert teeth[0] == 4
    assert set(np.diff(teeth)) == {9}
    within = np.abs(teeth[:, None] - np.arange(8446)[None, :]) <= 4
    assert np.all(within[:, :8442].sum(axis=0) == 1)
    assert comb(50, 0).sum() == 50


def test_the_comb_games_the_thesiss_f1():
    """Without looking at a line it scores 0.59 on the study's bubble numbers, 10 to 1000.

    Expected: every bubble is found, and a tooth is false where its nine samples hold none, so
    that precision is n / (n + 938 (1 - 9/8446)^n) for n bubbles, up to shared samples.
    """
    rng = np.random.default_rng(0)
    numbers = rng.integers(10, 1001, 300)
    count = np.array(
        [np.bincount(rng.integers(0, 8446, n), minlength=8446) for n in numbers]
    ).astype(np.uint8)
    fired = np.broadcast_to(comb(8446, 4), count.shape)
    thesis = upstream.f1(upstream.count(fired, count, [0.5]))[:, 4, 0]
    true_samples = (count > 0).sum(axis=1)
    precision = true_samples / (true_samples + 938 * (1 - 9 / 8446) ** numbers)
    expected = 2 * precision / (1 + precision)
    np.testing.assert_allclose(thesis, expected, atol=0.02)
    assert 0.56 < thesis.mean() < 0.62
    one_to_one = matched.f1(matched.count(fired, count, [0.5]))[:, 4, 0]
    assert one_to_one.mean() < thesis.mean() - 0.08


def test_noise_is_uniform_and_a_function_of_the_line_number():
    line = noise(20_000, 7)
    assert line.dtype == np.float32
    assert 0 <= line.min() < 1e-3
    assert 1 - 1e-3 < line.max() < 1
    assert abs(np.mean(line > 0.85) - 0.15) < 0.01
    np.testing.assert_array_equal(line, noise(20_000, 7))
    assert np.any(line != noise(20_000, 8))


def test_every_baseline_is_scored_at_every_tolerance(tables):
    (summary, line_table), splits = tables
    names = [
        "comb",
        "random",
        "matched_filter",
        "wiener",
        "ridge_fir_257",
        "ridge_fir_521",
        "fista",
    ]
    assert summary["baseline"].unique().tolist() == names
    assert len(summary) == len(names) * 2 * 10
    assert not summary.duplicated(["baseline", "score", "tolerance"]).any()
    assert np.all(summary["lines"] == 24)
    assert np.all(summary["ci_low"] <= summary["mean_f1"])
    assert np.all(summary["mean_f1"] <= summary["ci_high"])
    assert len(line_table) == len(names) * 2 * 24
    assert set(line_table["line"]) == set(splits[2].line_number)


def test_the_combs_row_is_its_score_on_the_test_lines(tables):
    (summary, _), splits = tables
    test = splits[2]
    fired = np.broadcast_to(comb(600, 4), test.bubble_count.shape)
    for name, score in (("upstream", upstream), ("matched", matched)):
        expected = score.f1(score.count(fired, test.bubble_count, [0.5])).mean(axis=0)[:, 0]
        rows = summary[(summary["baseline"] == "comb") & (summary["score"] == name)]
        np.testing.assert_allclose(rows["mean_f1"], expected, rtol=1e-12)


def test_filters_that_look_at_the_line_beat_noise(tables):
    (summary, _), _ = tables
    at = summary[summary["tolerance"] == 4].set_index(["baseline", "score"])["mean_f1"]
    for score in ("upstream", "matched"):
        for name in ("wiener", "ridge_fir_257", "ridge_fir_521", "fista"):
            assert at[name, score] > at["random", score] + 0.1


def test_test_lines_have_no_say_in_fits_and_thresholds(tables):
    (summary, _), splits = tables
    other_test = make_lines(3_000_000, lines=5, density=0.01)
    other, _ = score_baselines(*splits[:2], other_test, tolerance=4, resamples=10)
    pd.testing.assert_series_equal(other["threshold"], summary["threshold"])
    assert np.any(other["mean_f1"] != summary["mean_f1"])
