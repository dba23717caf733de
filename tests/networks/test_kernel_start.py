"""The balanced start, learnable windows and their cut: what they promise at every kernel size."""

import copy
import math
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.torch
import torch
from benchmark_script import load
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import conv1d

from ckstudy.errors import StudyError
from ckstudy.networks import SIREN, CKConv, build_network, count_parameters, receptive_field
from ckstudy.networks.release import load_model, save_model
from ckstudy.networks.siren import WeightNormLinear

ROOT = Path(__file__).parents[2]
SAMPLING_RATE = 62.5  # MHz
BAND = 1.43, 3.60  # MHz, what the study's pulse and its echoes fill
SIZES = st.integers(32, 1055).map(lambda half: 2 * half + 1)  # 65 ... 2111
OMEGAS = st.floats(10, 80)
WINDOWS = st.none() | st.floats(8, 100)


def build(kernel_size: int, seed: int = 0, channels: int = 4, **options) -> CKConv:
    torch.manual_seed(seed)
    return CKConv(channels, channels, kernel_size, kernel_init="balanced", **options)


def band_share(layer: CKConv) -> float:
    """Share of the energy of the layer's kernels that lies in the band."""
    kernel = layer.kernel().detach().double()
    count = 1 << 13
    energy = torch.fft.rfft(kernel, count).abs().square().sum((0, 1))
    energy[1:-1] *= 2  # the negative frequencies
    frequency = torch.arange(len(energy)) * SAMPLING_RATE / count
    inside = (frequency >= BAND[0]) & (frequency <= BAND[1])
    return (energy[inside].sum() / energy.sum()).item()


def constant_share(layer: CKConv) -> float:
    """Share of the kernels' energy that their best constant, under the window, would have."""
    kernel = layer.kernel().detach()
    shape = torch.ones(layer.kernel_size)
    if layer.log_sigma is not None:
        shape = layer.window(layer.positions).detach()
    shape = shape / shape.norm()
    return ((kernel @ shape).square().sum() / kernel.square().sum()).item()


@settings(deadline=None, max_examples=15)
@given(size=SIZES, omega_0=OMEGAS, window=WINDOWS, seed=st.integers(0, 3))
def test_the_share_of_energy_in_the_band_does_not_depend_on_the_size(size, omega_0, window, seed):
    # The same draw of the same weights, in a kernel of another length. A short kernel has a
    # coarser spectrum, and a long one averages over more periods: hence the tolerance.
    here = build(size, seed, omega_0=omega_0, window=window)
    there = build(527, seed, omega_0=omega_0, window=window)
    assert band_share(here) == pytest.approx(band_share(there), abs=0.18)


@pytest.mark.parametrize("window", [None, 16, 60])
@pytest.mark.parametrize("omega_0", [30, 60])
def test_on_average_the_share_in_the_band_is_the_same_from_65_to_2111(omega_0, window):
    shares = [
        sum(band_share(build(size, seed, omega_0=omega_0, window=window)) for seed in range(6)) / 6
        for size in (65, 131, 263, 527, 1055, 2111)
    ]
    assert max(shares) - min(shares) < 0.04
    assert min(shares) > 0.15


def test_the_siren_start_leaves_the_band_as_the_kernel_grows():
    torch.manual_seed(0)
    shares = [band_share(CKConv(8, 8, size)) for size in (131, 527, 2111)]
    assert shares[1] < 0.3 * shares[0]
    assert shares[2] < 0.3 * shares[1]
    assert shares[0] < 0.5 * band_share(build(131, channels=8))


@settings(deadline=None, max_examples=15)
@given(
    size=SIZES,
    omega_0=st.floats(30, 80),
    window=st.none() | st.floats(16, 100),
    seed=st.integers(0, 3),
)
def test_no_constant_rules_a_balanced_kernel(size, omega_0, window, seed):
    # At least a period of the fastest frequency in σ. Within less, an oscillation is a constant.
    assert constant_share(build(size, seed, omega_0=omega_0, window=window)) < 0.45


