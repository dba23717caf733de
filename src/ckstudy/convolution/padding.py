"""What the convolution sees beyond the two ends of its input."""

from torch import Tensor
from torch.nn import functional

from ckstudy.convolution.options import Options
from ckstudy.convolution.plan import Layout


def padded(x: Tensor, options: Options) -> Tensor:
    """The lines with both margins, (n, C, left + L + right); ``x`` itself where there are none."""
    ends = options.left, options.right
    if ends == (0, 0):
        return x
    mode = "constant" if options.padding_mode == "zeros" else options.padding_mode
    return functional.pad(x, ends, mode=mode)


def folded(gradient: Tensor, length: int, options: Options) -> Tensor:
    """The adjoint of :func:`padded`: (n, C, left + L + right) -> (n, C, L)."""
    left, right, mode = options.left, options.right, options.padding_mode
    if not left and not right:
        return gradient
    target = gradient[..., left : left + length].clone()
    before, behind = gradient[..., :left], gradient[..., left + length :]
    if mode == "reflect":
        target[..., 1 : left + 1] += before.flip(-1)
        target[..., length - 1 - right : length - 1] += behind.flip(-1)
    elif mode == "replicate":
        target[..., 0] += before.sum(-1)
        target[..., -1] += behind.sum(-1)
    elif mode == "circular":
        target[..., length - left :] += before
        target[..., :right] += behind
    return target


def window(x: Tensor, start: int, stop: int, layout: Layout) -> Tensor:
    """Samples ``start ... stop - 1`` of lines that are padded nowhere else, (n, C, stop - start).

    Beyond the right margin lie zeros. A margin that the window touches lies in it as a whole.
    """
    left, right, length = layout.left, layout.right, x.shape[-1]
    target = x.new_zeros((*x.shape[:-1], stop - start))
    begin = max(start - left, 0)
    inside = x[..., begin : stop - left]
    target[..., begin + left - start :][..., : inside.shape[-1]] = inside
    if layout.mirrored and left and start < left:
        target[..., :left] = x[..., 1 : left + 1].flip(-1)
    if layout.mirrored and right and stop > left + length:
        margin = x[..., length - 1 - right : length - 1].flip(-1)
        target[..., left + length - start :][..., :right] = margin
    return target
