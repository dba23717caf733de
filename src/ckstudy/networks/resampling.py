"""A trained network for lines of another sampling rate, by its kernels instead of the signal."""

import copy

from torch import nn

from ckstudy.errors import StudyError
from ckstudy.networks.architectures import Localiser
from ckstudy.networks.windowed_conv import WindowedConv


def resampled(network: Localiser, factor: float) -> Localiser:
    """A copy of ``network`` for lines that are sampled ``factor`` times as densely.

    Every kernel is sampled anew (:meth:`WindowedConv.resample`), the layers between are as they
    were. That is what a continuous kernel promises; how well it holds is measured in
    ``docs/long-kernels.md``. Resampling the *signal*, as :func:`ckstudy.localise` does, loses
    nothing. A resampled network is not saved: it is made anew, of the saved one.

    Parameters
    ----------
    network : Localiser
        One of large kernels: ``ckcnn`` or ``cnn_free``.
    factor : float
        New sampling rate over the old one.

    Raises
    ------
    StudyError
        For a network with dilated kernels, or of other layers.

    Examples
    --------
    >>> from ckstudy import build_network
    >>> from ckstudy.networks.resampling import resampled
    >>> network = build_network("ckcnn", kernel_size=131, seed=0)
    >>> resampled(network, 2).sampling_rate_hz
    125000000.0
    """
    layers: list[nn.Module] = []
    padding = 0
    for layer in list(network.model)[1:]:
        if isinstance(layer, WindowedConv):
            dense = layer.resample(factor)
            padding += (dense.kernel_size - 1) // 2
            layers.append(dense)
        elif isinstance(layer, nn.BatchNorm1d | nn.ReLU) or (
            isinstance(layer, nn.Conv1d) and layer.kernel_size == (1,)
        ):
            layers.append(copy.deepcopy(layer))
        else:
            raise StudyError(
                f"{network.name} cannot be resampled: it has a {type(layer).__name__} whose taps "
                "are tied to the sampling rate"
            )
    found = Localiser(network.name, {**network.options}, padding, layers)
    found.input_scaling = network.input_scaling
    found.sampling_rate_hz = network.sampling_rate_hz * factor
    found.resampled = True
    return found.train(network.training)
