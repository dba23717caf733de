"""Figure of a network from the inside: kernels, what filters prefer, and a line on its way."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ckstudy.acoustics.specification import BAND_MHZ
from ckstudy.analysis.comparisons import best_run_of
from ckstudy.analysis.results import Results
from ckstudy.dataset import Lines, read_lines
from ckstudy.networks.predict import network_input
from ckstudy.networks.release import load_model
from ckstudy.probing.inside import kernels, preferred_input, spectrum, stages
from ckstudy.report.figures import style
from ckstudy.report.figures.threads import one_thread

NETWORK = "ckcnn"
MOST_LAYERS = 4
_KERNELS = 3
_SHOWN = 180  # samples of the line
_BUBBLES = 300  # in the line that is shown, nearly
_TOP_MHZ = 8.0
_FAINT = 0.01  # of a kernel's largest tap: what lies farther out is not shown
_SHADES = (style.BLUE, style.SKY, style.GREY)


@one_thread
def inside(results: Results) -> Figure:
    """The study's best network with continuous kernels (by validation), layer by layer.

    (a) the kernels of most energy, (b) the gain of all of them by frequency, (c) the line that
    the filter whose answer varies most in (d) prefers, (d) what the layer makes of a stretch of
    a test line.
    """
    run = best_run_of(results, [NETWORK])
    if run is None:
        return style.nothing_to_show(f"The study has no network {NETWORK}.")
    network = load_model(results.directory / "runs" / run / "model.safetensors").eval()
    lines = read_lines(results.directory / "data" / "test.h5")
    rate = lines.sampling_rate_hz / 1e6
    row, first = _stretch(lines)
    x = network_input(network, lines.rf[row : row + 1])
    with torch.no_grad():
        answers = [each[0] for each in stages(network, network.model[0](x))]
    answers = [_middle(each, x.shape[-1])[:, first : first + _SHOWN] for each in answers]
    taps = kernels(network)
    chosen = np.unique(np.linspace(0, len(taps) - 1, MOST_LAYERS).round().astype(int))

    figure = Figure(figsize=(style.PAGE, 0.6 + 1.15 * len(chosen)), layout="constrained")
    panels = figure.subplots(len(chosen), 4, squeeze=False, sharex="col")
    power = float(x.square().mean().sqrt())
    start = network.model[0](x)[..., first : first + _SHOWN + 2 * network.padding]
    for layer, (kernel, gain, line, answer) in zip(chosen, panels, strict=True):
        _kernels(kernel, taps[layer], rate)
        _gain(gain, taps[layer], rate)
        liveliest = int(answers[layer].std(1).argmax())
        _preferred(line, preferred_input(network, int(layer), liveliest, start, rms=power), rate)
        _answer(answer, answers[layer].numpy(), np.flatnonzero(_count(lines, row, first)), rate)
        kernel.set_ylabel(f"layer {layer + 1}")
    for panel, title in zip(
        panels[0], ("(a) kernels", "(b) gain", "(c) preferred line", "(d) answer"), strict=True
    ):
        panel.set_title(title, loc="left", pad=9)
    for panel, label in zip(
        panels[-1], ("time (µs)", "frequency (MHz)", "time (µs)", "time (µs)"), strict=True
    ):
        panel.set_xlabel(label)
    style.footnote(
        figure,
        f"{run}; test line {lines.line_number[row]}; ticks above (d): bubbles; "
        f"shaded: {BAND_MHZ[0]:g} to {BAND_MHZ[1]:g} MHz.",
    )
    return figure


def _stretch(lines: Lines) -> tuple[int, int]:
    """A line with some 300 bubbles, and the first sample of a stretch in its middle."""
    row = int(np.abs(lines.bubbles_per_line.astype(int) - _BUBBLES).argmin())
    onsets = np.flatnonzero(lines.bubble_count[row])
    first = int(onsets[len(onsets) // 2]) - _SHOWN // 3
    return row, int(np.clip(first, 0, lines.rf.shape[1] - _SHOWN))


def _count(lines: Lines, row: int, first: int) -> np.ndarray:
    return lines.bubble_count[row, first : first + _SHOWN]


def _middle(answer: torch.Tensor, samples: int) -> torch.Tensor:
    """The samples of a stage that belong to those of the line."""
    spare = (answer.shape[-1] - samples) // 2
    return answer[:, spare : spare + samples]


def _kernels(panel: Axes, taps: np.ndarray, rate: float) -> None:
    flat = taps.reshape(-1, taps.shape[-1])
    strongest = np.argsort(-(flat**2).sum(1), kind="stable")[:_KERNELS]
    time = (np.arange(taps.shape[-1]) - taps.shape[-1] // 2) / rate
    near = np.flatnonzero(np.abs(flat[strongest]).max(0) > _FAINT * np.abs(flat[strongest]).max())
    shown = slice(near[0], near[-1] + 1) if len(near) else slice(None)
    for place, colour in zip(strongest, _SHADES, strict=False):
        panel.plot(time[shown], flat[place, shown], color=colour, linewidth=0.7)
    panel.tick_params(labelleft=False, left=False)
    panel.margins(x=0)


def _gain(panel: Axes, taps: np.ndarray, rate: float) -> None:
    frequencies, gain = spectrum(taps, rate)
    low = frequencies <= _TOP_MHZ
    panel.axvspan(*BAND_MHZ, color=style.PALE, linewidth=0)
    panel.plot(frequencies[low], gain[low] / gain.max(), color=style.BLUE)
    panel.set_ylim(0, 1.05)
    panel.set_xlim(0, _TOP_MHZ)
    panel.tick_params(labelleft=False, left=False)


def _preferred(panel: Axes, line: np.ndarray, rate: float) -> None:
    spare = max(len(line) - _SHOWN, 0) // 2
    shown = line[spare : spare + _SHOWN]
    panel.plot(np.arange(len(shown)) / rate, shown, color=style.BLACK, linewidth=0.7)
    panel.tick_params(labelleft=False, left=False)
    panel.margins(x=0)


def _answer(panel: Axes, answer: np.ndarray, onsets: np.ndarray, rate: float) -> None:
    # Channels differ in size: each is shown in its own, the one that varies most on top.
    order = np.argsort(-answer.std(1), kind="stable")
    own = answer[order] / np.maximum(answer[order].max(1, keepdims=True), 1e-30)
    panel.imshow(
        own,
        aspect="auto",
        cmap="Greys",
        vmin=0,
        vmax=1,
        interpolation="nearest",
        extent=(0, answer.shape[1] / rate, len(answer), 0),
    )
    panel.plot(onsets / rate, np.full(len(onsets), -0.6), "|", color=style.VERMILION, clip_on=False)
    panel.tick_params(labelleft=False, left=False)
