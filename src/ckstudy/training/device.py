"""Where to compute."""

import torch

from ckstudy.errors import StudyError


def resolve_device(name: str) -> torch.device:
    """``auto`` (CUDA where there is a card, else the CPU), ``cpu`` or ``cuda``, as a device.

    Raises
    ------
    StudyError
        Where CUDA is asked for and there is none, or for another name.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise StudyError(f"unknown device {name!r}; choose auto, cpu or cuda")
    if name == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda")
    if name == "cuda":
        raise StudyError(
            "device is 'cuda', but torch sees no CUDA device on this machine. The full study "
            "wants one. config/quick.yaml runs the same study in minutes on two CPU cores; "
            "'device: cpu' in the config insists on the CPU, which takes weeks at full scale"
        )
    return torch.device("cpu")
