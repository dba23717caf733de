"""Whole lines: scenes, arrival times, labels, rates, noise."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, signal, stats

from ckstudy.acoustics import reference
from ckstudy.acoustics.constants import SOUND_SPEED
from ckstudy.acoustics.line import label, simulate_line, simulate_rf
from ckstudy.acoustics.noise import CUT_OFF, add_noise
from ckstudy.acoustics.scene import (
    AXIAL_RANGE,
    LATERAL_RANGE,
    Scene,
    _polydisperse_radius,
    draw_conditions,
    draw_scene,
)
from ckstudy.acoustics.specification import SimulationSpec
from ckstudy.errors import StudyError

SAMPLE = 16e-9  # s


def one_bubble(depth, pressure=125e3, lateral=0.0, radius=2.4e-6):
    return Scene(pressure, np.array([depth]), np.array([lateral]), np.array([radius]))


def test_golden_voltage_of_one_bubble():
    assert simulate_rf(one_bubble(0.05)).max() == pytest.approx(9.655, abs=2e-3)


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize(
    ("population", "shell"), [("monodisperse", "segers"), ("polydisperse", "marmottant")]
)
def test_a_line_is_the_plain_simulation(number, population, shell):
    spec = SimulationSpec(bubbles=(30, 60), population=population, shell=shell)
    scene = draw_scene(spec, number)
    plain = reference.simulate_rf(scene, shell, spec.steps)
    fast = simulate_rf(scene, shell, spec.steps)
    assert np.abs(fast - plain).max() < 2e-5 * np.abs(plain).max()
    fine = reference.simulate_rf(scene, shell, 4 * spec.steps)
    assert np.abs(fast - fine).max() < 2e-4 * np.abs(fine).max()


def test_the_voltage_is_the_sum_over_bubbles():
    spec = SimulationSpec(bubbles=(8, 8))
    scene = draw_scene(spec, 1)
    parts = [
        simulate_rf(
            Scene(
                scene.pressure,
                scene.axial[k : k + 1],
                scene.lateral[k : k + 1],
                scene.radius[k : k + 1],
            )
        )
        for k in range(8)
    ]
    whole = simulate_rf(scene)
    assert np.abs(sum(parts) - whole).max() < 1e-6 * np.abs(whole).max()


def test_an_echo_arrives_when_the_sound_has_been_there_and_back():
    """Moving a bubble by a whole number of samples moves its echo by as many."""
    shift = 100
    deeper = 0.05 + shift * SAMPLE * SOUND_SPEED / 2
    first, second = simulate_rf(one_bubble(0.05)), simulate_rf(one_bubble(deeper))
    lag = np.argmax(signal.correlate(second, first)) - (first.size - 1)
    assert lag == shift


def test_an_echo_from_the_side_comes_later_and_weaker():
    straight = simulate_rf(one_bubble(0.03))
    aside = simulate_rf(one_bubble(0.03, lateral=0.014))
    distance = np.hypot(0.03, 0.014)
    lag = np.argmax(signal.correlate(aside, straight)) - (straight.size - 1)
    assert lag == pytest.approx((distance - 0.03) / SOUND_SPEED / SAMPLE, abs=1)
    assert aside.max() / straight.max() == pytest.approx(0.03 / distance, rel=0.01)


@pytest.mark.parametrize("depth", [0.0037, 0.05, 0.09])
def test_the_label_marks_where_the_echo_starts(depth):
    scene = one_bubble(depth)
    rf = simulate_rf(scene)
    start = np.flatnonzero(label(scene.arrival, 1 / SAMPLE, rf.size))
    assert start == [round(2 * depth / SOUND_SPEED / SAMPLE)]
    # 90 % of the energy lies between the 59th and the 160th sample after the label.
    energy = np.cumsum(rf**2) / np.sum(rf**2)
    low, high = np.searchsorted(energy, [0.05, 0.95]) - start[0]
    assert 50 <= low < high <= 175
    # The receiver rings before the label only by what its band limit smears.
    assert np.abs(rf[: start[0] - 5]).max() < 2e-3 * np.abs(rf).max()


def test_strong_pulses_make_harmonics():
    def share(peak):
        power = np.abs(np.fft.rfft(simulate_rf(one_bubble(0.05, peak)))) ** 2
        frequency = np.fft.rfftfreq(8446, SAMPLE)
        return power[(frequency > 2.9e6) & (frequency < 3.9e6)].sum() / power.sum()

    assert share(250e3) > 2 * share(5e3)


specifications = st.builds(
    SimulationSpec,
    seed=st.integers(0, 2**63 - 1),
    bubbles=st.tuples(st.integers(0, 12), st.integers(12, 24)),
    pressure_kpa=st.sampled_from([(1, 1), (5, 250), (250, 300), (300, 300)]),
    population=st.sampled_from(["monodisperse", "polydisperse"]),
    shell=st.sampled_from(["segers", "marmottant"]),
    noise_percent=st.sampled_from([0, 4, 256]),
    sampling_rate_mhz=st.sampled_from([31.25, 62.5, 125.0]),
)


@settings(max_examples=40, deadline=None)
@given(spec=specifications, number=st.integers(0, 2**40))
def test_any_scene_gives_a_finite_line_that_holds_all_its_bubbles(spec, number):
    line = simulate_line(spec, number)
    count = line.scene.radius.size
    assert spec.bubbles[0] <= count <= spec.bubbles[1]
    assert line.rf.dtype == np.float32
    assert line.rf.shape == line.bubble_count.shape == (33784 // spec.every,)
    assert np.isfinite(line.rf).all()
    assert line.bubble_count.sum() == count
    assert np.all(line.scene.radius >= spec.radius_range_um[0] * 1e-6 * (1 - 1e-12))
    assert np.all(line.scene.radius <= spec.radius_range_um[1] * 1e-6 * (1 + 1e-12))


@pytest.mark.parametrize("axial", AXIAL_RANGE)
@pytest.mark.parametrize("lateral", LATERAL_RANGE)
@pytest.mark.parametrize("every", [2, 4, 8])
def test_no_bubble_is_lost_at_the_ends(axial, lateral, every):
    scene = one_bubble(axial, lateral=lateral)
    rf = simulate_rf(scene, every=every)
    assert np.abs(rf).max() > 0.05
    assert label(scene.arrival, 250e6 / every, rf.size).sum() == 1


def test_an_empty_line_is_silent():
    line = simulate_line(SimulationSpec(bubbles=(0, 0)), 3)
    assert not line.rf.any()
    assert not line.bubble_count.any()


def test_all_rates_show_the_same_bubbles():
    lines = {
        rate: simulate_line(SimulationSpec(bubbles=(40, 60), sampling_rate_mhz=rate), 7)
        for rate in (31.25, 62.5, 125.0)
    }
    finest = lines[125.0]
    for rate, line in lines.items():
        np.testing.assert_array_equal(line.scene.arrival, finest.scene.arrival)
        samples = np.sort(np.repeat(np.arange(line.rf.size), line.bubble_count))
        error = samples - np.sort(line.scene.arrival) * rate * 1e6
        assert np.abs(error).max() <= 0.5 + 1e-9
        same = finest.rf[:: round(125 / rate)]
        assert np.abs(line.rf - same).max() < 1e-5 * np.abs(same).max()


def test_more_than_255_bubbles_on_a_sample_are_refused():
    with pytest.raises(StudyError, match="255"):
        label(np.full(256, 1e-5), 62.5e6, 8446)


def test_a_line_depends_on_seed_and_number_alone():
    one = simulate_line(SimulationSpec(lines=5, first_line=0, bubbles=(5, 9)), 3)
    other = simulate_line(SimulationSpec(lines=900, first_line=3, bubbles=(5, 9), split="x"), 3)
    np.testing.assert_array_equal(one.rf, other.rf)
    next_line = simulate_line(SimulationSpec(bubbles=(5, 9)), 4)
    assert next_line.scene.pressure != one.scene.pressure
    other_seed = simulate_line(SimulationSpec(seed=1, bubbles=(5, 9)), 3)
    assert other_seed.scene.pressure != one.scene.pressure


def test_scenes_follow_their_distributions():
    spec = SimulationSpec(bubbles=(400, 400))
    scenes = [draw_scene(spec, number) for number in range(60)]
    axial = np.concatenate([scene.axial for scene in scenes])
    lateral = np.concatenate([scene.lateral for scene in scenes])
    radius = 1e6 * np.concatenate([scene.radius for scene in scenes])
    pressure = np.array([scene.pressure for scene in scenes])
    for values, law in (
        (axial, stats.uniform(3.7e-3, 92.6e-3)),
        (lateral, stats.uniform(-14e-3, 28e-3)),
        (radius, stats.norm(2.4, 0.12)),
        (pressure, stats.uniform(5e3, 245e3)),
    ):
        assert stats.kstest(values, law.cdf).pvalue > 1e-3
    counts = [draw_scene(SimulationSpec(), number).radius.size for number in range(300)]
    assert stats.kstest(counts, stats.uniform(10, 990).cdf).pvalue > 1e-3


def test_polydisperse_radii_follow_their_density():
    quantile = np.linspace(0, 1, 41)
    radius = _polydisperse_radius(quantile, 0.5, 6.0)

    def density(r):
        return r**2 * np.exp(-2.19 * r)

    total = integrate.quad(density, 0.5, 6.0)[0]
    expected = [integrate.quad(density, 0.5, r)[0] / total for r in radius]
    np.testing.assert_allclose(expected, quantile, atol=1e-6)
    assert np.all(_polydisperse_radius(quantile, 2.0, 2.0) == 2.0)


def test_noise_has_its_strength_and_leaves_the_scene_alone():
    quiet = simulate_line(SimulationSpec(bubbles=(3, 3)), 0)
    noisy = simulate_line(SimulationSpec(bubbles=(3, 3), noise_percent=32), 0)
    np.testing.assert_array_equal(quiet.scene.arrival, noisy.scene.arrival)
    np.testing.assert_array_equal(quiet.bubble_count, noisy.bubble_count)
    assert not np.array_equal(quiet.rf, noisy.rf)


def test_a_line_of_a_mixture_is_that_of_its_own_population_and_noise():
    mixture = SimulationSpec(bubbles=(3, 9), population="mixed", noise_percent=(1, 30))
    seen = set()
    for number in range(6):
        one, noise = draw_conditions(mixture, number)
        seen.add(one.population)
        alone = replace(mixture, population=one.population, noise_percent=noise)
        assert 1 <= noise <= 30
        np.testing.assert_array_equal(
            simulate_line(mixture, number).rf, simulate_line(alone, number).rf
        )
    assert seen == {"monodisperse", "polydisperse"}


def test_a_mixture_is_half_of_each_population_at_levels_uniform_in_the_logarithm():
    mixture = SimulationSpec(population="mixed", noise_percent=(2, 32))
    drawn = [draw_conditions(mixture, number) for number in range(2000)]
    poly = np.array([one.population == "polydisperse" for one, _ in drawn])
    assert stats.binomtest(int(poly.sum()), poly.size).pvalue > 1e-3
    share = (np.log1p([noise for _, noise in drawn]) - np.log(3)) / np.log(11)
    assert stats.kstest(share, "uniform").pvalue > 1e-3
    # Which population a line has says nothing about its noise.
    assert stats.ks_2samp(share[poly], share[~poly]).pvalue > 1e-3


@pytest.mark.parametrize("rate", [31.25e6, 62.5e6, 125e6])
def test_noise_within_the_band_is_the_same_at_every_rate(rate):
    """Through the filter, twice: variance = density · ∫ |H|⁴ df, |H|² of a Butterworth filter."""
    samples = 400_000
    noise = add_noise(np.zeros(samples), 8, rate, np.random.default_rng(0))
    density = (0.08 * 9.65) ** 2 / (62.5e6 / 2)  # V²/Hz, one-sided
    bandwidth = integrate.quad(lambda f: (1 + (f / CUT_OFF) ** 8) ** -2, 0, 15e6)[0]
    assert noise.std() == pytest.approx(np.sqrt(density * bandwidth), rel=0.02)


def test_the_filter_of_the_noise_passes_the_signal_without_delay():
    time = np.arange(8446) * SAMPLE
    tone = np.sin(2 * np.pi * 1.7e6 * time) * signal.windows.tukey(8446, 0.2)
    filtered = add_noise(tone, 1e-9, 62.5e6, np.random.default_rng(0))
    assert np.abs(filtered - tone).max() < 2e-3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lines": -3}, "lines is -3"),
        ({"lines": 2.5}, "lines is 2.5"),
        ({"lines": True}, "lines is True"),
        ({"seed": -1}, "seed is -1"),
        ({"first_line": "two"}, "first_line is 'two'"),
        ({"first_line": 2**63 - 1}, "first_line"),
        ({"bubbles": [5, 2]}, "bubbles is .5, 2."),
        ({"bubbles": [1.5, 2]}, "whole numbers"),
        ({"bubbles": 7}, "bubbles is 7"),
        ({"pressure_kpa": [0, 20]}, "within 1 to 300 kPa"),
        ({"pressure_kpa": [5, float("nan")]}, "pressure_kpa"),
        ({"pressure_kpa": [5, 20, 30]}, "two numbers"),
        ({"radius_um": [0.5, 3]}, "within 1.2 to 3.6 µm"),
        ({"population": "polydisperse", "radius_um": [0.5, 7]}, "within 0.5 to 6 µm"),
        ({"population": "some"}, "one of monodisperse, polydisperse, mixed"),
        ({"population": "mixed", "radius_um": [2, 3]}, "radius_um .* left out"),
        ({"shell": "glass"}, "one of segers, marmottant"),
        ({"noise_percent": 257}, "from 0 to 256"),
        ({"noise_percent": "much"}, "noise_percent is 'much'"),
        ({"noise_percent": [8, 2]}, "two numbers, low and high, within 0 to 256 %"),
        ({"noise_percent": [0, 257]}, "within 0 to 256 %"),
        ({"sampling_rate_mhz": 50}, "one of 31.25, 62.5, 125"),
        ({"split": ""}, "split is ''"),
        ({"bubles": [1, 2]}, "unknown key 'bubles'"),
    ],
)
def test_a_wrong_choice_is_named(values, message):
    with pytest.raises(StudyError, match=message):
        SimulationSpec.from_dict(values)


def test_a_specification_survives_json():
    for spec in (
        SimulationSpec(radius_um=(2, 3), noise_percent=4, bubbles=(1, 2)),
        SimulationSpec(population="mixed", noise_percent=(0, 32)),
    ):
        assert SimulationSpec.from_dict(json.loads(json.dumps(spec.as_dict()))) == spec
