"""Networks: published parameter counts, equations, receptive fields, crops, foreign weights."""

import copy
import math
import pickle

import pytest
import torch
from published_layout import published_layout
from torch import nn

from ckstudy.errors import StudyError
from ckstudy.networks import (
    SIREN,
    CKConv,
    Field,
    build_network,
    count_parameters,
    receptive_field,
)
from ckstudy.networks.architectures import CKBlock
from ckstudy.networks.release import load_weights
from ckstudy.study.presets import PRESETS


@pytest.mark.parametrize(
    ("name", "options", "parameters"),
    [
        ("cnn_dilated", {}, 137_729),
        ("ckcnn_dilated", {}, 636_497),
        ("ckcnn_dilated", {"preset": "thesis-text"}, 1_550_657),
        ("ckcnn", {}, 28_392),
        ("ckcnn", {"channels": 22}, 55_139),
        ("ckcnn", {"preset": "thesis-text"}, 55_139),
    ],
)
def test_the_printed_parameter_counts(name, options, parameters):
    assert count_parameters(build_network(name, **options)) == parameters


def test_the_residual_network_counts_what_its_layers_add_up_to():
    channels, hidden = 22, 32
    network = build_network("ckcnn_residual", channels=channels)

    def ckconv(kernels: int) -> int:
        layers = [(1, hidden), (hidden, hidden), (hidden, kernels)]
        return sum(a * b + 2 * b for a, b in layers) + channels

    expected = ckconv(channels) + 3 * ckconv(channels**2)
    expected += 4 * 2 * channels  # the norms
    expected += 2 * channels  # the projection on the first skip
    expected += channels + 1  # the last convolution
    assert count_parameters(network) == expected


@pytest.mark.parametrize(
    ("name", "options", "samples"),
    [
        ("cnn_dilated", {}, 8191),
        ("ckcnn_dilated", {}, 8191),
        *[
            ("ckcnn", {"kernel_size": k}, r)
            for k, r in [(65, 257), (131, 521), (263, 1049), (527, 2105), (1055, 4217)]
        ],
        ("ckcnn", {"kernel_size": 2111}, 8441),
        ("ckcnn_residual", {"kernel_size": 65}, 257),
    ],
)
def test_receptive_fields(name, options, samples):
    assert receptive_field(build_network(name, **options)) == samples


def test_receptive_field_arithmetic_of_the_lecture():
    layer_0 = Field(size=5)
    layer_1 = layer_0.through(3, padding=1, stride=2)
    layer_2 = layer_1.through(3, padding=1, stride=2)
    assert (layer_0.size, layer_0.jump, layer_0.field, layer_0.start) == (5, 1, 1, 0.5)
    assert (layer_1.size, layer_1.jump, layer_1.field, layer_1.start) == (3, 2, 3, 0.5)
    assert (layer_2.size, layer_2.jump, layer_2.field, layer_2.start) == (2, 4, 7, 0.5)


@pytest.mark.parametrize("name", ["cnn_dilated", "ckcnn", "ckcnn_residual", "cnn_free"])
def test_the_receptive_field_is_what_the_gradient_says(name):
    options = {"layers": 4} if name == "cnn_dilated" else {"kernel_size": 9}
    torch.manual_seed(0)
    network = build_network(name, **options).double().eval()
    field = receptive_field(network)
    x = torch.randn(1, 1, 4 * field, dtype=torch.float64, requires_grad=True)
    network(x)[0, 0, 2 * field].backward()
    touched = x.grad[0, 0].nonzero().flatten()
    middle, half = 2 * field, (field - 1) // 2
    # A dead ReLU may narrow what is touched, never widen it; the middle is never lost.
    assert touched.min() >= middle - half
    assert touched.max() <= middle + half
    assert touched.max() - touched.min() + 1 > 0.8 * field


@pytest.mark.parametrize("scales_bias", [False, True])
def test_siren_is_the_printed_equation(scales_bias):
    torch.manual_seed(1)
    siren = SIREN(6, hidden=5, omega_0=7.0, omega_scales_bias=scales_bias).double()
    tau = torch.linspace(-1, 1, 11, dtype=torch.float64)
    w1, w2, w3 = (layer.weight for layer in (siren.first, siren.second, siren.last))
    b1, b2, b3 = (layer.bias[:, 0] for layer in (siren.first, siren.second, siren.last))
    factor = 7.0 if scales_bias else 1.0
    for i, t in enumerate(tau):
        h1 = torch.sin(7.0 * w1[:, 0] * t + factor * b1)
        h2 = torch.sin(7.0 * w2 @ h1 + factor * b2)
        torch.testing.assert_close(siren(tau)[:, i], w3 @ h2 + b3)


