"""Figures of the data set: one simulated line, and the population that the lines are drawn from."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ckstudy.analysis.results import Results
from ckstudy.dataset import Lines, read_lines
from ckstudy.report.figures import style

SHOWN_BUBBLES = 100  # few enough to tell their echoes apart by eye
ZOOM_US = 8.0


def simulated_line(results: Results) -> Figure:
    """One test line in time, a close-up with its bubbles, and its spectrum."""
    lines = read_lines(results.directory / "data" / "test.h5")
    index = int(np.argmin(np.abs(lines.bubbles_per_line - SHOWN_BUBBLES)))
    rf = lines.rf[index]
    rate = lines.sampling_rate_hz / 1e6
    time = np.arange(rf.size) / rate
    starts = time[lines.bubble_count[index] > 0]

    figure = Figure(figsize=(style.PAGE, 4.2), layout="constrained")
    panels = figure.subplot_mosaic([["whole", "whole"], ["close", "spectrum"]])
    whole, close, spectrum = panels["whole"], panels["close"], panels["spectrum"]
    whole.plot(time, rf, color=style.BLUE, linewidth=0.4)
    whole.set_xlim(0, time[-1])
    whole.set_xlabel("time (µs)")
    whole.set_ylabel("RF (V)")
    whole.set_title(
        f"(a) test line {lines.line_number[index]}: {starts.size} onsets, "
        f"{lines.pressure[index] / 1e3:.0f} kPa",
        loc="left",
    )

    first = starts[starts.size // 3] - 0.5
    shown = (time >= first) & (time <= first + ZOOM_US)
    close.plot(time[shown], rf[shown], color=style.BLUE, linewidth=0.9)
    for start in starts[(starts >= first) & (starts <= first + ZOOM_US)]:
        close.axvline(start, color=style.VERMILION, linewidth=0.9)
    close.set_xlim(first, first + ZOOM_US)
    close.set_xlabel("time (µs)")
    close.set_ylabel("RF (V)")
    close.set_title("(b) close-up; bars: an echo starts", loc="left")

    frequency = np.fft.rfftfreq(rf.size, 1 / rate)
    power = np.abs(np.fft.rfft(_normalised(lines), axis=1)) ** 2
    for values, colour, label in (
        (power[index], style.SKY, "this line"),
        (power.mean(axis=0), style.BLACK, f"mean of {len(lines)} lines"),
    ):
        level = 10 * np.log10(np.maximum(values, 1e-12) / power.mean(axis=0).max())
        spectrum.plot(frequency, level, color=colour, linewidth=0.6, label=label)
    spectrum.set_xlim(0, 8)
    spectrum.set_ylim(-60, 12)
    spectrum.set_xlabel("frequency (MHz)")
    spectrum.set_ylabel("power (dB re peak of the mean)")
    spectrum.set_title("(c) spectrum, each line at unit RMS", loc="left")
    spectrum.legend(loc="upper right")
    for panel in (whole, close, spectrum):
        panel.grid(True)
    return figure


def population(results: Results) -> Figure:
    """Bubbles, pressures, radii and gaps between echoes, for each split."""
    figure = Figure(figsize=(style.PAGE, 3.9), layout="constrained")
    panels = figure.subplots(2, 2).ravel()
    splits: tuple[tuple[str, str, Any, str], ...] = (
        ("train", style.BLUE, "-", "training"),
        ("validation", style.ORANGE, "--", "validation"),
        ("test", style.GREEN, ":", "test"),
    )
    titles = (
        "(a) bubbles in a line",
        "(b) transmitted pressure (kPa)",
        "(c) bubble radius (µm)",
        "(d) gap to the next echo (samples)",
    )
    sets = [
        (_population(read_lines(results.directory / "data" / f"{split}.h5")), colour, dashes, label)
        for split, colour, dashes, label in splits
    ]
    for number, (panel, title) in enumerate(zip(panels, titles, strict=True)):
        everything = np.concatenate([values[number] for values, *_ in sets])
        if number == 3:  # gaps are whole numbers: edges between them, equally many in each bin
            top = int(np.quantile(everything, 0.99))
            edges = np.arange(0.5, top + 1, max(1, top // 30))
        else:
            edges = np.linspace(everything.min(), everything.max(), 31 if number == 2 else 11)
        for values, colour, dashes, _ in sets:
            # A share of all values, so that those beyond the last edge are not forgotten.
            weights = np.full(values[number].size, 100 / values[number].size)
            panel.hist(
                values[number],
                edges,
                weights=weights,
                histtype="step",
                color=colour,
                linestyle=dashes,
                linewidth=1.2,
            )
        panel.set_xlabel(title)
        panel.set_ylabel("share (%)")
        panel.grid(True)
    handles = [
        Line2D([], [], color=colour, linestyle=dashes, linewidth=1.2, label=f"{label} lines")
        for _, colour, dashes, label in sets
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    return figure


def _population(lines: Lines) -> tuple[np.ndarray, ...]:
    gaps = [np.diff(np.flatnonzero(count)) for count in lines.bubble_count]
    return (
        lines.bubbles_per_line,
        lines.pressure / 1e3,
        lines.bubbles.radius_m * 1e6,
        np.concatenate(gaps),
    )


def _normalised(lines: Lines) -> np.ndarray:
    """Each line divided by its root mean square."""
    rf = lines.rf.astype(np.float64)
    return rf / np.sqrt(np.mean(rf**2, axis=1, keepdims=True))
