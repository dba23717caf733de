"""Asking a network between the samples, for crowds.

A network gives its output at the samples of a line, and peaks there are two samples apart at the
least: of neighbours nearer than that one is lost. But nothing ties a network to these very
instants. The line taken half a sample later, which a band-limited signal determines, has its
outputs half-way between the others, by the same weights; peaks among both are half as far apart.
"""

import numpy as np

from ckstudy.localisation.resample import Grid
from ckstudy.networks import Localiser
from ckstudy.networks.predict import predict_lines

PER_SAMPLE = 2
"""Outputs a sample, where a network is asked at half samples too."""


def predict_at_half_samples(
    network: Localiser, rf: np.ndarray, grid: Grid, *, batch_size: int = 16
) -> np.ndarray:
    """The localisation signal at each sample of the network's grid, and half-way to the next.

    Parameters
    ----------
    network : Localiser
        Scales the lines itself; computes where it is.
    rf : ndarray, (N, samples)
        Lines as they were recorded.
    grid : Grid
        From their samples to the network's.
    batch_size : int
        As :func:`ckstudy.networks.predict.predict_lines`.

    Returns
    -------
    ndarray, (N, M) float32
        M is ``grid.finer(PER_SAMPLE).network_samples``. Every other output, from the first one on,
        is what the network gives for the lines at its own samples, to the last bit.
    """
    fine = grid.finer(PER_SAMPLE)
    found = np.empty((len(rf), fine.network_samples), np.float32)
    shifted = np.ascontiguousarray(fine.resample(rf)[:, 1::PER_SAMPLE])
    for first, lines in enumerate((grid.resample(rf), shifted)):
        found[:, first::PER_SAMPLE] = predict_lines(
            network, lines, batch_size=batch_size, progress=False
        )
    return found
