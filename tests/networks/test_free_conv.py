"""The free-kernel twin: ordinary weights under the window and the cut of continuous kernels."""

import math

import pytest
import torch
from torch.nn.functional import conv1d

from ckstudy.errors import StudyError
from ckstudy.networks import CKConv, FreeConv, build_network, count_parameters, receptive_field
from ckstudy.networks.release import load_model, save_model


@pytest.mark.parametrize("window", [None, 6.0])
def test_it_is_torchs_convolution_with_the_windowed_weights(window):
    torch.manual_seed(0)
    layer = FreeConv(2, 3, 301, window=window).double()
    x = torch.randn(2, 2, 700, dtype=torch.float64)
    places = torch.arange(301, dtype=torch.float64) - 150
    shape = torch.ones(301) if window is None else torch.exp(-0.5 * (places / window) ** 2)
    # The factor of a tap, from the start's condition on white noise.
    gain = 1 / math.sqrt(2 * shape.square().sum())
    expected = conv1d(x, layer.weight * gain * shape, layer.bias)
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("size", [65, 527, 2111])
@pytest.mark.parametrize("window", [None, 16.0])
def test_white_noise_keeps_its_variance_at_every_size(size, window):
    torch.manual_seed(1)
    layer = FreeConv(4, 6, size, window=window)
    assert layer.kernel().square().sum((1, 2)).tolist() == pytest.approx([1.0] * 6)
    with torch.no_grad():
        y = layer(torch.randn(8, 4, size + 2000))
    assert y.var().item() == pytest.approx(1, rel=0.1)
    # A step of Adam is as large as its rate: it means the same where weights are of order one.
    assert layer.weight.std().item() == pytest.approx(1, rel=0.1)


def test_its_window_and_cut_are_those_of_the_continuous_one():
    free, continuous = (layer(1, 1, 2111, window=9.5) for layer in (FreeConv, CKConv))
    assert torch.equal(free.window(free.positions), continuous.window(continuous.positions))
    assert (free.half_width, free.unused) == (continuous.half_width, continuous.unused)
    assert free.unused > 900


@pytest.mark.parametrize("training", [True, False])
def test_a_cut_network_gives_what_the_whole_kernels_give(training):
    network = build_network("cnn_free", kernel_size=263, channels=3, window=6, seed=1).double()
    network.train(training)
    line = torch.randn(2, 1, 800, dtype=torch.float64)
    layers = [layer for layer in network.modules() if isinstance(layer, FreeConv)]
    found = []
    for cutoff in (1e-6, 0):
        for layer in layers:
            layer.cutoff = cutoff
        network.eval()  # batch norm's statistics are those of what is computed
        for layer in layers:
            layer.train(training)
        network.zero_grad()
        y = network(line)
        y.square().mean().backward()
        gradients = [parameter.grad.clone() for parameter in network.parameters()]
        found.append([y.detach(), *gradients])
    for cut, whole in zip(*found, strict=True):
        assert (cut - whole).abs().max() <= 1e-4 * whole.abs().max()


def test_the_network_is_the_twin_of_ckcnn():
    for size in (65, 527):
        network, twin = (build_network(name, kernel_size=size) for name in ("cnn_free", "ckcnn"))
        assert (network.padding, receptive_field(network)) == (twin.padding, receptive_field(twin))
        channels, layers = 15, 4
        expected = (channels + (layers - 1) * channels**2) * size  # taps
        expected += layers * 3 * channels + channels + 1  # biases, batch norm, last convolution
        assert count_parameters(network) == expected
        windowed = build_network("cnn_free", kernel_size=size, window=16)
        assert count_parameters(windowed) == expected + layers
    assert receptive_field(windowed, effective=True) < receptive_field(windowed)


def test_a_crop_gives_what_the_whole_line_gives():
    network = build_network("cnn_free", kernel_size=41, channels=3, window=5, seed=0).eval()
    line = torch.randn(1, 1, 500)
    around = network.padding
    with torch.no_grad():
        crop = network.valid(line[..., 200 - around : 300 + around])
        torch.testing.assert_close(crop, network(line)[..., 200:300], atol=1e-5, rtol=1e-5)


def test_it_survives_release(tmp_path):
    network = build_network("cnn_free", kernel_size=131, channels=3, window=5, seed=2)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.01
    network.eval()
    save_model(tmp_path / "model.safetensors", network)
    x = torch.randn(1, 1, 600)
    with torch.no_grad():
        assert torch.equal(load_model(tmp_path / "model.safetensors")(x), network(x))


@pytest.mark.parametrize("option", ["omega_0", "kernel_init", "hidden"])
def test_it_has_no_option_of_the_kernel_network(option):
    with pytest.raises(StudyError, match=f"has no option '{option}'"):
        build_network("cnn_free", **{option: 8})


def test_a_layer_refuses_what_cannot_be():
    with pytest.raises(StudyError, match="FreeConv: kernel_size is 8; use an odd one"):
        FreeConv(1, 1, 8)
    with pytest.raises(StudyError, match="FreeConv: window is -1"):
        FreeConv(1, 1, 9, window=-1)
