"""Learning curves: of all runs of a study, and of chosen runs beside one that others published."""

from collections.abc import Callable
from pathlib import Path
from textwrap import wrap

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ckstudy.analysis.results import Results
from ckstudy.csv_files import read_csv
from ckstudy.report.figures import style
from ckstudy.report.figures.scores import NETWORK_NAMES
from ckstudy.report.figures.selection import unique

COLUMNS = ("epoch", "train_loss", "validation_loss")
# To predict no bubble at all costs 1.9 on the average line. What lies far above are the first
# epochs, when the batch norms' running statistics are not yet those of the lines.
_HIGHEST_LOSS = 3.0
_TOP = 2.2  # of a study's curves, whose plateau is at 1.9
_LONG_LABEL = 30  # characters, of which two do not fit into a panel
_LINE = 38  # characters of a label, then it goes on below
_LONG_LABELS = 6  # that a panel has room for
_COLOURS = "viridis"
_LIGHTEST = 0.8  # of the colours: beyond, they are yellow on white


def read_curves(folders: list[Path], published: Path | None) -> dict[str, pd.DataFrame]:
    """Histories by label: of the runs in ``folders``, then the published one.

    Parameters
    ----------
    folders : list of Path
        Folders of runs, each with a ``history.csv``.
    published : Path, optional
        CSV with the columns :data:`COLUMNS`; losses that were not measured are empty.

    Raises
    ------
    StudyError
        Where a file is missing or is no such table.
    """
    curves = {}
    for folder in folders:
        path = folder / "history.csv"
        curves[folder.resolve().name] = read_csv(path, COLUMNS, "name the folder of a trained run")
    if published is not None:
        remedy = f"give a CSV with the columns {', '.join(COLUMNS)}"
        curves["published"] = read_csv(published, COLUMNS, remedy)
    return curves


def against_published(curves: dict[str, pd.DataFrame]) -> Figure:
    """Loss against the epoch: training as lines, validation as dots; "published" in black."""
    figure = Figure(figsize=(style.COLUMN, 2.8), layout="constrained")
    panel = figure.subplots()
    ours = [label for label in curves if label != "published"]
    shades = dict(
        zip(ours, matplotlib.colormaps[_COLOURS](np.linspace(0, _LIGHTEST, len(ours))), strict=True)
    )
    highest = 0.0
    for label, history in curves.items():
        colour = shades.get(label, style.BLACK)
        trained = history.dropna(subset="train_loss")
        held = history.dropna(subset="validation_loss")
        dashes = "-" if label in shades else "--"
        panel.plot(trained["epoch"], trained["train_loss"], dashes, color=colour, label=label)
        panel.plot(held["epoch"], held["validation_loss"], ".", color=colour, markersize=3)
        highest = max(highest, trained["train_loss"].max(), held["validation_loss"].max())
    beyond = 1.05 * highest > _HIGHEST_LOSS
    panel.set_ylim(0, _HIGHEST_LOSS if beyond else 1.05 * highest)
    panel.set_xlabel("epoch")
    panel.set_ylabel("dual loss")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.grid(True)
    panel.legend()
    style.footnote(
        figure,
        "Lines: training; dots: validation."
        + (f" Losses above {_HIGHEST_LOSS:g} are off the top." if beyond else ""),
    )
    return figure


def draw_learning_curve(folders: list[Path], published: Path | None, stem: Path) -> None:
    """Write the curves as ``stem.png`` and ``stem.svg``, the same bytes each time."""
    curves = read_curves(folders, published)
    with style.house_style():
        figure = against_published(curves)
        style.fix_ticks(figure)
    style.save(figure, stem)


