"""What a convolution sees beyond the two ends of its input."""

from torch import Tensor

from ckstudy.convolution.plan import Plan


def window(x: Tensor, start: int, stop: int, plan: Plan) -> Tensor:
    """Samples ``start ... stop - 1`` of the padded lines (n, C, left + L + right).

    Beyond the right margin lie zeros. A margin that the window touches lies in it as a whole.
    """
    left, right, length = plan.left, plan.right, x.shape[-1]
    target = x.new_zeros((*x.shape[:-1], stop - start))
    begin = max(start - left, 0)
    inside = x[..., begin : stop - left]
    target[..., begin + left - start :][..., : inside.shape[-1]] = inside
    if plan.mirrored and left and start < left:
        target[..., :left] = x[..., 1 : left + 1].flip(-1)
    if plan.mirrored and right and stop > left + length:
        margin = x[..., length - 1 - right : length - 1].flip(-1)
        target[..., left + length - start :][..., :right] = margin
    return target


def padded(x: Tensor, plan: Plan) -> Tensor:
    """The lines with both margins, (n, C, left + L + right); ``x`` itself where there are none."""
    if not plan.left and not plan.right:
        return x
    return window(x, 0, plan.left + x.shape[-1] + plan.right, plan)


def folded(gradient: Tensor, length: int, plan: Plan) -> Tensor:
    """The adjoint of :func:`padded`: (n, C, left + L + right) -> (n, C, L)."""
    left, right = plan.left, plan.right
    if not left and not right:
        return gradient
    target = gradient[..., left : left + length].clone()
    if plan.mirrored and left:
        target[..., 1 : left + 1] += gradient[..., :left].flip(-1)
    if plan.mirrored and right:
        margin = gradient[..., left + length : left + length + right].flip(-1)
        target[..., length - 1 - right : length - 1] += margin
    return target
