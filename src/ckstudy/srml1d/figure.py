"""How a network's score depends on the scene: F1 against bubbles and against pressure."""

import numpy as np
from matplotlib.figure import Figure

from ckstudy.dataset import Lines
from ckstudy.report.figures import style
from ckstudy.scoring.intervals import mean_interval

BINS = 8


def scene_dependence(lines: Lines, f1: np.ndarray, name: str) -> Figure:
    """F1 of each line, (lines,), against its bubbles and its pressure, with means of bins.

    A score falls with the bubbles, which overlap, and rises with the pressure, as the
    second harmonic does.
    """
    figure = Figure(figsize=(style.PAGE, 2.8), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, values, label in (
        (panels[0], lines.bubbles_per_line, "bubbles in the line"),
        (panels[1], lines.pressure / 1e3, "peak pressure (kPa)"),
    ):
        axes.plot(values, f1, ".", color=style.SKY, markersize=3, label="a line")
        edges = np.quantile(values, np.linspace(0, 1, min(BINS, len(f1) // 4 or 1) + 1))
        place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
        bins = np.unique(place)
        means = [mean_interval(f1[place == one]) for one in bins]
        centres = [values[place == one].mean() for one in bins]
        middle = np.array([mean.value for mean in means])
        ends = np.array([[mean.value - mean.low, mean.high - mean.value] for mean in means]).T
        axes.errorbar(
            centres,
            middle,
            yerr=np.abs(ends),
            fmt="o-",
            color=style.VERMILION,
            capsize=2,
            label="mean of an eighth of the lines, 95 %",
        )
        axes.set_xlabel(label)
        axes.grid(True)
    panels[0].set_ylabel("F1 at a tolerance of 4 samples")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    style.fix_ticks(figure)
    style.footnote(figure, f"Published network {name}; {len(f1)} simulated lines.")
    return figure
