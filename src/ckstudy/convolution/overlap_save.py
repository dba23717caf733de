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
"""

from collections.abc import Iterator
from math import prod

import torch
from torch import Tensor

from ckstudy.convolution.padding import window
from ckstudy.convolution.plan import Plan
from ckstudy.convolution.precision import full_precision


def correlate(x: Tensor, w: Tensor, bias: Tensor | None, plan: Plan) -> Tensor:
    """Cross-correlation (N, C_in, L), (C_out, C_in, K) -> (N, C_out, L_out)."""
    y = x.new_empty((x.shape[0], w.shape[0], plan.output_length))
    with full_precision(x.device):
        kernel = _kernel_spectrum(w, plan, conjugate=True)
        space = _Workspace(x, w, plan)
        for rows in _chunks(x.shape[0], plan):
            spectrum = space.spectrum(space.segments(x[rows]), space.first)
            blocks = space.inverse(kernel, spectrum, space.second)
            for inside, outside in _steps(blocks, y[rows], plan):
                if bias is None:
                    outside.copy_(inside)
                else:
                    torch.add(inside, bias[:, None, None], out=outside)
            del blocks
    return y


def gradients(
    g: Tensor, x: Tensor, w: Tensor, plan: Plan, wanted: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of ``(g * correlate(x, w)).sum()`` for x and for w, where wanted."""
    want_x, want_w = wanted
    for_x = for_w = kernel = total = None
    with full_precision(x.device):
        if want_x:
            for_x = torch.empty(x.shape, dtype=x.dtype, device=x.device)
            kernel = _kernel_spectrum(w, plan, conjugate=False).mT
        if want_w:
            total = _new_spectrum(w, plan).zero_()
        space = _Workspace(x, w, plan)
        for rows in _chunks(x.shape[0], plan):
            spectrum = space.spectrum(space.cotangents(g[rows]), space.second)
            if want_x:
                blocks = space.inverse(kernel, spectrum, space.first)
                _overlap_add(blocks, for_x[rows], plan)
                del blocks
            if want_w:
                of_x = space.spectrum(space.segments(x[rows]), space.first, conjugate=True)
                total.baddbmm_(spectrum, of_x.mT)
        del kernel, space
        if want_w:
            for_w = _kernel_of(total, w.shape[2], plan)
    return for_x, for_w


def _chunks(lines: int, plan: Plan) -> Iterator[slice]:
    for start in range(0, lines, plan.chunk):
        yield slice(start, min(start + plan.chunk, lines))


def _groups(w: Tensor, plan: Plan) -> Iterator[slice]:
    """Output channels whose kernels are transformed together."""
    for start in range(0, w.shape[0], plan.group):
        yield slice(start, start + plan.group)


def _new_spectrum(w: Tensor, plan: Plan) -> Tensor:
    """Memory for a kernel's spectrum, (F, C_out, C_in)."""
    shape = (plan.block // 2 + 1, w.shape[0], w.shape[1])
    return torch.empty(shape, dtype=w.dtype.to_complex(), device=w.device)


def _kernel_spectrum(w: Tensor, plan: Plan, conjugate: bool) -> Tensor:
    """(C_out, C_in, K) -> (F, C_out, C_in)."""
    target = _new_spectrum(w, plan)
    for some in _groups(w, plan):
        spectrum = torch.fft.rfft(w[some], n=plan.block)
        target[:, some] = (spectrum.conj() if conjugate else spectrum).permute(2, 0, 1)
    return target


def _kernel_of(conjugate: Tensor, kernel_size: int, plan: Plan) -> Tensor:
    """The kernel of whose spectrum the conjugate is given, (F, C_out, C_in) -> (C_out, C_in, K).

    Conjugation reverses the time, circularly: 0, -1, -2 ... are the last samples but one by one.
    """
    shape = (*conjugate.shape[1:], kernel_size)
    kernel = torch.empty(shape, dtype=conjugate.dtype.to_real(), device=conjugate.device)
    for some in _groups(kernel, plan):
        reverse = torch.fft.irfft(conjugate[:, some], n=plan.block, dim=0).permute(1, 2, 0)
        kernel[some, :, 0] = reverse[..., 0]
        kernel[some, :, 1:] = reverse[..., plan.block - kernel_size + 1 :].flip(-1)
    return kernel


class _Workspace:
    """Two buffers that serve all the chunks, and what fills them.

    Blocks lie in ``first`` until they are transformed; then a spectrum or a product does. To
    allocate once keeps the C library from growing its heap by several times what is in use.
    """

    def __init__(self, x: Tensor, w: Tensor, plan: Plan):
        self.plan = plan
        column = min(plan.chunk, x.shape[0]) * plan.blocks * (plan.block // 2 + 1)
        kind = {"dtype": x.dtype.to_complex(), "device": x.device}
        self.first = torch.empty(max(w.shape[:2]) * column, **kind)
        self.second = torch.empty(w.shape[0] * column, **kind)

    def _blocks(self, lines: Tensor) -> Tensor:
        """Memory for the blocks of (n, C, ...) lines, (C, n, blocks, B)."""
        shape = (lines.shape[1], lines.shape[0], self.plan.blocks, self.plan.block)
        return torch.view_as_real(self.first).flatten()[: prod(shape)].view(shape)

    def segments(self, x: Tensor) -> Tensor:
        """Overlapping blocks of the padded input, (n, C, L) -> (C, n, blocks, B)."""
        plan, blocks = self.plan, self._blocks(x)
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

    def cotangents(self, g: Tensor) -> Tensor:
        """Blocks of S samples and zeros behind them, (n, C, L_out) -> (C, n, blocks, B)."""
        plan, blocks = self.plan, self._blocks(g)
        blocks[..., plan.step :] = 0
        blocks[:, :, -1, g.shape[-1] - (plan.blocks - 1) * plan.step :] = 0
        for inside, outside in _steps(blocks.transpose(0, 1), g, plan):
            inside.copy_(outside)
        return blocks

    def spectrum(self, blocks: Tensor, buffer: Tensor, conjugate: bool = False) -> Tensor:
        """(C, n, blocks, B) -> (F, C, n * blocks), in ``buffer``."""
        spectrum = torch.fft.rfft(blocks).flatten(1, 2).permute(2, 0, 1)
        target = buffer[: spectrum.numel()].view(spectrum.shape)
        return target.copy_(spectrum.conj() if conjugate else spectrum)

    def inverse(self, kernel: Tensor, spectrum: Tensor, buffer: Tensor) -> Tensor:
        """Blocks of the matrix product, (n, C, blocks, B); in memory they are (C, n, blocks, B)."""
        frequencies, channels, _ = kernel.shape
        columns = spectrum.shape[-1]
        product = buffer[: frequencies * channels * columns].view(frequencies, channels, columns)
        torch.bmm(kernel, spectrum, out=product)
        blocks = torch.fft.irfft(product, n=self.plan.block, dim=0)
        return blocks.unflatten(2, (-1, self.plan.blocks)).permute(2, 1, 3, 0)


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
