"""Figures 1 and 2: the kernel network and the continuous convolution.

Sizes, shapes and curves are read from a freshly initialised network of the study, so that a
diagram cannot disagree with the code.
"""

from itertools import pairwise
from typing import cast

import numpy as np
import torch
from matplotlib.figure import Figure

from ckstudy.analysis.results import Results
from ckstudy.networks import CKConv, build_network
from ckstudy.report.figures import style
from ckstudy.report.figures.shapes import SMALL, canvas, figure_arrow, neurons
from ckstudy.report.figures.threads import one_thread

SAMPLING_RATE_MHZ = 62.5
TRANSMIT_MHZ = 1.7


@one_thread
def siren(_: Results) -> Figure:
    """Figure 1: the SIREN that represents a kernel."""
    conv = cast(CKConv, build_network("ckcnn", seed=0).model[4])
    kernel = conv.siren
    layers = (kernel.first, kernel.second, kernel.last)
    shapes = [tuple(layer.weight.shape) for layer in layers]
    widths = [1, *(rows for rows, _ in shapes)]
    figure = Figure(figsize=(style.PAGE, 2.9), layout="constrained")
    axes = canvas(figure.subplots(), width=10.2, height=4.2)
    places = (0.9, 3.7, 6.5, 9.3)
    colours = (style.PALE, style.SKY, style.SKY, style.ORANGE)
    columns = [
        neurons(axes, x, 2.05, width, colour)
        for x, width, colour in zip(places, widths, colours, strict=True)
    ]
    for before, after in pairwise(columns):
        for start in before:
            for end in after:
                axes.plot(*zip(start, end, strict=True), color=style.GREY, linewidth=0.3, zorder=1)
    if kernel.omega_scales_bias:
        hidden = r"$h_{0} = \sin(\omega_0 (W_{0} {1} + b_{0}))$"
    else:
        hidden = r"$h_{0} = \sin(\omega_0 W_{0} {1} + b_{0})$"
    above = (
        r"position $\tau \in [-1, 1]$",
        hidden.replace("{0}", "1").replace("{1}", r"\tau"),
        hidden.replace("{0}", "2").replace("{1}", "h_1"),
        r"$\Psi(\tau) = W_3 h_2 + b_3$",
    )
    below = (
        "1 input",
        f"{widths[1]} units",
        f"{widths[2]} units",
        f"{widths[3]} outputs:\n{conv.in_channels} × {conv.out_channels} kernel values",
    )
    for x, formula, count in zip(places, above, below, strict=True):
        axes.text(x, 3.72, formula, ha="center", va="bottom", fontsize=9)
        axes.text(x, 0.42, count, ha="center", va="top", fontsize=8, linespacing=1.0)
    for (left, right), number, (rows, columns_) in zip(
        pairwise(places), (1, 2, 3), shapes, strict=True
    ):
        text = f"$W_{number}$: {rows} × {columns_}"
        axes.text((left + right) / 2, 0.4, text, ha="center", va="top", **SMALL)
    return figure


@one_thread
def ckconv(_: Results) -> Figure:
    """Figure 2: one forward pass of a CKConv, with the kernels it samples and what it returns."""
    network = build_network("ckcnn", seed=0).eval()
    conv = cast(CKConv, network.model[4])
    positions = conv.positions.numpy()
    with torch.no_grad():
        line = torch.from_numpy(_two_echoes(5 * conv.kernel_size - 1))
        features = network.model[1:4](line.view(1, 1, -1))
        result = conv(features)[0].numpy()
        features = features[0].numpy()
        kernel = conv.kernel().numpy()

    figure = Figure(figsize=(style.PAGE, 2.75))
    _draw_positions(figure, positions)
    figure_arrow(figure, (0.197, _MIDDLE), (0.23, _MIDDLE))
    _draw_curves(figure, positions, kernel)
    figure_arrow(figure, (0.455, _MIDDLE), (0.495, _MIDDLE))
    _draw_reshaped(figure, kernel)
    figure_arrow(figure, (0.735, _MIDDLE), (0.79, _MIDDLE))
    _draw_convolution(figure, features, result, kernel.shape)
    return figure


# The panels of Figure 2 stand in one row, between these heights of the picture.
_BOTTOM, _HEIGHT = 0.22, 0.56
_MIDDLE = _BOTTOM + _HEIGHT / 2
_CURVE_COLOURS = (style.BLUE, style.VERMILION, style.GREEN)


def _label(figure: Figure, x: float, above: str, below: str = "") -> None:
    """What a panel of Figure 2 is, and how much of it is shown."""
    figure.text(x, 0.97, above, ha="center", va="top", fontsize=9, linespacing=1.3)
    figure.text(x, 0.035, below, ha="center", **SMALL)


