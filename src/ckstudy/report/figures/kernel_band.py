"""Figure of what the kernels hold of the signal's band, and of the windows that they learned."""

from statistics import fmean
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ckstudy.acoustics.specification import BAND_MHZ
from ckstudy.analysis.comparisons import above_comb
from ckstudy.analysis.estimates import mean_f1
from ckstudy.analysis.results import Results
from ckstudy.dataset import read_lines
from ckstudy.networks import WindowedConv, build_network
from ckstudy.networks.kernel_band import band_shares
from ckstudy.networks.release import load_model
from ckstudy.report.figures import style
from ckstudy.report.figures.threads import one_thread

NETWORKS = ("ckcnn", "ckcnn_residual", "cnn_free")
_MARKERS = {"siren": "o", "released": "v", "balanced": "s", "": "P"}
_NAMES = {
    "siren": "start: SIREN",
    "released": "start: as released",
    "balanced": "start: balanced",
    "": "free kernels",
}


class _Network(NamedTuple):
    kernel_size: float
    start: str
    before: float
    after: float
    f1: float
    learned: bool
    sigmas: tuple[float, ...]


@one_thread
def kernel_band(results: Results) -> Figure:
    """F1 of every network against the share of its kernels' energy in the signal's band.

    (a) as the kernels started, (b) as they ended; a share is the mean over the layers. (c) where
    layers have windows, the widths that they learned. The start is the one that the present code
    draws with the network's seed.
    """
    lines = read_lines(results.directory / "data" / "test.h5")
    rate = lines.sampling_rate_hz / 1e6
    cells = results.cells()
    runs = [run for names in cells[cells["network"].isin(NETWORKS)]["runs"] for run in names]
    networks = [_network(results, run, rate) for run in runs]
    if not networks:
        return style.nothing_to_show("The study has no network with long kernels.")
    windowed = [each for each in networks if each.sigmas]
    figure = Figure(figsize=(style.PAGE, 3.1), layout="constrained")
    axes = figure.subplots(1, 2 + bool(windowed), squeeze=False)[0]
    sizes = sorted({each.kernel_size for each in networks})
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.95, len(sizes)))
    colours = dict(zip(sizes, shades, strict=True))
    for panel, title, moment in (
        (axes[0], "(a) at the start", "before"),
        (axes[1], "(b) trained", "after"),
    ):
        for each in networks:
            panel.plot(
                getattr(each, moment),
                each.f1,
                _MARKERS[each.start],
                markerfacecolor=colours[each.kernel_size] if each.learned else "white",
                markeredgecolor=colours[each.kernel_size],
                linestyle="",
            )
        panel.set_title(title, loc="left")
        panel.set_xlabel("energy in the band")
        panel.set_ylim(0, 1.02)
        panel.set_xlim(0, 1)
        panel.set_xticks([0, 0.2, 0.4, 0.6, 0.8])  # the last one would meet the next panel's first
        panel.grid(True)
    axes[0].set_ylabel("test F1")
    axes[1].tick_params(labelleft=False)
    if windowed:
        _windows(axes[2], windowed, colours, rate)
    _legend(figure, networks, colours)
    style.footnote(
        figure,
        f"Band: {BAND_MHZ[0]:g} to {BAND_MHZ[1]:g} MHz; constant included. Hollow: not learned.",
    )
    return figure


def _network(results: Results, run: str, rate: float) -> _Network:
    spec = results.spec(run)
    options = spec["network"]
    trained = load_model(results.directory / "runs" / run / "model.safetensors")
    fresh = build_network(trained.name, seed=spec["training"]["seed"], **trained.options)
    sigmas = [each.sigma for each in trained.modules() if isinstance(each, WindowedConv)]
    return _Network(
        kernel_size=options["kernel_size"],
        start=options.get("kernel_init", "" if options["name"] == "cnn_free" else "siren"),
        before=fmean(band_shares(fresh, rate)),
        after=fmean(band_shares(trained, rate)),
        f1=mean_f1(results, [run]).value,
        learned=bool(above_comb(results, [run]).low > 0),
        sigmas=tuple(sigma for sigma in sigmas if sigma is not None),
    )


def _windows(panel: Axes, networks: list[_Network], colours: dict, rate: float) -> None:
    for each in networks:
        layers = np.arange(1, len(each.sigmas) + 1)
        panel.plot(
            layers,
            each.sigmas,
            marker=_MARKERS[each.start],
            color=colours[each.kernel_size],
            linewidth=0.7,
        )
    panel.set_title("(c) learned windows", loc="left")
    panel.set_xlabel("layer")
    panel.set_ylabel(r"$\sigma$ (samples)")
    panel.set_xticks(range(1, max(len(each.sigmas) for each in networks) + 1))
    panel.set_ylim(bottom=0)
    panel.grid(True)
    in_time = panel.secondary_yaxis(
        "right",
        functions=(
            lambda samples: np.asarray(samples) / rate,
            lambda time: np.asarray(time) * rate,
        ),
    )
    in_time.set_ylabel("(µs)")


def _legend(figure: Figure, networks: list[_Network], colours: dict) -> None:
    marks = [
        matplotlib.lines.Line2D(
            [], [], marker="o", linestyle="", color=colour, label=f"K = {size:.0f}"
        )
        for size, colour in colours.items()
    ]
    marks += [
        matplotlib.lines.Line2D(
            [],
            [],
            marker=_MARKERS[start],
            linestyle="",
            color=style.GREY,
            markerfacecolor="white",
            label=_NAMES[start],
        )
        for start in dict.fromkeys(each.start for each in networks)
    ]
    figure.legend(handles=marks, loc="outside upper center", ncols=5)
