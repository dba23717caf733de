"""What a network's kernels hold of the frequencies that the signal has."""

import torch

from ckstudy.acoustics.specification import BAND_MHZ
from ckstudy.networks.architectures import Localiser
from ckstudy.networks.windowed_conv import WindowedConv


@torch.no_grad()
def band_shares(network: Localiser, rate_mhz: float) -> list[float]:
    """Share of each layer's kernel energy that lies in the band, its constant part included.

    Parameters
    ----------
    network : Localiser
        Of its layers, those with long kernels count.
    rate_mhz : float
        Sampling rate of the lines that it is for.

    Returns
    -------
    list of float
        Between 0 and 1, in the order of the layers; NaN for a kernel of zeros.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, WindowedConv)]
    return [_share(layer.kernel(), layer.dilation, rate_mhz) for layer in layers]


def _share(kernel: torch.Tensor, dilation: int, rate_mhz: float) -> float:
    count = 1 << max(13, kernel.shape[-1].bit_length())
    energy = torch.fft.rfft(kernel.double(), count).abs().square().sum((0, 1))
    energy[1:-1] *= 2  # the negative frequencies
    frequency = torch.arange(len(energy), dtype=torch.float64) * (rate_mhz / dilation / count)
    inside = (frequency >= BAND_MHZ[0]) & (frequency <= BAND_MHZ[1])
    return (energy[inside].sum() / energy.sum()).item()
