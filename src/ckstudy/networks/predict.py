"""Predictions of a trained network for RF lines."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ckstudy.devices.torch_device import computing_on
from ckstudy.networks import Localiser
from ckstudy.networks.folding import folded
from ckstudy.networks.scaling import scale_lines

# Fewer would not make up for the transforms of the kernels, which every part of a batch takes.
LINES_OF_A_THREAD = 8


def predict_lines(
    network: Localiser,
    rf: np.ndarray,
    *,
    batch_size: int = 32,
    device: torch.device | str | None = None,
    description: str = "predicting",
    progress: bool = True,
) -> np.ndarray:
    """The localisation signal of whole lines.

    Parameters
    ----------
    network : Localiser
        As loaded by :func:`ckstudy.load_model`; its ``input_scaling`` is applied. It is moved
        to ``device`` and put into evaluation mode.
    rf : ndarray, (N, L) float32
        RF lines in volts.
    batch_size : int
        Lines at a time; memory grows with it, the result does not change.
    device : torch.device or str, optional
        Where to compute; by default where the network is.
    description : str
        What the progress bar says.
    progress : bool
        Whether there is a progress bar, where there is a terminal to show it.

    Returns
    -------
    ndarray, (N, L) float32
        High where an echo starts.

    Examples
    --------
    >>> import numpy as np
    >>> from ckstudy import build_network
    >>> from ckstudy.networks.predict import predict_lines
    >>> network = build_network("cnn_dilated", layers=3, channels=4, seed=0)
    >>> rf = np.random.default_rng(0).normal(size=(2, 500)).astype(np.float32)
    >>> predict_lines(network, rf).shape
    (2, 500)
    """
    if device is not None:
        network = network.to(device)
    network.eval()
    device = next(network.parameters()).device
    prediction = np.empty(rf.shape, dtype=np.float32)
    hidden = None if progress else True
    bar = tqdm(total=len(rf), unit="line", desc=description, disable=hidden, leave=False)
    with computing_on(device), torch.inference_mode(), bar, _compute(network, batch_size) as signal:
        for first in range(0, len(rf), batch_size):
            rows = slice(first, first + batch_size)
            x = network_input(network, rf[rows])
            prediction[rows] = signal(x).squeeze(1).cpu().numpy()
            bar.update(len(x))
    return prediction


@contextmanager
def _compute(network: Localiser, batch_size: int) -> Iterator[Callable[[Tensor], Tensor]]:
    """What the network makes of a batch, parts of which are computed side by side.

    A thread that has some lines to itself gets further than one that has its share of every
    operation: there are many, and most are short.
    """
    signal, threads = folded(network), torch.get_num_threads()
    workers = min(threads, batch_size // LINES_OF_A_THREAD)
    if workers < 2 or next(network.parameters()).device.type != "cpu":
        yield signal
        return

    def begin() -> None:
        torch.set_num_threads(threads // workers)

    def of_part(x: Tensor) -> Tensor:
        with torch.inference_mode():
            return signal(x)

    try:
        with ThreadPoolExecutor(workers, initializer=begin) as pool:
            yield lambda x: torch.cat(list(pool.map(of_part, x.chunk(workers))))
    finally:
        torch.set_num_threads(threads)


def network_input(network: Localiser, rf: np.ndarray) -> Tensor:
    """Lines (n, L) in volts as ``network`` takes them: (n, 1, L), scaled, and where it is."""
    device = next(network.parameters()).device
    x = torch.from_numpy(np.ascontiguousarray(rf)).to(device)
    return scale_lines(x, network.input_scaling).unsqueeze(1)
