"""What every convolution with a long kernel shares: a learnable window, and the cut it allows."""

import copy
import math
from typing import Self

import torch
from torch import Tensor, nn

from ckstudy.convolution import conv1d
from ckstudy.errors import StudyError

# A kept half-width is a multiple of so many taps: the cut follows the window in steps, so that
# plans and shapes of the convolution stay for a while.
CUT_STEP = 32


class WindowedConv(nn.Module):
    r"""A 'valid' convolution with a kernel of K taps under an optional Gaussian window.

    A subclass says what the kernel is (:meth:`taps`). Its output is shorter than its input by
    (K - 1)·d samples.

    **Window.** With ``window`` the kernel is multiplied by

    .. math:: e^{-\frac12 (n / \sigma)^2}, \qquad n = \tau\,(K - 1)\,d / 2

    with one learnable width σ for the layer, in samples and kept as its logarithm
    (``log_sigma``): a step of Adam changes it by the same fraction at every width and K. (Romero
    et al., 2022, learn such masks in units of the kernel's length.)

    **Cut.** Taps where the window is below ``cutoff`` (1e-6) of its peak are neither sampled nor
    convolved, which changes the output and the gradients by no more than that fraction and makes
    a long kernel with a narrow window as cheap as a short one. What is kept is the half-width
    rounded up to a multiple of 32 taps. It follows σ at every call, which on a CUDA device would
    wait for the device and cannot be part of a recorded step: there, training computes the whole
    kernel and only evaluation cuts. ``cutoff = 0`` cuts nothing.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int
        K, odd.
    dilation : int
        d, the distance of neighbouring taps in samples.
    window : float or None
        Standard deviation σ that the window starts with, in samples; None is no window.

    Attributes
    ----------
    cutoff : float
        Fraction of its peak below which the window counts as zero.
    density : float
        Taps per sample of the lines that the layer was made for: 1 until it is resampled.
    crops : bool
        Whether the layer drops the samples that its cut leaves unused, so that it is 'valid' for
        all K taps. A network that has dropped them from its own input sets it to False.

    Raises
    ------
    StudyError
        For an even kernel size, or a window that is no positive number.
    """

    positions: Tensor
    log_sigma: nn.Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        dilation: int = 1,
        window: float | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if kernel_size % 2 == 0:
            raise StudyError(f"{name}: kernel_size {kernel_size} is even; use an odd one")
        if window is not None and not 0 < window < math.inf:
            raise StudyError(f"{name}: window is {window}; use a positive number of samples")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.density = 1.0
        # Samples from the kernel's centre to τ = 1.
        self._half_span = (kernel_size - 1) * dilation / 2
        self.cutoff = 1e-6
        self.crops = True
        self.bias = nn.Parameter(torch.zeros(out_channels))
        log_sigma = None if window is None else nn.Parameter(torch.tensor(math.log(window)))
        self.register_parameter("log_sigma", log_sigma)
        positions = torch.linspace(-1, 1, kernel_size)
        self.register_buffer("positions", positions, persistent=False)

    @torch.no_grad()
    def _unit_gain(self) -> float:
        """The size of a tap at which taps of variance 1, under the window, have unit gain."""
        taps = self.window(self.positions).square()
        return 1 / math.sqrt(self.in_channels * taps.sum().item())

    def window(self, positions: Tensor) -> Tensor:
        """The Gaussian window at ``positions`` τ (n,), as (n,); 1 for a layer without."""
        if self.log_sigma is None:
            return torch.ones_like(positions)
        return torch.exp(-0.5 * (positions * self._half_span * torch.exp(-self.log_sigma)).square())

    def taps(self, kept: slice) -> Tensor:
        """The taps ``kept`` of the kernel, with its window, as (C_out, C_in, n)."""
        raise NotImplementedError

    def kernel(self) -> Tensor:
        """The whole kernel now, (C_out, C_in, K)."""
        return self.taps(slice(0, self.kernel_size))

    def resampled(self, factor: float) -> Self:
        """The layer for lines that are sampled ``factor`` times as densely.

        Its kernel has the taps of this one as a function of time that lie on the new grid, each
        1/``factor`` as large: the sum over the taps stays the integral over time that it stands
        for. Nothing keeps a trained kernel below the Nyquist rate of the new grid, or smooth
        between the taps it was trained at (docs/long-kernels.md).

        Raises
        ------
        StudyError
            For a factor that is no positive number, and for a dilated layer.
        """
        if not 0 < factor < math.inf:
            raise StudyError(f"a layer cannot be resampled by {factor}; use a positive number")
        if self.dilation != 1:
            raise StudyError("a dilated layer cannot be resampled: its taps are not its kernel")
        layer = copy.deepcopy(self)
        half = math.floor((self.kernel_size - 1) / 2 * factor + 1e-9)
        layer.density = self.density * factor
        layer.kernel_size = 2 * half + 1
        taps = torch.arange(-half, half + 1, dtype=torch.float64)
        positions = taps / (layer.density * layer._half_span)
        layer.positions = positions.to(self.positions)
        layer._take_taps(self, factor)
        return layer

    def _take_taps(self, original: Self, factor: float) -> None:
        """Make the taps of a layer that is being resampled those of ``original``, in size too."""
        raise NotImplementedError

    @property
    def sigma(self) -> float | None:
        """The window's present σ, in samples at ``density`` 1; None without a window."""
        return None if self.log_sigma is None else self.log_sigma.detach().double().exp().item()

    @property
    def half_width(self) -> int:
        """Taps on either side of the centre where the window is at least the ``cutoff``."""
        half = (self.kernel_size - 1) // 2
        sigma = self.sigma
        if sigma is None or not self.cutoff:
            return half
        reach = sigma * self.density * math.sqrt(-2 * math.log(self.cutoff)) / self.dilation
        # A width that is not finite is for the training loss to report.
        return min(half, math.floor(reach)) if math.isfinite(reach) else half

    @property
    def unused(self) -> int:
        """Samples at either end of its input that the layer's cut leaves unused, at present."""
        half = (self.kernel_size - 1) // 2
        if self.log_sigma is None or (self.training and self.positions.device.type != "cpu"):
            return 0
        kept = min(half, CUT_STEP * math.ceil(self.half_width / CUT_STEP))
        return (half - kept) * self.dilation

    def _sample(self, unused: int) -> Tensor:
        """The kernel without the taps of ``unused`` samples at either end."""
        left_out = unused // self.dilation
        return self.taps(slice(left_out, self.kernel_size - left_out))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, L) to (N, C_out, L - (K - 1)·d).

        Where ``crops`` is False and the kernel is cut, to so many samples more, by twice
        ``unused``.
        """
        unused = self.unused
        if unused and self.crops:
            x = x[..., unused : x.shape[-1] - unused]
        return conv1d(x, self._sample(unused), self.bias, dilation=self.dilation)

    def extra_repr(self) -> str:
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}"
        )
        return text if self.log_sigma is None else f"{text}, sigma={self.sigma:.4g}"
