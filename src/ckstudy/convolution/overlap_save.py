"""Overlap-save convolution in the frequency domain, with channels mixed.

The output is cut into blocks of ``S = B - K + 1`` samples. The block that starts at s needs the
input samples s ... s + B - 1, and is the part of their circular correlation with the kernel, of
length B, that does not wrap around (Oppenheim and Schafer, Discrete-Time Signal Processing,
section 8.7.3). In the frequency domain this is one complex matrix product over the channels for
each of the F = B // 2 + 1 frequencies:

    Y[f] = conj(W[f]) X[f]              (C_out, C_in) times (C_in, blocks)

The gradient for the input is the adjoint, overlap-add: the blocks of the output's gradient G,
S samples each and zero from there on to B, give W[f]^T G[f], whose inverse transforms are added
where they overlap. The gradient for the kernel is the sum of G[f] X[f]^H over all the blocks of
all lines, conjugated, and takes one inverse transform at the end.

The batch is worked through in chunks, so that the temporaries of a chunk stay in the cache of a
CPU: that is faster than whole-batch operations, and it bounds the memory. Within a chunk spectra
change from (channel, block, frequency), as the transform writes them, to (frequency, channel,
block), as the matrix product reads them, in one transposition; the inverse transform reads the
latter order as it is.

A call allocates its buffers once. What the library's transforms return comes on top, and is
kept small: some channels are transformed at a time. This matters beyond its size, for the C
library seldom fits an aligned tensor into the gap that an equal one has left, so that a heap
with many large tensors that come and go grows to several times what is in use.
"""

from collections.abc import Callable, Iterator
from math import ceil, prod

import torch
from torch import Tensor

from ckstudy.convolution.padding import window
from ckstudy.convolution.plan import Plan
from ckstudy.convolution.precision import full_precision


def correlate(x: Tensor, w: Tensor, bias: Tensor | None, plan: Plan) -> Tensor:
    """Cross-correlation (N, C_in, L), (C_out, C_in, K) -> (N, C_out, L_out)."""
    y = x.new_empty((x.shape[0], w.shape[0], plan.output_length))
    with full_precision(x.device):
        space = _Workspace(x, w, plan)
        kernel = _transform_kernel(w, space.kernel, plan, conjugate=True)
        for rows in _chunks(x.shape[0], plan):
            spectrum = space.of_input(x[rows], space.first)
            product = space.product(kernel, spectrum, space.second)
            for some in _parts(w.shape[0], plan.part):
                part = None if bias is None else bias[some]
                _keep_steps(space.inverse(product[:, some]), y[rows, some], part, plan)
    return y


