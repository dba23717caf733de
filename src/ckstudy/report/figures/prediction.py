"""Figures 5 and 6: the loss and the two scores, on a real line and a real prediction.

Both look at the same stretch of the same test line, predicted by the study's best network: a
line of the usual score, and of few enough bubbles to be told apart by eye.
"""

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from ckstudy.analysis import thesis
from ckstudy.analysis.comparisons import best_run
from ckstudy.analysis.results import Results
from ckstudy.dataset import read_lines
from ckstudy.networks.predict import predict_lines
from ckstudy.networks.release import load_model
from ckstudy.report.figures import style
from ckstudy.report.figures.threads import one_thread
from ckstudy.scoring.matched import find_maxima, match
from ckstudy.training.loss import HALF_WIDTH, DualLoss, clip

TOLERANCE = thesis.TOLERANCE
SHOWN_BUBBLES = (100, 400)
SHOWN_SAMPLES = 180


@dataclass(frozen=True)
class Example:
    """A test line and what the study's best network makes of it.

    Attributes
    ----------
    run : str
    line : int
        Line number.
    bubble_count, prediction : ndarray, shape (samples,)
    threshold : dict
        Threshold of each score, from the validation lines.
    sample_ns : float
        Duration of a sample in ns.
    """

    run: str
    line: int
    bubble_count: np.ndarray
    prediction: np.ndarray
    threshold: dict[str, float]
    sample_ns: float


@dataclass(frozen=True)
class Outcome:
    """What a score makes of a line; sample numbers, and whether each counts for the network.

    Attributes
    ----------
    true, found : ndarray, shape (bubbles,)
        Where echoes start, and whether that was predicted.
    predicted, right : ndarray, shape (predictions,)
        What was predicted, and whether an echo starts there.
    """

    true: np.ndarray
    found: np.ndarray
    predicted: np.ndarray
    right: np.ndarray

    def within(self, first: int, last: int) -> "Outcome":
        """The part from sample ``first`` to sample ``last``."""
        bubbles, detections = (
            (samples >= first) & (samples <= last) for samples in (self.true, self.predicted)
        )
        return Outcome(
            self.true[bubbles],
            self.found[bubbles],
            self.predicted[detections],
            self.right[detections],
        )

    def __str__(self) -> str:
        misses = np.count_nonzero(~self.found)
        return f"TP {self.found.sum()}, FP {np.count_nonzero(~self.right)}, FN {misses}"


def upstream_outcome(
    prediction: np.ndarray, bubble_count: np.ndarray, threshold: float, tolerance: int
) -> Outcome:
    """The samples that :mod:`ckstudy.scoring.upstream` counts."""
    true = np.flatnonzero(bubble_count)
    predicted = np.flatnonzero(prediction > threshold)
    near = np.abs(true[:, None] - predicted[None, :]) <= tolerance
    return Outcome(true, near.any(axis=1), predicted, near.any(axis=0))


def matched_outcome(
    prediction: np.ndarray, bubble_count: np.ndarray, threshold: float, tolerance: int
) -> Outcome:
    """The bubbles and peaks that :mod:`ckstudy.scoring.matched` counts."""
    true = np.repeat(np.arange(bubble_count.size), bubble_count)
    peaks = find_maxima(prediction)
    peaks = peaks[prediction[peaks] > threshold]
    pairs = match(true, peaks, tolerance)
    return Outcome(
        true,
        np.isin(np.arange(true.size), pairs[:, 0]),
        peaks,
        np.isin(np.arange(peaks.size), pairs[:, 1]),
    )


@one_thread
def dual_loss(results: Results) -> Figure:
    """Figure 5: the two parts of the training loss."""
    example = _example(results)
    first, last = _stretch(example)
    loss = DualLoss(**results.spec(example.run)["loss"])
    z, y = (
        torch.from_numpy(signal.astype(np.float32)).view(1, 1, -1)
        for signal in (example.prediction, example.bubble_count)
    )
    soft, hard = loss.soft(z, y).item(), loss.hard(z, y).item()
    total = loss.epsilon_1 * soft + loss.epsilon_2 * hard

    figure = Figure(figsize=(style.PAGE, 4.7), layout="constrained")
    panels = figure.subplots(3, 1, sharex=True)
    for panel, of_both, title in (
        (panels[0], _unchanged, f"(a) test line {example.line}, predicted by {example.run}"),
        (
            panels[1],
            lambda signal: _smoothed(signal, loss),
            "(b) soft labels: both smoothed by exp(−αn²), α = "
            f"{results.spec(example.run)['loss']['alpha']:g}; "
            f"mean |difference| over the line {soft:.4f}",
        ),
        (panels[2], clip, f"(c) hard labels: both clipped to [0, 1]; Dice loss {hard:.4f}"),
    ):
        prediction, truth = (of_both(signal).flatten().numpy() for signal in (z, y))
        sample = np.arange(first, last + 1)
        prediction, truth = prediction[sample], truth[sample]
        panel.plot(sample, prediction, color=style.BLUE, label="prediction z")
        if of_both is _unchanged or of_both is clip:
            onsets = truth > 0
            panel.vlines(sample[onsets], 0, truth[onsets], color=style.VERMILION, label="truth y")
            panel.plot(sample[onsets], truth[onsets], "o", color=style.VERMILION, markersize=3)
        else:
            panel.plot(sample, truth, color=style.VERMILION, label="truth y")
            panel.fill_between(
                sample, prediction, truth, color=style.YELLOW, linewidth=0, label="difference"
            )
        panel.set_title(title, loc="left")
        panel.set_ylabel("z, y (no unit)")
        panel.set_xlim(first, last)
        panel.grid(True)
        panel.legend(loc="upper left", bbox_to_anchor=(1, 1), borderaxespad=0)
    panels[2].set_xlabel(f"sample ({example.sample_ns:g} ns)")
    style.footnote(
        figure,
        f"Dual loss of the line: {loss.epsilon_1:g} × {soft:.4f} + {loss.epsilon_2:g} × {hard:.4f} "
        f"= {total:.4f}.",
    )
    return figure


