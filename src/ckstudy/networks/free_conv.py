"""The free-kernel twin of the continuous convolution: ordinary weights, one for every tap."""

from fractions import Fraction
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from ckstudy.networks.windowed_conv import WindowedConv


class FreeConv(WindowedConv):
    r"""A convolution whose kernel is K free weights for each pair of channels.

    .. math:: y_o(l) = b_o + \sum_c \sum_a g\, w_{oca}\, e^{-\frac12 (n_a / \sigma)^2}\, x_c(l + a)

    Everything but the kernel is as in :class:`~ckstudy.networks.ckconv.CKConv`: the window, the
    cut, and a start of unit gain. Where long continuous kernels fail, this twin tells whether the
    parametrisation is at fault or the length: its parameters grow with K.

    The weights start normal, each output channel's scaled so that the sum of squares of its
    kernel, with its window, over inputs and taps is 1. The fixed factor g is the size of a tap, so
    that the weights are of order one and a step of Adam, which is as large as its learning rate
    whatever the weight, means the same at every K.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int
        K, odd.
    stride, padding, dilation, groups, bias, padding_mode
        Those of :class:`torch.nn.Conv1d`; ``padding`` may also be "causal", or a pair of numbers.
    window : float, optional
        Standard deviation σ that the Gaussian window starts with, in samples; None is no window.

    Raises
    ------
    StudyError
        For an even kernel size, a window that is no positive number, or options that no
        convolution can have.

    Examples
    --------
    >>> import torch
    >>> from ckstudy.networks import FreeConv
    >>> layer = FreeConv(1, 8, kernel_size=501)
    >>> layer(torch.randn(4, 1, 8446)).shape
    torch.Size([4, 8, 7946])
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, **options: Any
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, **options)
        self.weight = nn.Parameter(
            torch.randn(out_channels, in_channels // self.groups, kernel_size)
        )
        self.gain = self._unit_gain()
        with torch.no_grad():
            energy = self.kernel().square().sum((1, 2), keepdim=True)
            self.weight.mul_(energy.rsqrt())

    def _take_taps(self, original: Self, factor: float) -> None:
        """By a polyphase filter: between its taps a free kernel has no values of its own."""
        from scipy.signal import resample_poly  # here: it takes a second to import

        ratio = Fraction(factor).limit_denominator(1000)
        # Zeros on either side put the centre on the new grid.
        half = (original.kernel_size - 1) // 2
        margin = -half % ratio.denominator
        taps = np.pad(original.weight.detach().double().cpu(), ((0, 0), (0, 0), (margin, margin)))
        dense = resample_poly(taps, ratio.numerator, ratio.denominator, axis=-1)
        centre = (half + margin) * ratio.numerator // ratio.denominator
        new = (self.kernel_size - 1) // 2
        self.weight = nn.Parameter(
            torch.from_numpy(dense[..., centre - new : centre + new + 1]).to(original.weight)
        )
        self.gain = original.gain / factor

    def taps(self, kept: slice) -> Tensor:
        return self.weight[..., kept] * (self.gain * self.window(self.positions[kept]))
