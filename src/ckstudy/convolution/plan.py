"""Which route a convolution takes, its block and its chunk: chosen by a measured cost model."""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import ceil, log2

from ckstudy.convolution.options import Options
from ckstudy.convolution.phases import Phases


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


# A depthwise transform goes through all its steps in the cache of a core, unless it is longer than
# this: then a sample costs so many times as much.
DEPTHWISE_BLOCK = 8192
DEPTHWISE_FACTOR = 1.35


@dataclass(frozen=True)
class Layout:
    """How lines are cut into blocks and worked through, where a convolution is transformed."""

    left: int
    """Samples that lines are padded with before their first,"""
    right: int
    """and behind their last: fewer than the kernel has taps."""
    mirrored: bool
    """Whether these are the line, reflected, and not zeros."""
    groups: int
    output_length: int
    block: int
    """Length B of the transforms."""
    step: int
    """Output samples that one block gives, B - K + 1."""
    blocks: int
    """Blocks of a line."""
    chunk: int
    """Lines of the batch that are worked on at a time."""
    part: int
    """Channels of a chunk that are transformed at a time."""
    group: int
    """Output channels whose kernels are transformed at a time."""


@dataclass(frozen=True)
class Plan:
    """How one convolution is computed; ``str(plan)`` says why."""

    method: str
    layout: Layout | None = None
    """None on the direct route."""
    phases: Phases | None = None
    """The plain convolution that ``layout`` is for, where the kernel has strides or dilation."""
    reason: str = ""
    milliseconds: dict[str, float] = field(default_factory=dict, compare=False, hash=False)
    """What the cost model expects of each route, forward and backward, on one core or card."""

    @property
    def pads(self) -> bool:
        """Whether the blocks are cut from lines that are padded already."""
        return self.phases is not None

    def __str__(self) -> str:
        text = f"{self.method}: {self.reason}"
        if self.layout is not None:
            cut = self.layout
            text += f"; {cut.blocks} x {cut.block} samples a line, {cut.chunk} lines a chunk"
        return text


@lru_cache(maxsize=4096)
def make_plan(
    samples: int,
    channels_in: int,
    channels_out: int,
    length: int,
    kernel_size: int,
    options: Options,
    device_type: str,
    itemsize: int,
) -> Plan:
    """Plan the convolution of (samples, channels_in, length) with K = ``kernel_size``."""
    costs = COSTS.get(device_type, COSTS["cuda"])
    output_length = options.output_length(length, kernel_size)
    size = _Size(
        max(samples, 1),
        channels_in,
        channels_out,
        options.groups,
        output_length,
        kernel_size,
        max(itemsize, 4),  # half precision is computed in float32
    )
    phases = None
    plain = size
    if not _plain(options, kernel_size):
        phases = Phases(options.stride, options.dilation, kernel_size, output_length)
        plain = replace(
            size,
            samples=size.samples * phases.lines,
            channels_in=channels_in * phases.channels,
            output_length=phases.plain_output,
            kernel_size=phases.plain_taps,
        )
    candidates: dict[str, tuple[float, dict[str, int]]] = {
        "direct": (size.direct(costs), {}),
        "overlap_save": _best_block(plain, costs),
        "fft": _cost(plain, costs, _single_block(plain)),
    }
    milliseconds = {name: round(cost / 1e6, 4) for name, (cost, _) in candidates.items()}
    method = options.method
    if method == "auto":
        method = min(milliseconds, key=lambda name: candidates[name][0])
        estimates = ", ".join(f"{name} {value:.3g} ms" for name, value in milliseconds.items())
        place = "one core" if device_type == "cpu" else "the card"
        reason = f"the least expected cost, forward and backward, on {place} ({estimates})"
    else:
        reason = "asked for"
    if method == "direct":
        return Plan(method, reason=reason, milliseconds=milliseconds)
    layout = Layout(
        left=0 if phases else options.left,
        right=0 if phases else options.right,
        mirrored=options.padding_mode == "reflect",
        groups=options.groups,
        output_length=plain.output_length,
        **candidates[method][1],
    )
    return Plan(method, layout, phases, reason, milliseconds)


def _plain(options: Options, kernel_size: int) -> bool:
    """Whether blocks can be cut from the line as it is, padded as it is cut.

    The margins must each lie in one block, and come from the samples in it.
    """
    return (
        options.stride == options.dilation == 1
        and max(options.left, options.right) < kernel_size
        and options.padding_mode in ("zeros", "reflect")
    )


@dataclass(frozen=True)
class _Size:
    samples: int
    channels_in: int
    channels_out: int
    groups: int
    output_length: int
    kernel_size: int
    itemsize: int

    @property
    def depthwise(self) -> bool:
        """Whether each kernel reads one channel of several; see ``depthwise.py``."""
        return self.groups > 1 and self.channels_in == self.groups

    @property
    def pairs(self) -> int:
        return self.channels_in * self.channels_out // self.groups

    def direct(self, costs: Costs) -> float:
        # The library's kernels work on 16 channels at a time, but for a few input channels.
        inside, outside = self.channels_in // self.groups, self.channels_out // self.groups
        wide_in = inside if inside < 4 else 16 * ceil(inside / 16)
        wide_out = 16 * ceil(outside / 16)
        outputs = self.samples * self.output_length
        return (
            3 * costs.direct * outputs * self.kernel_size * self.groups * wide_in * wide_out
            + costs.direct_move * outputs * (self.channels_in + self.channels_out)
            + costs.direct_call
        )


def _best_block(size: _Size, costs: Costs) -> tuple[float, dict[str, int]]:
    """The cheapest block that is at least two kernels long, and its cost."""
    least = 2 * size.kernel_size - 1
    longest = _single_block(size)
    lengths = {block for block in _lengths() if least <= block <= longest and block % 8 == 0}
    return min(
        (_cost(size, costs, block) for block in lengths | {longest}),
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
    channel_bytes = 2 * size.itemsize * frequencies
    if size.depthwise:
        # A spectrum and its blocks lie side by side, and no matrix product wants many columns.
        at_once, most_parts = costs.part_bytes // 2, size.channels_in
        chunk = at_once // spectrum_bytes
    else:
        at_once, most_parts = costs.part_bytes, widest
        chunk = max(costs.least_bytes // spectrum_bytes, ceil(costs.columns / blocks))
        chunk = min(chunk, costs.most_bytes // spectrum_bytes)
    chunk = max(1, min(chunk, size.samples))
    chunks = ceil(size.samples / chunk)
    chunk = ceil(size.samples / chunks)

    transform = costs.transform + costs.transform_growth * max(0.0, log2(block / 512))
    if block % 8:
        transform *= costs.odd_length
    elif block & (block - 1) == 0:
        transform *= costs.binary_length
    if size.depthwise and block > DEPTHWISE_BLOCK:
        transform *= DEPTHWISE_FACTOR
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
    part = min(max(1, at_once // (channel_bytes * chunk * blocks)), most_parts)
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
