"""The continuous-kernel convolution."""

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from ckstudy.errors import StudyError
from ckstudy.networks.siren import SIREN, KernelInit
from ckstudy.networks.windowed_conv import WindowedConv, values_can_be_seen

# To so many σ from the centre a window counts as the kernel's edge, in a balanced start.
EDGE_SIGMAS = 3.0


class CKConv(WindowedConv):
    r"""A convolution whose kernel is a function, :math:`\Psi(\tau)`, sampled at K positions.

    .. math:: y_o(l) = b_o + \sum_c \sum_a \Psi_{oc}(\tau_a)\, x_c(l + d\,a),
              \qquad \tau_a = -1, \dots, 1

    The number of parameters does not depend on K (Romero et al., 2021). Beside its kernel it is a
    :class:`torch.nn.Conv1d`, whose options it takes: 'valid' by default, causal with
    ``padding="causal"``, depthwise with ``groups=in_channels``. Autocast does not change it: the
    kernel network's sines need their arguments in full precision. For the same reason a layer
    that was converted to half precision is refused.

    Its *window* and the *cut* that this allows are those of
    :class:`~ckstudy.networks.windowed_conv.WindowedConv`.

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
    stride, padding, dilation, groups, bias, padding_mode
        Those of :class:`torch.nn.Conv1d`; ``padding`` may also be "causal", or a pair of numbers.
    hidden, omega_0, hidden_omega_0, kernel_init, omega_scales_bias
        The kernel network, see :class:`~ckstudy.networks.siren.SIREN`.
    window : float, optional
        Standard deviation σ that the Gaussian window starts with, in samples; None is no window.
    reference_size : int
        Kernel size that ω0 is meant for, in a balanced start.

    Raises
    ------
    StudyError
        For an even kernel size, a window that is no positive number, or options that no
        convolution can have.

    Examples
    --------
    >>> import torch
    >>> from ckstudy import CKConv
    >>> layer = CKConv(1, 8, kernel_size=501)
    >>> layer(torch.randn(4, 1, 8446)).shape
    torch.Size([4, 8, 7946])
    >>> layer.kernel().shape
    torch.Size([8, 1, 501])

    A causal, depthwise layer, and the same for lines that are sampled twice as densely:

    >>> layer = CKConv(8, 8, 501, padding="causal", groups=8)
    >>> layer(torch.randn(4, 8, 2000)).shape
    torch.Size([4, 8, 2000])
    >>> layer.resample(2).kernel().shape
    torch.Size([8, 1, 1001])
    >>> torch.allclose(layer.resample(2).kernel(), layer.kernel(sampling_rate=2))
    True
    """

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
        hidden: int = 32,
        omega_0: float = 30.0,
        hidden_omega_0: float | None = None,
        kernel_init: KernelInit = "siren",
        omega_scales_bias: bool = False,
        window: float | None = None,
        reference_size: int = 131,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            bias=bias,
            padding_mode=padding_mode,
            window=window,
        )
        self.gain = 1.0
        edge = 1.0
        if kernel_init == "balanced" and kernel_size > 1:
            omega_0 = omega_0 * (kernel_size - 1) / (reference_size - 1)
            if window is not None:
                edge = min(1.0, EDGE_SIGMAS * window / self._half_span)
        self.siren = SIREN(
            out_channels * in_channels // self.groups,
            hidden=hidden,
            omega_0=omega_0,
            hidden_omega_0=hidden_omega_0,
            kernel_init=kernel_init,
            omega_scales_bias=omega_scales_bias,
            edge=edge,
        )
        self._sampled: tuple[list[Tensor], Tensor] | None = None
        if kernel_init == "balanced":
            self._take_unit_gain()

    @torch.no_grad()
    def _take_unit_gain(self) -> None:
        """Fix the size of a tap by arithmetic, and the rest by the kernel that was drawn."""
        self.gain = self._unit_gain()
        energy = self.kernel().square().sum((1, 2))
        rows = energy.rsqrt().repeat_interleave(self.in_channels // self.groups).unsqueeze(1)
        self.siren.last.set_weight(self.siren.last.weight * rows)

    def values(self, positions: Tensor) -> Tensor:
        """The kernel at ``positions`` τ (n,), with its window, as (C_out, C_in / groups, n)."""
        if positions.dtype in (torch.float16, torch.bfloat16):
            raise StudyError(
                f"a CKConv cannot compute in {positions.dtype}, which rounds the positions and "
                "phases of its kernel too coarsely. Leave it in float32; autocast does"
            )
        with torch.autocast(positions.device.type, enabled=False):
            values = self.siren(positions)
            if self.log_sigma is not None:
                values = values * (self.gain * self.window(positions))
            elif self.gain != 1.0:
                values = values * self.gain
        return values.view(self.out_channels, self.in_channels // self.groups, -1)

    def taps(self, kept: slice) -> Tensor:
        return self.values(self.positions[kept])

    def kernel(self, sampling_rate: float = 1.0) -> Tensor:
        if sampling_rate == 1.0:
            return super().kernel()
        return self.values(self._positions_at(sampling_rate)) / sampling_rate

    def _take_taps(self, original: Self, factor: float) -> None:
        self.gain = original.gain / factor

    def _sample(self, unused: int) -> Tensor:
        kept = values_can_be_seen() and self.positions.device.type == "cpu"
        if self.training or torch.is_grad_enabled() or not kept:
            return super()._sample(unused)
        return self._kept_kernel(unused)

    def _kept_kernel(self, unused: int) -> Tensor:
        """The same without gradients, kept from the last call if it can be."""
        sources = [self.positions, *self.siren.parameters()]
        if self.log_sigma is not None:
            sources += [self.log_sigma, torch.tensor(unused)]
        if self._sampled is not None:
            copies, kernel = self._sampled
            if all(map(_same, copies, sources)):
                return kernel
        kernel = super()._sample(unused)
        self._sampled = [source.detach().clone() for source in sources], kernel
        return kernel

    def train(self, mode: bool = True) -> Self:
        self._sampled = None
        return super().train(mode)

    def __getstate__(self) -> dict:
        """What copies and pickles are made of."""
        return self.__dict__ | {"_sampled": None}


def _same(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and a.device == b.device and torch.equal(a, b)
