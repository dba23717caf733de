"""Where to compute, and how."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ckstudy.convolution.precision import full_precision
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


@contextmanager
def computing_on(device: torch.device) -> Iterator[None]:
    """Compute in full float32 and, on a CUDA device, in a stream of its own.

    Without this, torch would round the inputs of its own convolutions to 10 bits of mantissa
    (TF32). Work that is to be recorded as a CUDA graph must not lie in the default stream, and
    the steps before it must lie in the same one.

    torch's own convolutions need not be deterministic here: torch leaves a dilated one to cuDNN
    only then, and otherwise does the lines of a batch one by one, ten times slower or more
    (https://github.com/pytorch/pytorch/issues/28777).
    """
    with full_precision(device, deterministic=False):
        if device.type != "cuda":
            yield
            return
        outside = torch.cuda.current_stream(device)
        stream = torch.cuda.Stream(device)
        stream.wait_stream(outside)
        with torch.cuda.stream(stream):
            yield
        outside.wait_stream(stream)
