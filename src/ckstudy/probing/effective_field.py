"""What a network really looks at: its effective receptive field, by gradients.

The nominal receptive field counts every tap. How much each sample of the line matters to one
sample of the output is the gradient of this for that (Luo, Li, Urtasun and Zemel, "Understanding
the effective receptive field in deep convolutional neural networks", 2016). The energy of the
gradient by lag, averaged over places at which an echo starts, is a network's *profile*.
"""

from typing import NamedTuple

import numpy as np
import torch

from ckstudy.dataset import Lines
from ckstudy.devices.torch_device import computing_on
from ckstudy.networks import Localiser
from ckstudy.networks.predict import network_input
from ckstudy.probing.frozen import frozen

SHARE = 0.95
"""Of the gradient's energy, which an effective field holds."""


class EffectiveField(NamedTuple):
    """A network's profile in numbers, in samples; NaN where no gradient is left.

    Attributes
    ----------
    width : float
        Samples between the lags below and above which equally little energy lies, and between
        which 95 % lies.
    sigma : float
        Root mean square distance from the centre.
    centre : float
        Mean lag: positive where the network looks at what comes later.
    """

    width: float
    sigma: float
    centre: float


def gradient_profile(network: Localiser, lines: Lines, places: int) -> np.ndarray:
    """Share of the gradient's energy at each lag, (2·padding + 1,); the middle one is lag 0.

    At ``places`` onsets of each line, evenly among all of them. Each place counts the same; where
    the gradient is zero, as where every rectifier is shut, the place does not count. NaN where
    none is left.

    Parameters
    ----------
    network : Localiser
        In evaluation mode.
    lines : ckstudy.dataset.Lines
    places : int
    """
    device = next(network.parameters()).device
    reach = network.padding
    total = torch.zeros(2 * reach + 1, dtype=torch.float64)
    counted = 0
    with computing_on(device), frozen(network):
        padded = network.model[0](network_input(network, lines.rf))
        for line, count in zip(padded, lines.bubble_count, strict=True):
            for onset in _evenly(np.flatnonzero(count), places):
                seen = line[None, :, onset : onset + 2 * reach + 1].clone().requires_grad_()
                (gradient,) = torch.autograd.grad(network.valid(seen).sum(), seen)
                energy = gradient.flatten().double().square().cpu()
                if energy.sum() > 0:
                    total += energy / energy.sum()
                    counted += 1
    return (total / counted if counted else torch.full_like(total, torch.nan)).numpy()


def _evenly(onsets: np.ndarray, count: int) -> np.ndarray:
    places = np.linspace(0, len(onsets) - 1, min(count, len(onsets)))
    return onsets[np.rint(places).astype(int)]


def effective_field(profile: np.ndarray) -> EffectiveField:
    """The width, spread and centre of a :func:`gradient_profile`."""
    if not np.isfinite(profile).all():
        return EffectiveField(np.nan, np.nan, np.nan)
    lags = np.arange(profile.size) - profile.size // 2
    centre = float(profile @ lags)
    sigma = float(np.sqrt(profile @ (lags - centre) ** 2))
    below = np.cumsum(profile)
    first, last = np.searchsorted(below, [(1 - SHARE) / 2, (1 + SHARE) / 2])
    return EffectiveField(float(last - first + 1), sigma, centre)
