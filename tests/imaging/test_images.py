"""Beamforming against plain NumPy in float64; detections and scores against brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from ckstudy.errors import StudyError
from ckstudy.imaging.array import LinearArray
from ckstudy.imaging.beamform import Aperture, Grid2D, delay_and_sum, envelope
from ckstudy.imaging.detect import find_bubbles
from ckstudy.imaging.point_spread import half_width, point_spread
from ckstudy.imaging.score import count, match
from ckstudy.imaging.super_resolve import widen

RATE, SPEED = 62.5e6, 1480.0


def plain(lines, position, grid, start_s, f_number, hann):
    image = np.empty((grid.lateral.size, grid.axial.size))
    samples = np.arange(lines.shape[1])
    for (i, x), (j, z) in itertools.product(enumerate(grid.lateral), enumerate(grid.axial)):
        away = x - position
        at = ((z + np.sqrt(away**2 + z**2)) / SPEED - start_s) * RATE
        heard = np.array(
            [
                np.interp(t, samples, line, left=0, right=0)
                for t, line in zip(at, lines, strict=True)
            ]
        )
        weight = np.ones(position.size)
        if f_number:
            u = np.abs(away) * 2 * f_number / z
            weight = (u <= 1) * (0.5 * (1 + np.cos(np.pi * u)) if hann else 1.0)
        image[i, j] = (weight * heard).sum() / weight.sum() if weight.sum() else 0
    return image


@pytest.mark.parametrize("start_us", [0.0, 7.3, -2.0])
@pytest.mark.parametrize(("f_number", "apodisation"), [(0, "boxcar"), (1.5, "boxcar"), (1, "hann")])
def test_delay_and_sum_is_that_of_plain_numpy(start_us, f_number, apodisation):
    random = np.random.default_rng(1)
    lines = random.normal(size=(12, 900)).astype(np.float32)
    position = LinearArray.of_pitch(12, 0.4).position
    # From before the first sample to behind the last.
    grid = Grid2D.spanning((0.2e-3, 14e-3), (-3e-3, 3e-3), (0.21e-3, 0.4e-3))
    aperture = Aperture(f_number, apodisation)
    options = {"sampling_rate_hz": RATE, "speed_of_sound": SPEED, "start_s": 1e-6 * start_us}
    image = delay_and_sum(lines, position, grid, aperture=aperture, threads=2, **options)
    wanted = plain(lines, position, grid, 1e-6 * start_us, f_number, apodisation == "hann")
    # A time is known to a thousandth of a sample, and the line jumps from sample to sample.
    np.testing.assert_allclose(image, wanted, rtol=0, atol=3e-3)
    one = delay_and_sum(lines, position, grid, aperture=aperture, threads=1, **options)
    np.testing.assert_array_equal(image, one)


def test_a_constant_line_makes_a_constant_image():
    lines = np.full((8, 2000), 2.5, np.float32)
    grid = Grid2D.spanning((2e-3, 10e-3), (-1e-3, 1e-3))
    position = LinearArray.of_pitch(8).position
    for aperture in (Aperture(), Aperture(2), Aperture(1, "hann")):
        image = delay_and_sum(
            lines, position, grid, sampling_rate_hz=RATE, speed_of_sound=SPEED, aperture=aperture
        )
        np.testing.assert_allclose(image, 2.5, rtol=1e-5)


def test_spikes_at_a_bubbles_delays_meet_in_the_bubble():
    position = LinearArray.of_pitch(64).position
    axial, lateral = 31.237e-3, 2.083e-3
    at = (axial + np.hypot(position - lateral, axial)) / SPEED * RATE
    lines = np.zeros((64, 4000), np.float32)
    lines[np.arange(64), np.rint(at).astype(int)] = 1
    grid = Grid2D.spanning((30e-3, 33e-3), (-1e-3, 4e-3))
    image = delay_and_sum(widen(lines), position, grid, sampling_rate_hz=RATE, speed_of_sound=SPEED)
    found = find_bubbles(image, grid, 0.5)
    assert len(found) == 1
    assert found["axial_mm"][0] == pytest.approx(1e3 * axial, abs=5e-3)
    assert found["lateral_mm"][0] == pytest.approx(1e3 * lateral, abs=20e-3)


@pytest.mark.parametrize("samples", [400, 401])
def test_the_envelope_is_scipys(samples):
    image = np.random.default_rng(0).normal(size=(3, samples)).astype(np.float32)
    wanted = np.abs(signal.hilbert(image, axis=1))
    # scipy's is of the signal's own length; ours of one that is faster, so ends may differ.
    tone = np.sin(np.arange(samples) * 0.4) * np.hanning(samples)
    np.testing.assert_allclose(envelope(tone[None])[0], np.hanning(samples), atol=2e-3)
    if samples == 400:
        np.testing.assert_allclose(envelope(image), wanted, rtol=1e-4, atol=1e-4)


def test_impossible_apertures_are_refused():
    for values in ((-1, "boxcar"), (1, "triangle"), (0, "hann")):
        with pytest.raises(StudyError):
            Aperture(*values)


def test_maxima_are_those_of_scipy_and_finer_than_pixels():
    from scipy import ndimage

    grid = Grid2D.spanning((1e-3, 3e-3), (-1e-3, 1e-3))
    image = np.random.default_rng(3).random((grid.lateral.size, grid.axial.size)).astype(np.float32)
    highest = ndimage.maximum_filter(image, (9, 5), mode="constant")
    wanted = np.sort(image[(image == highest) & (image > 0.9)])
    found = find_bubbles(image, grid, 0.9)
    np.testing.assert_array_equal(np.sort(found["score"].to_numpy(np.float32)), wanted)
    place = np.array([2.0137e-3, 0.1213e-3])
    parabola = (
        1 - ((grid.lateral[:, None] - place[1]) / 1e-3) ** 2 - ((grid.axial - place[0]) / 1e-3) ** 2
    )
    (bubble,) = find_bubbles(parabola.astype(np.float32), grid, 0.5).itertuples()
    assert (bubble.axial_mm, bubble.lateral_mm) == pytest.approx(1e3 * place, abs=1e-3)


def test_of_a_plateau_one_pixel_is_taken():
    grid = Grid2D.spanning((1e-3, 1.4e-3), (0, 1e-3))
    image = np.zeros((grid.lateral.size, grid.axial.size), np.float32)
    image[5:8, 4:7] = 1
    assert len(find_bubbles(image, grid, 0.5)) == 1
    assert len(find_bubbles(np.zeros_like(image), grid, 0.0)) == 0


places = st.lists(st.tuples(st.floats(0, 5e-4), st.floats(0, 2e-3)), max_size=5).map(
    lambda found: np.array(found, dtype=float).reshape(-1, 2)
)


@settings(deadline=None, max_examples=60)
@given(places, places)
def test_no_matching_is_larger(bubbles, detections):
    tolerance = (100e-6, 400e-6)
    near = (np.abs(bubbles[:, None] - detections[None]) <= tolerance).all(axis=2)
    pairs = match(bubbles, detections, tolerance)
    assert len(np.unique(pairs[:, 0])) == len(np.unique(pairs[:, 1])) == len(pairs)
    scaled = np.abs(bubbles[pairs[:, 0]] - detections[pairs[:, 1]]) / tolerance
    assert (scaled <= 1 + 1e-9).all()
    few, many = (
        (near, len(detections)) if len(bubbles) <= len(detections) else (near.T, len(bubbles))
    )
    best = max(
        (
            sum(few[i, j] for i, j in enumerate(chosen))
            for chosen in itertools.permutations(range(many), len(few))
        ),
        default=0,
    )
    assert len(pairs) == best


def test_f1_counts_both_kinds_of_mistake():
    bubbles = np.array([[10e-3, 0], [20e-3, 0], [30e-3, 0], [40e-3, 0]])
    detections = np.array([[10.05e-3, 0.3e-3], [20e-3, 0.5e-3], [30e-3, 0], [30.01e-3, 0]])
    counts = count(bubbles, detections)
    assert (counts.pairs, counts.f1, counts.precision, counts.recall) == (2, 0.5, 0.5, 0.5)
    assert count(bubbles[:0], detections[:0]).f1 == 1


def test_the_width_of_a_gaussian():
    grid = Grid2D.spanning((1e-3, 3e-3), (-1e-3, 1e-3), (5e-6, 20e-6))
    axial, lateral = grid.axial - 2.0e-3, grid.lateral + 0.1e-3
    image = np.exp(-0.5 * (lateral[:, None] / 200e-6) ** 2 - 0.5 * (axial / 50e-6) ** 2)
    spread = point_spread(image, grid)
    half = 2 * np.sqrt(2 * np.log(2))
    assert spread.axial_width == pytest.approx(half * 50e-6, rel=1e-2)
    assert spread.lateral_width == pytest.approx(half * 200e-6, rel=1e-2)
    assert (spread.axial, spread.lateral) == pytest.approx((2e-3, -0.1e-3), abs=1e-9)
    assert np.isnan(half_width(np.arange(3.0), np.array([1.0, 2.0, 1.5]), 1))
