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
    before = matmul.fp32_precision, convolution.fp32_precision
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


def _older_setting() -> str:
    """What torch's older setting for matrix products says; torch refuses to see the two disagree.

    Where only the newer one was used, torch may refuse to read the older, which is as it was.
    """
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:
        return "highest"