def test_a_constant_rules_the_siren_start():
    torch.manual_seed(0)
    assert constant_share(CKConv(4, 4, 131)) > 0.85


@settings(deadline=None, max_examples=15)
@given(
    size=SIZES,
    omega_0=OMEGAS,
    window=WINDOWS,
    inputs=st.integers(1, 9),
    scales_bias=st.booleans(),
)
def test_each_output_channel_has_unit_gain(size, omega_0, window, inputs, scales_bias):
    layer = CKConv(
        inputs,
        5,
        size,
        kernel_init="balanced",
        omega_0=omega_0,
        window=window,
        omega_scales_bias=scales_bias,
    )
    energy = layer.kernel().square().sum((1, 2))
    torch.testing.assert_close(energy, torch.ones(5), atol=1e-4, rtol=0)
    # Of order one at every size, so that a step of the optimiser means the same.
    rms = layer.siren.last.weight.square().mean().sqrt().item()
    assert 0.1 < rms < 0.8
    assert not layer.siren.last.bias.any()


@pytest.mark.parametrize(("size", "window"), [(65, None), (527, 20), (2111, 16), (2111, None)])
def test_white_noise_leaves_with_the_variance_it_came_with(size, window):
    layer = build(size, window=window)
    with torch.no_grad():
        y = layer(torch.randn(4, 4, 8000 + size))
    # About 4 x 8000 values in a channel, of which a correlation of the kernel's length leaves
    # hundreds that are independent.
    assert y.var().item() == pytest.approx(1, abs=0.05)
    assert y.mean().abs() < 0.05