@one_thread
def scoring(results: Results) -> Figure:
    """Figure 6: how a prediction is scored, by the thesis's F1 and by one-to-one matching."""
    example = _example(results)
    first, last = _stretch(example)
    figure = Figure(figsize=(style.PAGE, 4.6), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True, sharey=True)
    for panel, score, outcome_of, title in (
        (
            panels[0],
            "upstream",
            upstream_outcome,
            "(a) F1 of the thesis: every sample above φ counts",
        ),
        (
            panels[1],
            "matched",
            matched_outcome,
            "(b) matched F1: peaks above φ, one for each bubble",
        ),
    ):
        threshold = example.threshold[score]
        outcome = outcome_of(example.prediction, example.bubble_count, threshold, TOLERANCE)
        shown = outcome.within(first, last)
        _draw_outcome(panel, example, shown, first, last)
        panel.axhline(threshold, color=style.BLACK, linestyle="--", linewidth=0.8)
        panel.set_title(f"{title}; φ = {threshold:.3g}; here {shown}", loc="left")
    panels[1].set_xlabel(f"sample ({example.sample_ns:g} ns)")
    figure.legend(
        handles=[
            Line2D([], [], color=style.GREY, label="prediction z"),
            Line2D([], [], color=style.BLACK, linestyle="--", linewidth=0.8, label="threshold φ"),
            Patch(color=style.SKY, label=f"found bubble (TP) ± {TOLERANCE} samples"),
            Patch(color=style.ORANGE, label=f"missed bubble (FN) ± {TOLERANCE} samples"),
            Line2D([], [], color=style.BLUE, marker="o", linestyle="", label="right prediction"),
            Line2D([], [], color=style.VERMILION, marker="x", linestyle="", label="false one (FP)"),
        ],
        loc="outside upper center",
        ncols=3,
    )
    style.footnote(figure, f"Test line {example.line}, predicted by {example.run}.")
    return figure


def _draw_outcome(axes: Axes, example: Example, outcome: Outcome, first: int, last: int) -> None:
    sample = np.arange(first, last + 1)
    for start, found in zip(outcome.true, outcome.found, strict=True):
        colour = style.SKY if found else style.ORANGE
        axes.axvline(start, color=colour, linewidth=1.2)
        # Windows in two rows at the foot: on one another, the two colours would make a third.
        axes.add_patch(
            Rectangle(
                (start - TOLERANCE, 0.0 if found else 0.06),
                2 * TOLERANCE,
                0.05,
                transform=axes.get_xaxis_transform(),
                color=colour,
                linewidth=0,
            )
        )
    axes.plot(sample, example.prediction[sample], color=style.GREY, linewidth=0.9)
    for right, marker, size, colour in (
        (True, "o", 2.5, style.BLUE),
        (False, "x", 4, style.VERMILION),
    ):
        chosen = outcome.predicted[outcome.right == right]
        axes.plot(
            chosen, example.prediction[chosen], marker, markersize=size, color=colour, zorder=3
        )
    axes.set_xlim(first, last)
    axes.set_ylabel("z (no unit)")


def _example(results: Results) -> Example:
    """The line whose F1 is nearest to the median, among those with a readable number of bubbles."""
    run = best_run(results)
    scores = results.line_scores(run)
    readable = scores[scores["bubbles"].between(*SHOWN_BUBBLES)]
    candidates = readable if len(readable) else scores
    number = int((candidates["f1"] - scores["f1"].median()).abs().idxmin())
    lines = read_lines(results.directory / "data" / "test.h5")
    row = int(np.flatnonzero(lines.line_number == number)[0])
    network = load_model(results.directory / "runs" / run / "model.safetensors")
    thresholds = {
        score: float(results.line_scores(run, score=score)["threshold"].iloc[0])
        for score in ("upstream", "matched")
    }
    prediction = predict_lines(network, lines.rf[row : row + 1])[0]
    sample_ns = 1e9 / lines.sampling_rate_hz
    return Example(run, number, lines.bubble_count[row], prediction, thresholds, sample_ns)


def _stretch(example: Example) -> tuple[int, int]:
    """First and last sample of the stretch that has most to show, the earliest of equals.

    Hits up to four count one each, the first miss and the first false alarm two each.
    """
    outcome = upstream_outcome(
        example.prediction, example.bubble_count, example.threshold["upstream"], TOLERANCE
    )
    best, chosen = -1, 0
    for first in range(0, example.prediction.size - SHOWN_SAMPLES, SHOWN_SAMPLES // 4):
        part = outcome.within(first + TOLERANCE, first + SHOWN_SAMPLES - TOLERANCE)
        hits = min(int(np.count_nonzero(part.found)), 4)
        worth = hits + 2 * (not part.found.all()) + 2 * (not part.right.all())
        if worth > best:
            best, chosen = worth, first
    return chosen, chosen + SHOWN_SAMPLES


def _unchanged(signal: torch.Tensor) -> torch.Tensor:
    return signal


def _smoothed(signal: torch.Tensor, loss: DualLoss) -> torch.Tensor:
    return torch.nn.functional.conv1d(signal, loss.taps, padding=HALF_WIDTH)
