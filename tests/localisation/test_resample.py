"""Resampling against closed forms and Fourier interpolation; positions there and back."""

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from ckstudy.errors import StudyError
from ckstudy.localisation.resample import Grid, check_rate

NETWORK = 62.5e6
LASTS = 40e-6  # s, of the lines here


def pulse(rate: float) -> np.ndarray:
    """A line of band-limited echoes, the same function of time at every rate."""
    time = np.arange(round(LASTS * rate)) / rate
    line = np.zeros_like(time)
    for start, height in ((10e-6, 1.0), (17.3e-6, -0.6), (29.1e-6, 0.3)):
        away = (time - start) / 0.8e-6
        line += height * np.exp(-(away**2) / 2) * np.cos(2 * np.pi * 2.1e6 * (time - start))
    return line


@pytest.mark.parametrize("rate", [15e6, 20e6, 31.25e6, 40e6, 62.5e6, 100e6, 125e6, 250e6, 53.1e6])
def test_a_band_limited_line_is_the_same_function_at_the_networks_rate(rate):
    line = pulse(rate)
    grid = Grid.between(rate, NETWORK, line.size)
    found = grid.resample(line[np.newaxis].astype(np.float32))
    assert found.dtype == np.float32
    assert found.shape == (1, grid.network_samples)
    time = grid.time_s(np.arange(grid.network_samples))
    expected = np.interp(time, np.arange(round(LASTS * 4e9)) / 4e9, pulse(4e9))
    middle = slice(100, -100)
    assert np.abs(found[0] - expected)[middle].max() < 5e-3


def test_the_networks_own_rate_changes_nothing():
    line = np.random.default_rng(0).normal(size=(2, 500)).astype(np.float32)
    grid = Grid.between(NETWORK, NETWORK, 500)
    assert grid.resample(line) is line
    np.testing.assert_array_equal(grid.own_sample(np.arange(500)), np.arange(500))


def test_an_offset_makes_no_echo_at_the_ends():
    grid = Grid.between(40e6, NETWORK, 400)
    found = grid.resample(np.full((1, 400), 7, np.float32))
    np.testing.assert_allclose(found, 7, rtol=1e-3)


@settings(deadline=None)
@given(
    rate=st.floats(15e6, 250e6),
    samples=st.integers(2, 20_000),
    part=st.floats(0, 1),
)
def test_positions_come_back_to_the_nearest_sample(rate, samples, part):
    grid = Grid.between(rate, NETWORK, samples)
    sample = np.array([int(part * (grid.network_samples - 1))])
    own = grid.own_sample(sample)
    assert 0 <= own[0] < samples
    exact = sample[0] / float(grid.ratio)
    assert abs(own[0] - min(exact, samples - 1)) <= 0.5 + 1e-6
    assert grid.time_s(sample)[0] == pytest.approx(exact / rate, rel=1e-12)
    # The line is as long as it was, to the fraction that stands for the ratio.
    assert grid.network_samples / NETWORK == pytest.approx(samples / rate, rel=2e-4, abs=2e-8)


@settings(deadline=None)
@given(st.integers(200, 4000), st.sampled_from([15e6, 31.25e6, 40e6, 62.5e6, 125e6, 250e6]))
def test_the_length_is_that_of_scipys_result(samples, rate):
    grid = Grid.between(rate, NETWORK, samples)
    up, down = grid.ratio.numerator, grid.ratio.denominator
    assert scipy.signal.resample_poly(np.ones(samples), up, down).size == grid.network_samples


@pytest.mark.parametrize("rate", [None, 62.5, 14.9e6, 250.1e6, 0.0, -62.5e6, float("nan")])
def test_another_rate_is_refused(rate):
    with pytest.raises(StudyError, match="sampling rate"):
        check_rate(rate)