def gradients(
    g: Tensor, x: Tensor, w: Tensor, plan: Plan, wanted: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of ``(g * correlate(x, w)).sum()`` for x and for w, where wanted."""
    want_x, want_w = wanted
    for_x = for_w = total = None
    with full_precision(x.device):
        if want_x:
            for_x = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        if want_w:
            shape = (plan.block // 2 + 1, *w.shape[:2])
            total = torch.zeros(shape, dtype=w.dtype.to_complex(), device=w.device)
        _add_gradients(g, x, w, plan, for_x, total)
        if total is not None:
            for_w = _kernel_of(total, w.shape[2], plan)
    return for_x, for_w


def _add_gradients(
    g: Tensor, x: Tensor, w: Tensor, plan: Plan, for_x: Tensor | None, total: Tensor | None
) -> None:
    """Fill ``for_x``, and add to ``total`` the conjugate spectrum of the kernel's gradient."""
    space = _Workspace(x, w, plan)
    if for_x is not None:
        kernel = _transform_kernel(w, space.kernel, plan, conjugate=False).mT
    for rows in _chunks(x.shape[0], plan):
        spectrum = space.of_cotangent(g[rows], space.second)
        if for_x is not None:
            product = space.product(kernel, spectrum, space.first)
            for some in _parts(x.shape[1], plan.part):
                _overlap_add(space.inverse(product[:, some]), for_x[rows, some], plan)
        if total is not None:
            of_x = space.of_input(x[rows], space.first, conjugate=True)
            total.baddbmm_(spectrum, of_x.mT)


def _chunks(lines: int, plan: Plan) -> Iterator[slice]:
    for start in range(0, lines, plan.chunk):
        yield slice(start, min(start + plan.chunk, lines))


def _parts(channels: int, most: int) -> Iterator[slice]:
    """At most ``most`` channels at a time, about equally many."""
    width = ceil(channels / ceil(channels / most))
    for start in range(0, channels, width):
        yield slice(start, min(start + width, channels))


def _transform_kernel(w: Tensor, target: Tensor, plan: Plan, conjugate: bool) -> Tensor:
    """(C_out, C_in, K) -> (F, C_out, C_in), in ``target``."""
    for some in _parts(w.shape[0], plan.group):
        spectrum = torch.fft.rfft(w[some], n=plan.block).permute(2, 0, 1)
        target[:, some] = spectrum.conj() if conjugate else spectrum
        del spectrum
    return target


def _kernel_of(conjugate: Tensor, kernel_size: int, plan: Plan) -> Tensor:
    """The kernel of whose spectrum the conjugate is given, (F, C_out, C_in) -> (C_out, C_in, K).

    Conjugation reverses the time, circularly: 0, -1, -2 ... are the last samples but one by one.
    """
    shape = (*conjugate.shape[1:], kernel_size)
    kernel = torch.empty(shape, dtype=conjugate.dtype.to_real(), device=conjugate.device)
    for some in _parts(kernel.shape[0], plan.group):
        reverse = torch.fft.irfft(conjugate[:, some], n=plan.block, dim=0).permute(1, 2, 0)
        kernel[some, :, 0] = reverse[..., 0]
        kernel[some, :, 1:] = reverse[..., plan.block - kernel_size + 1 :].flip(-1)
        del reverse
    return kernel


class _Workspace:
    """The memory that serves all the chunks, in one allocation, and what fills it.

    ``kernel`` is for the kernel's spectrum, ``first`` and ``second`` are for the spectra and
    products of a chunk. The blocks of the channels that are transformed next lie in ``blocks``,
    which is ``first`` where these are all channels: nothing else is kept there then.
    """

    def __init__(self, x: Tensor, w: Tensor, plan: Plan):
        self.plan = plan
        frequencies = plan.block // 2 + 1
        column = min(plan.chunk, x.shape[0]) * plan.blocks * frequencies
        widest = max(w.shape[:2])
        sizes = [prod(w.shape[:2]) * frequencies, widest * column, w.shape[0] * column]
        sizes.append(plan.part * column if plan.part < widest else 0)
        sizes = [16 * ceil(size / 16) for size in sizes]  # all begin at a line of the cache
        memory = torch.empty(sum(sizes), dtype=x.dtype.to_complex(), device=x.device)
        kernel, self.first, self.second, blocks = memory.split(sizes)
        shape = frequencies, *w.shape[:2]
        self.kernel = kernel[: prod(shape)].view(shape)
        blocks = blocks if plan.part < widest else self.first
        self.blocks = torch.view_as_real(blocks).flatten()

    def of_input(self, x: Tensor, buffer: Tensor, conjugate: bool = False) -> Tensor:
        """Spectra of the padded input's blocks, (n, C, L) -> (F, C, n * blocks), in ``buffer``."""
        return self._spectrum(x, self._segments, buffer, conjugate)

    def of_cotangent(self, g: Tensor, buffer: Tensor) -> Tensor:
        """Spectra of the steps with zeros behind them, like :meth:`of_input`."""
        return self._spectrum(g, self._steps, buffer, conjugate=False)

    def _spectrum(
        self, lines: Tensor, cut: Callable[[Tensor], Tensor], buffer: Tensor, conjugate: bool
    ) -> Tensor:
        samples, channels, _ = lines.shape
        shape = self.kernel.shape[0], channels, samples * self.plan.blocks
        target = buffer[: prod(shape)].view(shape)
        for some in _parts(channels, self.plan.part):
            spectrum = torch.fft.rfft(cut(lines[:, some])).flatten(1, 2).permute(2, 0, 1)
            target[:, some] = spectrum.conj() if conjugate else spectrum
            del spectrum  # before the next is allocated
        return target

    def _segments(self, x: Tensor) -> Tensor:
        """Overlapping blocks of the padded input, (n, C, L) -> (C, n, blocks, B)."""
        plan, blocks = self.plan, self._blocks_of(x)
        block, step = plan.block, plan.step
        # Blocks first ... last lie within the line; a window each serves those before and after.
        first = -(-plan.left // step)
        last = (x.shape[-1] + plan.left - block) // step
        edges = [(0, plan.blocks)]
        if first <= last:
            edges = [(0, first), (last + 1, plan.blocks)]
            inner = x[..., first * step - plan.left :].unfold(-1, block, step)
            blocks[:, :, first : last + 1] = inner[:, :, : last + 1 - first].transpose(0, 1)
        for start, stop in edges:
            if start < stop:
                edge = window(x, start * step, (stop - 1) * step + block, plan)
                blocks[:, :, start:stop] = edge.unfold(-1, block, step).transpose(0, 1)
        return blocks

    def _steps(self, g: Tensor) -> Tensor:
        """Blocks of S samples and zeros behind them, (n, C, L_out) -> (C, n, blocks, B)."""
        plan, blocks = self.plan, self._blocks_of(g)
        blocks[..., plan.step :] = 0
        blocks[:, :, -1, g.shape[-1] - (plan.blocks - 1) * plan.step :] = 0
        for inside, outside in _steps(blocks.transpose(0, 1), g, plan):
            inside.copy_(outside)
        return blocks

    def _blocks_of(self, lines: Tensor) -> Tensor:
        """Memory for the blocks of (n, C, ...) lines, (C, n, blocks, B)."""
        shape = (lines.shape[1], lines.shape[0], self.plan.blocks, self.plan.block)
        return self.blocks[: prod(shape)].view(shape)

    def product(self, kernel: Tensor, spectrum: Tensor, buffer: Tensor) -> Tensor:
        """(F, C', C) times (F, C, columns) -> (F, C', columns), in ``buffer``."""
        shape = (*kernel.shape[:2], spectrum.shape[2])
        return torch.bmm(kernel, spectrum, out=buffer[: prod(shape)].view(shape))

    def inverse(self, product: Tensor) -> Tensor:
        """(F, C, columns) -> blocks (n, C, blocks, B); in memory they are (C, n, blocks, B)."""
        blocks = torch.fft.irfft(product, n=self.plan.block, dim=0)
        return blocks.unflatten(2, (-1, self.plan.blocks)).permute(2, 1, 3, 0)


def _keep_steps(blocks: Tensor, y: Tensor, bias: Tensor | None, plan: Plan) -> None:
    """Put together the samples of the blocks that do not wrap around, and add the bias."""
    for inside, outside in _steps(blocks, y, plan):
        if bias is None:
            outside.copy_(inside)
        else:
            torch.add(inside, bias[:, None, None], out=outside)


def _overlap_add(blocks: Tensor, for_x: Tensor, plan: Plan) -> None:
    """Add overlapping blocks and fold the padding, (n, C, blocks, B) -> (n, C, L).

    Each block overlaps only its neighbours, by K - 1 samples: K is at most S, or there is one
    block. ``blocks`` is overwritten.
    """
    step, left, count = plan.step, plan.left, plan.blocks
    length = for_x.shape[-1]
    if count > 1:
        blocks[..., 1:, : plan.block - step] += blocks[..., :-1, step:]
        for_x[..., : step - left] = blocks[..., 0, left:step]
        inner = for_x[..., step - left : (count - 1) * step - left]
        inner.unflatten(-1, (count - 2, step)).copy_(blocks[..., 1:-1, :step])
    start = (count - 1) * step
    margin = max(left - start, 0)
    tail = blocks[..., -1, margin : left + length - start]
    for_x[..., length - tail.shape[-1] :] = tail
    if plan.mirrored and left:
        for_x[..., 1 : left + 1] += blocks[..., 0, :left].flip(-1)
    if plan.mirrored and plan.right:
        end = left + length - start
        right = blocks[..., -1, end : end + plan.right].flip(-1)
        for_x[..., length - 1 - plan.right : length - 1] += right


def _steps(blocks: Tensor, line: Tensor, plan: Plan) -> Iterator[tuple[Tensor, Tensor]]:
    """Pair the first S samples of each block with their places in the line.

    ``blocks`` is (n, C, blocks, B), ``line`` (n, C, L_out); the last block may be cut short.
    Both of a pair have four dimensions.
    """
    full = (plan.blocks - 1) * plan.step
    rest = line.shape[-1] - full
    yield blocks[..., -1:, :rest], line[..., None, full:]
    if full:
        steps = line[..., :full].unflatten(-1, (plan.blocks - 1, plan.step))
        yield blocks[..., :-1, : plan.step], steps
