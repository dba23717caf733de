"""Lines cut into overlapping blocks, and put together again from blocks.

The output is cut into steps of ``S = B - K + 1`` samples. The block that starts at s holds the
input samples s ... s + B - 1 that its step needs. Blocks are (n, C, blocks, B) here, in whatever
order they lie in memory.
"""

from collections.abc import Iterator
from math import ceil

import torch
from torch import Tensor

from ckstudy.convolution.padding import window
from ckstudy.convolution.plan import Layout


def chunks(lines: int, layout: Layout) -> Iterator[slice]:
    """The lines of a batch that are worked on together."""
    for start in range(0, lines, layout.chunk):
        yield slice(start, min(start + layout.chunk, lines))


def parts(channels: int, most: int) -> Iterator[slice]:
    """At most ``most`` channels at a time, about equally many."""
    width = ceil(channels / ceil(channels / most))
    for start in range(0, channels, width):
        yield slice(start, min(start + width, channels))


def cut_input(x: Tensor, blocks: Tensor, layout: Layout) -> None:
    """Fill ``blocks`` with the overlapping blocks of the padded input, (n, C, L)."""
    block, step = layout.block, layout.step
    # Blocks first ... last lie within the line; a window each serves those before and after.
    first = -(-layout.left // step)
    last = (x.shape[-1] + layout.left - block) // step
    edges = [(0, layout.blocks)]
    if first <= last:
        edges = [(0, first), (last + 1, layout.blocks)]
        inner = x[..., first * step - layout.left :].unfold(-1, block, step)
        blocks[:, :, first : last + 1] = inner[:, :, : last + 1 - first]
    for start, stop in edges:
        if start < stop:
            edge = window(x, start * step, (stop - 1) * step + block, layout)
            blocks[:, :, start:stop] = edge.unfold(-1, block, step)


def cut_output(g: Tensor, blocks: Tensor, layout: Layout) -> None:
    """Fill ``blocks`` with the steps of (n, C, L_out), and zeros behind them."""
    blocks[..., layout.step :] = 0
    blocks[:, :, -1, g.shape[-1] - (layout.blocks - 1) * layout.step :] = 0
    for inside, outside in _steps(blocks, g, layout):
        inside.copy_(outside)


def keep_steps(blocks: Tensor, y: Tensor, bias: Tensor | None, layout: Layout) -> None:
    """Put together the samples of the blocks that do not wrap around, and add the bias."""
    for inside, outside in _steps(blocks, y, layout):
        if bias is None:
            outside.copy_(inside)
        else:
            torch.add(inside, bias[:, None, None], out=outside)


def overlap_add(blocks: Tensor, for_x: Tensor, layout: Layout) -> None:
    """Add overlapping blocks and fold the padding, (n, C, blocks, B) -> (n, C, L).

    Each block overlaps only its neighbours, by K - 1 samples: K is at most S, or there is one
    block. ``blocks`` is overwritten.
    """
    step, left, count = layout.step, layout.left, layout.blocks
    length = for_x.shape[-1]
    if count > 1:
        blocks[..., 1:, : layout.block - step] += blocks[..., :-1, step:]
        for_x[..., : step - left] = blocks[..., 0, left:step]
        inner = for_x[..., step - left : (count - 1) * step - left]
        inner.unflatten(-1, (count - 2, step)).copy_(blocks[..., 1:-1, :step])
    start = (count - 1) * step
    margin = max(left - start, 0)
    tail = blocks[..., -1, margin : left + length - start]
    for_x[..., length - tail.shape[-1] :] = tail
    if layout.mirrored and left:
        for_x[..., 1 : left + 1] += blocks[..., 0, :left].flip(-1)
    if layout.mirrored and layout.right:
        end = left + length - start
        right = blocks[..., -1, end : end + layout.right].flip(-1)
        for_x[..., length - 1 - layout.right : length - 1] += right


def _steps(blocks: Tensor, line: Tensor, layout: Layout) -> Iterator[tuple[Tensor, Tensor]]:
    """Pair the first S samples of each block with their places in the line.

    ``blocks`` is (n, C, blocks, B), ``line`` (n, C, L_out); the last block may be cut short.
    Both of a pair have four dimensions.
    """
    full = (layout.blocks - 1) * layout.step
    rest = line.shape[-1] - full
    yield blocks[..., -1:, :rest], line[..., None, full:]
    if full:
        steps = line[..., :full].unflatten(-1, (layout.blocks - 1, layout.step))
        yield blocks[..., :-1, : layout.step], steps
