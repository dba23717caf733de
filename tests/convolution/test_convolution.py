"""The convolution against torch's direct one in float64, and against its own definition."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional

from ckstudy.convolution import conv1d, explain, plan
from ckstudy.convolution.precision import full_precision

METHODS = ["direct", "overlap_save", "fft"]
MODES = ["zeros", "reflect", "replicate", "circular"]
# As the study's networks pad; the blocks are cut from lines that are padded nowhere.
REFLECTED = {"padding": "same", "padding_mode": "reflect"}
PADDINGS = [{"padding": "valid"}, {"padding": "same"}, REFLECTED]


def reference(x, w, bias=None, *, stride=1, padding=0, dilation=1, groups=1, padding_mode="zeros"):
    """torch's direct convolution, padded by torch, in the type of its arguments."""
    reach = dilation * (w.shape[2] - 1)
    named = {"valid": (0, 0), "same": (reach // 2, reach - reach // 2), "causal": (reach, 0)}
    ends = (padding, padding) if isinstance(padding, int) else named.get(padding, padding)
    mode = "constant" if padding_mode == "zeros" else padding_mode
    options = {"stride": stride, "dilation": dilation, "groups": groups}
    return functional.conv1d(functional.pad(x, ends, mode=mode), w, bias, **options)


def normal(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


@st.composite
def problems(draw):
    """Shapes, options and tensors of a convolution that can work."""
    samples, groups = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    of_group, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    taps, dilation = draw(st.integers(1, 24)), draw(st.integers(1, 4))
    stride = draw(st.sampled_from([1, 1, 1, 2, 3, 4, 6]))
    mode = draw(st.sampled_from(MODES))
    number = st.integers(0, 40)
    kinds = [st.sampled_from(["valid", "causal"]), number, st.tuples(number, number)]
    padding = draw(st.one_of(*kinds, *[st.just("same")] * (stride == 1)))
    span = dilation * (taps - 1) + 1
    ends = {"valid": (0, 0), "causal": (span - 1, 0), "same": (span // 2, span // 2)}
    left, right = ends.get(padding, (padding, padding) if isinstance(padding, int) else padding)
    least = {"zeros": 1, "replicate": 1, "reflect": max(left, right) + 1, "circular": 1}[mode]
    least = max(least, max(left, right) if mode == "circular" else 1, span - left - right)
    length = draw(st.integers(least, least + 150))
    seed = draw(st.integers(0, 1000))
    x = normal(samples, groups * of_group, length, seed=seed)
    w = normal(groups * outputs, of_group, taps, seed=seed + 1)
    bias = normal(groups * outputs, seed=seed + 2) if draw(st.booleans()) else None
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return x, w, bias, options | {"padding_mode": mode}


def with_gradients(convolve, tensors, seed=7):
    """The convolution of tensors that want gradients, and these, for some gradient of it."""
    tensors = [tensor.detach().requires_grad_() for tensor in tensors]
    y = convolve(*tensors)
    g = normal(*y.shape, seed=seed).to(y.dtype)
    return [y.detach(), *torch.autograd.grad(y, tensors, g)]


@pytest.mark.parametrize("method", [*METHODS, "auto"])
@settings(max_examples=150, deadline=None)
@given(problem=problems())
def test_values_and_gradients_equal_direct_convolution(method, problem):
    x, w, bias, options = problem
    tensors = [x, w] if bias is None else [x, w, bias]
    expected = with_gradients(partial(reference, **options), tensors)
    found = with_gradients(partial(conv1d, method=method, **options), tensors)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=50, deadline=None)
@given(problem=problems())
def test_float32_errs_by_1e_6_of_the_norm(method, problem):
    x, w, bias, options = problem
    tensors = [x, w] if bias is None else [x, w, bias]
    truth = with_gradients(partial(reference, **options), tensors)
    single = [tensor.float() for tensor in tensors]
    found = with_gradients(partial(conv1d, method=method, **options), single)
    for a, b in zip(found, truth, strict=True):
        assert a.dtype == torch.float32
        # The rounding of the arguments counts in every term, of which cancel some.
        assert (a - b).norm() <= 2e-6 * (b.norm() + x.norm() * w.norm() / b.numel() ** 0.5)


@pytest.mark.parametrize("method", METHODS)
def test_it_takes_what_a_layer_of_torch_takes(method):
    """With the attributes of ``torch.nn.Conv1d`` as they are: tuples, and padding by name."""
    x = normal(2, 4, 60)
    for options in (
        {"padding": 3, "stride": 2},
        {"padding": "same", "dilation": 3, "padding_mode": "circular"},
        {"padding": 5, "groups": 2, "bias": False, "padding_mode": "reflect"},
        {"padding": "valid", "groups": 4},
        {"padding": 7, "padding_mode": "replicate"},
    ):
        layer = nn.Conv1d(4, 8, 8, **options).double()
        y = conv1d(
            x,
            layer.weight,
            layer.bias,
            layer.stride,
            layer.padding,
            layer.dilation,
            layer.groups,
            padding_mode=layer.padding_mode,
            method=method,
        )
        torch.testing.assert_close(y, layer(x), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stride", [1, 3])
def test_no_output_of_a_causal_convolution_depends_on_what_follows_it(method, stride):
    x, w = normal(1, 2, 300).requires_grad_(), normal(3, 2, 31, seed=1)
    y = conv1d(x, w, stride=stride, padding="causal", method=method)
    assert y.shape[2] == -(-300 // stride)
    seen = 40
    (gradient,) = torch.autograd.grad(y[..., : seen // stride + 1].sum(), x)
    last = seen // stride * stride
    assert gradient[..., : last + 1].abs().min() > 0
    # Transforms leave rounding errors where the direct route leaves zeros.
    assert gradient[..., last + 1 :].abs().max() < 1e-12


@pytest.mark.parametrize(
    ("samples", "channels_in", "channels_out", "length", "kernel_size"),
    [(3, 5, 4, 3000, 131), (2, 3, 7, 1500, 400), (7, 22, 15, 600, 33), (1, 2, 2, 20000, 65)],
)
@pytest.mark.parametrize("padding", PADDINGS, ids=str)
def test_many_blocks_and_chunks_equal_direct_convolution(
    samples, channels_in, channels_out, length, kernel_size, padding, small_chunks
):
    x = normal(samples, channels_in, length).requires_grad_()
    w = normal(channels_out, channels_in, kernel_size, seed=1).requires_grad_()
    expected = reference(x, w, **padding)
    chosen = explain(x, w, **padding, method="overlap_save").layout
    assert chosen.chunk < samples or samples == 1
    assert chosen.blocks > 1
    y = conv1d(x, w, **padding, method="overlap_save")
    torch.testing.assert_close(y, expected, rtol=1e-12, atol=1e-11)
    g = normal(*y.shape, seed=2)
    for a, b in zip(
        torch.autograd.grad(y, (x, w), g), torch.autograd.grad(expected, (x, w), g), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-10)


@pytest.fixture(params=["one channel at a time", "two or three", "all"])
def small_chunks(request, monkeypatch):
    """Plans whose chunks hold a line or two, so that small tensors need several."""
    sizes = {"one channel at a time": 1, "two or three": 1 << 16, "all": 1 << 30}
    size = sizes[request.param]
    tight = {"least_bytes": 1, "columns": 1, "part_bytes": size, "group_bytes": size}
    costs = {name: replace(costs, **tight) for name, costs in plan.COSTS.items()}
    monkeypatch.setattr(plan, "COSTS", costs)
    plan.make_plan.cache_clear()
    yield
    plan.make_plan.cache_clear()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "options",
    [
        *PADDINGS,
        *[{"dilation": 2} | padding for padding in PADDINGS],
        {"padding": "causal"},
        {"stride": 2, "padding": (1, 6), "padding_mode": "circular"},
        {"stride": 3, "dilation": 2, "padding": 4, "padding_mode": "replicate"},
        {"groups": 2, "padding": 2},
        {"groups": 4, "padding": "same", "padding_mode": "reflect"},
        {"groups": 4, "stride": 2},
    ],
    ids=str,
)
def test_gradients_to_second_order(method, options):
    groups = options.get("groups", 1)
    channels = 2 if groups == 1 else 4
    x = normal(2, channels, 13).requires_grad_()
    w = normal(4, channels // groups, 4, seed=1).requires_grad_()
    bias = normal(4, seed=2).requires_grad_()
    convolve = partial(conv1d, method=method, **options)
    assert gradcheck(convolve, (x, w, bias))
    # Along random directions: all of them would take seconds each.
    assert gradgradcheck(convolve, (x, w, bias), fast_mode=True)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("argument", ["x", "w"])
def test_second_derivative_for_one_argument_alone(method, argument):
    x = normal(2, 2, 13).requires_grad_(argument == "x")
    w = normal(3, 2, 4, seed=1).requires_grad_(argument == "w")
    free = x if argument == "x" else w

    def convolve(value):
        first, second = (value, w) if argument == "x" else (x, value)
        return conv1d(first, second, method=method).pow(3)

    assert gradgradcheck(convolve, (free,))


@pytest.mark.parametrize("kernel_size", [3, 65, 131, 527])
@pytest.mark.parametrize("method", METHODS)
def test_float32_error_is_at_most_1e_6(kernel_size, method):
    x = normal(2, 6, 1600, dtype=torch.float32)
    w = normal(6, 6, kernel_size, seed=1, dtype=torch.float32)
    g = normal(2, 6, 1600, seed=2, dtype=torch.float32)

    def results(convolve, dtype):
        tensors = [t.to(dtype).requires_grad_() for t in (x, w)]
        y = convolve(*tensors)
        return [y, *torch.autograd.grad(y, tensors, g.to(dtype))]

    truth = results(lambda a, b: reference(a, b, padding="same"), torch.float64)
    actual = results(lambda a, b: conv1d(a, b, padding="same", method=method), torch.float32)
    for a, b in zip(actual, truth, strict=True):
        assert a.dtype == torch.float32
        assert (a - b).norm() <= 1e-6 * b.norm()


@pytest.mark.parametrize("method", METHODS)
def test_the_same_input_gives_the_same_bits(method):
    x = normal(9, 4, 900, dtype=torch.float32).requires_grad_()
    w = normal(5, 4, 65, seed=1, dtype=torch.float32).requires_grad_()

    def run():
        y = conv1d(x, w, method=method, **REFLECTED)
        return [y.detach(), *torch.autograd.grad(y, (x, w), torch.ones_like(y))]

    first = run()
    for _ in range(3):
        for a, b in zip(run(), first, strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("method", METHODS)
def test_autocast_does_not_change_the_result(method):
    x = normal(2, 4, 300, dtype=torch.float32).requires_grad_()
    w = normal(5, 4, 33, seed=1, dtype=torch.float32).requires_grad_()

    def run():
        y = conv1d(x, w, method=method)
        return [y.detach(), *torch.autograd.grad(y, (x, w), torch.ones_like(y))]

    plain = run()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        # The surroundings do round: the test would pass vacuously otherwise.
        assert functional.conv1d(x, w).dtype == torch.bfloat16
        under = run()
        rounded = conv1d(x.to(torch.bfloat16), w, method=method)
    assert all(torch.equal(a, b) for a, b in zip(under, plain, strict=True))
    # A layer's float32 beside what autocast has rounded: the widest of the two.
    assert torch.equal(rounded, conv1d(x.to(torch.bfloat16).float(), w, method=method))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_float32_but_for_the_rounding_of_tensors(method, dtype):
    x, w, bias = (
        normal(2, 4, 300).to(dtype),
        normal(4, 2, 33, seed=1).to(dtype),
        normal(4).to(dtype),
    )
    convolve = partial(conv1d, groups=2, padding="causal", method=method)
    found = with_gradients(convolve, (x, w, bias))
    truth = with_gradients(convolve, [tensor.float() for tensor in (x, w, bias)])
    rounding = torch.finfo(dtype).eps
    for a, b in zip(found, truth, strict=True):
        assert a.dtype == dtype
        # The gradient of the output is rounded too.
        assert (a - b).norm() <= rounding * b.norm()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dilation", [1, 3])
def test_empty_batch(method, dilation):
    x = torch.zeros(0, 3, 50, requires_grad=True)
    w = torch.ones(2, 3, 7, requires_grad=True)
    y = conv1d(x, w, dilation=dilation, padding="same", method=method)
    assert y.shape == (0, 2, 50)
    y.sum().backward()
    assert x.grad.shape == x.shape
    assert torch.equal(w.grad, torch.zeros_like(w))


@pytest.mark.parametrize("method", METHODS)
def test_input_and_kernel_need_not_be_contiguous(method):
    x = normal(90, 3, 4).permute(2, 1, 0)[:, :, ::2]
    w = normal(9, 3, 6).permute(2, 1, 0)[::2]
    assert not x.is_contiguous()
    assert not w.is_contiguous()
    y = conv1d(x, w, method=method)
    torch.testing.assert_close(y, reference(x, w), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_an_expanded_gradient_is_taken(method):
    """``sum().backward()`` hands over a gradient of stride 0."""
    x = normal(3, 2, 80).requires_grad_()
    w = normal(2, 2, 9, seed=1).requires_grad_()
    conv1d(x, w, method=method).sum().backward()
    expected = torch.autograd.grad(reference(x, w).sum(), (x, w))
    torch.testing.assert_close(x.grad, expected[0], rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(w.grad, expected[1], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("method", METHODS)
def test_a_nan_reaches_all_that_sees_it_and_no_other_line(method):
    x = normal(3, 2, 400)
    w = normal(2, 2, 9, seed=1)
    x[1, 0, 200] = float("nan")
    y = conv1d(x, w, method=method)
    assert y[1, :, 192:201].isnan().all()
    assert y[[0, 2]].isfinite().all()


def test_one_line_without_a_batch():
    x, w = normal(3, 50), normal(2, 3, 5, seed=1)
    assert torch.equal(conv1d(x, w), conv1d(x[None], w)[0])


def test_x_and_w_are_all_that_is_saved():
    x = normal(4, 3, 200).requires_grad_()
    w = normal(3, 3, 33, seed=1).requires_grad_()
    saved = []

    def pack(tensor):
        saved.append(tensor)
        return tensor

    circular = {"padding": 16, "padding_mode": "circular", "stride": 2, "dilation": 3}
    for padding in [*PADDINGS, circular]:
        for method in METHODS:
            saved.clear()
            with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
                conv1d(x, w, **padding, method=method)
            assert {t.data_ptr() for t in saved} == {x.data_ptr(), w.data_ptr()}


@pytest.mark.parametrize("padding", PADDINGS, ids=str)
def test_a_call_holds_little_beside_its_results(padding):
    """The tensors of a call at their peak, from the profiler's record of all allocations."""
    x = normal(48, 12, 3000, dtype=torch.float32).requires_grad_()
    w = normal(12, 12, 131, seed=1, dtype=torch.float32).requires_grad_()
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        y = conv1d(x, w, **padding, method="overlap_save")
        gradients = torch.autograd.grad(y, (x, w), y)
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    held, peak = 0, 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    results = sum(4 * tensor.numel() for tensor in (y, *gradients))
    assert held == results
    layout = explain(x, w, **padding, method="overlap_save").layout
    frequencies = layout.block // 2 + 1
    kernel = 8 * frequencies * 12 * 12
    chunk = 8 * frequencies * 12 * layout.chunk * layout.blocks
    # The kernel's spectrum and its gradient's; a spectrum, a product and what a transform returns.
    assert peak < results + 2 * kernel + 3.5 * chunk
    assert peak < 1.4 * results


@pytest.mark.parametrize(
    ("shape", "kernel", "options", "words"),
    [
        ((1, 2, 9), (3, 2, 10), {}, "spans 10 samples .* only 9"),
        ((1, 2, 9), (3, 2, 5), {"dilation": 3}, "spans 13 samples .* only 9"),
        ((1, 2, 9), (3, 4, 3), {}, "x has 2 channels, w takes 4"),
        (
            (1, 2, 9),
            (3, 2, 19),
            {"padding": 9, "padding_mode": "reflect"},
            "reflection by 9 samples",
        ),
        (
            (1, 2, 9),
            (3, 2, 3),
            {"padding": 10, "padding_mode": "circular"},
            "10 samples .* end of 9",
        ),
        ((1, 2, 0), (3, 2, 1), {"padding": "same"}, "only 0"),
        ((9,), (3, 2, 1), {}, r"x has shape \(9,\)"),
        ((1, 2, 9), (3, 2), {}, r"w has shape \(3, 2\)"),
        ((1, 2, 9), (3, 2, 0), {}, "none 0"),
        ((1, 2, 9), (3, 2, 3), {"padding": "reflect"}, "valid, same, causal, a number"),
        ((1, 2, 9), (3, 2, 3), {"padding": -1}, "padding is -1"),
        ((1, 2, 9), (3, 2, 3), {"padding": (1, 2, 3)}, r"padding is \(1, 2, 3\)"),
        ((1, 2, 9), (3, 2, 3), {"padding": "same", "stride": 2}, "no length at stride 2"),
        ((1, 2, 9), (3, 2, 3), {"padding_mode": "mirror"}, "zeros, reflect, replicate, circular"),
        ((1, 2, 9), (3, 2, 3), {"stride": 0}, "stride is 0"),
        ((1, 4, 9), (4, 4, 3), {"groups": 2}, "4 channels, w takes 4 for each of 2 groups"),
        ((1, 4, 9), (3, 2, 3), {"groups": 2}, "3 output channels, which 2 groups"),
        ((1, 2, 9), (3, 2, 3), {"method": "winograd"}, "auto, direct, overlap_save, fft"),
        ((1, 2, 9), (3, 2, 3), {"dilation": 0}, "at least 1"),
    ],
)
def test_what_cannot_work_is_refused_by_name(shape, kernel, options, words):
    with pytest.raises(ValueError, match=words):
        conv1d(torch.zeros(shape), torch.zeros(kernel), **options)


def test_types_that_do_not_fit_are_refused():
    x, w = torch.zeros(1, 2, 9), torch.zeros(3, 2, 3)
    with pytest.raises(ValueError, match="float32, float64, float16, bfloat16"):
        conv1d(x.int(), w.int())
    with pytest.raises(ValueError, match=r"w is torch\.float64"):
        conv1d(x, w.double())
    with pytest.raises(ValueError, match=r"bias has shape \(2,\)"):
        conv1d(x, w, torch.zeros(2))


@pytest.fixture
def matmul_settings():
    """torch's settings of the precision of matrix products, put back afterwards."""
    yield torch.backends.cuda.matmul
    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.fp32_precision = "none"


@pytest.mark.parametrize("older", ["highest", "high", "medium"])
def test_tf32_is_off_inside_and_as_the_caller_set_it_outside(older, matmul_settings):
    """The settings are the process's and can be read without a card."""
    torch.set_float32_matmul_precision(older)
    outside = matmul_settings.allow_tf32
    assert outside == (older != "highest")
    with full_precision(torch.device("cuda")):
        # Reading this fails where torch's older and newer setting disagree.
        assert matmul_settings.allow_tf32 is False
        assert torch.backends.cudnn.conv.fp32_precision == "ieee"
    assert torch.get_float32_matmul_precision() == older
    assert matmul_settings.allow_tf32 == outside


def test_tf32_set_by_the_newer_setting_alone_is_kept(matmul_settings):
    matmul_settings.fp32_precision = "tf32"
    with full_precision(torch.device("cuda")):
        assert matmul_settings.allow_tf32 is False
    assert matmul_settings.fp32_precision == "tf32"


def test_a_later_setting_of_all_still_reaches_matrix_products(matmul_settings):
    torch.backends.fp32_precision = "tf32"
    try:
        with full_precision(torch.device("cuda")):
            assert matmul_settings.fp32_precision == "ieee"
        assert matmul_settings.fp32_precision == "tf32"
        torch.backends.fp32_precision = "ieee"
        assert matmul_settings.fp32_precision == "ieee"
    finally:
        torch.backends.fp32_precision = "none"


def test_a_wider_bias_is_not_rounded():
    x, w = torch.zeros(1, 1, 8, dtype=torch.float16), torch.ones(1, 1, 3, dtype=torch.float16)
    bias = torch.tensor([1.00127685])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = conv1d(x, w, bias)
    assert found.dtype == torch.float32
    assert (found == bias).all()


def test_whole_numbers_of_numpy_and_in_tuples_will_do():
    x, w = normal(1, 4, 30), normal(2, 2, 3)
    expected = conv1d(x, w, stride=2, groups=2)
    torch.testing.assert_close(conv1d(x, w, stride=np.int64(2), groups=(2,)), expected)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("method", METHODS)
def test_cuda_gives_the_result_of_the_cpu_and_is_captured_in_a_graph(method):
    x = normal(3, 4, 700, dtype=torch.float32)
    w = normal(5, 4, 65, seed=1, dtype=torch.float32)

    def run(x, w):
        x, w = x.detach().requires_grad_(), w.detach().requires_grad_()
        y = conv1d(x, w, method=method, **REFLECTED)
        return [y, *torch.autograd.grad(y.square().sum(), (x, w))]

    expected = run(x.double(), w.double())
    device = [t.cuda() for t in (x, w)]
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            eager = run(*device)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        captured = run(*device)
    graph.replay()
    torch.cuda.synchronize()
    for a, b, truth in zip(eager, captured, expected, strict=True):
        assert torch.equal(a, b)
        assert (a.cpu() - truth).norm() <= 1e-6 * truth.norm()


@pytest.mark.parametrize("dilation", [1, 2])
def test_dilated_kernels_may_go_to_cudnn_on_the_direct_route(dilation, monkeypatch):
    # Torch does not use cuDNN for a dilated convolution that must be deterministic.
    asked = []

    def convolve(x, *arguments, **options):
        asked.append(torch.backends.cudnn.deterministic)
        return original(x, *arguments, **options)

    original = functional.conv1d
    monkeypatch.setattr("ckstudy.convolution.direct.functional.conv1d", convolve)
    monkeypatch.setattr(torch.Tensor, "device", torch.device("cuda"))
    conv1d(normal(1, 2, 30), normal(3, 2, 3), dilation=dilation, method="direct")
    assert asked == [dilation == 1]
    assert torch.backends.cudnn.deterministic is False