def test_weight_normalisation_is_torchs():
    torch.manual_seed(2)
    ours = SIREN(4, hidden=8).second
    theirs = nn.utils.parametrizations.weight_norm(nn.Linear(8, 8))
    with torch.no_grad():
        theirs.parametrizations.weight.original0.copy_(3 * ours.length)
        theirs.parametrizations.weight.original1.copy_(ours.direction)
        ours.length.mul_(3)
    torch.testing.assert_close(ours.weight, theirs.weight)


def test_both_initialisations_have_their_ranges():
    torch.manual_seed(3)
    omega_0, hidden = 30.0, 256
    siren = SIREN(64, hidden=hidden, omega_0=omega_0, kernel_init="siren")
    released = SIREN(64, hidden=hidden, omega_0=omega_0, kernel_init="released")
    narrow = math.sqrt(6 / hidden) / omega_0
    wide = 1 / math.sqrt(hidden)
    for layer, bound in [(siren.first, 1.0), (siren.second, narrow), (siren.last, narrow)]:
        assert 0.95 * bound < layer.weight.abs().max() <= bound * (1 + 1e-6)
    for layer, bound in [(released.first, 1.0), (released.second, wide), (released.last, wide)]:
        assert 0.95 * bound < layer.weight.abs().max() <= bound * (1 + 1e-6)
    assert released.second.bias.abs().max() > 0.9
    assert siren.second.bias.abs().max() <= wide


def test_the_kernel_is_sampled_from_minus_one_to_one():
    layer = CKConv(2, 3, 5)
    assert layer.positions.tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert layer.kernel().shape == (3, 2, 5)
    columns = layer.siren(torch.tensor([0.5]))
    torch.testing.assert_close(layer.kernel()[..., 3].reshape(-1), columns[:, 0])


def test_ckconv_is_torchs_convolution_with_the_sampled_kernel():
    torch.manual_seed(4)
    layer = CKConv(3, 4, 9, dilation=2)
    nn.init.normal_(layer.bias)
    x = torch.randn(2, 3, 50)
    with torch.no_grad():
        expected = nn.functional.conv1d(x, layer.kernel(), layer.bias, dilation=2)
        torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-5)


@pytest.fixture
def layer():
    torch.manual_seed(7)
    return CKConv(2, 3, 9).eval()


def samplings(layer, monkeypatch):
    """A list that grows by one whenever the layer's kernel network is evaluated."""
    taken = []
    siren = layer.siren.forward
    monkeypatch.setattr(layer.siren, "forward", lambda tau: taken.append(1) or siren(tau))
    return taken


def test_evaluation_samples_the_kernel_once(layer, monkeypatch):
    x = torch.randn(2, 2, 30)
    taken = samplings(layer, monkeypatch)
    with torch.inference_mode():
        first = layer(x)
        assert torch.equal(layer(x), first)
    with torch.no_grad():  # goes on with what was sampled in inference mode
        assert torch.equal(layer(x), first)
    assert len(taken) == 1
    layer.train()
    layer.eval()
    with torch.no_grad():
        assert torch.equal(layer(x), first)
    assert len(taken) == 2


def test_with_gradients_or_in_training_every_call_samples(layer, monkeypatch):
    x = torch.randn(2, 2, 30)
    taken = samplings(layer, monkeypatch)
    with torch.no_grad():
        layer(x)
    layer(x).sum().backward()
    assert len(taken) == 2
    assert all(p.grad is not None and p.grad.any() for p in layer.parameters())
    layer.train()
    with torch.no_grad():
        layer(x)
        layer(x)
    assert len(taken) == 4


def _write_through_numpy(layer):
    layer.siren.last.bias.detach().numpy()[0] = 3.0


def _write_in_inference_mode(layer):
    with torch.inference_mode():
        layer.siren.first.direction.neg_()


def _assign_another_parameter(layer):
    layer.siren.second.bias = nn.Parameter(torch.ones_like(layer.siren.second.bias))


@pytest.mark.parametrize(
    "change",
    [
        lambda layer: layer.load_state_dict(CKConv(2, 3, 9).state_dict()),
        lambda layer: layer.load_state_dict(CKConv(2, 3, 9).state_dict(), assign=True),
        lambda layer: layer.siren.last.length.data.mul_(2),
        lambda layer: layer.siren.second.set_weight(torch.ones(32, 32)),
        lambda layer: layer.positions.mul_(0.5),
        _write_through_numpy,
        _write_in_inference_mode,
        _assign_another_parameter,
    ],
)
def test_no_change_of_a_parameter_is_missed(layer, change):
    x = torch.randn(2, 2, 30)
    with torch.no_grad():
        before = layer(x)
        change(layer)
        after = layer(x)
        expected = nn.functional.conv1d(x, layer.kernel(), layer.bias)
    assert not torch.allclose(after, before)
    torch.testing.assert_close(after, expected, atol=1e-5, rtol=1e-5)


