"""Worst-case perturbations against linear algebra, and the lines that differ by one bubble."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ckstudy import build_network
from ckstudy.acoustics.constants import SIMULATION_RATE
from ckstudy.acoustics.line import simulate_line, simulate_rf
from ckstudy.acoustics.scene import Scene, draw_scene
from ckstudy.acoustics.specification import SimulationSpec
from ckstudy.networks.predict import predict_lines
from ckstudy.probing import perturbations
from ckstudy.probing.changed_lines import changed_lines
from ckstudy.probing.perturbations import in_band, predictor, unit_lines, worst_cases

LENGTH = 24


@pytest.fixture(scope="module")
def matrix():
    return torch.from_numpy(np.random.default_rng(3).normal(size=(LENGTH, LENGTH)))


def linear(matrix):
    return lambda lines: lines @ matrix.T


def test_of_a_linear_map_the_worst_case_is_its_first_singular_vector(matrix):
    lines = torch.randn(3, LENGTH, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    start = torch.randn(3, LENGTH, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    norms = (0.01, 0.1, 0.5)
    series = list(worst_cases(linear(matrix), lines, norms, start, steps=150, step_size=0.2))
    _, singular, right = np.linalg.svd(matrix.numpy())
    size = lines.norm(dim=1)
    for relative, r in zip(norms, series, strict=True):
        torch.testing.assert_close(r.norm(dim=1), relative * size)
        alignment = np.abs(r.numpy() @ right[0]) / r.norm(dim=1).numpy()
        np.testing.assert_allclose(alignment, 1, atol=0.01)
        change = (r @ matrix.T).norm(dim=1) / r.norm(dim=1)
        np.testing.assert_allclose(change, singular[0], rtol=5e-3)
        assert (change <= singular[0] * (1 + 1e-12)).all()


@pytest.mark.parametrize(("share", "stays"), [(0.5, True), (2.0, False)])
def test_a_penalty_above_the_squared_gain_keeps_a_perturbation_small(matrix, share, stays):
    # Q(r) = |A r|² - λ|r|² has no maximum but at 0 where λ exceeds the largest |A r|²/|r|².
    penalty = share * np.linalg.norm(matrix.numpy(), 2) ** 2
    lines = torch.ones(1, LENGTH, dtype=torch.float64)
    start = torch.randn(1, LENGTH, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    (r,) = worst_cases(
        linear(matrix), lines, [0.3], start, steps=100, step_size=0.1, penalty=penalty
    )
    limit = 0.3 * lines.norm()
    assert (r.norm() > 0.999 * limit) == stays
    assert (r.norm() < 0.5 * limit) != stays


def test_a_projected_series_never_leaves_its_space(matrix):
    keep = torch.zeros(LENGTH, dtype=torch.float64)
    keep[:5] = 1
    lines = torch.ones(2, LENGTH, dtype=torch.float64)
    start = torch.randn(2, LENGTH, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    (r,) = worst_cases(
        linear(matrix),
        lines,
        [0.1],
        start,
        steps=150,
        step_size=0.2,
        project=lambda given: given * keep,
    )
    assert not r[:, 5:].any()
    gain = (r @ matrix.T).norm(dim=1) / r.norm(dim=1)
    np.testing.assert_allclose(gain, np.linalg.norm(matrix[:, :5].numpy(), 2), rtol=5e-3)


@given(st.integers(0, 2**31), st.integers(64, 300))
@settings(max_examples=20, deadline=None)
def test_the_band_is_a_projection(seed, length):
    lines = torch.randn(2, length, generator=torch.Generator().manual_seed(seed)).double()
    once = in_band(lines, 62.5)
    torch.testing.assert_close(in_band(once, 62.5), once)
    torch.testing.assert_close((once * (lines - once)).sum(-1), torch.zeros(2).double())


def test_a_sine_is_in_the_pulse_band_or_not():
    n = torch.arange(8446, dtype=torch.float64)
    for bin_number, inside in ((270, True), (100, False), (2000, False)):  # 2.0, 0.7, 14.8 MHz
        sine = torch.sin(2 * torch.pi * bin_number / 8446 * n)[None]
        kept = in_band(sine, 62.5).norm() / sine.norm()
        assert kept == pytest.approx(float(inside), abs=1e-6)


@pytest.mark.parametrize("scaling", ["volts", "line_rms"])
def test_a_perturbed_line_is_predicted_as_that_line_in_volts(scaling):
    network = build_network("ckcnn", kernel_size=9, channels=2, layers=2, hidden=4, seed=0).eval()
    network.input_scaling = scaling
    rng = np.random.default_rng(0)
    rf = (1e-3 * rng.normal(size=(2, 300))).astype(np.float32)
    unit, rms = unit_lines(torch.from_numpy(rf))
    torch.testing.assert_close(unit.square().mean(1), torch.ones(2))
    r = 0.2 * torch.randn(2, 300, generator=torch.Generator().manual_seed(1))
    perturbed = rf + (r * rms).numpy()
    with torch.no_grad():
        found = predictor(network, rms)(unit + r)
    np.testing.assert_allclose(found, predict_lines(network, perturbed), rtol=1e-4, atol=1e-5)


def test_random_directions_depend_on_the_line_alone():
    several = perturbations.random_directions((3, 50), [7, 8, 9])
    alone = perturbations.random_directions((1, 50), [8])
    torch.testing.assert_close(several[1:2], alone)
    assert not torch.equal(several[0], several[1])


@pytest.mark.parametrize("noise", [0.0, 8.0])
def test_a_changed_line_differs_by_the_echo_of_one_bubble(noise):
    spec = SimulationSpec(lines=1, bubbles=(6, 6), first_line=40, noise_percent=noise, seed=5)
    whole = simulate_line(spec, 40)
    changed = changed_lines(spec, 40, 2)
    assert [each.kind for each in changed] == ["inserted"] * 2 + ["removed"] * 2
    scene = draw_scene(spec, 40)
    starts = np.rint(scene.arrival * SIMULATION_RATE / spec.every)
    for each in changed:
        echo = (each.rf.astype(float) - whole.rf) * (1 if each.kind == "inserted" else -1)
        assert (each.onset in starts) == (each.kind == "removed")
        quiet = 1e-5 * np.abs(whole.rf).max()
        first = np.flatnonzero(np.abs(echo) > 0.02 * np.abs(echo).max())[0]
        if not noise:
            # Nothing before its onset, but for the band limits of receiver and decimation.
            assert np.abs(echo[: each.onset - 60]).max(initial=0) < 1e-2 * np.abs(echo).max()
            assert -5 <= first - each.onset < 120
        if each.kind == "removed" and not noise:
            index = int(np.flatnonzero(starts == each.onset)[0])
            alone = Scene(
                scene.pressure,
                scene.axial[index : index + 1],
                scene.lateral[index : index + 1],
                scene.radius[index : index + 1],
            )
            expected = simulate_rf(alone, spec.shell, spec.steps, spec.every)
            np.testing.assert_allclose(echo, expected, atol=quiet)
    assert [each.onset for each in changed_lines(spec, 40, 2)] == [each.onset for each in changed]
