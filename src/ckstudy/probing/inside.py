"""What a trained network has learned: its kernels, what its filters answer to, its way with a line.

A *stage* is what a layer hands on: the output of each rectifier, or of each residual block.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn

from ckstudy.devices.torch_device import computing_on
from ckstudy.networks import Localiser, WindowedConv
from ckstudy.networks.architectures import CKBlock
from ckstudy.probing.frozen import frozen

ITERATIONS = 60


def kernels(network: Localiser) -> list[np.ndarray]:
    """Kernels (C_out, C_in, K) of each convolution over time, as the network applies them.

    The taps of a dilated kernel stand next to each other.
    """
    found = []
    for layer in network.modules():
        if isinstance(layer, WindowedConv):
            found.append(layer.kernel())
        elif isinstance(layer, nn.Conv1d) and layer.kernel_size[0] > 1:
            found.append(layer.weight)
    return [kernel.detach().cpu().numpy() for kernel in found]


def spectrum(kernel: np.ndarray, rate_mhz: float) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in MHz, and the root mean square gain of all kernels (C_out, C_in, K) there.

    Parameters
    ----------
    kernel : ndarray
    rate_mhz : float
        Sampling rate of the taps: that of the line, divided by the dilation.
    """
    count = 1 << max(10, int(kernel.shape[-1]).bit_length() + 2)
    gain = np.abs(np.fft.rfft(kernel.astype(np.float64), count, axis=-1))
    return np.fft.rfftfreq(count, 1 / rate_mhz), np.sqrt((gain**2).mean((0, 1)))


def stages(network: Localiser, x: Tensor) -> Iterator[Tensor]:
    """What each stage makes of ``x`` (N, 1, L + 2·padding), which has its context: (N, C, length).

    Each is centred on the same sample as ``x``.
    """
    x = network.seen(x)
    for module in list(network.model)[1:]:
        x = module(x)
        if isinstance(module, nn.ReLU | CKBlock):
            yield x


def preferred_input(
    network: Localiser, stage: int, channel: int, start: Tensor, *, rms: float
) -> np.ndarray:
    """The line that a filter answers to most strongly, among lines of the same power.

    Maximises the mean over time of channel ``channel`` of stage ``stage`` (from 0) over lines of
    the given root mean square by gradient ascent from ``start``. A step goes
    to the line along the sum of the best one so far and its gradient, made as long. That is a
    shifted power method, and never a step down for the first layer, whose answer is convex
    (Journée, Nesterov, Richtárik and Sepulchre, J. Mach. Learn. Res. 11, 517, 2010); where a step
    of a deeper one leads down, the next is half as long. So it is a local maximum.

    Parameters
    ----------
    network : Localiser
        In evaluation mode.
    stage, channel : int
    start : Tensor, (1, 1, samples + 2·padding)
        A line, scaled as the network takes it, with the context of ``samples`` samples: over
        these the answer is averaged.
    rms : float
        In the network's scaling.

    Returns
    -------
    ndarray, (samples + 2·context,) float64
        With the context of this stage alone; zeros where the filter does not answer to ``start``.
    """
    device = start.device
    samples = start.shape[-1] - 2 * network.padding
    with computing_on(device), frozen(network):
        with torch.no_grad():
            found = next(islice(stages(network, start), stage, None))
        # What later stages need as context would stay as it is, at the ends.
        spare = (found.shape[-1] - samples) // 2
        x = start[..., spare : start.shape[-1] - spare].clone()
        x *= rms / x.square().mean().sqrt()
        best, uphill, answer, step = torch.zeros_like(x), x, 0.0, 1.0
        for _ in range(ITERATIONS):
            x = (x * (rms / x.square().mean().sqrt())).requires_grad_()
            padded = nn.functional.pad(x, (spare, spare))
            found = next(islice(stages(network, padded), stage, None))
            middle = (found.shape[-1] - samples) // 2
            value = found[0, channel, middle : middle + samples].mean()
            (gradient,) = torch.autograd.grad(value, x)
            if value.item() > answer:
                best, uphill, answer = x.detach(), gradient, value.item()
                step = min(2 * step, 1.0)
            else:
                step /= 2
            size = uphill.square().mean().sqrt()
            if not answer or size == 0:
                break
            x = best + uphill * (step * rms / size)
    return best.double().cpu().numpy().ravel()
