"""Heat maps of F1 over kernel size and ω0: from the CSV files of a study, without torch."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ckstudy.acoustics.specification import BAND_MHZ, SAMPLING_RATES_MHZ
from ckstudy.analysis.full_grid import dilated_curve, f1_map, maps_of
from ckstudy.analysis.results import Results
from ckstudy.report.figures import style
from ckstudy.report.tables.full_grid import ABSENT


def kernel_size_by_omega_0(results: Results) -> Figure:
    """Mean test F1 over K and ω0, a panel for each architecture and start.

    A dot: the network has not learned, it does not beat the comb. The lines are of equal ω0/K:
    along them a new kernel of the thesis's start has its fastest frequency at an edge of the band.
    """
    maps = maps_of(results)
    if not maps:
        return style.nothing_to_show(ABSENT)
    curve, conventional = dilated_curve(results)
    panels = len(maps) + bool(len(curve))
    figure = Figure(figsize=(style.PAGE, 2.9), layout="constrained")
    axes = figure.subplots(1, panels, squeeze=False)[0]
    shades = matplotlib.colors.Normalize(0, 1)
    for panel, each in zip(axes, maps, strict=False):
        f1, learned = f1_map(results, each)
        panel.pcolormesh(f1.to_numpy(), cmap="viridis", norm=shades, edgecolors="white", lw=0.3)
        silent = np.argwhere(f1.notna().to_numpy() & ~learned.to_numpy()) + 0.5
        panel.plot(silent[:, 1], silent[:, 0], ".", color="white", markersize=3)
        if each.slows_down:
            _band(panel, list(f1.columns), list(f1.index))
        panel.set_title(each.name.replace(", ", "\n"))
        panel.set_xticks(
            np.arange(f1.shape[1]) + 0.5, [f"{size:.0f}" for size in f1.columns], rotation=60
        )
        panel.set_yticks(np.arange(len(f1)) + 0.5, [f"{omega_0:g}" for omega_0 in f1.index])
        panel.set_xlabel("kernel size K")
    axes[0].set_ylabel(r"$\omega_0$")
    if len(curve):
        last = axes[-1]
        last.plot(curve.to_numpy(), np.arange(len(curve)) + 0.5, "o-", color=style.BLUE)
        last.axvline(conventional, color=style.GREY, linestyle="--", linewidth=0.8)
        last.set_yticks(np.arange(len(curve)) + 0.5, [f"{omega_0:g}" for omega_0 in curve.index])
        last.set_ylim(0, len(curve))
        last.set_xlim(0, 1.02)
        last.set_xlabel("F1 (dashed: CNN)")
        last.set_title("dilated\nCKCNN")
        last.grid(True)
    shown = matplotlib.cm.ScalarMappable(shades, "viridis")
    figure.colorbar(shown, ax=list(axes[: len(maps)]), label="F1", pad=0.01, aspect=25)
    style.footnote(
        figure,
        "Dots: not learned. White: not trained. Lines of equal $\\omega_0$/K: the fastest new "
        f"frequency at {BAND_MHZ[0]:g} and {BAND_MHZ[1]:g} MHz.",
    )
    return figure


def _band(panel: Axes, sizes: list[float], omegas: list[float]) -> None:
    """Where 2 ω0 / (K - 1) rad per sample is an edge of the band."""
    if len(sizes) < 2 or len(omegas) < 2:
        return
    every = np.geomspace(min(sizes), max(sizes), 200)
    across = np.interp(np.log(every), np.log(sizes), np.arange(len(sizes)) + 0.5)
    rate = SAMPLING_RATES_MHZ[1]  # the thesis's, and the study's
    for edge in BAND_MHZ:
        omega_0 = np.pi * edge / rate * (every - 1)
        inside = (omega_0 >= min(omegas)) & (omega_0 <= max(omegas))
        along = np.interp(omega_0, omegas, np.arange(len(omegas)) + 0.5)
        panel.plot(across[inside], along[inside], color=style.VERMILION, linewidth=1)
