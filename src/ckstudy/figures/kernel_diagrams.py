"""Figures 1 and 2: the kernel network and the continuous convolution.

Sizes, shapes and curves are read from a freshly initialised network of the study, so that a
diagram cannot disagree with the code.
"""

from itertools import pairwise

import numpy as np
import torch
from matplotlib.figure import Figure

from ckstudy.figures import style
from ckstudy.figures.shapes import SMALL, canvas, figure_arrow, neurons
from ckstudy.figures.threads import one_thread
from ckstudy.networks import CKConv, build_network

SAMPLING_RATE_MHZ = 62.5
TRANSMIT_MHZ = 1.7


@one_thread
def siren(_) -> Figure:
    """Figure 1: the SIREN that represents a kernel."""
    conv: CKConv = build_network("ckcnn", seed=0).model[4]
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
    for left, right in pairwise(columns):
        for start in left:
            for end in right:
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
def ckconv(_) -> Figure:
    """Figure 2: one forward pass of a CKConv, with the kernels it samples and what it returns."""
    network = build_network("ckcnn", seed=0).eval()
    first, conv = network.model[1], network.model[4]
    size, inputs, outputs = conv.kernel_size, conv.in_channels, conv.out_channels
    positions = conv.positions.numpy()
    with torch.no_grad():
        line = torch.from_numpy(_two_echoes(4 * size + first.kernel_size - 1))
        features = network.model[1:4](line.view(1, 1, -1))
        result = conv(features)[0].numpy()
        features = features[0].numpy()
        kernel = conv.kernel().numpy()

    figure = Figure(figsize=(style.PAGE, 2.75))
    bottom, height = 0.22, 0.56
    row = {"y": 0.97, "ha": "center", "va": "top", "fontsize": 9, "linespacing": 1.3}

    panel = figure.add_axes((0.065, bottom, 0.13, height))
    panel.plot(np.arange(size), positions, ".", markersize=1.2, color=style.BLACK)
    panel.set_xticks([0, size - 1], ["1", str(size)])
    panel.set_yticks([-1, 0, 1])
    panel.set_xlabel("tap")
    panel.set_ylabel(r"$\tau$", labelpad=-2)
    figure.text(0.13, s=f"positions $\\tau$\n({size},)", **row)

    panel = figure.add_axes((0.285, bottom, 0.165, height))
    colours = (style.BLUE, style.VERMILION, style.GREEN)
    for curve, colour in zip(kernel.reshape(-1, size), colours, strict=False):
        panel.plot(positions, curve, color=colour, linewidth=0.9)
    panel.set_xticks([-1, 0, 1])
    panel.set_xlabel(r"$\tau$")
    panel.set_ylabel(r"$\Psi$", rotation=0, labelpad=2)
    figure.text(0.365, s=f"SIREN samples $\\Psi(\\tau)$\n(1, {inputs * outputs}, {size})", **row)
    figure.text(0.365, 0.035, f"3 of the {inputs * outputs} curves", ha="center", **SMALL)

    shown = 5
    limit = 1.05 * np.abs(kernel[:shown, :shown]).max()
    step_x, step_y = 0.185 / shown, height / shown
    for out in range(shown):
        for into in range(shown):
            place = (
                0.535 + into * step_x,
                bottom + (shown - 1 - out) * step_y,
                0.88 * step_x,
                0.86 * step_y,
            )
            cell = figure.add_axes(place)
            colour = colours[into] if out == 0 and into < len(colours) else style.BLACK
            cell.plot(kernel[out, into], color=colour, linewidth=0.5)
            cell.set_ylim(-limit, limit)
            cell.set_xticks([])
            cell.set_yticks([])
            cell.spines[:].set(visible=True, linewidth=0.3)
    figure.text(0.627, s=f"reshaped kernel W\n({outputs}, {inputs}, {size})", **row)
    figure.text(0.627, bottom - 0.025, "input channel", ha="center", va="top", fontsize=9)
    figure.text(0.524, bottom + height / 2, "output channel", ha="right", va="center", rotation=90)
    figure.text(
        0.627, 0.035, f"{shown} × {shown} of the {outputs} × {inputs}", ha="center", **SMALL
    )

    samples = np.arange(features.shape[1])
    kept = samples[(size - 1) // 2 : samples.size - (size - 1) // 2]
    for level, signal, where, name, colour in (
        (0.5, features[0], samples, "X", style.BLACK),
        (0.0, result[0], kept, "Y", style.PURPLE),
    ):
        panel = figure.add_axes((0.83, bottom + level * height + 0.01, 0.16, 0.43 * height))
        panel.plot(where / SAMPLING_RATE_MHZ, signal, color=colour, linewidth=0.7)
        panel.set_xlim(0, samples[-1] / SAMPLING_RATE_MHZ)
        panel.set_yticks([])
        panel.set_ylabel(name, rotation=0, labelpad=7, va="center")
        if level:
            panel.tick_params(labelbottom=False)
    panel.set_xlabel("time (µs)")
    figure.text(
        0.905, s=f"Y = W $\\ast$ X + b\n({inputs}, L) to ({outputs}, L − {size - 1})", **row
    )
    figure.text(0.905, 0.035, "one channel of each", ha="center", **SMALL)

    middle = bottom + height / 2
    for start, end in ((0.197, 0.23), (0.455, 0.495), (0.735, 0.79)):
        figure_arrow(figure, (start, middle), (end, middle))
    return figure


def _two_echoes(samples: int) -> np.ndarray:
    """Two overlapping damped oscillations at the transmit frequency, (samples,) float32."""
    time = np.arange(samples) / SAMPLING_RATE_MHZ  # µs
    signal = np.zeros(samples)
    for start, strength in ((2.5, 1.0), (4.1, 0.7)):
        since = np.clip(time - start, 0, None)
        signal += strength * since * np.exp(-1.8 * since) * np.sin(2 * np.pi * TRANSMIT_MHZ * since)
    return (signal / np.abs(signal).max()).astype(np.float32)
