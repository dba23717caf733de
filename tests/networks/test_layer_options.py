"""The layers with the options of ``torch.nn.Conv1d``, against torch, and as a part of torch."""

import copy
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional

from ckstudy import CKConv
from ckstudy.errors import StudyError
from ckstudy.networks import FreeConv, count_parameters, receptive_field

LAYERS = {"continuous": partial(CKConv, hidden=8), "free": FreeConv}


def reference(layer, x):
    """The layer by torch's direct convolution with its whole kernel."""
    reach = layer.dilation * (layer.kernel_size - 1)
    named = {"valid": (0, 0), "same": (reach // 2, reach // 2), "causal": (reach, 0)}
    padding = layer.padding
    ends = (padding, padding) if isinstance(padding, int) else named.get(padding, padding)
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    x = functional.pad(x, ends, mode=mode)
    options = {"stride": layer.stride, "dilation": layer.dilation, "groups": layer.groups}
    return functional.conv1d(x, layer.kernel(), layer.bias, **options)


@pytest.mark.parametrize("kind", LAYERS)
@settings(deadline=None, max_examples=60)
@given(
    half=st.integers(0, 90),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    padding=st.sampled_from(["valid", "causal", "same", 0, 20, (70, 3), (0, 150)]),
    mode=st.sampled_from(["zeros", "reflect", "replicate", "circular"]),
    groups=st.sampled_from([1, 2, 4]),
    bias=st.booleans(),
    window=st.sampled_from([None, 3.0, 9.0]),
    training=st.booleans(),
)
def test_a_layer_is_torchs_convolution_with_its_kernel(
    kind, half, stride, dilation, padding, mode, groups, bias, window, training
):
    """Also where its window cuts the kernel, and with it the padding that is needed."""
    options = {"stride": 1 if padding == "same" else stride, "dilation": dilation}
    options |= {"padding": padding, "padding_mode": mode, "groups": groups, "bias": bias}
    torch.manual_seed(0)
    layer = LAYERS[kind](4, 8, 2 * half + 1, window=window, **options).train(training)
    assert (layer.bias is not None) == bias
    if bias:
        nn.init.normal_(layer.bias)
    x = torch.randn(2, 4, 400)
    with torch.no_grad():
        found, expected = layer(x), reference(layer, x)
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= 1e-5 * (1 + expected.abs().max())


def test_a_kernel_cut_by_its_window_needs_no_more_of_the_line():
    """The cut is at work in the test above: it leaves taps out on either side."""
    layer = CKConv(1, 1, 181, window=3.0, padding="causal").eval()
    assert layer.unused == 58
    assert CKConv(1, 1, 181, window=3.0, padding="causal", padding_mode="circular").unused == 0


@pytest.mark.parametrize("kind", LAYERS)
def test_depthwise_layers_have_one_kernel_a_channel_of_unit_gain(kind):
    start = {"kernel_init": "balanced"} if kind == "continuous" else {}
    layer = LAYERS[kind](6, 6, 301, groups=6, padding="same", **start)
    assert layer.kernel().shape == (6, 1, 301)
    torch.testing.assert_close(layer.kernel().square().sum((1, 2)), torch.ones(6))
    assert layer(torch.randn(2, 6, 400)).shape == (2, 6, 400)


def test_the_number_of_parameters_is_what_it_was():
    # 2 (1 + 1) · 32 + ... of a layer of 22 channels, as the archived networks have it.
    assert count_parameters(CKConv(22, 22, 131)) == 64 + 32 + 32 * 33 + 32 + 484 * 34 + 22
    assert count_parameters(CKConv(22, 22, 131, bias=False)) == 64 + 32 + 32 * 33 + 32 + 484 * 34
    assert list(CKConv(2, 2, 3).state_dict()) == ["bias"] + [
        f"siren.{layer}.{name}"
        for layer in ("first", "second", "last")
        for name in ("direction", "length", "bias")
    ]


def test_strides_widen_what_later_layers_see():
    layers = nn.Sequential(CKConv(1, 1, 11, stride=3), CKConv(1, 1, 5))
    assert receptive_field(layers) == 11 + 4 * 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"groups": 3}, "4 channels and 8 cannot both be shared by 3 groups"),
        ({"padding": "same", "stride": 2}, "keeps no length at stride 2"),
        ({"padding": "reflect"}, "padding is 'reflect'"),
        ({"padding_mode": "mirror"}, "padding_mode is 'mirror'"),
        ({"stride": 0}, "stride is 0"),
        ({"dilation": 1.5}, "dilation is 1.5"),
    ],
)
def test_options_that_no_layer_can_have_are_refused(options, words):
    with pytest.raises(StudyError, match=words):
        CKConv(4, 8, 5, **options)


