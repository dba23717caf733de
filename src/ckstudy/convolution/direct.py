"""Direct convolution by torch's own kernels, at full precision and with only x and w saved."""

from contextlib import AbstractContextManager

import torch
from torch import Tensor
from torch.nn import functional

from ckstudy.convolution.options import Options
from ckstudy.convolution.padding import folded, padded
from ckstudy.convolution.precision import full_precision


def correlate(x: Tensor, w: Tensor, bias: Tensor | None, options: Options) -> Tensor:
    """Cross-correlation (N, C_in, L), (C_out, C_in / groups, K) -> (N, C_out, L_out)."""
    with _precision(x, options):
        return functional.conv1d(
            padded(x, options),
            w,
            bias,
            stride=options.stride,
            dilation=options.dilation,
            groups=options.groups,
        )


def gradients(
    g: Tensor, x: Tensor, w: Tensor, options: Options, wanted: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of ``(g * correlate(x, w)).sum()`` for x and for w, where wanted."""
    with _precision(x, options):
        for_x, for_w, _ = torch.ops.aten.convolution_backward(
            g,
            padded(x, options),
            w,
            None,
            [options.stride],
            [0],
            [options.dilation],
            False,
            [0],
            options.groups,
            [*wanted, False],
        )
    if for_x is not None:
        for_x = folded(for_x, x.shape[-1], options)
    return for_x, for_w


def _precision(x: Tensor, options: Options) -> AbstractContextManager[None]:
    # Torch leaves a dilated convolution to cuDNN only where any algorithm will do. Its own is ten
    # times slower or more (github.com/pytorch/pytorch/issues/28777).
    return full_precision(x.device, deterministic=options.dilation == 1)
