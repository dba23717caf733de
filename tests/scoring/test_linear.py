"""The linear filters against explicit design matrices and constructed echoes."""

import numpy as np
import pytest
import scipy.linalg

from ckstudy.scoring.linear import (
    ECHO_SAMPLES,
    LinearFilter,
    correlate,
    matched_filter,
    ridge_filter,
    unit_rms,
    wiener_filter,
)
from ckstudy.scoring.matched import find_maxima


def lines_of_echoes(seed=0, lines=40, samples=3000, density=0.01):
    """Sums of one decaying oscillation per bubble, which starts at the label."""
    rng = np.random.default_rng(seed)
    bubble_count = rng.poisson(density, (lines, samples)).astype(np.uint8)
    lag = np.arange(200)
    echo = np.exp(-(((lag - 90) / 25) ** 2)) * np.sin(2 * np.pi * lag / 30)
    rf = np.array([np.convolve(line, echo)[:samples] for line in bubble_count])
    return (0.01 * rf).astype(np.float32), bubble_count, echo


def design(line, lags):
    """Rows n and columns k of x[n + k], zero outside the line; n runs beyond both ends."""
    reach = max(abs(lag) for lag in lags)
    padded = np.pad(line, 2 * reach)
    positions = np.arange(reach, len(padded) - reach)
    return padded[positions[:, None] + np.asarray(lags)[None, :]]


def test_filtering_is_the_sum_over_lags():
    rng = np.random.default_rng(1)
    rf = rng.normal(size=(2, 50))
    taps = rng.normal(size=7)
    for first_lag in (-3, 0, 2, -9):
        found = LinearFilter(taps, first_lag)(rf)
        x = unit_rms(rf)
        expected = np.zeros((2, 50))
        for n in range(50):
            for k, tap in enumerate(taps):
                if 0 <= n + first_lag + k < 50:
                    expected[:, n] += tap * x[:, n + first_lag + k]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_the_ridge_filter_solves_the_penalised_least_squares_problem():
    rng = np.random.default_rng(2)
    rf = rng.normal(size=(3, 80)).astype(np.float32)
    count = rng.poisson(0.2, (3, 80)).astype(np.uint8)
    found = ridge_filter(correlate(rf, count), 9, 0.05)
    assert found.first_lag == -4
    lags = range(-4, 5)
    matrix = np.concatenate([design(line, lags) for line in unit_rms(rf)])
    target = np.concatenate([np.pad(line, 4) for line in count.astype(float)])
    penalty = 0.05 * np.sum(unit_rms(rf) ** 2)
    expected = scipy.linalg.solve(
        matrix.T @ matrix + penalty * np.eye(9), matrix.T @ target, assume_a="pos"
    )
    np.testing.assert_allclose(found.taps, expected, rtol=1e-9)


def test_the_mean_echo_is_the_echo():
    rf, count, echo = lines_of_echoes()
    found = correlate(rf, count).mean_echo
    assert found.shape == (ECHO_SAMPLES,)
    # What other bubbles add averages out, as one over the root of their number: 1200 here.
    correlation = found[:200] @ echo / np.linalg.norm(found) / np.linalg.norm(echo)
    assert correlation > 0.97


def wiener(fitted):
    return wiener_filter(fitted, 1e-4)


@pytest.mark.parametrize("make", [matched_filter, wiener])
def test_a_lone_bubble_peaks_at_its_label(make):
    rf, count, _ = lines_of_echoes()
    alone = np.zeros((1, 3000), np.uint8)
    alone[0, 1234] = 1
    echo = lines_of_echoes()[2]
    signal = make(correlate(rf, count))(np.convolve(alone[0], echo)[None, :3000])
    assert abs(int(signal.argmax()) - 1234) <= 1
    assert signal.shape == (1, 3000)
    assert signal.dtype == np.float32


def test_deconvolution_resolves_what_correlation_blurs():
    """Two bubbles 12 samples apart, less than half a period of their echo."""
    rf, count, echo = lines_of_echoes(density=0.03)
    pair = np.zeros(3000)
    pair[[1000, 1012]] = 1
    line = np.convolve(pair, echo)[None, :3000]
    tallest = {}
    for make in (matched_filter, wiener):
        signal = make(correlate(rf, count))(line)[0]
        maxima = find_maxima(signal)
        tallest[make] = sorted(maxima[np.argsort(signal[maxima])[-2:]])
    np.testing.assert_allclose(tallest[wiener], [1000, 1012], atol=1)
    assert np.abs(np.subtract(tallest[matched_filter], [1000, 1012])).max() > 4


def test_correlations_are_sums_over_all_samples():
    rf, count, _ = lines_of_echoes(lines=3, samples=700)
    fitted = correlate(rf, count)
    x, y = unit_rms(rf), count.astype(float)
    for lag in (0, 1, 57, 599):
        for k in (lag, -lag):
            ahead = slice(max(k, 0), 700 + min(k, 0))
            here = slice(max(-k, 0), 700 + min(-k, 0))
            assert fitted.auto[k] == pytest.approx(np.sum(x[:, here] * x[:, ahead]), abs=1e-8)
            assert fitted.cross[k] == pytest.approx(np.sum(y[:, here] * x[:, ahead]), abs=1e-8)
    assert fitted.bubbles == count.sum()


@pytest.mark.parametrize("taps", [0, 4, -1, 601])
def test_the_window_must_be_odd_and_within_the_lags(taps):
    fitted = correlate(np.ones((1, 9)), np.ones((1, 9), int))
    with pytest.raises(ValueError, match="odd"):
        ridge_filter(fitted, taps, 1e-3)


def test_a_silent_line_stays_silent():
    assert np.all(unit_rms(np.zeros((1, 5))) == 0)
