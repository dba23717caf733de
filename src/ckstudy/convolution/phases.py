r"""A kernel with strides or dilation as a plain one, of more lines or of more channels.

Output t reads the samples s·t + d·k of the padded line, for stride s, dilation d and taps
k = 0 ... K - 1. All of them are multiples of gcd(s, d), so s and d are taken as coprime, of every
gcd-th sample. With t = d q + r and k = s m + p,

.. math:: s t + d k = s r + d\,(s (q + m) + p):

each phase r of the output is a plain convolution (q with m) of its own line, to which each phase
p of the kernel adds a channel:

.. math:: y_{d q + r} = \sum_p \sum_m w_{s m + p}\, x^{(r, p)}_{q + m}, \qquad
          x^{(r, p)}_u = x_{s r + d (s u + p)}.

No sample stands twice in the lines and channels that this makes of one, so that they are a view
of its memory.
"""

from dataclasses import dataclass
from math import ceil, gcd

from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Phases:
    """The plain convolution behind one of K = ``taps`` with ``stride`` and ``dilation``."""

    stride: int
    dilation: int
    taps: int
    output_length: int

    @property
    def common(self) -> int:
        return gcd(self.stride, self.dilation)

    @property
    def channels(self) -> int:
        """Channels for each of the line's."""
        return self.stride // self.common

    @property
    def lines(self) -> int:
        """Lines for each line."""
        return self.dilation // self.common

    @property
    def plain_taps(self) -> int:
        return ceil(self.taps / self.channels)

    @property
    def plain_output(self) -> int:
        return ceil(self.output_length / self.lines)

    def split_line(self, x: Tensor) -> Tensor:
        """Padded lines (N, C, L) -> (N · lines, C · channels, plain L)."""
        whole = functional.pad(x, (0, self._extent - x.shape[-1])).contiguous()
        return self._view(whole).flatten(0, 1).flatten(1, 2)

    def join_line(self, parts: Tensor, length: int) -> Tensor:
        """The adjoint of :meth:`split_line`, for lines of ``length`` samples."""
        shape = parts.shape[0] // self.lines, parts.shape[1] // self.channels
        whole = parts.new_zeros((*shape, self._extent))
        view = self._view(whole)
        view.copy_(parts.view(view.shape))
        return functional.pad(whole, (0, length - self._extent))

    def split_kernel(self, w: Tensor) -> Tensor:
        """(C_out, C, K) -> (C_out, C · channels, plain K), with zeros behind the last tap."""
        whole = functional.pad(w, (0, self.plain_taps * self.channels - self.taps))
        return whole.unflatten(2, (-1, self.channels)).transpose(2, 3).flatten(1, 2)

    def join_kernel(self, parts: Tensor) -> Tensor:
        """The adjoint of :meth:`split_kernel`."""
        phases = parts.unflatten(1, (-1, self.channels))
        return phases.transpose(2, 3).flatten(2)[..., : self.taps].contiguous()

    def split_output(self, y: Tensor) -> Tensor:
        """(N, C_out, L_out) -> (N · lines, C_out, plain L_out), the adjoint of what follows."""
        whole = functional.pad(y, (0, self.plain_output * self.lines - self.output_length))
        return whole.unflatten(2, (-1, self.lines)).permute(0, 3, 1, 2).flatten(0, 1)

    def join_output(self, y: Tensor) -> Tensor:
        """(N · lines, C_out, plain L_out) -> (N, C_out, L_out)."""
        whole = y.unflatten(0, (-1, self.lines)).permute(0, 2, 3, 1).flatten(2)
        return whole[..., : self.output_length].contiguous()

    @property
    def _plain_length(self) -> int:
        return self.plain_output + self.plain_taps - 1

    @property
    def _extent(self) -> int:
        """Samples from the first to the last that any phase holds, were the line long enough."""
        last = self.channels * (self.lines - 1)
        last += self.lines * (self.channels * self._plain_length - 1)
        return self.common * last + 1

    def _view(self, whole: Tensor) -> Tensor:
        """(N, C, extent), contiguous -> (N, lines, C, channels, plain L), the same memory."""
        samples, width, extent = whole.shape
        shape = samples, self.lines, width, self.channels, self._plain_length
        steps = self.channels, self.lines, self.lines * self.channels
        line, channel, sample = (self.common * step for step in steps)
        return whole.as_strided(shape, (width * extent, line, extent, channel, sample))
