"""Full float32 inside the convolution, whatever the caller allows outside it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def full_precision(device: torch.device, *, deterministic: bool = True) -> Iterator[None]:
    """No autocast; on CUDA no TF32 and, where ``deterministic``, only such cuDNN algorithms.

    TF32 keeps 10 bits of mantissa: far less than an FFT loses, and the route is bound by memory
    bandwidth, so that it would gain next to nothing.
    """
    if device.type != "cuda":
        with torch.autocast(device.type, enabled=False):
            yield
        return
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    convolution = cudnn.conv  # type: ignore[attr-defined]  # torch's stand-in for the module
    before = _own_setting(matmul.fp32_precision), convolution.fp32_precision
    older = _older_setting()
    before_cudnn = cudnn.deterministic, cudnn.benchmark
    try:
        if older != "highest":
            torch.set_float32_matmul_precision("highest")
        matmul.fp32_precision = convolution.fp32_precision = "ieee"
        cudnn.deterministic, cudnn.benchmark = deterministic, False
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        if older != "highest":
            torch.set_float32_matmul_precision(older)
        matmul.fp32_precision, convolution.fp32_precision = before
        cudnn.deterministic, cudnn.benchmark = before_cudnn


def _own_setting(found: str) -> str:
    """What to restore where ``found`` was read, which may be the setting of all above it.

    Written back as it is, it would be this one's own, and no later setting of all would reach it.
    (That of convolutions is TF32 unless it is set, and so is one of its own from the start.)
    """
    of_all = torch.backends.fp32_precision  # type: ignore[attr-defined]
    return "none" if found == of_all else found


def _older_setting() -> str:
    """What torch's older setting for matrix products says; torch refuses to see the two disagree.

    Where only the newer one was used, torch may refuse to read the older, which is as it was.
    """
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:
        return "highest"
