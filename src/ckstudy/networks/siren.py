"""The kernel network: a SIREN that maps a position in the kernel to the kernel's values there."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

KernelInit = Literal["siren", "released", "balanced"]

# What multiplies the first layer's weights in a balanced network, at the edge of its kernel: the
# ω0 of Sitzmann et al. (2020), and that of the thesis at K = 131.
BALANCED_FACTOR = 30.0


class WeightNormLinear(nn.Module):
    r"""An affine map of columns whose weight is kept as direction and length, row by row.

    .. math:: W_i = g_i \, v_i / \lVert v_i \rVert, \qquad y = W x + b

    (Salimans & Kingma, 2016). Inputs and outputs are columns, ``(features, K)``: the
    positions lie in the last dimension, where the kernel wants them.

    Parameters
    ----------
    in_features, out_features : int
    fixed_direction : bool
        Whether the direction gets no gradient. With one input feature it is a mere sign, and
        its gradient zero but for rounding: Adam, which divides a gradient by its own size, makes
        steps of that, and now and then the sign flips.
    """

    def __init__(
        self, in_features: int, out_features: int, *, fixed_direction: bool = False
    ) -> None:
        super().__init__()
        self.fixed_direction = fixed_direction
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
        direction = self.direction.detach() if self.fixed_direction else self.direction
        return direction * (self.length / direction.norm(dim=1, keepdim=True))

    def linear(self, x: Tensor) -> Tensor:
        """W x, without the bias."""
        return self.weight @ x

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, self.weight, x)


class SIREN(nn.Module):
    r"""Three layers with sine activations (Sitzmann et al., 2020), sampled at positions τ.

    .. math::
        h_1 &= \sin(f_1 W_1 \tau + b_1) \\
        h_2 &= \sin(f_2 W_2 h_1 + b_2) \\
        \Psi(\tau) &= W_3 h_2 + b_3

    with :math:`f_1 = f_2 = \omega_0`: the thesis's equations 1-3 as printed
    (``hidden_omega_0`` takes another :math:`f_2`). With
    ``omega_scales_bias`` the arguments are :math:`f_i (W x + b)`, as the reference code of
    CKConv (Romero et al., 2021) computes them. Every layer is weight-normalised and has a bias.

    A *balanced* network has :math:`f_1 = 30 / \mathtt{edge}` and :math:`f_2 = 1` instead. That
    is the same set of functions, in which ω0 decides where the weights start and not how fast
    the kernel changes: a step of Adam is about as large as the learning rate r, whatever the
    gradient, so it turns a phase at ``edge`` by 30 r and an argument of the second layer by
    r, at every ω0. (With :math:`f_i = \omega_0` and weights to match, as in ``siren``, both grow
    with ω0. To divide a factor by something and multiply the weight by it is, for Adam, to
    divide the learning rate of that weight by it.) ``hidden_omega_0`` makes that a choice: the
    second layer's arguments then turn so many times faster, from the same start.

    Parameters
    ----------
    out_features : int
        Values at each position; a convolution kernel needs C_out·C_in.
    hidden : int
        Width of the two hidden layers.
    omega_0 : float
        Frequency factor ω0, dimensionless: positions run over [-1, 1].
    kernel_init : {"siren", "released", "balanced"}
        ``siren``: W1 ~ U(±1), later weights ~ U(±sqrt(6/fan_in)/ω0), biases ~ U(±1/sqrt(fan_in)).
        ``released``: what the released CKConv really starts from. Its weight-norm wrapper
        overwrites the SIREN weights at the first forward pass, so that they stay
        U(±1/sqrt(fan_in)), with biases U(±1): at ω0 = 30 that is close to white noise.
        ``balanced``: frequencies f1·W1 ~ U(±ω0) with phases uniform over the circle, so that no
        position is special; W2, W3 ~ U(±sqrt(6/fan_in)); the second layer's phases
        ~ U(±1/sqrt(fan_in)); b3 = 0, since a constant is all that a long kernel would be left
        with where its oscillations cancel.
    omega_scales_bias : bool
        Whether f1 and f2 multiply the biases of the hidden layers too.
    hidden_omega_0 : float or None
        The second layer's factor f2; None takes ω0, and 1 in a balanced network.
    edge : float
        Used by ``balanced`` only: the largest \|τ\| that matters, less than 1 where a window
        hides the rest of the kernel.

    Examples
    --------
    Six functions of the position, at eleven positions:

    >>> import torch
    >>> from ckstudy.networks import SIREN
    >>> SIREN(6)(torch.linspace(-1, 1, 11)).shape
    torch.Size([6, 11])
    """

    def __init__(
        self,
        out_features: int,
        *,
        hidden: int = 32,
        omega_0: float = 30.0,
        kernel_init: KernelInit = "siren",
        omega_scales_bias: bool = False,
        hidden_omega_0: float | None = None,
        edge: float = 1.0,
    ) -> None:
        super().__init__()
        balanced = kernel_init == "balanced"
        self.omega_0 = omega_0
        second = (1.0 if balanced else omega_0) if hidden_omega_0 is None else hidden_omega_0
        self.factors = BALANCED_FACTOR / edge if balanced else omega_0, second
        self.omega_scales_bias = omega_scales_bias
        self.first = WeightNormLinear(1, hidden, fixed_direction=balanced)
        self.second = WeightNormLinear(hidden, hidden)
        self.last = WeightNormLinear(hidden, out_features)
        if balanced:
            self._balance()
        else:
            self._initialise(kernel_init)

    @torch.no_grad()
    def _initialise(self, kernel_init: KernelInit) -> None:
        for layer in (self.first, self.second, self.last):
            fan_in = layer.direction.shape[1]
            default = 1 / math.sqrt(fan_in)
            if kernel_init == "released" or layer is self.first:
                bound = default
            else:
                bound = math.sqrt(6 / fan_in) / self.factors[1]
            layer.set_weight(torch.empty_like(layer.direction).uniform_(-bound, bound))
            bias_bound = 1.0 if kernel_init == "released" else default
            layer.bias.uniform_(-bias_bound, bias_bound)

    @torch.no_grad()
    def _balance(self) -> None:
        hidden = self.second.direction.shape[1]
        wide = math.sqrt(6 / hidden)
        first, second = self.factors
        phases = math.pi, 1 / math.sqrt(hidden)
        if self.omega_scales_bias:
            phases = phases[0] / first, phases[1] / second
        for layer, bound, bias_bound in (
            (self.first, self.omega_0 / first, phases[0]),
            (self.second, wide / second, phases[1]),
            (self.last, wide, 0.0),
        ):
            layer.set_weight(torch.empty_like(layer.direction).uniform_(-bound, bound))
            layer.bias.uniform_(-bias_bound, bias_bound)

    def forward(self, positions: Tensor) -> Tensor:
        """Values at ``positions`` (K,), as (out_features, K)."""
        hidden = positions.reshape(1, -1)
        for layer, factor in zip((self.first, self.second), self.factors, strict=True):
            if self.omega_scales_bias:
                hidden = torch.sin(factor * layer(hidden))
            else:
                hidden = torch.sin(factor * layer.linear(hidden) + layer.bias)
        return self.last(hidden)
