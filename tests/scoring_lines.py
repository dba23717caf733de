"""Small data sets in memory for the tests of the scores: echoes that start at known samples."""

from dataclasses import dataclass

import numpy as np


@dataclass
class StandInLines:
    """What scoring reads of ckstudy.dataset.Lines."""

    rf: np.ndarray
    bubble_count: np.ndarray
    pressure: np.ndarray
    line_number: np.ndarray

    @property
    def bubbles_per_line(self):
        return self.bubble_count.sum(axis=1, dtype=np.int64)


def make_lines(first_line=0, lines=12, samples=600, density=0.05, seed=0) -> StandInLines:
    """Lines with one decaying oscillation per bubble, from its label on."""
    rng = np.random.default_rng([seed, first_line])
    bubble_count = rng.poisson(density, (lines, samples)).astype(np.uint8)
    bubble_count[:, 0] = np.maximum(bubble_count[:, 0], 1)
    lag = np.arange(80)
    echo = np.exp(-(((lag - 30) / 10) ** 2)) * np.sin(2 * np.pi * lag / 12)
    rf = np.array([np.convolve(line, echo)[:samples] for line in bubble_count])
    pressure = rng.uniform(5e3, 250e3, lines)
    return StandInLines(
        (1e-6 * pressure[:, None] * rf).astype(np.float32),
        bubble_count,
        pressure,
        np.arange(first_line, first_line + lines),
    )


def blurred_truth(noise=0.2, seed=0):
    """A predictor that cheats: the truth, lightly smeared, under noise of its own."""

    def predict(lines, rows):
        count = lines.bubble_count[rows]
        smeared = np.array([np.convolve(line, [0.3, 0.9, 0.3], mode="same") for line in count])
        first = int(lines.line_number[rows][0])
        rng = np.random.default_rng([seed, first])
        return (smeared + noise * rng.normal(size=count.shape)).astype(np.float32)

    return predict
