"""Small data sets for the tests of training: lines that are quick to make and can be learnt."""

from pathlib import Path

import numpy as np

from ckstudy.dataset import Bubbles, Lines, write_lines

ECHO = np.array([0.2, 1.0, -1.5, 0.8, -0.3])


def make_lines(count: int, length: int, seed: int) -> Lines:
    """Lines (count, length) of a short echo after every bubble, a tenth of noise on top."""
    random = np.random.default_rng(seed)
    bubble_count = random.poisson(0.05, (count, length)).astype(np.uint8)
    echoes = np.stack([np.convolve(row, ECHO)[:length] for row in bubble_count.astype(float)])
    rf = echoes + 0.1 * random.normal(size=(count, length))
    totals = bubble_count.sum(1, dtype=np.int64)
    nothing = np.zeros(int(totals.sum()))
    return Lines(
        rf=rf.astype(np.float32),
        bubble_count=bubble_count,
        bubbles=Bubbles(np.concatenate([[0], totals.cumsum()]), nothing, nothing, nothing, nothing),
        pressure=np.full(count, 1e5),
        line_number=np.arange(count),
        sampling_rate_hz=62.5e6,
    )


def write_data_set(path: Path, count: int, length: int, seed: int) -> Path:
    """:func:`make_lines` as a data file."""
    lines = make_lines(count, length, seed)
    write_lines(
        path,
        [lines],
        lines=count,
        samples=length,
        bubbles=int(lines.bubbles.offset[-1]),
        sampling_rate_hz=lines.sampling_rate_hz,
        parameters={},
        provenance={},
    )
    return path