def _draw_positions(figure: Figure, positions: np.ndarray) -> None:
    size = len(positions)
    panel = figure.add_axes((0.065, _BOTTOM, 0.13, _HEIGHT))
    panel.plot(np.arange(size), positions, ".", markersize=1.2, color=style.BLACK)
    panel.set_xticks([0, size - 1], ["1", str(size)])
    panel.set_yticks([-1, 0, 1])
    panel.set_xlabel("tap")
    panel.set_ylabel(r"$\tau$", labelpad=-2)
    _label(figure, 0.13, f"positions $\\tau$\n{size}")


def _draw_curves(figure: Figure, positions: np.ndarray, kernel: np.ndarray) -> None:
    curves = kernel.reshape(-1, len(positions))
    panel = figure.add_axes((0.285, _BOTTOM, 0.165, _HEIGHT))
    for curve, colour in zip(curves, _CURVE_COLOURS, strict=False):
        panel.plot(positions, curve, color=colour, linewidth=0.9)
    panel.set_xticks([-1, 0, 1])
    panel.set_xlabel(r"$\tau$")
    panel.set_ylabel(r"$\Psi$", rotation=0, labelpad=2)
    shape = f"{len(curves)} × {len(positions)}"
    below = f"{len(_CURVE_COLOURS)} of the {len(curves)} curves"
    _label(figure, 0.365, f"SIREN samples $\\Psi(\\tau)$\n{shape}", below)


def _draw_reshaped(figure: Figure, kernel: np.ndarray, shown: int = 5) -> None:
    """The upper left corner of the kernel, (C_out, C_in, K), a cell for each pair of channels."""
    left, width = 0.535, 0.185
    limit = 1.05 * np.abs(kernel[:shown, :shown]).max()
    step_x, step_y = width / shown, _HEIGHT / shown
    for out, into in np.ndindex(shown, shown):
        x, y = left + into * step_x, _BOTTOM + (shown - 1 - out) * step_y
        cell = figure.add_axes((x, y, 0.88 * step_x, 0.86 * step_y))
        coloured = out == 0 and into < len(_CURVE_COLOURS)
        colour = _CURVE_COLOURS[into] if coloured else style.BLACK
        cell.plot(kernel[out, into], color=colour, linewidth=0.5)
        cell.set_ylim(-limit, limit)
        cell.set_xticks([])
        cell.set_yticks([])
        cell.spines[:].set(visible=True, linewidth=0.3)
    outputs, inputs, size = kernel.shape
    figure.text(left + width / 2, _BOTTOM - 0.025, "input channel", ha="center", va="top")
    figure.text(left - 0.011, _MIDDLE, "output channel", ha="right", va="center", rotation=90)
    _label(
        figure,
        left + width / 2,
        f"reshaped kernel W\n{outputs} × {inputs} × {size}",
        f"{shown} × {shown} of the {outputs} × {inputs}",
    )


def _draw_convolution(
    figure: Figure, features: np.ndarray, result: np.ndarray, shape: tuple[int, int, int]
) -> None:
    outputs, inputs, size = shape
    samples = np.arange(features.shape[1])
    kept = samples[(size - 1) // 2 : samples.size - (size - 1) // 2]
    for level, signal, where, name, colour in (
        (0.5, features[0], samples, "X", style.BLACK),
        (0.0, result[0], kept, "Y", style.PURPLE),
    ):
        panel = figure.add_axes((0.83, _BOTTOM + level * _HEIGHT + 0.01, 0.16, 0.43 * _HEIGHT))
        panel.plot(where / SAMPLING_RATE_MHZ, signal, color=colour, linewidth=0.7)
        panel.set_xlim(0, samples[-1] / SAMPLING_RATE_MHZ)
        panel.set_yticks([])
        panel.set_ylabel(name, rotation=0, labelpad=7, va="center")
        if level:
            panel.tick_params(labelbottom=False)
    panel.set_xlabel("time (µs)")
    shapes = f"{inputs} × L to {outputs} × (L − {size - 1})"
    _label(figure, 0.905, f"Y = W $\\ast$ X + b\n{shapes}", "one channel of each")


def _two_echoes(samples: int) -> np.ndarray:
    """Two overlapping damped oscillations at the transmit frequency, (samples,) float32."""
    time = np.arange(samples) / SAMPLING_RATE_MHZ  # µs
    signal = np.zeros(samples)
    for start, strength in ((2.5, 1.0), (4.1, 0.7)):
        since = np.clip(time - start, 0, None)
        signal += strength * since * np.exp(-1.8 * since) * np.sin(2 * np.pi * TRANSMIT_MHZ * since)
    return (signal / np.abs(signal).max()).astype(np.float32)
