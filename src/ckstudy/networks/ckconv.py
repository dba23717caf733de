"""The continuous-kernel convolution."""

from typing import Self

import torch
from torch import Tensor, nn

from ckstudy.convolution import conv1d
from ckstudy.errors import StudyError
from ckstudy.networks.siren import SIREN, KernelInit


class CKConv(nn.Module):
    r"""A convolution whose kernel is a function, :math:`\Psi(\tau)`, sampled at K positions.

    .. math:: y_o(l) = b_o + \sum_c \sum_a \Psi_{oc}(\tau_a)\, x_c(l + d\,a),
              \qquad \tau_a = -1, \dots, 1

    The number of parameters does not depend on K (Romero et al., 2021). The convolution is
    'valid': the output is shorter than the input by (K - 1)·d samples. Autocast does not change
    it: the kernel network's sines need their arguments in full precision.

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

    Raises
    ------
    StudyError
        For an even kernel size.

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
    ) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise StudyError(f"CKConv: kernel_size {kernel_size} is even; use an odd one")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.siren = SIREN(
            out_channels * in_channels,
            hidden=hidden,
            omega_0=omega_0,
            kernel_init=kernel_init,
            omega_scales_bias=omega_scales_bias,
        )
        self.bias = nn.Parameter(torch.zeros(out_channels))
        positions = torch.linspace(-1, 1, kernel_size)
        self.register_buffer("positions", positions, persistent=False)
        self._sampled: tuple[list[Tensor], Tensor] | None = None

    def kernel(self) -> Tensor:
        """The kernel sampled now, (C_out, C_in, K)."""
        with torch.autocast(self.positions.device.type, enabled=False):
            values = self.siren(self.positions)
        return values.view(self.out_channels, self.in_channels, self.kernel_size)

    def _kept_kernel(self) -> Tensor:
        """What :meth:`kernel` returns, without gradients, kept from the last call if it can be."""
        sources = [self.positions, *self.siren.parameters()]
        if self._sampled is not None:
            copies, kernel = self._sampled
            if all(map(_same, copies, sources)):
                return kernel
        kernel = self.kernel()
        self._sampled = [source.detach().clone() for source in sources], kernel
        return kernel

    def train(self, mode: bool = True) -> Self:
        self._sampled = None
        return super().train(mode)

    def __getstate__(self) -> dict:
        """What copies and pickles are made of."""
        return self.__dict__ | {"_sampled": None}

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, L) to (N, C_out, L - (K - 1)·d)."""
        samples_anew = self.training or torch.is_grad_enabled() or x.device.type != "cpu"
        kernel = self.kernel() if samples_anew else self._kept_kernel()
        return conv1d(x, kernel, self.bias, dilation=self.dilation)

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}"
        )


def _same(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and a.device == b.device and torch.equal(a, b)
