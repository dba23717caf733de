"""The dual loss against hand-computed cases and a float64 reference written with numpy alone."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ckstudy.training.loss import DualLoss, clip, gaussian_taps


def reference(z: np.ndarray, y: np.ndarray, epsilon_1: float, epsilon_2: float, alpha: float):
    """The equation, line by line, in float64."""
    taps = np.exp(-alpha * np.arange(-29, 30) ** 2)
    soft, dice = [], []
    for prediction, count in zip(z, y, strict=True):
        smooth_z = np.convolve(prediction, taps)[29:-29]
        smooth_y = np.convolve(count, taps)[29:-29]
        soft.append(np.abs(smooth_z - smooth_y))
        a, b = np.clip(prediction, 0, 1), np.clip(count, 0, 1)
        dice.append(1 - 2 * (a * b).sum() / ((a + b).sum() + 1e-6))
    return epsilon_1 * np.mean(soft) + epsilon_2 * np.mean(dice)


@given(
    seed=st.integers(0, 2**32 - 1),
    lines=st.integers(1, 3),
    length=st.integers(60, 200),
    alpha=st.sampled_from([0.01, 0.1, 1.0]),
)
def test_it_is_the_equation(seed, lines, length, alpha):
    random = np.random.default_rng(seed)
    z = random.normal(0.3, 1, (lines, length))
    y = random.poisson(0.06, (lines, length)).astype(float)
    loss = DualLoss(1.0, 1.6, alpha)
    ours = loss(torch.from_numpy(z).unsqueeze(1), torch.from_numpy(y).unsqueeze(1)).item()
    # The taps are float32.
    assert ours == pytest.approx(reference(z, y, 1.0, 1.6, alpha), rel=1e-6)


def test_59_taps_of_the_gaussian():
    taps = gaussian_taps(0.1)
    assert taps.shape == (59,)
    assert taps[29] == 1
    assert taps[30] == pytest.approx(math.exp(-0.1))
    assert taps[28] == taps[30]


def test_a_perfect_prediction_of_single_bubbles_costs_nothing():
    y = torch.zeros(2, 1, 300)
    y[..., [20, 50, 51, 280]] = 1
    assert DualLoss()(y, y).item() == pytest.approx(0, abs=1e-6)


def test_silence_costs_the_smoothed_truth_and_the_whole_dice():
    y = torch.zeros(1, 1, 200)
    y[..., 100] = 1
    smoothed = math.fsum(math.exp(-0.1 * n**2) for n in range(-29, 30)) / 200
    assert DualLoss()(torch.zeros_like(y), y).item() == pytest.approx(smoothed + 1.6, rel=1e-5)


def test_clip_limits_to_the_unit_interval_and_lets_no_gradient_out_of_it():
    v = torch.tensor([-1.0, 0.25, 0.75, 2.0], requires_grad=True)
    clipped = clip(v)
    assert clipped.tolist() == [0, 0.25, 0.75, 1]
    clipped.sum().backward()
    assert v.grad.tolist() == [0, 1, 1, 0]


def test_gradient():
    torch.manual_seed(0)
    loss = DualLoss().double()
    z = torch.rand(2, 1, 80, dtype=torch.float64, requires_grad=True)
    y = torch.poisson(torch.full((2, 1, 80), 0.1, dtype=torch.float64))
    assert torch.autograd.gradcheck(lambda z: loss(z, y), z)
