"""Inside a network: against kernels, frequencies and answers that are known."""

import numpy as np
import pytest
import torch
from torch import nn

from ckstudy.networks import build_network
from ckstudy.networks.windowed_conv import WindowedConv
from ckstudy.probing.inside import kernels, preferred_input, spectrum, stages

SHAPES = [
    ("ckcnn", {"layers": 3, "channels": 4, "kernel_size": 17, "hidden": 4}),
    ("ckcnn", {"layers": 2, "channels": 3, "kernel_size": 101, "hidden": 4, "window": 3.0}),
    ("ckcnn_dilated", {"layers": 4, "channels": 3, "hidden": 4}),
    ("ckcnn_residual", {"blocks": 2, "channels": 3, "kernel_size": 9, "hidden": 4}),
    ("cnn_dilated", {"layers": 3, "channels": 3}),
]


@pytest.fixture(params=SHAPES, ids=lambda shape: f"{shape[0]}-{len(shape[1])}")
def network(request):
    name, options = request.param
    return build_network(name, seed=0, **options).eval()


def test_the_last_stage_is_what_the_output_is_made_of(network):
    x = torch.randn(2, 1, 60 + 2 * network.padding)
    with torch.no_grad():
        found = list(stages(network, x))
        torch.testing.assert_close(network.model[-1](found[-1]), network.valid(x))
    assert len(found) == sum(isinstance(m, nn.ReLU) for m in network.model) or len(found) == 2
    if not any(isinstance(m, WindowedConv) and m.unused for m in network.modules()):
        lengths = [each.shape[-1] for each in found]
        assert lengths == sorted(lengths, reverse=True)


def test_a_cosine_peaks_at_its_frequency_and_energy_is_kept():
    taps = np.arange(401) - 200
    kernel = np.zeros((2, 3, 401))
    kernel[1, 2] = np.cos(2 * np.pi * 2.5 / 62.5 * taps)
    frequencies, gain = spectrum(kernel, 62.5)
    assert frequencies[gain.argmax()] == pytest.approx(2.5, abs=0.05)
    assert frequencies[-1] == 31.25
    # Parseval, both sides of the spectrum.
    power = gain**2
    whole = (2 * power.sum() - power[0] - power[-1]) / (2 * (len(power) - 1))
    assert whole == pytest.approx((kernel**2).sum() / 6, rel=1e-12)


def test_kernels_are_those_of_each_convolution_over_time(network):
    found = kernels(network)
    assert found[0].shape[1] == 1
    counted = sum(isinstance(m, WindowedConv | nn.Conv1d) for m in network.modules())
    last_and_skips = sum(
        isinstance(m, nn.Conv1d) and m.kernel_size == (1,) for m in network.modules()
    )
    assert len(found) == counted - last_and_skips


def noise(network, samples):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, 1, samples + 2 * network.padding, generator=generator)


def one_layer(kernel_size: int = 65):
    """A network of one layer whose first filter is a tone burst at an eighth of the rate."""
    network = build_network("cnn_free", layers=1, channels=2, kernel_size=kernel_size, seed=0)
    layer = network.model[1]
    taps = torch.arange(kernel_size) - kernel_size // 2
    burst = torch.cos(2 * torch.pi * taps / 8) * torch.hann_window(kernel_size, periodic=False)
    with torch.no_grad():
        layer.weight[0, 0] = burst
        layer.bias.zero_()
    return network.eval()


def test_a_tuned_filter_prefers_its_tone():
    network = one_layer()
    x = preferred_input(network, 0, 0, noise(network, 512), rms=0.7)
    assert len(x) == 512 + 64
    assert np.sqrt((x**2).mean()) == pytest.approx(0.7, rel=1e-5)
    gain = np.abs(np.fft.rfft(x * np.hanning(len(x))))
    assert np.fft.rfftfreq(len(x))[gain.argmax()] == pytest.approx(
        1 / 8, abs=0.01
    )  # its band is 0.06 wide
    # A sine of this power gives rms·√2·|H|/π on average; nothing periodic gives more.
    burst = network.model[1].kernel()[0, 0].detach().numpy()
    response = np.abs(np.fft.rfft(burst, 1 << 14)).max()
    with torch.no_grad():
        line = torch.tensor(x, dtype=torch.float32).view(1, 1, -1)
        (found,) = stages(network, line)
    assert found[0, 0].mean().item() == pytest.approx(0.7 * np.sqrt(2) * response / np.pi, rel=0.15)


def test_no_random_line_is_preferred(network):
    x = preferred_input(network, 1, 0, noise(network, 64), rms=1.0)
    lines = np.random.default_rng(0).normal(size=(50, len(x)))
    lines /= np.sqrt((lines**2).mean(axis=1, keepdims=True))
    with torch.no_grad():

        def answers(signal):
            line = torch.tensor(signal, dtype=torch.float32)[:, None]
            spare = network.padding - (len(x) - 64) // 2
            padded = nn.functional.pad(line, (spare, spare))
            found = list(stages(network, padded))[1][:, 0]
            middle = (found.shape[-1] - 64) // 2
            return found[:, middle : middle + 64].mean(1)

        assert answers(x[None]).item() >= answers(lines).max().item()


def test_a_filter_that_answers_to_nothing_prefers_nothing():
    network = one_layer()
    with torch.no_grad():
        network.model[2].bias.fill_(-1e6)
    assert not preferred_input(network, 0, 0, noise(network, 64), rms=1.0).any()