def test_a_narrow_window_starts_the_same_kernel_at_every_size():
    expected = build(263, window=16).kernel()
    for size in (527, 2111):
        middle = slice((size - 263) // 2, (size + 263) // 2)
        kernel = build(size, window=16).kernel()[..., middle]
        torch.testing.assert_close(kernel, expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("window", [None, 16])
@pytest.mark.parametrize("omega_0", [10, 30, 80])
@pytest.mark.parametrize("size", [65, 527, 2111])
def test_a_step_of_adam_turns_the_edge_by_the_same_at_every_size(size, omega_0, window):
    layer = build(size, omega_0=omega_0, window=window)
    edge = (size - 1) / 2 if window is None else min((size - 1) / 2, 3 * window)
    position = torch.tensor([[edge / ((size - 1) / 2)]])

    def phases() -> tuple[torch.Tensor, torch.Tensor]:
        first = layer.siren.factors[0] * layer.siren.first.linear(position)
        second = layer.siren.factors[1] * layer.siren.second.weight
        return first.detach(), second.detach()

    before = phases()
    adam = torch.optim.Adam(layer.parameters(), lr=0.01)
    x = torch.randn(1, 4, size + 50)
    layer(x).square().sum().backward()
    adam.step()
    turned, rewritten = ((new - old).abs() for new, old in zip(phases(), before, strict=True))
    # Adam's first step moves each weight by its rate.
    torch.testing.assert_close(turned, torch.full_like(turned, 0.3), atol=0.01, rtol=0)
    assert rewritten.mean() < 0.02  # of weights within 0.43


def test_the_first_layers_directions_are_signs_that_adam_leaves_alone():
    layer = build(65)
    before = layer.siren.first.direction.clone()
    adam = torch.optim.Adam(layer.parameters(), lr=0.01)
    for _ in range(5):
        adam.zero_grad(set_to_none=False)
        layer(torch.randn(1, 4, 80)).square().sum().backward()
        adam.step()
    assert torch.equal(layer.siren.first.direction, before)
    assert not torch.equal(layer.siren.second.direction, build(65).siren.second.direction)


def test_a_fixed_direction_changes_no_value():
    torch.manual_seed(0)
    fixed, free = (WeightNormLinear(1, 9, fixed_direction=value) for value in (True, False))
    weight = torch.randn(9, 1)
    for layer in (fixed, free):
        layer.set_weight(weight)
    torch.testing.assert_close(fixed.weight, weight)
    assert torch.equal(fixed.weight, free.weight)


def test_the_balanced_network_is_the_printed_equation_with_its_omega_absorbed():
    torch.manual_seed(0)
    balanced = SIREN(6, hidden=5, omega_0=17.0, kernel_init="balanced", edge=0.5).double()
    printed = SIREN(6, hidden=5, omega_0=17.0).double()
    printed.load_state_dict(balanced.state_dict())
    with torch.no_grad():
        printed.first.length *= 60 / 17
        printed.second.length /= 17
    tau = torch.linspace(-1, 1, 11, dtype=torch.float64)
    torch.testing.assert_close(printed(tau), balanced(tau))
    frequency = (60 * balanced.first.weight).abs()
    assert frequency.max() <= 17.0 * (1 + 1e-6)


def test_the_second_factor_changes_how_a_balanced_kernel_learns_and_not_its_start():
    kernels, turned = [], []
    for factor in (None, 30.0):
        torch.manual_seed(4)
        siren = SIREN(6, hidden=5, omega_0=17.0, kernel_init="balanced", hidden_omega_0=factor)
        tau = torch.linspace(-1, 1, 41)
        kernels.append(siren(tau).detach())
        before = siren.factors[1] * siren.second.weight.detach()
        optimiser = torch.optim.Adam(siren.second.parameters(), lr=1e-4)
        siren(tau).square().sum().backward()
        optimiser.step()
        turned.append(siren.factors[1] * siren.second.weight.detach() - before)
    torch.testing.assert_close(kernels[0], kernels[1])
    torch.testing.assert_close(turned[1], 30 * turned[0], rtol=0.2, atol=1e-4)


def test_each_layer_has_its_own_factor():
    torch.manual_seed(0)
    siren = SIREN(4, hidden=64, omega_0=9.0, hidden_omega_0=25.0).double()
    assert siren.second.weight.abs().max() <= np.sqrt(6 / 64) / 25
    tau = torch.linspace(-1, 1, 33, dtype=torch.float64)
    (w1, b1), (w2, b2), (w3, b3) = (
        (layer.weight.detach().numpy(), layer.bias.detach().numpy())
        for layer in (siren.first, siren.second, siren.last)
    )
    hidden = np.sin(25 * w2 @ np.sin(9 * w1 @ tau.numpy()[None] + b1) + b2)
    np.testing.assert_allclose(siren(tau).detach().numpy(), w3 @ hidden + b3, rtol=1e-10)


def test_a_balanced_dilated_kernel_keeps_its_omega():
    network = build_network("ckcnn_dilated", kernel_init="balanced", omega_0=8.0, seed=0)
    layers = [layer for layer in network.modules() if isinstance(layer, CKConv)]
    assert [layer.siren.omega_0 for layer in layers] == [8.0] * len(layers)
    for layer in layers:
        torch.testing.assert_close(layer.kernel().square().sum((1, 2)), torch.ones(64))


# Windows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel_init", ["siren", "released", "balanced"])
@pytest.mark.parametrize("dilation", [1, 3])
def test_the_window_is_a_gaussian_of_samples(kernel_init, dilation):
    torch.manual_seed(0)
    layer = CKConv(2, 3, 41, dilation=dilation, kernel_init=kernel_init, window=9.0).double()
    n = dilation * torch.arange(-20, 21, dtype=torch.float64)
    expected = torch.exp(-0.5 * (n / 9.0) ** 2)
    positions = torch.linspace(-1, 1, 41, dtype=torch.float64)
    bare = layer.gain * layer.siren(positions).view(3, 2, 41)
    torch.testing.assert_close(layer.values(positions), bare * expected, atol=1e-6, rtol=1e-6)
    assert layer.sigma == pytest.approx(9.0)


def test_a_window_takes_nothing_from_the_generator():
    torch.manual_seed(0)
    plain = CKConv(2, 3, 41)
    torch.manual_seed(0)
    windowed = CKConv(2, 3, 41, window=9.0)
    weights = windowed.state_dict()
    assert weights.pop("log_sigma").item() == pytest.approx(math.log(9))
    assert weights.keys() == plain.state_dict().keys()
    assert all(torch.equal(weights[key], value) for key, value in plain.state_dict().items())


def test_gradcheck_of_the_windows_width():
    torch.manual_seed(0)
    layer = CKConv(2, 2, 9, hidden=4, kernel_init="balanced", window=3.0).double()
    x = torch.randn(1, 2, 20, dtype=torch.float64)

    def output(log_sigma: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(layer, {"log_sigma": log_sigma}, (x,))

    assert torch.autograd.gradcheck(output, layer.log_sigma.detach().requires_grad_())


@pytest.mark.parametrize("window", [0.1, 4.0, 16.0, 45.0])
@pytest.mark.parametrize("dilation", [1, 2])
def test_a_cut_kernel_is_the_whole_kernel_to_a_millionth(window, dilation):
    torch.manual_seed(0)
    layer = CKConv(3, 4, 527, dilation=dilation, kernel_init="balanced", window=window).double()
    layer.positions = torch.linspace(-1, 1, 527, dtype=torch.float64)
    nn.init.normal_(layer.bias)
    x = torch.randn(2, 3, 526 * dilation + 60, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 4, 60, dtype=torch.float64)
    sources = [x, *layer.parameters()]

    def results(y: torch.Tensor) -> list[torch.Tensor]:
        return [y, *torch.autograd.grad((y * weights).sum(), sources, allow_unused=True)]

    assert layer.unused > 0
    cut = results(layer(x))
    whole = results(conv1d(x, layer.kernel(), layer.bias, dilation=dilation))
    for ours, expected in zip(cut, whole, strict=True):
        if expected is None:
            assert ours is None
            continue
        scale = expected.abs().max() + 1e-12
        assert (ours - expected).abs().max() < 2e-6 * scale, ours.shape


@settings(deadline=None, max_examples=50)
@given(
    size=SIZES,
    dilation=st.integers(1, 3),
    window=st.floats(0.01, 1e4),
)
def test_what_is_cut_lies_below_a_millionth_of_the_peak(size, dilation, window):
    layer = CKConv(1, 1, size, dilation=dilation, hidden=2, window=window)
    taps = layer.unused // dilation
    assert taps * dilation == layer.unused
    assert 0 <= taps <= size // 2
    shape = layer.window(layer.positions).detach()
    assert shape.max().item() == pytest.approx(1, abs=1e-5)
    if taps:
        assert shape[taps - 1] < 1e-6
        # And no more is kept than the step of the cut asks for.
        assert size // 2 - taps == 0 or shape[taps + 32] >= 0.9e-6
    layer.cutoff = 0
    assert layer.unused == 0


def test_the_cut_follows_the_width_in_steps():
    layer = CKConv(1, 1, 2111, window=16)
    assert (layer.half_width, layer.unused) == (84, 1055 - 96)
    kept = set()
    with torch.no_grad():
        for _ in range(100):
            layer.log_sigma += 0.01
            kept.add(1055 - layer.unused)
    assert layer.sigma == pytest.approx(16 * math.e, rel=1e-3)
    assert kept == {96, 128, 160, 192, 224, 256}
    nn.init.constant_(layer.log_sigma, 1000.0)
    assert layer.unused == 0
    nn.init.constant_(layer.log_sigma, math.nan)
    assert layer.unused == 0


def test_a_device_that_is_recorded_trains_uncut():
    # Tensors of the meta device hold no value: to ask for one is an error.
    layer = CKConv(1, 1, 527, window=4).to("meta")
    assert layer.train().unused == 0
    with pytest.raises(RuntimeError, match="meta"):
        _ = layer.eval().unused


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ckcnn", {"kernel_size": 263, "layers": 3}),
        ("ckcnn_residual", {"kernel_size": 263}),
        ("ckcnn_dilated", {"layers": 5}),
    ],
)
def test_a_cut_network_computes_what_the_whole_network_does(name, options):
    options |= {"channels": 3, "hidden": 6, "kernel_init": "balanced", "window": 6.0}
    network = build_network(name, **options, seed=1).double().eval()
    layers = [layer for layer in network.modules() if isinstance(layer, CKConv)]
    with torch.no_grad():
        for layer, change in zip(layers, (0.0, 0.6, -0.3, 0.1, 0.2), strict=False):
            layer.log_sigma += change  # the layers' cuts differ
    torch.manual_seed(0)
    line = torch.randn(2, 1, 900, dtype=torch.float64)
    padded = nn.functional.pad(line, (network.padding, network.padding), mode="reflect")
    inputs = []
    layers[0].register_forward_pre_hook(lambda _, args: inputs.append(args[0].shape[-1]))

    def results() -> list[torch.Tensor]:
        network.zero_grad()
        whole, crop = network(line), network.valid(padded[..., 100 : 300 + 2 * network.padding])
        whole.square().mean().backward()
        gradients = [p.grad.clone() for p in network.parameters() if p.grad is not None]
        assert len(gradients) == len(list(network.parameters())) - len(layers)  # directions
        return [whole.detach(), crop.detach(), *gradients]

    cut = results()
    for layer in layers:
        layer.cutoff = 0
    uncut = results()
    # Layer norm magnifies, where its channels agree; a ReLU at its kink passes a gradient or not.
    for tolerance, pairs in ((1e-5, slice(0, 2)), (1e-3, slice(2, None))):
        for ours, expected in zip(cut[pairs], uncut[pairs], strict=True):
            assert (ours - expected).abs().max() < tolerance * expected.abs().max()
    torch.testing.assert_close(cut[1], cut[0][..., 100:300], atol=1e-5, rtol=1e-5)
    assert inputs[2:] == [900 + 2 * network.padding, 200 + 2 * network.padding]
    if name != "ckcnn_dilated":  # whose three taps all lie within the windows
        assert inputs[1] < 0.7 * inputs[3]


def test_evaluation_keeps_a_windowed_kernel_until_its_width_changes():
    layer = build(263, window=6).eval()
    x = torch.randn(1, 4, 300)
    with torch.no_grad():
        first = layer(x)
        kept = layer._sampled[1]
        assert torch.equal(layer(x), first)
        assert layer._sampled[1] is kept
        assert kept.shape[-1] == 65
        layer.log_sigma += 0.5
        second = layer(x)
        torch.testing.assert_close(
            second, conv1d(x, layer.kernel(), layer.bias), atol=1e-5, rtol=1e-5
        )
        layer.cutoff = 0
        torch.testing.assert_close(layer(x), second, atol=1e-5, rtol=1e-5)
        assert layer._sampled[1].shape[-1] == 263
    assert not torch.allclose(first, second)


def test_the_effective_receptive_field_is_that_of_the_windows():
    network = build_network("ckcnn", kernel_size=2111, window=16, seed=0)
    half = math.floor(16 * math.sqrt(2 * math.log(1e6)))
    assert receptive_field(network) == 4 * 2110 + 1
    assert receptive_field(network, effective=True) == 4 * 2 * half + 1
    assert network.padding == 4 * 1055
    plain = build_network("ckcnn", kernel_size=2111)
    assert receptive_field(plain, effective=True) == receptive_field(plain)
    dilated = build_network("ckcnn_dilated", window=64)
    reach = math.floor(64 * math.sqrt(2 * math.log(1e6)))
    # Of three taps the outer ones count where they lie within the window.
    expected = 1 + 2 * sum(2**layer for layer in range(12) if 2**layer <= reach)
    assert receptive_field(dilated, effective=True) == expected


def test_the_benchmark_of_windows_compares_what_it_says():
    benchmark = load("windows")
    networks = benchmark.variants(131, 4.0, 2)
    sizes = {name: network.options["kernel_size"] for name, network in networks.items()}
    assert sizes == {"cut": 131, "short": 65, "uncut": 131, "no window": 131}
    computed = {
        name: [131 - 2 * layer.unused for layer in network.modules() if isinstance(layer, CKConv)]
        for name, network in networks.items()
        if name in ("cut", "uncut")
    }
    assert computed == {"cut": [65] * 4, "uncut": [131] * 4}
    options = {"kernel_size": 131, "channels": 2, "lines": 2, "crop": 64, "rounds": 2}
    rows = benchmark.measure(4.0, SimpleNamespace(**options))
    assert [row["variant"] for row in rows] == list(networks)
    assert all(row["step_ms"] > 0 and row["line_ratio"] > 0 for row in rows)
    assert rows[0]["step_ratio"] == 1


# Specs, files, counts ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ckcnn", "ckcnn_residual", "ckcnn_dilated"])
def test_parameters_are_counted_with_their_windows(name):
    plain = count_parameters(build_network(name))
    assert count_parameters(build_network(name, kernel_init="balanced")) == plain
    layers = {"ckcnn": 4, "ckcnn_residual": 4, "ckcnn_dilated": 12}[name]
    assert count_parameters(build_network(name, window=16)) == plain + layers


def test_a_network_without_windows_has_the_options_it_always_had():
    network = build_network("ckcnn", window=None)
    assert "window" not in network.options
    assert not any("sigma" in key for key in network.state_dict())
    assert build_network("ckcnn", window=16).options["window"] == 16


def test_a_windowed_network_survives_release_copy_and_pickle(tmp_path):
    network = build_network(
        "ckcnn", kernel_size=131, channels=3, kernel_init="balanced", window=5, seed=2
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.01
    network.eval()
    save_model(tmp_path / "model.safetensors", network)
    x = torch.randn(1, 1, 600)
    with torch.no_grad():
        expected = network(x)
        for other in (
            load_model(tmp_path / "model.safetensors"),
            copy.deepcopy(network),
            pickle.loads(pickle.dumps(network)),
        ):
            assert torch.equal(other(x), expected)


def test_archived_networks_load_with_their_very_weights():
    path = ROOT / "archive/laptop/runs/ckcnn-k65-w30-s0/model.safetensors"
    weights = safetensors.torch.load_file(path)
    network = load_model(path)
    assert network.state_dict().keys() == weights.keys()
    assert all(torch.equal(network.state_dict()[key], value) for key, value in weights.items())
    # Their kernels, by the printed equations.
    layer = network.model[4]
    assert layer.siren.factors == (30.0, 30.0)
    tau = torch.linspace(-1, 1, 65)
    expected = tau[None]
    for part, last in (("first", False), ("second", False), ("last", True)):
        direction = weights[f"model.4.siren.{part}.direction"]
        length = weights[f"model.4.siren.{part}.length"]
        bias = weights[f"model.4.siren.{part}.bias"]
        weight = direction / direction.norm(dim=1, keepdim=True) * length
        expected = weight @ expected + bias if last else torch.sin(30 * weight @ expected + bias)
    with torch.no_grad():
        kernel = layer.kernel().flatten(0, 1)
    torch.testing.assert_close(kernel, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("window", [0, -3.0, math.inf, math.nan, True, "16"])
def test_impossible_windows_are_refused(window):
    with pytest.raises(StudyError, match="window must be a finite number above 0, or null"):
        build_network("ckcnn", window=window)


def test_the_conventional_network_has_no_window():
    with pytest.raises(StudyError, match="has no option 'window'"):
        build_network("cnn_dilated", window=16)


def test_a_layer_refuses_an_impossible_window():
    with pytest.raises(StudyError, match="use a positive number of samples"):
        CKConv(1, 1, 9, window=0.0)