def test_the_kept_kernel_follows_a_change_of_type(layer):
    x = torch.randn(2, 2, 30, dtype=torch.float64)
    with torch.no_grad():
        layer(x.float())
        layer.double()
        assert layer(x).dtype == torch.float64
        expected = nn.functional.conv1d(x, layer.kernel(), layer.bias)
        torch.testing.assert_close(layer(x), expected)


def test_the_kept_kernel_is_part_of_no_copy(layer):
    parameters = set(layer.state_dict())
    size = len(pickle.dumps(layer))
    with torch.no_grad():
        layer(torch.randn(1, 2, 30))
    assert layer._sampled is not None
    assert set(layer.state_dict()) == parameters
    assert copy.deepcopy(layer)._sampled is None
    assert len(pickle.dumps(layer)) == size
    assert layer._sampled is not None


def test_autocast_does_not_change_a_layer():
    torch.manual_seed(9)
    layer = CKConv(2, 3, 9)
    x = torch.randn(2, 2, 30)
    expected = layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(layer(x), expected)


@pytest.mark.parametrize("name", PRESETS["thesis-counts"]["networks"])
def test_a_crop_with_its_context_gives_what_the_whole_line_gives(name):
    options = {"layers": 5, "channels": 4} if "dilated" in name else {"kernel_size": 17}
    torch.manual_seed(5)
    network = build_network(name, **options).double().eval()
    line = torch.randn(1, 1, 600, dtype=torch.float64)
    padded = nn.functional.pad(line, (network.padding, network.padding), mode="reflect")
    with torch.no_grad():
        whole = network(line)
        assert whole.shape == line.shape
        for start, length in [(0, 100), (123, 200), (500, 100)]:
            crop = network.valid(padded[..., start : start + length + 2 * network.padding])
            torch.testing.assert_close(crop, whole[..., start : start + length])


def test_a_block_without_its_body_is_the_cropped_input():
    block = CKBlock(3, 3, 5, dropout=0.0)
    for layer in block.body:
        if isinstance(layer, CKConv):
            nn.init.zeros_(layer.siren.last.length)
            nn.init.zeros_(layer.siren.last.bias)
    x = torch.randn(2, 3, 30)
    torch.testing.assert_close(block(x), x[..., 4:-4])


def test_a_final_relu_is_that_of_the_sum_of_block_and_skip():
    options = {"kernel_size": 9, "channels": 3, "hidden": 4, "seed": 0}
    plain = build_network("ckcnn_residual", **options)
    with_relu = build_network("ckcnn_residual", final_relu=True, **options)
    assert "final_relu" not in plain.options
    assert plain.state_dict().keys() == with_relu.state_dict().keys()
    x = torch.randn(2, 1, 60)
    y = plain.model[1](x)
    assert (y < 0).any()
    torch.testing.assert_close(with_relu.model[1](x), y.relu(), rtol=0, atol=0)


def test_a_published_state_dict_loads_and_computes_the_same():
    torch.manual_seed(6)
    published = nn.ModuleDict({"model": published_layout()})
    network = build_network("cnn_dilated")
    load_weights(network, published.state_dict(), "a published network")
    x = torch.randn(1, 1, 5000)
    with torch.no_grad():
        torch.testing.assert_close(network.eval()(x), published["model"].eval()(x))


def test_weights_of_another_architecture_are_refused():
    foreign = build_network("ckcnn_residual").state_dict()
    with pytest.raises(StudyError, match="weights of a file are of another architecture"):
        load_weights(build_network("ckcnn"), foreign, "a file")


@pytest.mark.parametrize(
    ("name", "options", "wrong"),
    [
        ("unet", {}, "unknown network 'unet'"),
        ("ckcnn", {"kernel_size": 64}, "odd whole number .* not 64"),
        ("ckcnn", {"kernel_size": 3.5}, "kernel_size must be an odd whole number"),
        ("cnn_dilated", {"omega_0": 3}, "has no option 'omega_0'"),
        ("ckcnn", {"preset": "none"}, "unknown preset"),
        ("ckcnn", {"kernel_init": "zeros"}, "kernel_init must be"),
        ("ckcnn_residual", {"dropout": 1.0}, "dropout must be"),
    ],
)
def test_networks_that_cannot_be_built_are_refused(name, options, wrong):
    with pytest.raises(StudyError, match=wrong):
        build_network(name, **options)


def test_a_line_shorter_than_the_context_is_refused():
    with pytest.raises(StudyError, match="cannot be reflected"):
        build_network("ckcnn", kernel_size=131)(torch.zeros(1, 1, 260))


def test_a_seed_fixes_the_weights_and_leaves_the_global_generator_alone():
    torch.manual_seed(8)
    expected = torch.rand(3)
    torch.manual_seed(8)
    one = build_network("ckcnn", seed=1)
    assert torch.equal(torch.rand(3), expected)
    two = build_network("ckcnn", seed=1)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
