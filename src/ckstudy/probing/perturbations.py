r"""Worst-case perturbations of a line, found by gradient ascent, and random ones of equal norm.

Antun, Renna, Poon, Adcock and Hansen, "On instabilities of deep learning in image reconstruction
and the potential costs of AI" (PNAS 117, 2020), look for a small r that maximises

.. math:: Q(r) = \lVert f(y + r) - f(y) \rVert^2 - \lambda \lVert r \rVert^2

by gradient ascent with momentum, and take a growing series of such r. Here each r of the series
also stays within a ball, :math:`\lVert r \rVert \le \rho \lVert y \rVert`, so that networks and
random noise can be compared at one norm. A step is as long as a fraction of the ball's radius,
whatever the size of the gradient, which differs by orders between networks. Each r starts from the
one before it, and the best that the ascent has met is taken, so that what is found is a lower
bound of the worst case.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor

from ckstudy.acoustics.specification import BAND_MHZ
from ckstudy.networks import Localiser
from ckstudy.networks.scaling import scale_lines

MOMENTUM = 0.9

Predict = Callable[[Tensor], Tensor]


def unit_lines(rf: Tensor) -> tuple[Tensor, Tensor]:
    """Lines (N, L) divided by their root mean square, and these, (N, 1)."""
    rms = rf.square().mean(-1, keepdim=True).sqrt().clamp_min(1e-30)
    return rf / rms, rms


def predictor(network: Localiser, rms: Tensor) -> Predict:
    """The network as a function of lines in units of their first root mean square, (N, L) both.

    A line is scaled as in training: where that is by its root mean square, a perturbation changes
    this too.
    """

    def predict(lines: Tensor) -> Tensor:
        scaled = scale_lines(lines * rms, network.input_scaling)
        return network(scaled.unsqueeze(1)).squeeze(1)

    return predict


def in_band(lines: Tensor, rate_mhz: float, band: tuple[float, float] = BAND_MHZ) -> Tensor:
    """The part of real lines (..., L) that lies in the band of the pulse: a projection."""
    spectrum = torch.fft.rfft(lines)
    frequency = torch.fft.rfftfreq(lines.shape[-1], 1 / rate_mhz, device=lines.device)
    inside = (frequency >= band[0]) & (frequency <= band[1])
    return torch.fft.irfft(spectrum * inside, lines.shape[-1])


def random_directions(shape: tuple[int, int], seeds: Iterable[int]) -> Tensor:
    """White Gaussian noise (N, L) float32, each line from a seed of its own."""
    lines = [
        torch.randn(shape[1], generator=torch.Generator().manual_seed(int(seed))) for seed in seeds
    ]
    return torch.stack(lines)


def with_norm(lines: Tensor, norm: Tensor) -> Tensor:
    """Lines (N, L) in the same directions, of norm (N, 1)."""
    return lines * (norm / lines.norm(dim=-1, keepdim=True).clamp_min(1e-30))


def worst_cases(
    predict: Predict,
    lines: Tensor,
    relative_norms: Sequence[float],
    start: Tensor,
    *,
    steps: int,
    step_size: float,
    penalty: float = 0.0,
    project: Callable[[Tensor], Tensor] = lambda r: r,
) -> Iterator[Tensor]:
    """The growing series of perturbations, (N, L) for each of ``relative_norms``.

    Parameters
    ----------
    predict : callable
        f, from (N, L) to (N, L), line by line.
    lines : Tensor
        y.
    relative_norms : sequence of float
        Largest norm of r over that of y, ascending.
    start : Tensor
        Directions that the ascent starts from, (N, L).
    steps : int
        Steps for each norm.
    step_size : float
        Length of a step over the largest norm.
    penalty : float
        λ. With any above 0, r may stay smaller than allowed.
    project : callable
        A linear projection that r has to obey, such as :func:`in_band`.

    Yields
    ------
    Tensor
        The r with the largest Q that was met.
    """
    with torch.no_grad():
        clean = predict(lines)
    size = lines.norm(dim=-1, keepdim=True)
    r = project(start)
    for relative in relative_norms:
        radius = relative * size
        r = with_norm(r, radius)
        velocity = torch.zeros_like(r)
        best, best_value = r, torch.full_like(size, -torch.inf)
        for step in range(steps + 1):
            r = r.detach().requires_grad_(step < steps)
            with torch.set_grad_enabled(step < steps):
                gained = (predict(lines + r) - clean).square().sum(-1, keepdim=True)
                value = gained - penalty * r.square().sum(-1, keepdim=True)
            better = value.detach() > best_value
            best = torch.where(better, r.detach(), best)
            best_value = torch.where(better, value.detach(), best_value)
            if step == steps:
                break
            (gradient,) = torch.autograd.grad(value.sum(), r)
            velocity = MOMENTUM * velocity + with_norm(project(gradient), step_size * radius)
            r = project(r.detach() + velocity)
            norm = r.norm(dim=-1, keepdim=True)
            r = torch.where(norm > radius, with_norm(r, radius), r)
        r = best
        yield best
