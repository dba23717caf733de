"""The public convolution: checks its input and runs the operator."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ckstudy.convolution import operation
from ckstudy.convolution.options import METHODS, PADDING_MODES, Options, margins, single
from ckstudy.convolution.plan import Plan
from ckstudy.convolution.routes import plan_of

_DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


def conv1d(
    x: Tensor,
    w: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    *,
    padding_mode: str = "zeros",
    method: str = "auto",
) -> Tensor:
    r"""One-dimensional cross-correlation that mixes channels, fast for kernels of any length.

    .. math:: y_{n o t} = b_o + \sum_c \sum_k w_{o c k}\, x_{n c,\, s t + d k}

    with stride s and dilation d, as :func:`torch.nn.functional.conv1d` computes it, whose
    arguments it takes. Differentiable any number of times; saves nothing but ``x`` and ``w`` for
    the backward pass. The same input gives the same bits again. It is an operator of torch, so
    that ``torch.compile``, ``torch.export``, ``torch.func.vmap`` and ``torch.func.grad`` work.

    **Precision.** TF32 is off inside. Tensors of half precision (float16, bfloat16) are computed
    in float32 and the result is rounded to their type. Autocast rounds nothing: under it, tensors
    of different types take the widest of them, as is the layer's float32 beside a float16 input.

    A value that is not finite spreads to the whole block of samples that is transformed with it,
    where the direct method confines it to the outputs that see it.

    Parameters
    ----------
    x : Tensor
        (N, C_in, L) or (C_in, L), float32 or float64, or of half precision. N may be 0.
    w : Tensor
        (C_out, C_in / groups, K), of the type and device of ``x``. K may be odd or even.
    bias : Tensor, optional
        (C_out,).
    stride : int
        Samples from one output to the next.
    padding : int, pair of int, or {"valid", "same", "causal"}
        Samples added at both ends, or at the left and at the right one. "valid" adds none,
        "same" as many as keep the length, and "causal" the d (K - 1) that keep the length where
        all are on the left: then no output depends on what comes after it.
    dilation : int
        Distance of the kernel's taps, in samples.
    groups : int
        Each output channel sees C_in / groups channels; with ``groups`` C_in, one.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What is added: zeros, the line mirrored about its end samples, its end samples, or the
        line's other end.
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

    One kernel a channel, each output from what came before it, every fourth kept:

    >>> conv1d(x, torch.randn(2, 1, 501), stride=4, padding="causal", groups=2).shape
    torch.Size([2, 1000])
    """
    if torch.is_autocast_enabled(x.device.type):
        x, w, bias = _widest(x, w, bias)
    options = _checked(x, w, stride, padding, dilation, groups, padding_mode, method)
    _check_tensors(x, w, bias)
    if x.dim() == 2:
        return operation.correlate(x[None], w, bias, *options)[0]
    return operation.correlate(x, w, bias, *options)


def explain(
    x: Tensor,
    w: Tensor,
    *,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
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
    options = _checked(x, w, stride, padding, dilation, groups, padding_mode, method)
    return plan_of(x if x.dim() == 3 else x[None], w, options)


def _checked(
    x: Tensor,
    w: Tensor,
    stride: int | Sequence[int],
    padding: int | Sequence[int] | str,
    dilation: int | Sequence[int],
    groups: int,
    padding_mode: str,
    method: str,
) -> Options:
    """The options, where they can work with these shapes."""
    if padding_mode not in PADDING_MODES:
        raise ValueError(
            f"padding_mode is {padding_mode!r}; it must be one of {', '.join(PADDING_MODES)}"
        )
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; it must be one of {', '.join(METHODS)}")
    stride, dilation = single(stride, "stride"), single(dilation, "dilation")
    groups = single(groups, "groups")
    if x.dim() not in (2, 3):
        raise ValueError(f"x has shape {tuple(x.shape)}; it must be (N, C_in, L) or (C_in, L)")
    if w.dim() != 3 or 0 in w.shape:
        raise ValueError(
            f"w has shape {tuple(w.shape)}; it must be (C_out, C_in / groups, K), none 0"
        )
    channels, length = x.shape[-2:]
    if groups * w.shape[1] != channels:
        of_groups = f" for each of {groups} groups" if groups > 1 else ""
        raise ValueError(
            f"x has {channels} channels, w takes {w.shape[1]}{of_groups} "
            f"(shapes {tuple(x.shape)} and {tuple(w.shape)})"
        )
    if w.shape[0] % groups:
        raise ValueError(f"w has {w.shape[0]} output channels, which {groups} groups cannot share")
    taps = w.shape[2]
    left, right = margins(padding, taps, dilation, stride)
    options = Options(stride, left, right, padding_mode, dilation, groups, method)
    longest = max(left, right)
    if padding_mode == "reflect" and longest >= length:
        raise ValueError(
            f"reflection by {longest} samples needs a line longer than that; x has {length} samples"
        )
    if padding_mode == "circular" and longest > length:
        raise ValueError(f"{longest} samples cannot be taken from the other end of {length}")
    if length + left + right < options.span(taps) or length == 0:
        raise ValueError(
            f"the kernel spans {options.span(taps)} samples (K = {taps}, dilation {dilation}), "
            f"but x has only {length}"
        )
    return options


def _check_tensors(x: Tensor, w: Tensor, bias: Tensor | None) -> None:
    if x.dtype not in _DTYPES:
        names = ", ".join(str(dtype).removeprefix("torch.") for dtype in _DTYPES)
        raise ValueError(f"x is {x.dtype}; the convolution takes {names}")
    others = {"w": w} if bias is None else {"w": w, "bias": bias}
    for name, other in others.items():
        if other.dtype != x.dtype or other.device != x.device:
            raise ValueError(
                f"x is {x.dtype} on {x.device}, {name} is {other.dtype} on {other.device}; "
                "they must agree"
            )
    if bias is not None and bias.shape != w.shape[:1]:
        raise ValueError(f"bias has shape {tuple(bias.shape)}; it must be ({w.shape[0]},)")


def _widest(x: Tensor, w: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    dtype = torch.promote_types(x.dtype, w.dtype)
    if bias is not None:
        dtype = torch.promote_types(dtype, bias.dtype)
    return x.to(dtype), w.to(dtype), None if bias is None else bias.to(dtype)
