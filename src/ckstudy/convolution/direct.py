"""Direct convolution by torch's own kernels, at full precision and with only x and w saved."""

from contextlib import AbstractContextManager

import torch
from torch import Tensor
from torch.nn import functional

from ckstudy.convolution.padding import folded, padded
from ckstudy.convolution.plan import Plan
from ckstudy.convolution.precision import full_precision


def correlate(x: Tensor, w: Tensor, bias: Tensor | None, plan: Plan) -> Tensor:
    """Cross-correlation (N, C_in, L), (C_out, C_in, K) -> (N, C_out, L_out)."""
    with _precision(x, plan):
        return functional.conv1d(padded(x, plan), w, bias, dilation=plan.dilation)


def gradients(
    g: Tensor, x: Tensor, w: Tensor, plan: Plan, wanted: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of ``(g * correlate(x, w)).sum()`` for x and for w, where wanted."""
    with _precision(x, plan):
        for_x, for_w, _ = torch.ops.aten.convolution_backward(
            g,
            padded(x, plan),
            w,
            None,
            [1],
            [0],
            [plan.dilation],
            False,
            [0],
            1,
            [*wanted, False],
        )
    if for_x is not None:
        for_x = folded(for_x, x.shape[-1], plan)
    return for_x, for_w


def _precision(x: Tensor, plan: Plan) -> AbstractContextManager[None]:
    # Torch leaves a dilated convolution to cuDNN only where any algorithm will do. Its own is ten
    # times slower or more (github.com/pytorch/pytorch/issues/28777).
    return full_precision(x.device, deterministic=plan.dilation == 1)
