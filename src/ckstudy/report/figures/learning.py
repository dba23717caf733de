"""Learning curves of chosen runs, beside one that others published."""

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ckstudy.csv_files import read_csv
from ckstudy.report.figures import style

COLUMNS = ("epoch", "train_loss", "validation_loss")
# To predict no bubble at all costs 1.9 on the average line. What lies far above are the first
# epochs, when the batch norms' running statistics are not yet those of the lines.
_HIGHEST_LOSS = 3.0


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
        zip(ours, matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(ours))), strict=True)
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
