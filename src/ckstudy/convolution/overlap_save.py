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
all samples, conjugated, and takes one inverse transform at the end.

The batch is worked through in chunks, so that the temporaries of a chunk stay in the cache of a
CPU: that is faster than whole-batch operations, and it bounds the memory. Within a chunk spectra
change from (channel, block, frequency), as the transform writes them, to (frequency, channel,
block), as the matrix product reads them, by one two-dimensional transposition.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from ckstudy.convolution.padding import extend, fold
from ckstudy.convolution.plan import Plan
from ckstudy.convolution.precision import full_precision


def correlate(x: Tensor, w: Tensor, bias: Tensor | None, plan: Plan) -> Tensor:
    """Cross-correlation (N, C_in, L), (C_out, C_in, K) -> (N, C_out, L_out)."""
    with full_precision(x.device):
        kernel = _kernel_spectrum(w, plan).conj().resolve_conj()
        y = x.new_empty((x.shape[0], w.shape[0], plan.output_length))
        source = _Segments(x, plan)
        for rows in _chunks(x.shape[0], plan):
            product = torch.bmm(kernel, _spectrum(source.load(x[rows])))
            _write(_inverse(product, plan), y[rows], plan, bias)
    return y


def gradients(
    g: Tensor, x: Tensor, w: Tensor, plan: Plan, wanted: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of ``(g * correlate(x, w)).sum()`` for x and for w, where wanted."""
    want_x, want_w = wanted
    with full_precision(x.device):
        cotangent = _Cotangents(g, plan)
        for_x = for_w = None
        if want_x:
            kernel = _kernel_spectrum(w, plan).mT
            for_x = torch.empty(x.shape, dtype=x.dtype, device=x.device)
            overlap = _OverlapAdd(x, plan)
        if want_w:
            source = _Segments(x, plan)
            frequencies = plan.block // 2 + 1
            total = torch.zeros(
                (frequencies, w.shape[0], w.shape[1]),
                dtype=x.dtype.to_complex(),
                device=x.device,
            )
        for rows in _chunks(x.shape[0], plan):
            spectrum = _spectrum(cotangent.load(g[rows]))
            if want_w:
                total.baddbmm_(spectrum, _spectrum(source.load(x[rows])).mH)
            if want_x:
                product = torch.bmm(kernel, spectrum)
                overlap.add(_inverse(product, plan), for_x[rows])
        if want_w:
            for_w = torch.fft.irfft(total.conj(), n=plan.block, dim=0)[: w.shape[2]]
            for_w = for_w.permute(1, 2, 0).contiguous()
    return for_x, for_w


def _chunks(samples: int, plan: Plan) -> Iterator[slice]:
    for start in range(0, samples, plan.chunk):
        yield slice(start, min(start + plan.chunk, samples))


def _kernel_spectrum(w: Tensor, plan: Plan) -> Tensor:
    """(C_out, C_in, K) -> (F, C_out, C_in)."""
    spectrum = torch.fft.rfft(w, n=plan.block)
    return spectrum.flatten(0, 1).t().contiguous().view(-1, w.shape[0], w.shape[1])


def _spectrum(blocks: Tensor) -> Tensor:
    """(C, n, blocks, B) -> (F, C, n * blocks)."""
    channels = blocks.shape[0]
    spectrum = torch.fft.rfft(blocks).view(channels, -1, blocks.shape[-1] // 2 + 1)
    return spectrum.permute(2, 0, 1).contiguous()


def _inverse(spectrum: Tensor, plan: Plan) -> Tensor:
    """(F, C, n * blocks) -> (n, C, blocks, B), not contiguous."""
    blocks = torch.fft.irfft(spectrum, n=plan.block, dim=0)
    return blocks.view(plan.block, spectrum.shape[1], -1, plan.blocks).permute(2, 1, 3, 0)


class _Segments:
    """Overlapping blocks of the padded input; its buffers serve all the chunks."""

    def __init__(self, x: Tensor, plan: Plan):
        self.plan = plan
        n, channels = min(plan.chunk, x.shape[0]), x.shape[1]
        self.padded = x.new_zeros((n, channels, plan.covered))
        self.blocks = x.new_empty((channels, n, plan.blocks, plan.block))

    def load(self, x: Tensor) -> Tensor:
        """(n, C, L) -> (C, n, blocks, B)."""
        plan, n = self.plan, x.shape[0]
        padded = self.padded[:n]
        extend(x, padded, plan.left, plan.right, plan.mirrored)
        segments = padded.unfold(-1, plan.block, plan.step).transpose(0, 1)
        if n < self.blocks.shape[1]:
            return segments.contiguous()
        return self.blocks.copy_(segments)


class _Cotangents:
    """Blocks of the output's gradient, ``step`` samples each, followed by zeros."""

    def __init__(self, g: Tensor, plan: Plan):
        self.plan = plan
        n, channels = min(plan.chunk, g.shape[0]), g.shape[1]
        self.blocks = g.new_zeros((channels, n, plan.blocks, plan.block))

    def load(self, g: Tensor) -> Tensor:
        """(n, C, L_out) -> (C, n, blocks, B)."""
        n = g.shape[0]
        blocks = self.blocks if n == self.blocks.shape[1] else self.blocks[:, :n].contiguous()
        _copy_steps(blocks.transpose(0, 1), g.detach(), self.plan, into_blocks=True)
        return blocks


class _OverlapAdd:
    """Adds overlapping blocks into the gradient of the padded input, and folds the padding."""

    def __init__(self, x: Tensor, plan: Plan):
        self.plan = plan
        self.padded = x.new_empty((min(plan.chunk, x.shape[0]), x.shape[1], plan.covered))

    def add(self, blocks: Tensor, target: Tensor) -> None:
        """(n, C, blocks, B) -> (n, C, L)."""
        plan = self.plan
        padded = self.padded[: blocks.shape[0]]
        step, count = plan.step, plan.blocks
        heads = padded[..., : count * step].unflatten(-1, (count, step))
        heads.copy_(blocks[..., :step])
        padded[..., count * step :] = blocks[..., -1, step:]
        if count > 1:
            heads[..., 1:, : plan.block - step] += blocks[..., :-1, step:]
        fold(padded, target, plan.left, plan.right, plan.mirrored)


def _write(blocks: Tensor, y: Tensor, plan: Plan, bias: Tensor | None) -> None:
    """Write the part of each block that did not wrap around, (n, C, blocks, B) -> (n, C, L_out)."""
    _copy_steps(blocks, y, plan, into_blocks=False)
    if bias is not None:
        y += bias[:, None]


def _copy_steps(blocks: Tensor, line: Tensor, plan: Plan, into_blocks: bool) -> None:
    """Copy the first ``step`` samples of all blocks from or to a line that may end earlier."""
    full = (plan.blocks - 1) * plan.step
    rest = line.shape[-1] - full
    pairs = [(blocks[..., -1, :rest], line[..., full:])]
    if full:
        steps = line[..., :full].unflatten(-1, (plan.blocks - 1, plan.step))
        pairs.append((blocks[..., :-1, : plan.step], steps))
    for inside, outside in pairs:
        if into_blocks:
            inside.copy_(outside)
        else:
            outside.copy_(inside)
