"""The dual loss of Blanken et al. (2022): soft labels by L1, hard labels by Dice."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HALF_WIDTH = 29


def gaussian_taps(alpha: float) -> Tensor:
    """G(n) = exp(-α n²), n = -29 ... 29: the 59 taps that soften a label, (59,) float32."""
    n = torch.arange(-HALF_WIDTH, HALF_WIDTH + 1, dtype=torch.float32)
    return torch.exp(-alpha * n.square())


def clip(value: Tensor) -> Tensor:
    """relu(v) - relu(v - 1): v limited to [0, 1], with the gradient of those two."""
    return F.relu(value) - F.relu(value - 1)


class DualLoss(nn.Module):
    r"""Localisation loss of a prediction z against the bubble count y.

    .. math::
        \varepsilon_1 \, \overline{|G_\alpha * z - G_\alpha * y|}
        + \varepsilon_2 \, \Bigl\langle 1 - \frac{2\sum_l c(z_l)\,c(y_l)}
          {\sum_l \bigl(c(z_l) + c(y_l)\bigr) + 10^{-6}} \Bigr\rangle

    with c(v) = relu(v) - relu(v - 1), the first mean over all samples and the second over the
    lines of the batch.

    Parameters
    ----------
    epsilon_1, epsilon_2 : float
        Weights of the soft and the hard part; 1 and 1.6 in the thesis.
    alpha : float
        Inverse squared width of the Gaussian, per square sample; 0.1 in the thesis.

    Examples
    --------
    A prediction that is off by a sample costs the soft part little, and the hard part all:

    >>> import torch
    >>> from ckstudy.training.loss import DualLoss
    >>> count = torch.zeros(1, 1, 100)
    >>> count[..., 40] = 1
    >>> loss, late = DualLoss(), count.roll(1, -1)
    >>> round(loss.hard(count, count).item(), 3), round(loss.hard(late, count).item(), 3)
    (0.0, 1.0)
    >>> bool(loss.soft(late, count) < loss.soft(0 * count, count) / 2)
    True
    """

    taps: Tensor

    def __init__(self, epsilon_1: float = 1.0, epsilon_2: float = 1.6, alpha: float = 0.1) -> None:
        super().__init__()
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.register_buffer("taps", gaussian_taps(alpha).view(1, 1, -1), persistent=False)

    def soft(self, prediction: Tensor, count: Tensor) -> Tensor:
        """Mean absolute difference of the smoothed signals, a scalar."""
        # Convolution is linear: smoothing the difference once smooths both.
        difference = F.conv1d(prediction - count, self.taps.to(prediction), padding=HALF_WIDTH)
        return difference.abs().mean()

    def hard(self, prediction: Tensor, count: Tensor) -> Tensor:
        """Mean over the lines of one minus the Dice coefficient, a scalar."""
        z, y = clip(prediction), clip(count)
        overlap = (z * y).sum(-1)
        total = (z + y).sum(-1)
        return (1 - 2 * overlap / (total + 1e-6)).mean()

    def forward(self, prediction: Tensor, count: Tensor) -> Tensor:
        """Loss of ``prediction`` (N, 1, L) against ``count`` (N, 1, L), a scalar."""
        soft = self.soft(prediction, count)
        return self.epsilon_1 * soft + self.epsilon_2 * self.hard(prediction, count)
