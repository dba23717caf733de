"""Networks whose kernels are sampled anew, against the kernels as functions of time."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ckstudy import CKConv, build_network
from ckstudy.errors import StudyError
from ckstudy.networks import FreeConv
from ckstudy.networks.release import load_model, save_model
from ckstudy.networks.resampling import resampled


@pytest.mark.parametrize("init", ["siren", "balanced"])
def test_a_single_tap_stays_one(init):
    layer = CKConv(1, 2, 1, kernel_init=init, window=3.0)
    torch.testing.assert_close(2 * layer.resample(2).kernel(), layer.kernel())


@settings(deadline=None)
@given(
    factor=st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0]),
    half=st.integers(5, 40),
    window=st.sampled_from([None, 7.0]),
    init=st.sampled_from(["siren", "balanced"]),
)
def test_a_continuous_kernel_is_the_same_function_on_another_grid(factor, half, window, init):
    torch.manual_seed(1)
    layer = CKConv(2, 3, 2 * half + 1, hidden=8, kernel_init=init, window=window)
    other = layer.resample(factor)
    new = (other.kernel_size - 1) // 2
    assert new == int(half * factor)
    time = np.arange(-new, new + 1) / factor  # in samples of the old grid
    positions = torch.tensor(time / half, dtype=torch.float32)
    expected = layer.values(positions) / factor
    torch.testing.assert_close(other.kernel(), expected, rtol=1e-4, atol=1e-5)
    back = other.resample(1 / factor)
    if back.kernel_size == layer.kernel_size:
        torch.testing.assert_close(back.kernel(), layer.kernel(), rtol=1e-4, atol=1e-5)


def test_a_slow_free_kernel_is_the_same_function_on_another_grid():
    half, period = 60, 24.0
    layer = FreeConv(1, 1, 2 * half + 1)
    smooth = lambda n: np.exp(-0.5 * (n / 15) ** 2) * np.cos(2 * np.pi * n / period)  # noqa: E731
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(smooth(np.arange(-half, half + 1))).view(1, 1, -1))
    for factor in (0.5, 2.0, 1.5):
        other = layer.resample(factor)
        new = (other.kernel_size - 1) // 2
        expected = layer.gain * smooth(np.arange(-new, new + 1) / factor) / factor
        found = other.kernel().detach().numpy()[0, 0]
        np.testing.assert_allclose(found, expected, atol=2e-3 * layer.gain)


@pytest.mark.parametrize("window", [None, 6.0])
def test_a_resampled_network_filters_a_slow_signal_as_before(window):
    """Linear layers of smooth kernels: at the common instants the outputs agree."""
    torch.manual_seed(3)
    network = build_network("ckcnn", kernel_size=41, layers=1, channels=2, omega_0=3, window=window)
    network.eval()
    time = np.arange(600) / 1.0
    slow = np.sin(2 * np.pi * time / 50)
    fast = resampled(network, 2)
    dense = np.sin(2 * np.pi * np.arange(1199) / 2 / 50)
    with torch.no_grad():
        y = network(torch.tensor(slow, dtype=torch.float32).view(1, 1, -1))[0, 0]
        z = fast(torch.tensor(dense, dtype=torch.float32).view(1, 1, -1))[0, 0]
    assert fast.sampling_rate_hz == 2 * network.sampling_rate_hz
    inner = slice(60, -60)
    # The sum over the taps is the rectangle rule of one integral, with another step.
    error = (z[::2] - y)[inner].abs().max() / y[inner].abs().max()
    assert error < 0.05


def test_the_kernel_at_another_rate_is_that_of_the_resampled_layer_and_has_gradients():
    for layer in (CKConv(2, 4, 41, groups=2, window=9.0), FreeConv(2, 4, 41, groups=2)):
        for rate in (0.5, 1.0, 2.0, 2.7):
            torch.testing.assert_close(layer.kernel(rate), layer.resample(rate).kernel())
    layer = CKConv(1, 1, 41)
    layer.kernel(sampling_rate=2.7).square().sum().backward()
    assert all(value.grad.abs().sum() > 0 for value in layer.siren.parameters())


def test_padding_grows_with_the_rate():
    layer = CKConv(1, 1, 41, padding=20, stride=2)
    assert layer.resample(2).padding == 40
    assert CKConv(1, 1, 41, padding=(40, 3)).resample(1.5).padding == (60, 4)
    causal = CKConv(1, 1, 41, padding="causal").resample(2)
    assert causal(torch.randn(1, 1, 100)).shape == (1, 1, 100)
    assert layer.padding == 20


def test_a_resampled_network_is_not_saved_but_made_again(tmp_path):
    network = build_network("ckcnn", kernel_size=41, layers=1, channels=2, seed=1).eval()
    dense = resampled(network, 1.5)
    for other in (dense, resampled(dense, 1 / 1.5), resampled(network, 1.0)):
        with pytest.raises(StudyError, match=r"resampled ckcnn cannot be saved.*Save that one"):
            save_model(tmp_path / "model.safetensors", other)
    assert not list(tmp_path.iterdir())
    save_model(tmp_path / "model.safetensors", network)
    again = resampled(load_model(tmp_path / "model.safetensors"), 1.5)
    x = torch.randn(1, 1, 300)
    assert torch.equal(again(x), dense(x))


def test_what_cannot_be_resampled_is_said():
    with pytest.raises(StudyError, match="dilated layer cannot be resampled"):
        resampled(build_network("ckcnn_dilated", layers=3, channels=2), 2)
    with pytest.raises(StudyError, match="cnn_dilated cannot be resampled"):
        resampled(build_network("cnn_dilated", layers=3, channels=2), 2)
    with pytest.raises(StudyError, match="by 0; use a positive"):
        resampled(build_network("ckcnn"), 0)
    with pytest.raises(StudyError, match="by -1; use a positive"):
        CKConv(1, 1, 3).kernel(-1)
