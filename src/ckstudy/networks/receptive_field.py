"""Receptive-field arithmetic for stacks of convolutions."""

from dataclasses import dataclass

from torch import nn

from ckstudy.networks.windowed_conv import WindowedConv


@dataclass(frozen=True)
class Field:
    """What one feature of a layer sees of the input.

    Attributes
    ----------
    size : int
        Features in this layer.
    jump : int
        Input samples between two neighbouring features.
    field : int
        Input samples that one feature sees.
    start : float
        Centre of the first feature in input samples, where sample i spans [i, i + 1].
    """

    size: int
    jump: int = 1
    field: int = 1
    start: float = 0.5

    def through(
        self, kernel_size: int, *, padding: int = 0, stride: int = 1, dilation: int = 1
    ) -> "Field":
        """The field after one more convolution.

        n' = floor((n + 2p - (k-1)d - 1)/s) + 1; j' = j·s; r' = r + (k-1)·d·j;
        start' = start + ((k-1)·d/2 - p)·j.
        """
        extent = (kernel_size - 1) * dilation
        return Field(
            size=(self.size + 2 * padding - extent - 1) // stride + 1,
            jump=self.jump * stride,
            field=self.field + extent * self.jump,
            start=self.start + (extent / 2 - padding) * self.jump,
        )


def receptive_field(network: nn.Module, *, effective: bool = False) -> int:
    """Input samples that one output sample of ``network`` depends on.

    Every :class:`~torch.nn.Conv1d`, :class:`~ckstudy.CKConv` and free kernel counts, in order;
    projections on residual skips have K = 1 and add nothing.

    Parameters
    ----------
    network : Module
    effective : bool
        Whether a kernel with a window counts only as far as its window, at its present width,
        is at least a millionth of its peak (:attr:`WindowedConv.half_width`), instead of nominally.

    Examples
    --------
    Four layers of 65 taps, each of which adds 64 samples:

    >>> from ckstudy import build_network
    >>> from ckstudy.networks import receptive_field
    >>> receptive_field(build_network("ckcnn", kernel_size=65))
    257
    """
    field = Field(size=1)
    for layer in network.modules():
        if isinstance(layer, WindowedConv):
            taps = 2 * layer.half_width + 1 if effective else layer.kernel_size
            field = field.through(taps, stride=layer.stride, dilation=layer.dilation)
        elif isinstance(layer, nn.Conv1d):
            field = field.through(
                layer.kernel_size[0], stride=layer.stride[0], dilation=layer.dilation[0]
            )
    return field.field
