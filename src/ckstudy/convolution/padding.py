"""What a convolution sees beyond the two ends of its input."""

import torch
from torch import Tensor

PADDINGS = ("valid", "same", "reflect")


def margins(padding: str, kernel_size: int, dilation: int) -> tuple[int, int]:
    """Samples added at the left and right end, so that "same" and "reflect" keep the length.

    An even kernel has no middle: the odd sample goes to the right, as in torch.
    """
    if padding == "valid":
        return 0, 0
    total = dilation * (kernel_size - 1)
    return total // 2, total - total // 2


def extend(source: Tensor, target: Tensor, left: int, right: int, mirrored: bool) -> None:
    """Write ``source`` (..., L) into ``target`` (..., >= left + L + right) from index ``left`` on.

    The margins are mirrored about the end samples where ``mirrored``; otherwise, as all that lies
    beyond the right margin, they are left as they are.
    """
    length = source.shape[-1]
    target[..., left : left + length] = source
    if mirrored and left:
        target[..., :left] = source[..., 1 : left + 1].flip(-1)
    if mirrored and right:
        target[..., left + length : left + length + right] = source[
            ..., length - 1 - right : length - 1
        ].flip(-1)


def fold(extended: Tensor, target: Tensor, left: int, right: int, mirrored: bool) -> None:
    """The adjoint of :func:`extend`: write the gradient of ``source`` into ``target``."""
    length = target.shape[-1]
    target.copy_(extended[..., left : left + length])
    if mirrored and left:
        target[..., 1 : left + 1] += extended[..., :left].flip(-1)
    if mirrored and right:
        margin = extended[..., left + length : left + length + right]
        target[..., length - 1 - right : length - 1] += margin.flip(-1)


def extended(source: Tensor, left: int, right: int, mirrored: bool) -> Tensor:
    """``source`` with both margins, as a new tensor; ``source`` itself where there are none."""
    if not left and not right:
        return source
    target = source.new_zeros((*source.shape[:-1], left + source.shape[-1] + right))
    extend(source, target, left, right, mirrored)
    return target


def folded(gradient: Tensor, length: int, left: int, right: int, mirrored: bool) -> Tensor:
    """The adjoint of :func:`extended`, as a new tensor of ``length`` samples."""
    if not left and not right:
        return gradient
    target = torch.empty(
        (*gradient.shape[:-1], length), dtype=gradient.dtype, device=gradient.device
    )
    fold(gradient, target, left, right, mirrored)
    return target
