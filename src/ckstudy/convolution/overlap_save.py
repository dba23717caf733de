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
        for rows in _chunks(x.shape[0], plan):
            spectrum = _spectrum(_segments(x[rows], plan))
            blocks = _inverse(torch.bmm(kernel, spectrum), plan)
            del spectrum
            for inside, outside in _steps(blocks, y[rows], plan):
                if bias is None:
                    outside.copy_(inside)
                else:
                    torch.add(inside, bias[:, None, None], out=outside)
    return y


def gradients(
    g: Tensor, x: Tensor, w: Tensor, plan: Plan, wanted: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of ``(g * correlate(x, w)).sum()`` for x and for w, where wanted."""
    want_x, want_w = wanted
    for_x = for_w = None
    with full_precision(x.device):
        if want_x:
            kernel = _kernel_spectrum(w, plan, conjugate=False).mT
            for_x = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        if want_w:
            shape = (plan.block // 2 + 1, w.shape[0], w.shape[1])
            total = torch.zeros(shape, dtype=x.dtype.to_complex(), device=x.device)
        for rows in _chunks(x.shape[0], plan):
            spectrum = _spectrum(_cotangents(g[rows], plan))
            if want_x:
                blocks = _inverse(torch.bmm(kernel, spectrum), plan)
                _overlap_add(blocks, for_x[rows], plan)
                del blocks
            if want_w:
                of_x = _spectrum(_segments(x[rows], plan), conjugate=True)
                total.baddbmm_(spectrum, of_x.mT)
                del of_x
            del spectrum
        if want_w:
            for_w = _kernel_of(total, w.shape[2], plan)
    return for_x, for_w


def _chunks(lines: int, plan: Plan) -> Iterator[slice]:
    for start in range(0, lines, plan.chunk):
        yield slice(start, min(start + plan.chunk, lines))


def _kernel_spectrum(w: Tensor, plan: Plan, conjugate: bool) -> Tensor:
    """(C_out, C_in, K) -> (F, C_out, C_in)."""
    return _frequencies_first(torch.fft.rfft(w, n=plan.block), conjugate)


def _kernel_of(conjugate: Tensor, kernel_size: int, plan: Plan) -> Tensor:
    """The kernel of whose spectrum the conjugate is given, (F, C_out, C_in) -> (C_out, C_in, K).

    Conjugation reverses the time, circularly: 0, -1, -2 ... are the last samples but one by one.
    """
    reverse = torch.fft.irfft(conjugate, n=plan.block, dim=0)
    kernel = torch.empty(
        (*conjugate.shape[1:], kernel_size), dtype=reverse.dtype, device=reverse.device
    )
    reverse = reverse.permute(1, 2, 0)
    kernel[..., 0] = reverse[..., 0]
    kernel[..., 1:] = reverse[..., plan.block - kernel_size + 1 :].flip(-1)
    return kernel


def _spectrum(blocks: Tensor, conjugate: bool = False) -> Tensor:
    """(C, n, blocks, B) -> (F, C, n * blocks)."""
    return _frequencies_first(torch.fft.rfft(blocks).flatten(1, 2), conjugate)


def _frequencies_first(spectrum: Tensor, conjugate: bool) -> Tensor:
    """(a, b, F) -> (F, a, b), in one pass over the memory."""
    if conjugate:
        spectrum = spectrum.conj()
    return spectrum.permute(2, 0, 1).contiguous().resolve_conj()


def _inverse(spectrum: Tensor, plan: Plan) -> Tensor:
    """(F, C, n * blocks) -> (n, C, blocks, B), which lies in memory as (C, n, blocks, B)."""
    blocks = torch.fft.irfft(spectrum, n=plan.block, dim=0)
    shape = (spectrum.shape[1], spectrum.shape[2] // plan.blocks, plan.blocks)
    return blocks.unflatten(2, shape[1:]).permute(2, 1, 3, 0)


def _segments(x: Tensor, plan: Plan) -> Tensor:
    """Overlapping blocks of the padded input, (n, C, L) -> (C, n, blocks, B)."""
    n, channels, length = x.shape
    block, step = plan.block, plan.step
    blocks = x.new_empty((channels, n, plan.blocks, block))
    # Blocks first ... last lie within the line; a window each serves those before and after.
    first = -(-plan.left // step)
    last = (length + plan.left - block) // step
    ranges = [(0, first), (last + 1, plan.blocks)] if first <= last else [(0, plan.blocks)]
    if first <= last:
        inner = x[..., first * step - plan.left :].unfold(-1, block, step)
        blocks[:, :, first : last + 1] = inner[:, :, : last + 1 - first].transpose(0, 1)
    for start, stop in ranges:
        if start < stop:
            edge = window(x, start * step, (stop - 1) * step + block, plan)
            blocks[:, :, start:stop] = edge.unfold(-1, block, step).transpose(0, 1)
    return blocks


def _cotangents(g: Tensor, plan: Plan) -> Tensor:
    """Blocks of S samples and zeros behind them, (n, C, L_out) -> (C, n, blocks, B)."""
    blocks = g.new_empty((g.shape[1], g.shape[0], plan.blocks, plan.block))
    blocks[..., plan.step :] = 0
    blocks[:, :, -1, g.shape[-1] - (plan.blocks - 1) * plan.step :] = 0
    for inside, outside in _steps(blocks.transpose(0, 1), g, plan):
        inside.copy_(outside)
    return blocks


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
