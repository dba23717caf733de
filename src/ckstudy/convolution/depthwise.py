"""Overlap-save convolution where no channels are mixed: each kernel reads one channel.

As in :mod:`ckstudy.convolution.overlap_save`, but that the product of a frequency is one number
times another:

    Y[o, f] = conj(W[o, f]) X[o // m, f]

for m output channels of each input channel. There is no matrix product, and so no reason to
change the order in which a transform writes; some channels of some lines go through all the steps
while they are in the cache.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ckstudy.convolution.blocks import chunks, cut_input, cut_output, keep_steps, overlap_add, parts
from ckstudy.convolution.plan import Layout
from ckstudy.convolution.precision import full_precision


def correlate(x: Tensor, w: Tensor, bias: Tensor | None, layout: Layout) -> Tensor:
    """Cross-correlation (N, C, L), (m C, 1, K) -> (N, m C, L_out)."""
    multiplier = w.shape[0] // x.shape[1]
    y = x.new_empty((x.shape[0], w.shape[0], layout.output_length))
    with full_precision(x.device):
        for some, outputs in _channels(x.shape[1], multiplier, layout):
            kernel = _spectrum_of(w[outputs], multiplier, layout).conj_physical_()
            part = None if bias is None else bias[outputs]
            for rows in chunks(x.shape[0], layout):
                of_x = _spectrum(x[rows, some], cut_input, layout)
                product = _times(of_x, kernel).flatten(1, 2)
                blocks = torch.fft.irfft(product, n=layout.block)
                keep_steps(blocks, y[rows, outputs], part, layout)
    return y


def gradients(
    g: Tensor, x: Tensor, w: Tensor, layout: Layout, wanted: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of ``(g * correlate(x, w)).sum()`` for x and for w, where wanted."""
    want_x, want_w = wanted
    multiplier = w.shape[0] // x.shape[1]
    for_x = torch.empty(x.shape, dtype=x.dtype, device=x.device) if want_x else None
    for_w = torch.empty(w.shape, dtype=w.dtype, device=w.device) if want_w else None
    with full_precision(x.device):
        for some, outputs in _channels(x.shape[1], multiplier, layout):
            kernel = _spectrum_of(w[outputs], multiplier, layout)
            total = torch.zeros_like(kernel[:, :, 0])
            for rows in chunks(x.shape[0], layout):
                of_g = _spectrum(g[rows, outputs], cut_output, layout)
                of_g = of_g.unflatten(1, kernel.shape[:2])  # (n, c, m, blocks, F)
                if for_w is not None:
                    of_x = _spectrum(x[rows, some], cut_input, layout).conj_physical_()
                    total += _times(of_x, of_g).sum((0, 3))
                if for_x is not None:
                    product = of_g.mul_(kernel)
                    product = product.squeeze(2) if kernel.shape[1] == 1 else product.sum(2)
                    blocks = torch.fft.irfft(product, n=layout.block)
                    overlap_add(blocks, for_x[rows, some], layout)
            if for_w is not None:
                taps = torch.fft.irfft(total.conj_physical_(), n=layout.block)
                for_w[outputs] = taps.flatten(0, 1)[:, None, : w.shape[2]]
    return for_x, for_w


def _channels(channels: int, multiplier: int, layout: Layout) -> Iterator[tuple[slice, slice]]:
    """Input channels that are worked on together, and their output channels."""
    for some in parts(channels, layout.part):
        yield some, slice(some.start * multiplier, some.stop * multiplier)


def _spectrum_of(w: Tensor, multiplier: int, layout: Layout) -> Tensor:
    """Spectra of the kernels (c m, 1, K), as (c, m, 1, F)."""
    return torch.fft.rfft(w, n=layout.block).unflatten(0, (-1, multiplier))


def _spectrum(
    lines: Tensor, cut: Callable[[Tensor, Tensor, Layout], None], layout: Layout
) -> Tensor:
    """Spectra of the blocks of (n, c, ...) lines, (n, c, blocks, F)."""
    blocks = lines.new_empty((*lines.shape[:2], layout.blocks, layout.block))
    cut(lines, blocks, layout)
    return torch.fft.rfft(blocks)


def _times(of_x: Tensor, factor: Tensor) -> Tensor:
    """(n, c, blocks, F) times (n or nothing, c, m, blocks or 1, F) -> (n, c, m, blocks, F).

    ``of_x`` is overwritten where the product has room in it.
    """
    one = factor.shape[-3] == 1
    return of_x.unsqueeze(2).mul_(factor) if one else of_x.unsqueeze(2) * factor
