"""One-dimensional convolution with channels mixed and kernels of any length."""

from ckstudy.convolution.interface import conv1d, explain
from ckstudy.convolution.plan import Plan

__all__ = ["Plan", "conv1d", "explain"]
