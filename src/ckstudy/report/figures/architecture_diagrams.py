"""Figures 3 and 4: the dilated network and the large-kernel one.

Layers, channels, paddings, counts and kernels are read from freshly initialised networks of the
study, so that a diagram cannot disagree with the code.
"""

from typing import cast

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import nn

from ckstudy.analysis.results import Results
from ckstudy.networks import (
    CKConv,
    Field,
    Localiser,
    build_network,
    count_parameters,
    receptive_field,
)
from ckstudy.report.figures import style
from ckstudy.report.figures.shapes import SMALL, arrow, box, canvas
from ckstudy.report.figures.threads import one_thread

LINE_SAMPLES = 8446
SAMPLING_RATE_MHZ = 62.5


@one_thread
def dilated_cnn(_: Results) -> Figure:
    """Figure 3: the dilated CNN, its dilations, and the growth of its receptive field."""
    network = build_network("cnn_dilated", seed=0)
    convolutions = [layer for layer in network.model if isinstance(layer, nn.Conv1d)]
    *dilated, last = convolutions
    fields = _fields(dilated)
    figure = Figure(figsize=(style.PAGE, 4.2), layout="constrained")
    top, bottom = figure.subfigures(2, 1, squeeze=False, height_ratios=(1, 1.25)).flat

    axes = canvas(top.subplots(), width=14.4, height=3.15)
    axes.set_title("(a) layers", loc="left")
    _network_strip(
        axes,
        network,
        f"{len(dilated)} ×",
        [
            f"Conv1d, kernel {dilated[0].kernel_size[0]}\n"
            f"dilation 1, 2, …, {dilated[-1].dilation[0]}",
            "batch\nnorm",
            "ReLU",
        ],
        f"{dilated[-1].out_channels} channels",
        last,
    )

    tree, growth = bottom.subplots(1, 2)
    _dilation_tree(tree, dilated[:4])
    tree.set_title(f"(b) samples that one output of layer {len(dilated[:4])} sees", loc="left")
    number = np.arange(1, len(dilated) + 1)
    growth.plot(number, [field.field for field in fields], "o", color=style.BLUE)
    growth.grid(True, axis="y")
    growth.set_yscale("log", base=2)
    growth.set_ylim(1, 2 * fields[-1].field)
    growth.set_xticks(number)
    growth.set_xlabel("layer")
    growth.set_ylabel("receptive field (samples)")
    growth.set_yticks([2**power for power in range(1, 14, 2)])
    growth.set_yticklabels([f"{2**power}" for power in range(1, 14, 2)])
    growth.minorticks_off()
    whole = fields[-1].field
    growth.set_title(
        f"(c) receptive field: {whole} samples, {whole / SAMPLING_RATE_MHZ:.0f} µs in the end",
        loc="left",
    )
    growth.grid(True, axis="y")
    return figure


@one_thread
def ckcnn(_: Results) -> Figure:
    """Figure 4: the large-kernel CKCNN that is trained, with a kernel of each of its layers."""
    network = build_network("ckcnn", seed=0)
    convolutions = [layer for layer in network.model if isinstance(layer, CKConv)]
    last = cast(nn.Conv1d, network.model[-1])
    size = convolutions[0].kernel_size
    figure = Figure(figsize=(style.PAGE, 3.8), layout="constrained")
    top, bottom = figure.subfigures(2, 1, squeeze=False, height_ratios=(1, 0.95)).flat
    axes = canvas(top.subplots(), width=14.4, height=3.15)
    axes.set_title("(a) layers", loc="left")
    _network_strip(
        axes,
        network,
        f"{len(convolutions)} ×",
        [f"CKConv\nkernel size K = {size}", "batch\nnorm", "ReLU"],
        f"{convolutions[-1].out_channels} channels",
        last,
    )
    bottom.suptitle(
        "(b) one initial kernel of each CKConv, sampled at K positions",
        x=0.01,
        ha="left",
        fontsize=9,
    )
    panels = bottom.subplots(1, len(convolutions), sharey=True)
    for number, (panel, layer) in enumerate(zip(panels, convolutions, strict=True), start=1):
        with torch.no_grad():
            kernel = layer.kernel()[0, 0].numpy()
        taps = np.arange(layer.kernel_size) - layer.kernel_size // 2
        panel.plot(taps, kernel, color=style.BLUE)
        panel.set_title(
            f"layer {number}: {layer.in_channels} → {layer.out_channels} channels\n"
            f"{count_parameters(layer):,} parameters"
        )
        panel.set_xlabel("tap (samples)")
        panel.grid(True)
    panels[0].set_ylabel("kernel value")
    return figure


