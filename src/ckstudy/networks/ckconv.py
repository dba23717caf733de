"""The continuous-kernel convolution."""

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
    'valid': the output is shorter than the input by (K - 1)·d samples.

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

    def kernel(self) -> Tensor:
        """The kernel sampled now, (C_out, C_in, K)."""
        values = self.siren(self.positions)
        return values.view(self.out_channels, self.in_channels, self.kernel_size)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, L) to (N, C_out, L - (K - 1)·d)."""
        return conv1d(x, self.kernel(), self.bias, dilation=self.dilation)

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}"
        )
