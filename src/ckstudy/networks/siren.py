"""The kernel network: a SIREN that maps a position in the kernel to the kernel's values there."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

KernelInit = Literal["siren", "released"]


class WeightNormLinear(nn.Module):
    r"""An affine map of columns whose weight is kept as direction and length, row by row.

    .. math:: W_i = g_i \, v_i / \lVert v_i \rVert, \qquad y = W x + b

    (Salimans & Kingma, 2016). Inputs and outputs are columns, ``(features, K)``: the
    positions lie in the last dimension, where the kernel wants them.
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.direction = nn.Parameter(torch.empty(out_features, in_features))
        self.length = nn.Parameter(torch.empty(out_features, 1))
        self.bias = nn.Parameter(torch.empty(out_features, 1))

    @torch.no_grad()
    def set_weight(self, weight: Tensor) -> None:
        """Take ``weight``, (out, in), as the present weight."""
        self.direction.copy_(weight)
        self.length.copy_(weight.norm(dim=1, keepdim=True))

    @property
    def weight(self) -> Tensor:
        """The weight, (out, in)."""
        return self.direction * (self.length / self.direction.norm(dim=1, keepdim=True))

    def linear(self, x: Tensor) -> Tensor:
        """W x, without the bias."""
        return self.weight @ x

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, self.weight, x)


class SIREN(nn.Module):
    r"""Three layers with sine activations (Sitzmann et al., 2020), sampled at positions τ.

    .. math::
        h_1 &= \sin(\omega_0 W_1 \tau + b_1) \\
        h_2 &= \sin(\omega_0 W_2 h_1 + b_2) \\
        \Psi(\tau) &= W_3 h_2 + b_3

    With ``omega_scales_bias`` the arguments are :math:`\omega_0 (W x + b)`, as the reference
    code of CKConv (Romero et al., 2021) computes them; without, they are the thesis's
    equations 1-3 as printed. Every layer is weight-normalised and has a bias.

    Parameters
    ----------
    out_features : int
        Values at each position; a convolution kernel needs C_out·C_in.
    hidden : int
        Width of the two hidden layers.
    omega_0 : float
        Frequency factor ω0, dimensionless: positions run over [-1, 1].
    kernel_init : {"siren", "released"}
        ``siren``: W1 ~ U(±1), later weights ~ U(±sqrt(6/fan_in)/ω0), biases ~ U(±1/sqrt(fan_in)).
        ``released``: what the released CKConv really starts from. Its weight-norm wrapper
        overwrites the SIREN weights at the first forward pass, so that they stay
        U(±1/sqrt(fan_in)), with biases U(±1): at ω0 = 30 that is close to white noise.
    omega_scales_bias : bool
        Whether ω0 multiplies the biases of the hidden layers too.
    """

    def __init__(
        self,
        out_features: int,
        *,
        hidden: int = 32,
        omega_0: float = 30.0,
        kernel_init: KernelInit = "siren",
        omega_scales_bias: bool = False,
    ) -> None:
        super().__init__()
        self.omega_0 = omega_0
        self.omega_scales_bias = omega_scales_bias
        self.first = WeightNormLinear(1, hidden)
        self.second = WeightNormLinear(hidden, hidden)
        self.last = WeightNormLinear(hidden, out_features)
        self._initialise(kernel_init)

    @torch.no_grad()
    def _initialise(self, kernel_init: KernelInit) -> None:
        for layer in (self.first, self.second, self.last):
            fan_in = layer.direction.shape[1]
            default = 1 / math.sqrt(fan_in)
            if kernel_init == "released" or layer is self.first:
                bound = default
            else:
                bound = math.sqrt(6 / fan_in) / self.omega_0
            layer.set_weight(torch.empty_like(layer.direction).uniform_(-bound, bound))
            bias_bound = 1.0 if kernel_init == "released" else default
            layer.bias.uniform_(-bias_bound, bias_bound)

    def forward(self, positions: Tensor) -> Tensor:
        """Values at ``positions`` (K,), as (out_features, K)."""
        hidden = positions.reshape(1, -1)
        for layer in (self.first, self.second):
            if self.omega_scales_bias:
                hidden = torch.sin(self.omega_0 * layer(hidden))
            else:
                hidden = torch.sin(self.omega_0 * layer.linear(hidden) + layer.bias)
        return self.last(hidden)