def test_the_text_of_a_layer_tells_what_is_not_as_usual():
    layer = CKConv(4, 8, 5, stride=2, padding="causal", groups=2, bias=False)
    assert "dilation=1, stride=2, padding='causal', groups=2, bias=False" in repr(layer)


def test_half_precision_is_refused_and_autocast_changes_nothing():
    layer, x = CKConv(1, 2, 2111), torch.randn(1, 1, 3000)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under, rounded = layer(x), layer(x.bfloat16())
    assert torch.equal(under, layer(x))
    assert torch.equal(rounded, layer(x.bfloat16().float()))
    # In bfloat16 most positions would be those of other taps.
    assert len(layer.positions.bfloat16().unique()) < 2111 / 2
    for dtype in (torch.float16, torch.bfloat16):
        with pytest.raises(StudyError, match="Leave it in float32; autocast does"):
            layer.to(dtype)(x.to(dtype))


# --- as a part of torch ---------------------------------------------------------------------------


def assert_same_gradients(network, other, x):
    """As a whole: some, of signs that a step cannot change, are zero but for rounding."""
    found, expected = (
        torch.cat(
            [
                each.flatten()
                for each in torch.autograd.grad(model(x).square().sum(), list(model.parameters()))
            ]
        )
        for model in (network, other)
    )
    assert (found - expected).norm() <= 1e-4 * expected.norm()


@pytest.mark.parametrize("window", [None, 6.0])
@pytest.mark.parametrize("training", [True, False])
def test_layers_compile_into_one_graph(window, training):
    torch.compiler.reset()
    torch.manual_seed(0)
    network = nn.Sequential(
        CKConv(1, 4, 131, padding="causal", window=window),
        nn.ReLU(),
        CKConv(4, 4, 131, padding="same", groups=4, window=window),
    ).train(training)
    fast = torch.compile(copy.deepcopy(network), backend="aot_eager", fullgraph=True)
    x = torch.randn(2, 1, 300)
    torch.testing.assert_close(fast(x), network(x), rtol=1e-4, atol=1e-5)
    assert_same_gradients(fast, network, x)


@pytest.mark.slow
def test_layers_compile_to_machine_code():
    """By the inductor, which wants a C++ compiler; where there is none, torch says so."""
    pytest.importorskip("torch._inductor")
    from torch._inductor.cpp_builder import get_cpp_compiler

    try:
        get_cpp_compiler()
    except Exception as error:
        pytest.skip(f"no C++ compiler: {error}")
    torch.compiler.reset()
    network = nn.Sequential(CKConv(1, 4, 131, padding="same"), nn.ReLU(), CKConv(4, 1, 131))
    x = torch.randn(2, 1, 300, requires_grad=True)
    fast = torch.compile(copy.deepcopy(network), fullgraph=True)
    torch.testing.assert_close(fast(x), network(x), rtol=1e-4, atol=1e-5)
    assert_same_gradients(fast, network, x)


@pytest.mark.parametrize("strict", [True, False])
def test_a_layer_is_exported_for_lines_of_any_length(strict):
    layer = CKConv(1, 4, 131, padding="causal", window=20.0).eval()
    length = torch.export.Dim("length", min=10)
    x = torch.randn(2, 1, 400)
    program = torch.export.export(layer, (x,), dynamic_shapes={"x": {2: length}}, strict=strict)
    for samples in (60, 400, 3000):
        x = torch.randn(2, 1, samples)
        torch.testing.assert_close(program.module()(x), layer(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("evaluation", [True, False])
def test_an_ensemble_of_layers_runs_under_vmap(evaluation):
    layers = [CKConv(2, 3, 41, padding="causal", window=5.0) for _ in range(4)]
    layers = [layer.train(not evaluation) for layer in layers]
    parameters, buffers = stack_module_state(layers)
    base = copy.deepcopy(layers[0]).to("meta")
    positions = {"positions": layers[0].positions}  # no buffer of a state dict
    x = torch.randn(2, 2, 100)

    def run(parameters, buffers):
        return functional_call(base, (parameters, buffers | positions), (x,))

    with torch.set_grad_enabled(not evaluation):
        found = vmap(run)(parameters, buffers)
        expected = torch.stack([layer(x) for layer in layers])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_gradients_line_by_line():
    layer, x = CKConv(2, 3, 41), torch.randn(5, 2, 100)
    parameters = {name: value.detach() for name, value in layer.named_parameters()}

    def cost(parameters, line):
        return functional_call(layer, parameters, (line,)).square().sum()

    found = vmap(grad(cost), (None, 0))(parameters, x)
    for n, line in enumerate(x):
        layer.zero_grad()
        layer(line).square().sum().backward()
        for name, value in layer.named_parameters():
            torch.testing.assert_close(found[name][n], value.grad, rtol=1e-3, atol=1e-4)
