"""Muon: steps of the kernel networks' matrices along orthogonal directions."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ckstudy.training.adam import Adam

MOMENTUM = 0.95
ROOT_MEAN_SQUARE = 0.6
"""Of the elements of a matrix's step, at a learning rate of 1.

Liu et al. have 0.2, about what Adam's steps have. For the kernel networks larger ones are better:
with 9 layers of 22 channels the validation loss after 1,024 steps (rate 0.004, cosine) was 1.264
for 0.2, 1.229 for 0.4 and 1.205 for 0.8, where Adam had 1.308 (one training each).
"""

# Five times X <- a X + b (X Xᵀ) X + c (X Xᵀ)² X takes singular values from 0.01 ... 1 to between
# 0.7 and 1.2 (Jordan et al., 2024): near enough to 1, in few steps.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


def orthogonalised(matrix: Tensor) -> Tensor:
    """The matrix (m, n) with singular values near 1 in place of its own (Newton-Schulz)."""
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.mT if tall else matrix
    x = x / (x.norm() + 1e-12)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon:
    r"""Muon for the weights that are matrices (Jordan et al., 2024), Adam for all others.

    The momentum of a matrix's gradient, with Nesterov's look ahead, is brought to singular values
    near 1, so that a step moves all directions alike and not those alone in which the gradient is
    large:

    .. math:: M \leftarrow 0.95\,M + G, \qquad
              W \leftarrow W - 0.6\,r \sqrt{\max(m, n)} \; \mathrm{orth}(G + 0.95\,M)

    With a factor of this form (Liu et al., 2025), a rate r that suits Adam suits both.

    Parameters
    ----------
    parameters : iterable of Parameter
        A matrix has two dimensions, each above 1.
    lr : Tensor
        The learning rate r, read anew at each step.
    **adam
        For :class:`~ckstudy.training.adam.Adam`.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: Tensor, **adam: Any) -> None:
        self.matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for each in parameters:
            (self.matrices if each.dim() == 2 and min(each.shape) > 1 else others).append(each)
        self.momenta = [torch.zeros_like(each) for each in self.matrices]
        self._adam = Adam(others, lr=lr, **adam)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Adam's; the rate is that of the matrices too."""
        return self._adam.param_groups

    @torch.no_grad()
    def step(self) -> None:
        """One step of all parameters; nothing in it waits for the device."""
        rate = self.param_groups[0]["lr"]
        for matrix, momentum in zip(self.matrices, self.momenta, strict=True):
            if matrix.grad is None:
                continue
            momentum.mul_(MOMENTUM).add_(matrix.grad)
            step = orthogonalised(torch.add(matrix.grad, momentum, alpha=MOMENTUM))
            size = ROOT_MEAN_SQUARE * max(matrix.shape) ** 0.5
            matrix.sub_(step * (size * rate))
        self._adam.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients, as :class:`torch.optim.Optimizer` does."""
        self._adam.zero_grad(set_to_none=set_to_none)
        for matrix in self.matrices:
            if set_to_none:
                matrix.grad = None
            elif matrix.grad is not None:
                matrix.grad.zero_()

    def state_dict(self) -> dict[str, Any]:
        """What :meth:`load_state_dict` goes on from."""
        return {"adam": self._adam.state_dict(), "momenta": self.momenta}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where the optimiser that gave ``state`` was."""
        self._adam.load_state_dict(state["adam"])
        for momentum, saved in zip(self.momenta, state["momenta"], strict=True):
            momentum.copy_(saved)
