"""The autograd operation: it saves x and w alone, and can be differentiated any number of times.

With ``T(g, x, w) = sum of g * correlate(x, w)``, which is linear in each of its arguments, the
convolution is the derivative of T for g, and its two gradients are those for x and for w.
Differentiating these once more gives values of the same three maps, so two operations suffice.
"""

from types import ModuleType
from typing import Any

from torch import Tensor
from torch.autograd import Function

from ckstudy.convolution import direct, overlap_save
from ckstudy.convolution.plan import Plan


def _route(plan: Plan) -> ModuleType:
    return direct if plan.method == "direct" else overlap_save


class Convolution(Function):
    """(x, w, bias) -> y."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, bias: Tensor | None, plan: Plan) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.plan = plan
        return _route(plan).correlate(x, w, bias, plan)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, w = ctx.saved_tensors
        want_x, want_w, want_bias, _ = ctx.needs_input_grad
        for_x = for_w = for_bias = None
        if want_x or want_w:
            for_x, for_w = Gradients.apply(g, x, w, ctx.plan, (want_x, want_w))
        if want_bias:
            for_bias = g.sum((0, 2))
        return for_x, for_w, for_bias, None


class Gradients(Function):
    """(g, x, w) -> (gradient for x, gradient for w), each None where it is not wanted."""

    @staticmethod
    def forward(
        ctx: Any, g: Tensor, x: Tensor, w: Tensor, plan: Plan, wanted: tuple[bool, bool]
    ) -> tuple[Tensor | None, Tensor | None]:
        ctx.save_for_backward(g, x, w)
        ctx.plan = plan
        ctx.set_materialize_grads(False)
        return _route(plan).gradients(g, x, w, plan, wanted)

    @staticmethod
    def backward(
        ctx: Any, along_x: Tensor | None, along_w: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        g, x, w = ctx.saved_tensors
        plan = ctx.plan
        want_g, want_x, want_w = ctx.needs_input_grad[:3]
        for_g = for_x = for_w = None
        if want_g:
            parts = [
                Convolution.apply(a, b, None, plan)
                for a, b in ((along_x, w), (x, along_w))
                if a is not None and b is not None
            ]
            for_g = sum(parts) if parts else None
        # The gradient for x comes with the direction of w, and the other way round.
        wanted = (want_x and along_w is not None, want_w and along_x is not None)
        if any(wanted):
            for_x, for_w = Gradients.apply(
                g,
                x if along_x is None else along_x,
                w if along_w is None else along_w,
                plan,
                wanted,
            )
        return for_g, for_x, for_w, None, None
