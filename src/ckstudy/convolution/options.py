"""What a convolution is asked for, beside its tensors: the arguments of ``torch.nn.Conv1d``."""

import operator
from collections.abc import Sequence
from typing import NamedTuple

PADDINGS = ("valid", "same", "causal")
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
METHODS = ("auto", "direct", "overlap_save", "fft")


class Options(NamedTuple):
    """A convolution but for its tensors: checked, with the padding in samples."""

    stride: int
    left: int
    """Samples added before the line's first,"""
    right: int
    """and behind its last."""
    padding_mode: str
    dilation: int
    groups: int
    method: str

    def span(self, taps: int) -> int:
        """Samples from the first of ``taps`` to the last, both counted."""
        return self.dilation * (taps - 1) + 1

    def output_length(self, length: int, taps: int) -> int:
        """Samples that a line of ``length`` gives with a kernel of ``taps``."""
        return (length + self.left + self.right - self.span(taps)) // self.stride + 1


def single(value: int | Sequence[int], name: str) -> int:
    """One number, given as it is or, as torch keeps it, alone in a tuple.

    Raises
    ------
    ValueError
        Where it is no whole number, at least 1.
    """
    found = value[0] if isinstance(value, Sequence) and len(value) == 1 else value
    try:
        number = operator.index(found)  # type: ignore[arg-type]  # numpy's whole numbers too
    except TypeError:
        number = 0
    if number < 1:
        raise ValueError(f"{name} is {value!r}; it must be a whole number, at least 1")
    return number


def margins(
    padding: int | Sequence[int] | str, taps: int, dilation: int, stride: int = 1
) -> tuple[int, int]:
    """Samples that ``padding`` adds at the left and at the right end of a line.

    An even kernel has no middle: the odd sample of "same" goes to the right, as in torch.

    Raises
    ------
    ValueError
        For a padding that is none, and for "same" with a stride, which keeps no length.
    """
    reach = dilation * (taps - 1)
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return reach, 0
    if padding == "same":
        if stride != 1:
            raise ValueError(f"padding 'same' keeps no length at stride {stride}; give a number")
        return reach // 2, reach - reach // 2
    ends: list = list(padding) if isinstance(padding, Sequence) else [padding]
    if len(ends) not in (1, 2) or not all(isinstance(end, int) and end >= 0 for end in ends):
        raise ValueError(
            f"padding is {padding!r}; it must be one of {', '.join(PADDINGS)}, a number of samples "
            "or a pair of them"
        )
    return ends[0], ends[-1]