def _network_strip(
    axes: Axes, network: Localiser, repeats: str, block: list[str], width: str, last: nn.Conv1d
) -> None:
    """Input, padding, the repeated block of layers, the last convolution, output, in a row."""
    middle, height = 1.6, 1.5
    low = middle - height / 2
    box(axes, 0.0, low, 1.75, height, f"RF line\n1 × {LINE_SAMPLES}", colour="white")
    box(
        axes, 2.25, low, 1.75, height, f"reflection\npadding\n{network.padding} + {network.padding}"
    )
    axes.add_patch(_frame(4.35, low - 0.3, 5.55, height + 0.6))
    box(axes, 4.6, low, 2.75, height, block[0], colour=style.SKY)
    box(axes, 7.6, low, 1.0, height, block[1], colour=style.YELLOW)
    box(axes, 8.85, low, 0.8, height, block[2], colour=style.ORANGE)
    axes.text(4.35, low + height + 0.36, repeats, ha="left", va="bottom", fontsize=10)
    axes.text(9.9, low + height + 0.36, width, ha="right", va="bottom", fontsize=9)
    kernel = last.kernel_size[0]
    box(axes, 10.4, low, 1.6, height, f"Conv1d\nkernel {kernel}\n{last.in_channels} → 1")
    box(axes, 12.6, low, 1.75, height, f"localisation\n1 × {LINE_SAMPLES}", colour="white")
    for start, end in (
        (1.75, 2.25),
        (4.0, 4.6),
        (7.35, 7.6),
        (8.6, 8.85),
        (9.65, 10.4),
        (12.0, 12.6),
    ):
        arrow(axes, (start, middle), (end, middle))
    field = receptive_field(network)
    axes.text(
        14.35,
        0.02,
        f"{count_parameters(network):,} trainable parameters; receptive field {field} samples, "
        f"{field / SAMPLING_RATE_MHZ:.1f} µs",
        ha="right",
        va="bottom",
        **SMALL,
    )


def _frame(left: float, bottom: float, width: float, height: float) -> Rectangle:
    return Rectangle(
        (left, bottom),
        width,
        height,
        fill=False,
        linestyle="--",
        linewidth=0.6,
        edgecolor=style.GREY,
    )


def _dilation_tree(axes: Axes, layers: list[nn.Conv1d]) -> None:
    """Every sample of every layer that the middle output of the last one depends on."""
    axes.set_axis_off()
    reach = {0}
    for level in range(len(layers), 0, -1):
        layer = layers[level - 1]
        half = layer.kernel_size[0] // 2
        taps = [layer.dilation[0] * step for step in range(-half, half + 1)]
        below = set()
        for position in reach:
            for tap in taps:
                axes.plot(
                    [position, position + tap], [level, level - 1], color=style.GREY, linewidth=0.5
                )
                below.add(position + tap)
        axes.plot(sorted(reach), [level] * len(reach), "o", markersize=3.2, color=style.BLUE)
        reach = below
    axes.plot(sorted(reach), [0] * len(reach), "o", markersize=3.2, color=style.BLACK)
    left = min(reach)
    for level, layer in enumerate(layers, start=1):
        axes.text(left - 1.5, level, f"d = {layer.dilation[0]}", ha="right", va="center", **SMALL)
    axes.text(left - 1.5, 0, "input", ha="right", va="center", **SMALL)
    axes.set_xlim(left - 7, -left + 1)
    axes.set_ylim(-0.3, len(layers) + 0.3)


def _fields(layers: list[nn.Conv1d]) -> list[Field]:
    """Receptive field after each of the layers."""
    fields, field = [], Field(size=LINE_SAMPLES)
    for layer in layers:
        field = field.through(layer.kernel_size[0], dilation=layer.dilation[0])
        fields.append(field)
    return fields
