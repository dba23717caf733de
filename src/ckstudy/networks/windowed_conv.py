"""What every convolution with a long kernel shares: a learnable window, and the cut it allows."""

import copy
import math
from collections.abc import Callable, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from ckstudy.convolution import conv1d
from ckstudy.convolution.options import PADDING_MODES, margins, single
from ckstudy.errors import StudyError

# A kept half-width is a multiple of so many taps: the cut follows the window in steps, so that
# plans and shapes of the convolution stay for a while.
CUT_STEP = 32


class WindowedConv(nn.Module):
    r"""A convolution with a kernel of K taps under an optional Gaussian window.

    A subclass says what the kernel is (:meth:`taps`). All else is as in
    :class:`torch.nn.Conv1d`, and 'valid' by default: the output is shorter than the input by
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
    kernel and only evaluation cuts. Nothing is cut in what ``torch.compile``, ``torch.export``
    and ``torch.func`` make of the layer, where σ has no value to look at, nor on a circular line
    with unequal ends. ``cutoff = 0`` cuts nothing.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int
        K, odd.
    stride, padding, dilation, groups, padding_mode
        Of :func:`ckstudy.conv1d`. ``padding`` may be a number, a pair of them (left, right),
        "valid", "same" or "causal"; ``dilation`` d is the distance of neighbouring taps.
    bias : bool
        Whether a learnable number, 0 at the start, is added to each output channel.
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
        For an even kernel size, a window that is no positive number, or options that no
        convolution can have.
    """

    positions: Tensor
    bias: nn.Parameter | None
    log_sigma: nn.Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int | Sequence[int] | str = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        window: float | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise StudyError(f"{name}: kernel_size is {kernel_size}; use an odd one, at least 1")
        if window is not None and not 0 < window < math.inf:
            raise StudyError(f"{name}: window is {window}; use a positive number of samples")
        try:
            self.stride, self.dilation = single(stride, "stride"), single(dilation, "dilation")
            self.groups = single(groups, "groups")
            margins(padding, kernel_size, self.dilation, self.stride)
        except ValueError as error:
            raise StudyError(f"{name}: {error}") from None
        groups = self.groups
        if in_channels % groups or out_channels % groups:
            raise StudyError(
                f"{name}: {in_channels} channels and {out_channels} cannot both be shared by "
                f"{groups} groups"
            )
        if padding_mode not in PADDING_MODES:
            raise StudyError(
                f"{name}: padding_mode is {padding_mode!r}; use one of {', '.join(PADDING_MODES)}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.padding = padding
        self.padding_mode = padding_mode
        self.density = 1.0
        # Samples from the kernel's centre to τ = 1.
        self._half_span = (kernel_size - 1) * dilation / 2
        self.cutoff = 1e-6
        self.crops = True
        self.register_parameter("bias", nn.Parameter(torch.zeros(out_channels)) if bias else None)
        log_sigma = None if window is None else nn.Parameter(torch.tensor(math.log(window)))
        self.register_parameter("log_sigma", log_sigma)
        positions = torch.linspace(-1, 1, kernel_size)
        self.register_buffer("positions", positions, persistent=False)

    @torch.no_grad()
    def _unit_gain(self) -> float:
        """The size of a tap at which taps of variance 1, under the window, have unit gain."""
        taps = self.window(self.positions).square()
        return 1 / math.sqrt(self.in_channels // self.groups * taps.sum().item())

    def window(self, positions: Tensor) -> Tensor:
        """The Gaussian window at ``positions`` τ (n,), as (n,); 1 for a layer without."""
        if self.log_sigma is None:
            return torch.ones_like(positions)
        return torch.exp(-0.5 * (positions * self._half_span * torch.exp(-self.log_sigma)).square())

    def taps(self, kept: slice) -> Tensor:
        """The taps ``kept`` of the kernel, with its window, as (C_out, C_in / groups, n)."""
        raise NotImplementedError

    def kernel(self, sampling_rate: float = 1.0) -> Tensor:
        """The whole kernel now, (C_out, C_in / groups, K), or what it is at another rate.

        Parameters
        ----------
        sampling_rate : float
            In units of the rate that the layer is for; see :meth:`resample`.
        """
        if sampling_rate == 1.0:
            return self.taps(slice(0, self.kernel_size))
        return self.resample(sampling_rate).kernel()

    def resample(self, factor: float) -> Self:
        """A copy of the layer for lines that are sampled ``factor`` times as densely.

        Its kernel has the taps of this one as a function of time that lie on the new grid, each
        1/``factor`` as large: the sum over the taps stays the integral over time that it stands
        for. Padding in samples becomes ``factor`` times as many. Nothing keeps a trained kernel
        below the Nyquist rate of the new grid, or smooth between the taps it was trained at
        (docs/long-kernels.md).

        Raises
        ------
        StudyError
            For a factor that is no positive number, and for a dilated layer.
        """
        positions = self._positions_at(factor)
        layer = copy.deepcopy(self)
        layer.density = self.density * factor
        layer.kernel_size = len(positions)
        layer.positions = positions
        if isinstance(self.padding, int):
            layer.padding = _whole(self.padding * factor)
        elif not isinstance(self.padding, str):
            layer.padding = tuple(_whole(end * factor) for end in self.padding)
        layer._take_taps(self, factor)
        return layer

    def _positions_at(self, factor: float) -> Tensor:
        """Where the taps of the layer lie that is sampled ``factor`` times as densely."""
        if not 0 < factor < math.inf:
            raise StudyError(f"a layer cannot be resampled by {factor}; use a positive number")
        if self.dilation != 1:
            raise StudyError("a dilated layer cannot be resampled: its taps are not its kernel")
        if self.kernel_size == 1:
            return self.positions.clone()
        half = _whole((self.kernel_size - 1) / 2 * factor)
        taps = torch.arange(-half, half + 1, dtype=torch.float64)
        return (taps / (self.density * factor * self._half_span)).to(self.positions)

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
        sigma = self.sigma if self.cutoff else None
        if sigma is None:
            return half
        reach = sigma * self.density * math.sqrt(-2 * math.log(self.cutoff)) / self.dilation
        # A width that is not finite is for the training loss to report.
        return min(half, math.floor(reach)) if math.isfinite(reach) else half

    @property
    def unused(self) -> int:
        """Samples at either end of its input that the layer's cut leaves unused, at present."""
        half = (self.kernel_size - 1) // 2
        left, right = self._margins
        if (
            self.log_sigma is None
            or not values_can_be_seen()
            or (self.training and self.positions.device.type != "cpu")
            or (self.padding_mode == "circular" and left != right)
        ):
            return 0
        kept = min(half, CUT_STEP * math.ceil(self.half_width / CUT_STEP))
        return (half - kept) * self.dilation

    def _sample(self, unused: int) -> Tensor:
        """The kernel without the taps of ``unused`` samples at either end."""
        left_out = unused // self.dilation
        return self.taps(slice(left_out, self.kernel_size - left_out))

    @property
    def _margins(self) -> tuple[int, int]:
        """Samples that are added at the left and at the right end of a line."""
        return margins(self.padding, self.kernel_size, self.dilation, self.stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, L) to (N, C_out, L_out), L_out = (L + left + right - (K - 1)·d - 1) // s + 1.

        Where ``crops`` is False and the kernel is cut, to 2 · ``unused`` / s samples more.
        """
        unused = self.unused
        return self._correlate(x, self._sample(unused), self.bias, unused)

    def rescaled(self, scale: Tensor, shift: Tensor) -> Callable[[Tensor], Tensor]:
        """The map from x to ``scale`` · layer(x) + ``shift``, each (C_out,), with this kernel.

        The kernel is sampled once, here; what is trained afterwards does not count.
        """
        unused = self.unused
        kernel = scale[:, None, None] * self._sample(unused)
        bias = shift if self.bias is None else scale * self.bias + shift
        return lambda x: self._correlate(x, kernel, bias, unused)

    def _correlate(self, x: Tensor, kernel: Tensor, bias: Tensor | None, unused: int) -> Tensor:
        left, right = self._margins
        if unused and self.crops:
            # A shorter kernel reads less beyond the ends, and then less of the line.
            x = x[..., max(unused - left, 0) : x.shape[-1] - max(unused - right, 0)]
            left, right = max(left - unused, 0), max(right - unused, 0)
        return conv1d(
            x,
            kernel,
            bias,
            self.stride,
            (left, right),
            self.dilation,
            self.groups,
            padding_mode=self.padding_mode,
        )

    def extra_repr(self) -> str:
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}"
        )
        usual = {"stride": 1, "padding": 0, "groups": 1, "padding_mode": "zeros"}
        for name, value in usual.items():
            if getattr(self, name) != value:
                text += f", {name}={getattr(self, name)!r}"
        if self.bias is None:
            text += ", bias=False"
        return text if self.log_sigma is None else f"{text}, sigma={self.sigma:.4g}"


def values_can_be_seen() -> bool:
    """Whether code may depend on a tensor's values: not while torch compiles or transforms it."""
    return not (torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active())


def _whole(samples: float) -> int:
    return math.floor(samples + 1e-9)
