"""The convolution as an operator of torch: what torch itself checks, compiles, exports and maps."""

from functools import partial

import pytest
import torch
from torch.func import grad, jacrev, vmap
from torch.nn import functional

from ckstudy.convolution import conv1d, explain, routes

FORWARD = torch.ops.ckstudy.conv1d.default
BACKWARD = torch.ops.ckstudy.conv1d_gradients.default
METHODS = ["direct", "overlap_save"]
GROUPED = {"stride": 2, "padding": 3, "dilation": 1, "groups": 2}


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def example():
    return normal(3, 4, 40), normal(6, 2, 7, seed=1), normal(6, seed=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "method"),
    [
        ((1, 3, 3, "zeros", 1, 2), "overlap_save"),
        ((2, 6, 0, "circular", 3, 1), "overlap_save"),
        ((2, 3, 3, "reflect", 1, 2), "direct"),
    ],
    ids=["grouped", "strided", "direct"],
)
def test_torch_finds_nothing_wrong_with_the_operators(method, options):
    x = normal(2, 4, 30).requires_grad_()
    w = normal(4, 4 // options[-1], 5, seed=1).requires_grad_()
    bias = normal(4, seed=2).requires_grad_()
    arguments = (*options, method)
    torch.library.opcheck(FORWARD, (x, w, bias, *arguments))
    torch.library.opcheck(FORWARD, (x, w, None, *arguments))
    g = normal(*FORWARD(x, w, None, *arguments).shape, seed=3).requires_grad_()
    for wanted in ((True, True), (True, False), (False, True)):
        torch.library.opcheck(BACKWARD, (g, x, w, *wanted, *arguments))


def loss(convolve, *tensors):
    return convolve(*tensors).pow(3).sum()


@pytest.mark.parametrize("method", METHODS)
def test_functional_transforms_give_what_they_give_for_torch(method):
    """Gradients, those of gradients, mapped lines, mapped kernels, gradients line by line."""
    x, w, bias = example()
    lines, kernels = normal(5, 3, 4, 40, seed=4), normal(6, 5, 2, 7, seed=5)
    ours = partial(conv1d, method=method, **GROUPED)
    theirs = partial(functional.conv1d, **GROUPED)

    def results(convolve):
        cost = partial(loss, convolve)
        by_line = (0, None, None)
        return [
            *grad(cost, (0, 1, 2))(x, w, bias),
            grad(lambda x: grad(cost, 1)(x, w, bias).pow(2).sum())(x),
            jacrev(lambda w: convolve(x, w, bias))(w),
            vmap(convolve, by_line)(lines, w, bias),
            vmap(convolve, (None, 1, None), out_dims=2)(x, kernels, bias),
            vmap(convolve, (0, 1, None))(lines, kernels, bias),
            vmap(vmap(convolve, by_line), (None, 1, None))(lines, kernels, bias),
            *vmap(grad(cost, (1, 2)), by_line)(lines, w, bias),
            vmap(grad(cost, 0), by_line)(lines, w, bias),
        ]

    for found, expected in zip(results(ours), results(theirs), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_an_ensemble_of_kernels_runs_in_one_call(method, monkeypatch):
    calls = []

    def counted(*arguments):
        calls.append(arguments[0].shape)
        return original(*arguments)

    original = routes.correlate
    monkeypatch.setattr(routes, "correlate", counted)
    vmap(partial(conv1d, method=method))(normal(5, 3, 4, 40), normal(5, 6, 4, 7))
    assert calls == [(3, 20, 40)]


def compiled(convolve, backend):
    torch.compiler.reset()
    return torch.compile(convolve, backend=backend, fullgraph=True, dynamic=True)


def agree_with_gradients(convolve, reference, tensors):
    tensors = [tensor.requires_grad_() for tensor in tensors]
    for found, expected in (
        (convolve(*tensors), reference(*tensors)),
        *zip(
            torch.autograd.grad(loss(convolve, *tensors), tensors),
            torch.autograd.grad(loss(reference, *tensors), tensors),
            strict=True,
        ),
    ):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_a_compiled_function_is_one_graph_for_lines_of_any_length(method):
    function = partial(conv1d, method=method, **GROUPED)
    fast = compiled(lambda *tensors: function(*tensors), "aot_eager")
    x, w, bias = example()
    agree_with_gradients(fast, function, (x, w, bias))
    with torch.compiler.set_stance("fail_on_recompile"):
        agree_with_gradients(fast, function, (normal(3, 4, 57), w, bias))


@pytest.mark.parametrize("method", METHODS)
def test_lines_whose_channel_is_last_are_compiled_too(method):
    """Torch takes them to have their channels last, and lays out what it gives accordingly."""
    x, w = normal(3, 50, 1).transpose(1, 2), normal(6, 1, 3)
    function = partial(conv1d, method=method)
    agree_with_gradients(compiled(function, "aot_eager"), function, (x, w))


def test_mapped_lines_are_compiled_too():
    _, w, bias = example()
    lines = normal(5, 3, 4, 40)
    mapped = vmap(partial(conv1d, method="overlap_save", **GROUPED), (0, None, None))
    found = compiled(lambda lines: mapped(lines, w, bias), "aot_eager")(lines)
    torch.testing.assert_close(found, mapped(lines, w, bias))


def test_an_exported_layer_plans_when_it_runs():
    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(normal(6, 4, 33))

        def forward(self, x):
            return conv1d(x, self.weight, padding="causal", stride=2).relu()

    layer = Layer()
    length = torch.export.Dim("length", min=100)
    x = normal(2, 4, 200)
    program = torch.export.export(layer, (x,), dynamic_shapes={"x": {2: length}}, strict=True)
    assert "ckstudy.conv1d" in str(program.graph)
    for length, route in ((110, "direct"), (9000, "overlap_save")):
        x = normal(2, 4, length)
        assert explain(x, layer.weight, padding="causal", stride=2).method == route
        torch.testing.assert_close(program.module()(x), layer(x))
