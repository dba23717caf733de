"""Which route a convolution takes, its block and its chunk: chosen by a measured cost model."""

from dataclasses import dataclass, field
from functools import lru_cache
from math import ceil, log2

METHODS = ("auto", "direct", "overlap_save", "fft")
PADDINGS = ("valid", "same", "reflect")


@dataclass(frozen=True)
class Costs:
    """What the parts of a convolution cost on one kind of device, in nanoseconds.

    Only their ratios matter: they choose the route, the block and the chunk.
    """

    transform: float
    """One real sample through one transform of up to 512 samples, with its transposition."""
    transform_growth: float
    """Added to ``transform`` for each doubling of the transform beyond 512 samples."""
    binary_length: float
    """Factor on a transform whose length is a power of two."""
    odd_length: float
    """Factor on a transform whose length is no multiple of 8."""
    move: float
    """One real sample into or out of its block."""
    product: float
    """One complex multiplication and addition of the matrix product."""
    stream: float
    """One complex element of the kernel's spectrum, read for one chunk of the batch."""
    chunk: float
    """Starting the operations of one chunk."""
    call: float
    """Starting a convolution by transforms."""
    direct: float
    """One real multiplication and addition of the direct convolution."""
    direct_move: float
    """One real sample of its input or output."""
    direct_call: float
    """Starting a direct convolution."""
    least_bytes: int
    """A chunk takes lines until its spectrum has this size,"""
    columns: int
    """and the matrix products this many columns: enough to make up for reading the kernel;"""
    most_bytes: int
    """but its spectrum is no larger than this, which caches (CPU) or memory (GPU) hold well."""
    part_bytes: int
    """Channels of a chunk are transformed together until their spectrum has this size: what
    the transforms return comes on top of everything else that is held;"""
    group_bytes: int
    """and output channels of the kernel until theirs has this size."""


# CPU: fitted to measurements on one core of an AMD EPYC (Zen 4), torch 2.13 with MKL and oneDNN.
# CUDA: arithmetic for a card with 4.8 TB/s and 60 Tflop/s in float32, not measured.
COSTS = {
    "cpu": Costs(
        transform=1.55,
        transform_growth=0.1,
        binary_length=0.88,
        odd_length=1.35,
        move=0.6,
        product=0.115,
        stream=0.5,
        chunk=60e3,
        call=500e3,
        direct=0.027,
        direct_move=1.5,
        direct_call=350e3,
        least_bytes=3 << 19,
        columns=16,
        most_bytes=5 << 20,
        part_bytes=1 << 21,
        group_bytes=1 << 19,
    ),
    "cuda": Costs(
        transform=0.006,
        transform_growth=0.0,
        binary_length=1.0,
        odd_length=1.2,
        move=0.002,
        product=0.0002,
        stream=0.002,
        chunk=200e3,
        call=300e3,
        direct=0.00005,
        direct_move=0.001,
        direct_call=200e3,
        least_bytes=1 << 28,
        columns=1,
        most_bytes=1 << 28,
        part_bytes=1 << 28,
        group_bytes=1 << 28,
    ),
}


@dataclass(frozen=True)
class Plan:
    """How one convolution is computed; ``str(plan)`` says why.

    Where a dilated kernel goes through transforms, each phase of the line is a line of its own.
    """

    method: str
    dilation: int
    left: int
    right: int
    mirrored: bool
    output_length: int
    block: int = 0
    """Length B of the transforms; 0 for the direct route, as what follows."""
    step: int = 0
    """Output samples that one block gives, B - K + 1."""
    blocks: int = 0
    """Blocks of a line."""
    chunk: int = 0
    """Lines of the batch that are worked on at a time."""
    part: int = 0
    """Channels of a chunk that are transformed at a time."""
    group: int = 0
    """Output channels whose kernels are transformed at a time."""
    reason: str = ""
    milliseconds: dict[str, float] = field(default_factory=dict, compare=False, hash=False)
    """What the cost model expects of each route, forward and backward, on one core or card."""

    def __str__(self) -> str:
        text = f"{self.method}: {self.reason}"
        if self.block:
            text += f"; {self.blocks} x {self.block} samples a line, {self.chunk} lines a chunk"
        return text


def margins(padding: str, kernel_size: int, dilation: int) -> tuple[int, int]:
    """Samples added at the left and right end, so that "same" and "reflect" keep the length.

    An even kernel has no middle: the odd sample goes to the right, as in torch.
    """
    if padding == "valid":
        return 0, 0
    total = dilation * (kernel_size - 1)
    return total // 2, total - total // 2