def learning_curves(results: Results) -> Figure:
    """Loss of every run against the epoch: training as lines, validation as dots.

    Training seeds of one cell have one colour. Where some runs have other epochs than others, the
    curves are drawn against the share of their training.
    """
    groups = _curve_groups(results)
    histories = {
        run: results.history(run)
        for members in groups.values()
        for runs in members.values()
        for run in runs
    }
    whole = {run: history["epoch"].max() for run, history in histories.items()}
    alike = len(set(whole.values())) == 1
    columns = min(2, len(groups))
    rows = -(-len(groups) // columns)
    figure = Figure(figsize=(style.PAGE, 3.0 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    lowest, highest = np.inf, 0.0
    for panel, (title, members) in zip(panels, groups.items(), strict=False):
        shades = matplotlib.colormaps[_COLOURS](np.linspace(0, _LIGHTEST, len(members)))
        for colour, (label, runs) in zip(shades, members.items(), strict=True):
            for seed, run in enumerate(runs):
                history = histories[run]
                time = history["epoch"] * (1 if alike else 100 / whole[run])
                panel.plot(
                    time,
                    history["train_loss"],
                    color=colour,
                    label="" if seed else "\n".join(wrap(label, _LINE)),
                )
                held = history.dropna(subset="validation_loss")
                losses = pd.concat([history["train_loss"], held["validation_loss"]])
                lowest, highest = min(lowest, losses.min()), max(highest, losses.max())
                panel.plot(
                    time[held.index], held["validation_loss"], ".", color=colour, markersize=3
                )
        panel.set_title(title)
        panel.set_xlabel("epoch" if alike else "share of the training (%)")
        panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        panel.grid(True)
        short = max(map(len, members)) < _LONG_LABEL
        # Below the panel: inside, it would lie on the curves.
        panel.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.2),
            ncols=(3 if len(members) > 4 else 2) if short else 1,
            columnspacing=1.2,
        )
    for panel in panels[len(groups) :]:
        panel.set_axis_off()
    for panel in panels[::columns]:
        panel.set_ylabel("dual loss")
    panels[0].set_ylim(max(lowest - 0.1, 0), min(highest + 0.05, _TOP))
    beyond = f" Losses above {_TOP:g} are off the top."
    several = (results.cells(noisy=True)["seeds"] > 1).any()
    style.footnote(
        figure,
        "Lines: training batches; dots: validation lines."
        + (" One colour for all seeds of a network." if several else "")
        + (beyond if highest + 0.05 > _TOP else ""),
    )
    return figure


def _curve_groups(results: Results) -> dict[str, dict[str, tuple[str, ...]]]:
    """Panels of the learning curves: title to {label: runs}."""
    groups: dict[str, dict[str, tuple[str, ...]]] = {}
    every = results.cells(noisy=True)
    swept = results.cells("omega_0").sort_values("omega_0")
    noisy = every[~every["own_lines"]].sort_values(["noise_percent", "kernel_size"])
    panels = [
        ("dilated networks", results.cells("dilated"), lambda row: NETWORK_NAMES[row.network]),
        ("kernel size", results.cells("kernel_size"), lambda row: f"K = {row.kernel_size:.0f}"),
        *(
            (
                f"$\\omega_0$ at K = {size:.0f}",
                swept[swept["kernel_size"] == size],
                lambda row: f"$\\omega_0$ = {row.omega_0:g}",
            )
            for size in sorted(set(swept["kernel_size"]))
        ),
        (
            "lines with noise",
            noisy[noisy["network"] == "ckcnn"],
            lambda row: f"K = {row.kernel_size:.0f}, {row.noise_percent:g} %",
        ),
    ]
    shown: set[str] = set()
    for title, cells, label in panels:
        if len(cells):
            groups[title] = _labelled(cells, label)
            shown |= set(cells.index)
    others = every[~every.index.isin(shown)]
    for first in range(0, len(others), _LONG_LABELS):
        part = others.iloc[first : first + _LONG_LABELS]
        title = "other networks" + (f", from {first + 1}" if first else "")
        groups[title] = _labelled(part, lambda row: row.Index)
    return groups


def _labelled(cells: pd.DataFrame, label: Callable) -> dict[str, tuple[str, ...]]:
    """Runs of each cell by its label; by its name where two cells would share a label."""
    texts = [label(row) for row in cells.itertuples()]
    return dict(zip(unique(texts, cells), cells["runs"], strict=True))
