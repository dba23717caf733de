"""The layout of a published network, written with torch alone."""

from torch import nn


def published_layout(channels: int = 64, layers: int = 12) -> nn.Sequential:
    """The layout of a published SRML-1D network, written with torch alone."""
    stack: list[nn.Module] = [nn.ReflectionPad1d(2**layers - 1)]
    for layer in range(layers):
        width = channels if layer else 1
        stack += [nn.Conv1d(width, channels, 3, dilation=2**layer), nn.BatchNorm1d(channels)]
        stack.append(nn.ReLU())
    return nn.Sequential(*stack, nn.Conv1d(channels, 1, 1))
