"""The public convolution: checks its input, plans, and runs the operation."""

import torch
from torch import Tensor
from torch.nn import functional

from ckstudy.convolution.operation import Convolution
from ckstudy.convolution.plan import METHODS, PADDINGS, Plan, make_plan, margins


def conv1d(
    x: Tensor,
    w: Tensor,
    bias: Tensor | None = None,
    *,
    dilation: int = 1,
    padding: str = "valid",
    method: str = "auto",
) -> Tensor:
    """One-dimensional cross-correlation that mixes channels, fast for kernels of any length.

    ``y[n, o, t] = bias[o] + sum over c, k of w[o, c, k] x[n, c, t + dilation k]``, as
    :func:`torch.nn.functional.conv1d` computes it at stride 1. Differentiable any number of
    times; saves nothing but ``x`` and ``w`` for the backward pass (a dilated kernel that goes
    through transforms also saves a padded copy of ``x``). The same input gives the same bits
    again. Autocast and TF32 are off inside.

    A value that is not finite spreads to the whole block of samples that is transformed with it,
    where the direct method confines it to the outputs that see it.

    Parameters
    ----------
    x : Tensor
        (N, C_in, L) or (C_in, L), float32 or float64. N may be 0.
    w : Tensor
        (C_out, C_in, K), of the type and device of ``x``. K may be odd or even.
    bias : Tensor, optional
        (C_out,).
    dilation : int
        Distance of the kernel's taps, in samples.
    padding : {"valid", "same", "reflect"}
        "valid" gives L - dilation (K - 1) samples; "same" pads with zeros and "reflect" mirrors
        the line about its end samples, both to L samples.
    method : {"auto", "direct", "overlap_save", "fft"}
        How to compute it; "auto" takes the cheapest by :func:`explain`'s estimates.

    Returns
    -------
    Tensor
        (N, C_out, L_out) or (C_out, L_out).

    Raises
    ------
    ValueError
        Where shapes, types or options do not fit together; the message names them.

    Examples
    --------
    A kernel of 2001 samples delays by its first tap and mixes two channels into one:

    >>> import torch
    >>> from ckstudy import conv1d
    >>> x = torch.arange(2 * 4000.0).reshape(2, 4000)
    >>> w = torch.zeros(1, 2, 2001)
    >>> w[0, :, 0] = torch.tensor([1.0, 10.0])
    >>> y = conv1d(x, w)
    >>> y.shape
    torch.Size([1, 2000])
    >>> torch.allclose(y[0], x[0, :2000] + 10 * x[1, :2000])
    True
    >>> conv1d(x, w, padding="same").shape
    torch.Size([1, 4000])
    """
    if torch.is_autocast_enabled(x.device.type) and x.dtype in (torch.float16, torch.bfloat16):
        x = x.to(w.dtype)
    plan = explain(x, w, dilation=dilation, padding=padding, method=method)
    _check_tensors(x, w, bias)
    batched = x if x.dim() == 3 else x[None]
    if plan.method == "direct" or dilation == 1:
        y = Convolution.apply(batched, w, bias, plan)
    else:
        y = _by_phases(batched, w, bias, padding, plan)
    return y if x.dim() == 3 else y[0]


def explain(
    x: Tensor,
    w: Tensor,
    *,
    dilation: int = 1,
    padding: str = "valid",
    method: str = "auto",
) -> Plan:
    """The plan that :func:`conv1d` follows for these arguments; ``str`` of it says why.

    Raises
    ------
    ValueError
        Where the shapes or the options cannot work.

    Examples
    --------
    >>> import torch
    >>> from ckstudy.convolution import explain
    >>> x = torch.zeros(16, 22, 8446)
    >>> explain(x, torch.zeros(22, 22, 3)).method
    'direct'
    >>> explain(x, torch.zeros(22, 22, 2111)).method
    'overlap_save'
    """
    if padding not in PADDINGS:
        raise ValueError(f"padding is {padding!r}; it must be one of {', '.join(PADDINGS)}")
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; it must be one of {', '.join(METHODS)}")
    if not isinstance(dilation, int) or dilation < 1:
        raise ValueError(f"dilation is {dilation!r}; it must be a whole number, at least 1")
    if x.dim() not in (2, 3):
        raise ValueError(f"x has shape {tuple(x.shape)}; it must be (N, C_in, L) or (C_in, L)")
    if w.dim() != 3 or 0 in w.shape:
        raise ValueError(f"w has shape {tuple(w.shape)}; it must be (C_out, C_in, K), none 0")
    samples = x.shape[0] if x.dim() == 3 else 1
    channels, length = x.shape[-2:]
    if channels != w.shape[1]:
        raise ValueError(
            f"x has {channels} channels, w takes {w.shape[1]} "
            f"(shapes {tuple(x.shape)} and {tuple(w.shape)})"
        )
    span = dilation * (w.shape[2] - 1) + 1
    left, right = margins(padding, w.shape[2], dilation)
    if padding == "reflect" and right >= length:
        raise ValueError(
            f"reflection by {right} samples needs a line longer than that; x has {length} samples"
        )
    if length + left + right < span or length == 0:
        raise ValueError(
            f"the kernel spans {span} samples (K = {w.shape[2]}, dilation {dilation}), "
            f"but x has only {length}"
        )
    return make_plan(
        samples,
        channels,
        w.shape[0],
        length,
        w.shape[2],
        dilation,
        padding,
        method,
        x.device.type,
        x.dtype.itemsize,
    )


def _check_tensors(x: Tensor, w: Tensor, bias: Tensor | None) -> None:
    if x.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"x is {x.dtype}; the convolution takes float32 and float64")
    others = {"w": w} if bias is None else {"w": w, "bias": bias}
    for name, other in others.items():
        if other.dtype != x.dtype or other.device != x.device:
            raise ValueError(
                f"x is {x.dtype} on {x.device}, {name} is {other.dtype} on {other.device}; "
                "they must agree"
            )
    if bias is not None and bias.shape != w.shape[:1]:
        raise ValueError(f"bias has shape {tuple(bias.shape)}; it must be ({w.shape[0]},)")


def _by_phases(x: Tensor, w: Tensor, bias: Tensor | None, padding: str, plan: Plan) -> Tensor:
    """A dilated convolution as plain ones of the phases x[..., p :: dilation]."""
    dilation = plan.dilation
    samples, length = x.shape[0], x.shape[-1]
    left, right = margins(padding, w.shape[2], dilation)
    output_length = length + left + right - dilation * (w.shape[2] - 1)
    if padding == "reflect":
        x = functional.pad(x, (left, right), mode="reflect")
        left = right = 0
    # Zeros round the length up to whole phases.
    excess = -(x.shape[-1] + left + right) % dilation
    x = functional.pad(x, (left, right + excess))
    x = x.unflatten(-1, (x.shape[-1] // dilation, dilation)).permute(0, 3, 1, 2).flatten(0, 1)
    y = Convolution.apply(x, w, bias, plan)
    y = y.unflatten(0, (samples, dilation)).permute(0, 2, 3, 1).flatten(2)
    return y[..., :output_length]
