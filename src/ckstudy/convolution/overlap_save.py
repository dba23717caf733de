"""Overlap-save convolution in the frequency domain, with channels mixed.

The output is cut into blocks of ``S = B - K + 1`` samples. The block that starts at s needs the
input samples s ... s + B - 1, and is the part of their circular correlation with the kernel, of
length B, that does not wrap around (Oppenheim and Schafer, Discrete-Time Signal Processing,
section 8.7.3). In the frequency domain this is one complex matrix product over the channels for
each of the F = B // 2 + 1 frequencies:

    Y[f] = conj(W[f]) X[f]              (C_out, C_in) times (C_in, blocks)

and, where channels are in groups, one for each frequency and group.

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

from collections.abc import Callable
from math import ceil, prod

import torch
from torch import Tensor

from ckstudy.convolution.blocks import chunks, cut_input, cut_output, keep_steps, overlap_add, parts
from ckstudy.convolution.plan import Layout
from ckstudy.convolution.precision import full_precision


def correlate(x: Tensor, w: Tensor, bias: Tensor | None, layout: Layout) -> Tensor:
    """Cross-correlation (N, C_in, L), (C_out, C_in / groups, K) -> (N, C_out, L_out)."""
    y = x.new_empty((x.shape[0], w.shape[0], layout.output_length))
    with full_precision(x.device):
        space = _Workspace(x, w, layout)
        kernel = space.by_group(_transform_kernel(w, space.kernel, layout, conjugate=True))
        for rows in chunks(x.shape[0], layout):
            spectrum = space.of_input(x[rows], space.first)
            product = space.product(kernel, spectrum, space.second)
            for some in parts(w.shape[0], layout.part):
                part = None if bias is None else bias[some]
                keep_steps(space.inverse(product[:, some]), y[rows, some], part, layout)
    return y


def gradients(
    g: Tensor, x: Tensor, w: Tensor, layout: Layout, wanted: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of ``(g * correlate(x, w)).sum()`` for x and for w, where wanted."""
    want_x, want_w = wanted
    for_x = for_w = total = None
    with full_precision(x.device):
        if want_x:
            for_x = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        if want_w:
            shape = (layout.block // 2 + 1, *w.shape[:2])
            total = torch.zeros(shape, dtype=w.dtype.to_complex(), device=w.device)
        _add_gradients(g, x, w, layout, for_x, total)
        if total is not None:
            for_w = _kernel_of(total, w.shape[2], layout)
    return for_x, for_w


def _add_gradients(
    g: Tensor, x: Tensor, w: Tensor, layout: Layout, for_x: Tensor | None, total: Tensor | None
) -> None:
    """Fill ``for_x``, and add to ``total`` the conjugate spectrum of the kernel's gradient."""
    space = _Workspace(x, w, layout)
    if for_x is not None:
        kernel = space.by_group(_transform_kernel(w, space.kernel, layout, conjugate=False)).mT
    for rows in chunks(x.shape[0], layout):
        spectrum = space.of_cotangent(g[rows], space.second)
        if for_x is not None:
            product = space.product(kernel, spectrum, space.first)
            for some in parts(x.shape[1], layout.part):
                overlap_add(space.inverse(product[:, some]), for_x[rows, some], layout)
        if total is not None:
            of_x = space.of_input(x[rows], space.first, conjugate=True)
            space.by_group(total).baddbmm_(space.by_group(spectrum), space.by_group(of_x).mT)


def _transform_kernel(w: Tensor, target: Tensor, layout: Layout, conjugate: bool) -> Tensor:
    """(C_out, C_in, K) -> (F, C_out, C_in), in ``target``."""
    for some in parts(w.shape[0], layout.group):
        spectrum = torch.fft.rfft(w[some], n=layout.block).permute(2, 0, 1)
        target[:, some] = spectrum.conj() if conjugate else spectrum
        del spectrum
    return target


def _kernel_of(conjugate: Tensor, kernel_size: int, layout: Layout) -> Tensor:
    """The kernel of whose spectrum the conjugate is given, (F, C_out, C_in) -> (C_out, C_in, K).

    Conjugation reverses the time, circularly: 0, -1, -2 ... are the last samples but one by one.
    """
    shape = (*conjugate.shape[1:], kernel_size)
    kernel = torch.empty(shape, dtype=conjugate.dtype.to_real(), device=conjugate.device)
    for some in parts(kernel.shape[0], layout.group):
        reverse = torch.fft.irfft(conjugate[:, some], n=layout.block, dim=0).permute(1, 2, 0)
        kernel[some, :, 0] = reverse[..., 0]
        kernel[some, :, 1:] = reverse[..., layout.block - kernel_size + 1 :].flip(-1)
        del reverse
    return kernel


class _Workspace:
    """The memory that serves all the chunks, in one allocation, and what fills it.

    ``kernel`` is for the kernel's spectrum, ``first`` and ``second`` are for the spectra and
    products of a chunk. The blocks of the channels that are transformed next lie in ``blocks``,
    which is ``first`` where these are all channels: nothing else is kept there then.
    """

    def __init__(self, x: Tensor, w: Tensor, layout: Layout):
        self.layout = layout
        frequencies = layout.block // 2 + 1
        column = min(layout.chunk, x.shape[0]) * layout.blocks * frequencies
        widest = max(x.shape[1], w.shape[0])
        sizes = [prod(w.shape[:2]) * frequencies, widest * column, w.shape[0] * column]
        sizes.append(layout.part * column if layout.part < widest else 0)
        sizes = [16 * ceil(size / 16) for size in sizes]  # all begin at a line of the cache
        memory = torch.empty(sum(sizes), dtype=x.dtype.to_complex(), device=x.device)
        kernel, self.first, self.second, blocks = memory.split(sizes)
        shape = frequencies, *w.shape[:2]
        self.kernel = kernel[: prod(shape)].view(shape)
        blocks = blocks if layout.part < widest else self.first
        self.blocks = torch.view_as_real(blocks).flatten()

    def of_input(self, x: Tensor, buffer: Tensor, conjugate: bool = False) -> Tensor:
        """Spectra of the padded input's blocks, (n, C, L) -> (F, C, n * blocks), in ``buffer``."""
        return self._spectrum(x, cut_input, buffer, conjugate)

    def of_cotangent(self, g: Tensor, buffer: Tensor) -> Tensor:
        """Spectra of the steps with zeros behind them, like :meth:`of_input`."""
        return self._spectrum(g, cut_output, buffer, conjugate=False)

    def _spectrum(
        self,
        lines: Tensor,
        cut: Callable[[Tensor, Tensor, Layout], None],
        buffer: Tensor,
        conjugate: bool,
    ) -> Tensor:
        samples, channels, _ = lines.shape
        layout = self.layout
        shape = self.kernel.shape[0], channels, samples * layout.blocks
        target = buffer[: prod(shape)].view(shape)
        for some in parts(channels, layout.part):
            some_lines = lines[:, some]
            cut_shape = some_lines.shape[1], samples, layout.blocks, layout.block
            blocks = self.blocks[: prod(cut_shape)].view(cut_shape)
            cut(some_lines, blocks.transpose(0, 1), layout)
            spectrum = torch.fft.rfft(blocks).flatten(1, 2).permute(2, 0, 1)
            target[:, some] = spectrum.conj() if conjugate else spectrum
            del spectrum  # before the next is allocated
        return target

    def product(self, kernel: Tensor, spectrum: Tensor, buffer: Tensor) -> Tensor:
        """(F · G, C', C) times (F, G · C, columns) -> (F, G · C', columns), in ``buffer``."""
        factor = self.by_group(spectrum)
        shape = (*kernel.shape[:2], factor.shape[2])
        product = torch.bmm(kernel, factor, out=buffer[: prod(shape)].view(shape))
        return product.view(self.kernel.shape[0], -1, shape[2])

    def by_group(self, tensor: Tensor) -> Tensor:
        """(F, G · rows, columns) -> (F · G, rows, columns), the same memory."""
        return tensor.view(tensor.shape[0] * self.layout.groups, -1, tensor.shape[2])

    def inverse(self, product: Tensor) -> Tensor:
        """(F, C, columns) -> blocks (n, C, blocks, B); in memory they are (C, n, blocks, B)."""
        blocks = torch.fft.irfft(product, n=self.layout.block, dim=0)
        return blocks.unflatten(2, (-1, self.layout.blocks)).permute(2, 1, 3, 0)