@lru_cache(maxsize=4096)
def make_plan(
    samples: int,
    channels_in: int,
    channels_out: int,
    length: int,
    kernel_size: int,
    dilation: int,
    padding: str,
    method: str,
    device_type: str,
    itemsize: int,
) -> Plan:
    """Plan the convolution of (samples, channels_in, length) with K = ``kernel_size``."""
    costs = COSTS.get(device_type, COSTS["cuda"])
    left, right = margins(padding, kernel_size, dilation)
    output_length = length + left + right - dilation * (kernel_size - 1)
    mirrored = padding == "reflect"

    # A dilated kernel sees each phase of the line, every dilation-th sample, as a plain kernel
    # would; so the transform routes plan for samples * dilation shorter lines.
    phases = samples * dilation
    phase_output = ceil(output_length / dilation)
    size = _Size(max(phases, 1), channels_in, channels_out, phase_output, kernel_size, itemsize)
    candidates: dict[str, tuple[float, dict[str, int]]] = {
        "direct": (size.direct(costs), {}),
        "overlap_save": _best_block(size, costs),
        "fft": _cost(size, costs, _single_block(size)),
    }
    milliseconds = {name: round(cost / 1e6, 4) for name, (cost, _) in candidates.items()}
    if method == "auto":
        method = min(milliseconds, key=lambda name: candidates[name][0])
        estimates = ", ".join(f"{name} {value:.3g} ms" for name, value in milliseconds.items())
        place = "one core" if device_type == "cpu" else "the card"
        reason = f"the least expected cost, forward and backward, on {place} ({estimates})"
    else:
        reason = "asked for"
    layout = candidates[method][1]
    if layout and dilation > 1:
        output_length, left, right, mirrored = phase_output, 0, 0, False
    return Plan(
        method=method,
        dilation=dilation,
        left=left,
        right=right,
        mirrored=mirrored,
        output_length=output_length,
        reason=reason,
        milliseconds=milliseconds,
        **layout,
    )


@dataclass(frozen=True)
class _Size:
    samples: int
    channels_in: int
    channels_out: int
    output_length: int
    kernel_size: int
    itemsize: int

    @property
    def pairs(self) -> int:
        return self.channels_in * self.channels_out

    def direct(self, costs: Costs) -> float:
        # The library's kernels work on 16 channels at a time, but for a few input channels.
        wide_in = self.channels_in if self.channels_in < 4 else 16 * ceil(self.channels_in / 16)
        wide_out = 16 * ceil(self.channels_out / 16)
        outputs = self.samples * self.output_length
        return (
            3 * costs.direct * outputs * self.kernel_size * wide_in * wide_out
            + costs.direct_move * outputs * (self.channels_in + self.channels_out)
            + costs.direct_call
        )


def _best_block(size: _Size, costs: Costs) -> tuple[float, dict[str, int]]:
    """The cheapest block that is at least two kernels long, and its cost."""
    least = 2 * size.kernel_size - 1
    longest = _single_block(size)
    lengths = [block for block in _lengths() if least <= block <= longest and block % 8 == 0]
    return min(
        (_cost(size, costs, block) for block in {*lengths, longest}),
        key=lambda pair: (pair[0], pair[1]["block"]),
    )


def _single_block(size: _Size) -> int:
    """The transform that takes a whole line at once."""
    return next_length(size.output_length + size.kernel_size - 1)


def _cost(size: _Size, costs: Costs, block: int) -> tuple[float, dict[str, int]]:
    """Expected nanoseconds, forward and backward, with blocks of ``block`` samples."""
    step = block - size.kernel_size + 1
    blocks = ceil(size.output_length / step)
    frequencies = block // 2 + 1
    widest = max(size.channels_in, size.channels_out)
    spectrum_bytes = 2 * size.itemsize * widest * blocks * frequencies
    chunk = max(costs.least_bytes // spectrum_bytes, ceil(costs.columns / blocks))
    chunk = max(1, min(chunk, costs.most_bytes // spectrum_bytes, size.samples))
    chunks = ceil(size.samples / chunk)
    chunk = ceil(size.samples / chunks)

    transform = costs.transform + costs.transform_growth * max(0.0, log2(block / 512))
    if block % 8:
        transform *= costs.odd_length
    elif block & (block - 1) == 0:
        transform *= costs.binary_length
    # Forward: x in, y out. Backward: g and x in, the gradient for x out.
    lines = size.samples * blocks * block * (3 * size.channels_in + 2 * size.channels_out)
    # The kernel's spectrum twice and its gradient back, none of which stays in the cache.
    kernels = 1.4 * 3 * size.pairs * block
    products = 3 * size.samples * blocks * frequencies * size.pairs
    streamed = 4 * chunks * frequencies * size.pairs
    cost = (
        lines * (transform + costs.move)
        + kernels * transform
        + products * costs.product
        + streamed * costs.stream
        + chunks * costs.chunk
        + costs.call
    )
    channel_bytes = 2 * size.itemsize * frequencies
    part = min(max(1, costs.part_bytes // (channel_bytes * chunk * blocks)), widest)
    group = costs.group_bytes // (channel_bytes * size.channels_in)
    group = min(max(1, group), size.channels_out)
    layout = {"block": block, "step": step, "blocks": blocks, "chunk": chunk}
    return cost, layout | {"part": part, "group": group}


def next_length(least: int) -> int:
    """The shortest fast transform of at least ``least`` samples: 2^a 3^b 5^c 7^d, even.

    Beyond the smallest ones they are multiples of 8, which the library transforms fastest.
    """
    if least <= 16:
        return max(2, least + least % 2)
    lengths = []
    for odd in _odd_parts(least):
        length = 8 * odd
        while length < least:
            length *= 2
        lengths.append(length)
    return min(lengths)


def _odd_parts(limit: int) -> list[int]:
    """Products of 3, 5 and 7 up to ``limit``, with at most one 7 and few others."""
    return [
        three * five * seven
        for three in (1, 3, 9, 27)
        for five in (1, 5, 25)
        for seven in (1, 7)
        if three * five * seven <= limit
    ]


@lru_cache(maxsize=1)
def _lengths() -> list[int]:
    """Candidate blocks: multiples of 8 with a small odd part, 16 ... 65536 samples."""
    found = set()
    for odd in (1, 3, 5, 7, 9, 15):
        length = 8 * odd
        while length <= 65536:
            found.add(length)
            length *= 2
    return sorted(found - {8})
