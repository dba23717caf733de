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

# What a layer puts out at a time. glibc hands larger blocks back to the system as soon as they are
# free, and their pages are mapped anew for the next layer: in the dilated CNN of 64 channels 16
# lines at a time took 84 ms of a core each, two take 26, and a third of the memory.
LAYER_BYTES = 12 << 20


def predict_lines(
    network: Localiser,
    rf: np.ndarray,
    *,
    batch_size: int = 16,
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
        Lines that a thread takes at a time, at most: fewer where a layer would put out more than
        12 MiB for them on the CPU. Memory grows with it, and so it does with the threads that
        torch has. The result changes by rounding at most, and not with the threads.
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
    threads = 1
    if device.type == "cpu":
        threads = torch.get_num_threads()
        batch_size = min(batch_size, max(1, LAYER_BYTES // _bytes_of_a_line(network, rf.shape[1])))
    with computing_on(device), bar, _one_core_each(threads) as each:
        with torch.inference_mode():
            signal = folded(network)

        def predict(first: int) -> int:
            rows = slice(first, first + batch_size)
            with torch.inference_mode():
                x = network_input(network, rf[rows])
                prediction[rows] = signal(x).squeeze(1).cpu().numpy()
            return len(x)

        for lines in each(predict, range(0, len(rf), batch_size)):
            bar.update(lines)
    return prediction


def _bytes_of_a_line(network: Localiser, samples: int) -> int:
    """What the widest layer puts out for one line, at most."""
    channels = max(getattr(module, "out_channels", 1) for module in network.modules())
    return 4 * channels * (samples + 2 * network.padding)


@contextmanager
def _one_core_each(threads: int) -> Iterator[Callable]:
    """A ``map`` whose calls are made by so many threads, each with one core.

    A core that has a batch to itself gets further than one that has its share of every operation:
    there are many, and most are short. And the bits do not depend on how many cores there are.
    """
    if threads == 1:
        yield map
        return
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    torch.set_num_threads(1)
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


def network_input(network: Localiser, rf: np.ndarray) -> Tensor:
    """Lines (n, L) in volts as ``network`` takes them: (n, 1, L), scaled, and where it is."""
    device = next(network.parameters()).device
    x = torch.from_numpy(np.ascontiguousarray(rf)).to(device)
    return scale_lines(x, network.input_scaling).unsqueeze(1)
