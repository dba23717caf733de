"""The convolution as two operators of torch, which every part of torch can work with.

With ``T(g, x, w) = sum of g * correlate(x, w)``, which is linear in each of its arguments, the
convolution is the derivative of T for g, and its two gradients are those for x and for w.
Differentiating these once more gives values of the same three maps, so two operators suffice for
derivatives of any order:

    ckstudy::conv1d            (x, w, bias) -> y
    ckstudy::conv1d_gradients  (g, x, w) -> the gradients for x and for w

They keep x and w alone for the backward pass. To ``torch.compile`` and ``torch.export`` they are
nodes whose shapes are known: the plan is made when they run. Under ``vmap`` the mapped dimension
becomes more lines or, where kernels differ along it, more groups of channels.

The rules stand in an :class:`torch.autograd.Function` each, and are registered for its operator
too: ``torch.func.grad`` takes them from the former alone, and ``torch.compile`` from the latter.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from ckstudy.convolution import routes
from ckstudy.convolution.options import Options

_OPTIONS = (
    "int stride, SymInt left, SymInt right, str padding_mode, int dilation, int groups, str method"
)
_library = torch.library.Library("ckstudy", "DEF")
_library.define(f"conv1d(Tensor x, Tensor w, Tensor? bias, {_OPTIONS}) -> Tensor")
_library.define(
    "conv1d_gradients(Tensor g, Tensor x, Tensor w, bool want_x, bool want_w, "
    f"{_OPTIONS}) -> (Tensor, Tensor)"
)


def correlate(x: Tensor, w: Tensor, bias: Tensor | None, *options: Any) -> Tensor:
    """Cross-correlation of lines (N, C_in, L), with the fields of :class:`Options`."""
    if _transformed():
        return Convolution.apply(x, w, bias, *options)
    return torch.ops.ckstudy.conv1d.default(x, w, bias, *options)


def gradients(
    g: Tensor, x: Tensor, w: Tensor, want_x: bool, want_w: bool, *options: Any
) -> tuple[Tensor, Tensor]:
    """Gradients of ``(g * correlate(x, w)).sum()`` for x and for w, empty where not wanted."""
    if _transformed():
        return Gradients.apply(g, x, w, want_x, want_w, *options)
    return torch.ops.ckstudy.conv1d_gradients.default(g, x, w, want_x, want_w, *options)


def _transformed() -> bool:
    """Whether a transform of ``torch.func`` is at work; a compiler traces the operators."""
    return torch._C._are_functorch_transforms_active() and not torch.compiler.is_compiling()


class Convolution(Function):
    """(x, w, bias) -> y."""

    @staticmethod
    def forward(x: Tensor, w: Tensor, bias: Tensor | None, *options: Any) -> Tensor:
        return torch.ops.ckstudy.conv1d.default(x, w, bias, *options)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        x, w, _, *options = inputs
        ctx.save_for_backward(x, w)
        ctx.options = options

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, w = ctx.saved_tensors
        want_x, want_w, want_bias, *_ = ctx.needs_input_grad
        for_x = for_w = None
        if want_x or want_w:
            for_x, for_w = gradients(g, x, w, want_x, want_w, *ctx.options)
        for_bias = g.sum((0, 2)) if want_bias else None
        found = (for_x if want_x else None, for_w if want_w else None, for_bias)
        return *found, *[None] * len(ctx.options)

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple, x: Tensor, w: Tensor, bias: Tensor | None, *options: Any
    ) -> tuple[Tensor, int]:
        copies = info.batch_size
        of_x, of_w, of_bias, *_ = in_dims
        if of_w is of_bias is None:
            y = correlate(_as_lines(x, of_x, copies), w, bias, *options)
            return _apart(y, 0, copies), 0
        y = correlate(
            _as_channels(x, of_x, copies),
            _first(w, of_w, copies).flatten(0, 1),
            None if bias is None else _first(bias, of_bias, copies).flatten(),
            *_of_groups(copies, options),
        )
        return _apart(y, 1, copies), 1


class Gradients(Function):
    """(g, x, w) -> (gradient for x, gradient for w), each empty where it is not wanted."""

    @staticmethod
    def forward(
        g: Tensor, x: Tensor, w: Tensor, want_x: bool, want_w: bool, *options: Any
    ) -> tuple[Tensor, Tensor]:
        return torch.ops.ckstudy.conv1d_gradients.default(g, x, w, want_x, want_w, *options)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple[Tensor, Tensor]) -> None:
        g, x, w, *ctx.wanted = inputs[:5]
        ctx.options = inputs[5:]
        ctx.save_for_backward(g, x, w)
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(
        ctx: Any, along_x: Tensor | None, along_w: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        g, x, w = ctx.saved_tensors
        # The gradient that was not wanted is empty, and so is a direction along it.
        along_x, along_w = (
            along if wanted else None
            for along, wanted in zip((along_x, along_w), ctx.wanted, strict=True)
        )
        want_g, want_x, want_w, *_ = ctx.needs_input_grad
        for_g = for_x = for_w = None
        directions = [(along_x, w)] if along_x is not None else []
        directions += [(x, along_w)] if along_w is not None else []
        if want_g and directions:
            first, *rest = (correlate(a, b, None, *ctx.options) for a, b in directions)
            for_g = first + rest[0] if rest else first
        # The gradient for x comes with the direction of w, and the other way round.
        want_x, want_w = want_x and along_w is not None, want_w and along_x is not None
        if want_x or want_w:
            for_x, for_w = gradients(
                g,
                x if along_x is None else along_x,
                w if along_w is None else along_w,
                want_x,
                want_w,
                *ctx.options,
            )
        found = (for_g, for_x if want_x else None, for_w if want_w else None)
        return *found, *[None] * (2 + len(ctx.options))

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple,
        g: Tensor,
        x: Tensor,
        w: Tensor,
        want_x: bool,
        want_w: bool,
        *options: Any,
    ) -> tuple[tuple[Tensor, Tensor], tuple[int | None, int | None]]:
        copies = info.batch_size
        of_g, of_x, of_w, *_ = in_dims
        if of_w is None and not want_w:
            for_x, for_w = gradients(
                _as_lines(g, of_g, copies), _as_lines(x, of_x, copies), w, True, False, *options
            )
            return (_apart(for_x, 0, copies), for_w), (0, None)
        for_x, for_w = gradients(
            _as_channels(g, of_g, copies),
            _as_channels(x, of_x, copies),
            _first(w, of_w, copies).flatten(0, 1),
            want_x,
            want_w,
            *_of_groups(copies, options),
        )
        for_x = _apart(for_x, 1, copies) if want_x else for_x
        for_w = _apart(for_w, 0, copies) if want_w else for_w
        return (for_x, for_w), (1 if want_x else None, 0 if want_w else None)


def _first(tensor: Tensor, dim: int | None, copies: int) -> Tensor:
    """The mapped dimension, which the tensor may not have, in front."""
    return tensor.expand(copies, *tensor.shape) if dim is None else tensor.movedim(dim, 0)


def _as_lines(tensor: Tensor, dim: int | None, copies: int) -> Tensor:
    """(N, C, L) with a mapped dimension -> (copies · N, C, L)."""
    return _first(tensor, dim, copies).flatten(0, 1)


def _as_channels(tensor: Tensor, dim: int | None, copies: int) -> Tensor:
    """(N, C, L) with a mapped dimension -> (N, copies · C, L)."""
    return _first(tensor, dim, copies).transpose(0, 1).flatten(1, 2)


def _apart(tensor: Tensor, dim: int, copies: int) -> Tensor:
    """The mapped dimension by itself again, before the ``dim`` that it was put into."""
    return tensor.unflatten(dim, (copies, tensor.shape[dim] // copies))


def _of_groups(copies: int, options: tuple) -> Options:
    found = Options(*options)
    return found._replace(groups=copies * found.groups)


def _correlate(x: Tensor, w: Tensor, bias: Tensor | None, *options: Any) -> Tensor:
    wide = None if bias is None else _widened(bias)
    found = routes.correlate(_widened(x), _widened(w), wide, Options(*options))
    return _as_said(found, x.dtype)


def _gradients(
    g: Tensor, x: Tensor, w: Tensor, want_x: bool, want_w: bool, *options: Any
) -> tuple[Tensor, Tensor]:
    for_x, for_w = routes.gradients(
        _widened(g), _widened(x), _widened(w), Options(*options), (want_x, want_w)
    )
    return (
        x.new_empty(0) if for_x is None else _as_said(for_x, x.dtype),
        w.new_empty(0) if for_w is None else _as_said(for_w, w.dtype),
    )


def _as_said(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """As the ``_shape...`` functions tell the compiler: of that type, and in order.

    Torch takes one channel's lines (N, 1, L) to have their channels last where the strides allow
    it, and answers with tensors that do.
    """
    return tensor.to(dtype).contiguous()


def _widened(tensor: Tensor) -> Tensor:
    """Half precision is a way to keep tensors here: sums and transforms are in float32."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def _shape_of_result(x: Tensor, w: Tensor, bias: Tensor | None, *options: Any) -> Tensor:
    length = Options(*options).output_length(x.shape[2], w.shape[2])
    return x.new_empty((x.shape[0], w.shape[0], length))


def _shapes_of_gradients(
    g: Tensor, x: Tensor, w: Tensor, want_x: bool, want_w: bool, *options: Any
) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape if want_x else 0), w.new_empty(w.shape if want_w else 0)


for _name, _compute, _shapes, _rules in (
    ("ckstudy::conv1d", _correlate, _shape_of_result, Convolution),
    ("ckstudy::conv1d_gradients", _gradients, _shapes_of_gradients, Gradients),
):
    torch.library.impl(_name, "CompositeExplicitAutograd", _compute, lib=_library)
    torch.library.register_fake(_name, _shapes, lib=_library)
    torch.library.register_vmap(_name, _rules.vmap, lib=_library)
    torch.library.register_autograd(
        _name, _rules.backward, setup_context=_rules.setup_context, lib=_library
    )
