"""The continuous-kernel convolution."""

import math
from typing import Self

import torch
from torch import Tensor, nn

from ckstudy.convolution import conv1d
from ckstudy.errors import StudyError
from ckstudy.networks.siren import SIREN, KernelInit

# A kept half-width is a multiple of so many taps: the cut follows the window in steps, so that
# plans and shapes of the convolution stay for a while.
CUT_STEP = 32
# To so many σ from the centre a window counts as the kernel's edge, in a balanced start.
EDGE_SIGMAS = 3.0


class CKConv(nn.Module):
    r"""A convolution whose kernel is a function, :math:`\Psi(\tau)`, sampled at K positions.

    .. math:: y_o(l) = b_o + \sum_c \sum_a \Psi_{oc}(\tau_a)\, x_c(l + d\,a),
              \qquad \tau_a = -1, \dots, 1

    The number of parameters does not depend on K (Romero et al., 2021). The convolution is
    'valid': the output is shorter than the input by (K - 1)·d samples. Autocast does not change
    it: the kernel network's sines need their arguments in full precision.

    **Window.** With ``window`` the kernel is

    .. math:: \Psi(\tau)\, e^{-\frac12 (n / \sigma)^2}, \qquad n = \tau\,(K - 1)\,d / 2

    with one learnable width σ for the layer, in samples and kept as its logarithm
    (``log_sigma``): a step of Adam changes it by the same fraction at every width and K. (Romero
    et al., 2022, learn such masks in units of the kernel's length.)

    **Cut.** Taps where the window is below ``cutoff`` (1e-6) of its peak are neither sampled nor
    convolved, which changes the output and the gradients by no more than that fraction and makes
    a long kernel with a narrow window as cheap as a short one. What is kept is the half-width
    rounded up to a multiple of 32 taps. It follows σ at every call, which on a CUDA device would
    wait for the device and cannot be part of a recorded step: there, training computes the whole
    kernel and only evaluation cuts. ``cutoff = 0`` cuts nothing.

    **Balanced start.** ``kernel_init="balanced"`` is a start that does not depend on K:

    * ω0 is that of a kernel of ``reference_size`` samples. A longer kernel takes
      :math:`\omega_0' = \omega_0 (K - 1) / (\mathtt{reference\_size} - 1)`, so that its fastest
      first-layer frequency, :math:`2\omega_0/(\mathtt{reference\_size} - 1)` rad per tap, is the
      same at every K (at ω0 = 30 and 131 samples 0.46 rad, or 4.6 MHz of 62.5 MHz). The other
      starts have :math:`2\omega_0/(K - 1)`: a long kernel is then too slow for the pulse.
    * A step of Adam turns the phase at the kernel's edge by the same at every K. The edge is
      that of the window, 3σ, where this lies closer.
    * The kernel has no constant, and unit gain: for each output channel the sum of
      :math:`\Psi^2`, with its window, over inputs and taps is 1, so that white noise of variance
      1 leaves with variance 1. A fixed factor takes the size of a tap, so that the last layer's
      weights are of order one, and a step of Adam means the same, at every K.

    In evaluation mode, without gradients and on the CPU, the sampled kernel is kept and used
    again until a parameter has another value. The values are compared with a copy, which costs
    little beside sampling a long kernel: a version counter would miss what is written through
    ``.data``, a NumPy view or in inference mode. On other devices a comparison would wait for
    the device at every layer, so each call samples. State dicts, copies and pickles of the
    layer do not hold the kept kernel; ``train()`` and ``eval()`` drop it.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int
        K, odd.
    dilation : int
        d, the distance of neighbouring taps in samples.
    hidden, omega_0, kernel_init, omega_scales_bias
        The kernel network, see :class:`~ckstudy.networks.siren.SIREN`.
    window : float, optional
        Standard deviation σ that the Gaussian window starts with, in samples; None is no window.
    reference_size : int
        Kernel size that ω0 is meant for, in a balanced start.

    Attributes
    ----------
    cutoff : float
        Fraction of its peak below which the window counts as zero.
    crops : bool
        Whether the layer drops the samples that its cut leaves unused, so that it is 'valid' for
        all K taps. A network that has dropped them from its own input sets it to False.

    Raises
    ------
    StudyError
        For an even kernel size, or a window that is no positive number.

    Examples
    --------
    >>> import torch
    >>> from ckstudy import CKConv
    >>> layer = CKConv(1, 8, kernel_size=501)
    >>> layer(torch.randn(4, 1, 8446)).shape
    torch.Size([4, 8, 7946])
    >>> layer.kernel().shape
    torch.Size([8, 1, 501])
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
        hidden: int = 32,
        omega_0: float = 30.0,
        kernel_init: KernelInit = "siren",
        omega_scales_bias: bool = False,
        window: float | None = None,
        reference_size: int = 131,
    ) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise StudyError(f"CKConv: kernel_size {kernel_size} is even; use an odd one")
        if window is not None and not 0 < window < math.inf:
            raise StudyError(f"CKConv: window is {window}; use a positive number of samples")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.cutoff = 1e-6
        self.crops = True
        self.gain = 1.0
        edge = 1.0
        if kernel_init == "balanced":
            omega_0 = omega_0 * (kernel_size - 1) / (reference_size - 1)
            if window is not None:
                edge = min(1.0, EDGE_SIGMAS * window / self._half_span)
        self.siren = SIREN(
            out_channels * in_channels,
            hidden=hidden,
            omega_0=omega_0,
            kernel_init=kernel_init,
            omega_scales_bias=omega_scales_bias,
            edge=edge,
        )
        self.bias = nn.Parameter(torch.zeros(out_channels))
        log_sigma = None if window is None else nn.Parameter(torch.tensor(math.log(window)))
        self.register_parameter("log_sigma", log_sigma)
        positions = torch.linspace(-1, 1, kernel_size)
        self.register_buffer("positions", positions, persistent=False)
        self._sampled: tuple[list[Tensor], Tensor] | None = None
        if kernel_init == "balanced":
            self._take_unit_gain()

    @property
    def _half_span(self) -> float:
        """Samples from the kernel's centre to its last tap."""
        return (self.kernel_size - 1) * self.dilation / 2

    @torch.no_grad()
    def _take_unit_gain(self) -> None:
        """Fix the size of a tap by arithmetic, and the rest by the kernel that was drawn."""
        taps = self.window(self.positions).square()
        self.gain = 1 / math.sqrt(self.in_channels * taps.sum().item())
        energy = self.kernel().square().sum((1, 2))
        rows = energy.rsqrt().repeat_interleave(self.in_channels).unsqueeze(1)
        self.siren.last.set_weight(self.siren.last.weight * rows)

    def window(self, positions: Tensor) -> Tensor:
        """The Gaussian window at ``positions`` τ (n,), as (n,); 1 for a layer without."""
        if self.log_sigma is None:
            return torch.ones_like(positions)
        return torch.exp(-0.5 * (positions * self._half_span * torch.exp(-self.log_sigma)).square())

    def values(self, positions: Tensor) -> Tensor:
        """The kernel at ``positions`` τ (n,), with its window, as (C_out, C_in, n)."""
        with torch.autocast(positions.device.type, enabled=False):
            values = self.siren(positions)
            if self.log_sigma is not None:
                values = values * (self.gain * self.window(positions))
            elif self.gain != 1.0:
                values = values * self.gain
        return values.view(self.out_channels, self.in_channels, -1)

    def kernel(self) -> Tensor:
        """The whole kernel sampled now, (C_out, C_in, K)."""
        return self.values(self.positions)

    @property
    def sigma(self) -> float | None:
        """The window's present σ in samples; None without a window."""
        return None if self.log_sigma is None else self.log_sigma.detach().double().exp().item()

    @property
    def half_width(self) -> int:
        """Taps on either side of the centre where the window is at least the ``cutoff``."""
        half = (self.kernel_size - 1) // 2
        sigma = self.sigma
        if sigma is None or not self.cutoff:
            return half
        reach = sigma * math.sqrt(-2 * math.log(self.cutoff)) / self.dilation
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
        taps = unused // self.dilation
        return self.values(self.positions[taps : self.kernel_size - taps])

    def _kept_kernel(self, unused: int) -> Tensor:
        """What :meth:`_sample` returns, without gradients, kept from the last call if it can be."""
        sources = [self.positions, *self.siren.parameters()]
        if self.log_sigma is not None:
            sources += [self.log_sigma, torch.tensor(unused)]
        if self._sampled is not None:
            copies, kernel = self._sampled
            if all(map(_same, copies, sources)):
                return kernel
        kernel = self._sample(unused)
        self._sampled = [source.detach().clone() for source in sources], kernel
        return kernel

    def train(self, mode: bool = True) -> Self:
        self._sampled = None
        return super().train(mode)

    def __getstate__(self) -> dict:
        """What copies and pickles are made of."""
        return self.__dict__ | {"_sampled": None}

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, L) to (N, C_out, L - (K - 1)·d).

        Where ``crops`` is False and the kernel is cut, to so many samples more, by twice
        ``unused``.
        """
        unused = self.unused
        if unused and self.crops:
            x = x[..., unused : x.shape[-1] - unused]
        samples_anew = self.training or torch.is_grad_enabled() or x.device.type != "cpu"
        kernel = self._sample(unused) if samples_anew else self._kept_kernel(unused)
        return conv1d(x, kernel, self.bias, dilation=self.dilation)

    def extra_repr(self) -> str:
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}"
        )
        return text if self.log_sigma is None else f"{text}, sigma={self.sigma:.4g}"


def _same(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and a.device == b.device and torch.equal(a, b)
