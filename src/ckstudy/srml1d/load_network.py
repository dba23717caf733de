"""Networks as the authors of SRML-1D published them (Blanken et al., 2022)."""

from pathlib import Path

import torch

from ckstudy.errors import StudyError
from ckstudy.networks.architectures import Localiser, build_network


def load_srml1d(path: str | Path) -> Localiser:
    """Load a published network, ready to predict RF lines in volts, on the CPU.

    Parameters
    ----------
    path : str or Path
        A plain state dict of the 12-layer dilated CNN, with the keys ``model.N.*``. It is read
        without unpickling anything but tensors.

    Raises
    ------
    StudyError
        Where the file is missing, is no state dict, or is one of another architecture.
    """
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise StudyError(f"there is no network file {path}") from None
    except Exception as error:  # torch raises half a dozen kinds for a file of another kind
        raise StudyError(f"{path} is no readable state dict: {error}") from None
    if not isinstance(weights, dict):
        raise StudyError(f"{path} holds no state dict, but a {type(weights).__name__}")
    network = build_network("cnn_dilated")
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise StudyError(f"{path} is not a published SRML-1D network: {error}") from None
    return network.eval()
