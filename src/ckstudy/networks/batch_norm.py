"""Population statistics of batch norm, estimated after training."""

import numpy as np
import torch
from torch import nn

from ckstudy.devices.torch_device import computing_on
from ckstudy.networks import Localiser
from ckstudy.networks.predict import network_input


def take_population_statistics(
    network: Localiser, rf: np.ndarray, *, batch_size: int = 16
) -> Localiser:
    r"""Replace the running statistics of batch norm by averages over ``rf``, in place.

    Batch norm infers with the population's mean and variance, which Ioffe & Szegedy (2015,
    algorithm 2) take from many batches of training data once the weights are final:

    .. math:: \mu = E_B[\mu_B], \qquad \sigma^2 = \frac{m}{m - 1} E_B[\sigma_B^2]

    with m values in a batch and channel. Training keeps a running average instead, in which the
    last ten batches weigh two thirds, of weights that still changed.

    Parameters
    ----------
    network : Localiser
        Its ``input_scaling`` is applied. Afterwards it is in evaluation mode.
    rf : ndarray, (N, L) float32
        Training lines, in volts; no label is needed.
    batch_size : int
        Lines of a batch. A last batch of fewer counts as much as the others.

    Returns
    -------
    Localiser
        ``network`` itself. One without batch norm is left as it is.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d)]
    momenta = [norm.momentum for norm in norms]
    device = next(network.parameters()).device
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average of all batches
        norm.train()
    with computing_on(device), torch.no_grad():
        for first in range(0, len(rf), batch_size):
            network(network_input(network, rf[first : first + batch_size]))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return network.eval()
