"""F1 over kernel size and ω0, for each architecture and start: ``config/full_grid.yaml``."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from ckstudy.analysis.comparisons import above_comb
from ckstudy.analysis.estimates import mean_f1
from ckstudy.analysis.results import Results
from ckstudy.errors import StudyError


class Map(NamedTuple):
    """An experiment over kernel size and ω0.

    Attributes
    ----------
    experiment, name : str
    slows_down : bool
        Whether a new kernel of fixed ω0 is slower the longer it is.
    """

    experiment: str
    name: str
    slows_down: bool


MAPS = (
    Map("full_thesis", "CKCNN, thesis's start", True),
    Map("full_mended", "CKCNN, mended start", False),
    Map("full_residual", "residual CKCNN, thesis's start", True),
)
DILATED = "full_dilated"


def maps_of(results: Results) -> list[Map]:
    """The maps of which the study has a network."""
    return [each for each in MAPS if len(results.cells(each.experiment))]


def f1_map(results: Results, of: Map) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mean test F1, and whether the network has learned, by ω0 (rows) and kernel size (columns).

    NaN and False where a network is not trained.

    Raises
    ------
    StudyError
        Where two networks have the same place.
    """
    cells = results.cells(of.experiment)
    twice = cells[cells.duplicated(["kernel_size", "omega_0"])]
    if len(twice):
        raise StudyError(
            f"the experiment {of.experiment!r} has more than one network like {twice.index[0]!r} "
            "with its kernel size and ω0; leave only these two axes and seed in it"
        )
    rows = cells[["kernel_size", "omega_0"]].assign(
        f1=[mean_f1(results, runs).value for runs in cells["runs"]],
        learned=[bool(above_comb(results, runs).low > 0) for runs in cells["runs"]],
    )
    f1, learned = (
        rows.pivot(index="omega_0", columns="kernel_size", values=value)
        for value in ("f1", "learned")
    )
    return f1, learned.eq(True)


def dilated_curve(results: Results) -> tuple[pd.Series, float]:
    """Mean test F1 of the dilated CKCNN by ω0, and of the conventional CNN; NaN without."""
    cells = results.cells(DILATED)
    means = pd.Series([mean_f1(results, runs).value for runs in cells["runs"]], index=cells.index)
    continuous = cells["network"] == "ckcnn_dilated"
    curve = pd.Series(means[continuous].to_numpy(), index=cells["omega_0"][continuous].to_numpy())
    conventional = means[cells["network"] == "cnn_dilated"]
    return curve.sort_index(), conventional.iloc[0] if len(conventional) else np.nan


def rank_correlations(f1: pd.DataFrame) -> dict[str, float]:
    """Spearman's correlation of F1 with K, with ω0, and with ω0/K, over the trained networks.

    Parameters
    ----------
    f1 : pandas.DataFrame
        By ω0 (rows) and kernel size (columns), NaN where a network is not trained.

    Returns
    -------
    dict of str to float
        NaN where fewer than three networks are there, or a quantity does not vary.
    """
    cells = f1.stack().dropna().rename("f1").reset_index()
    size, omega_0 = cells["kernel_size"].astype(float), cells["omega_0"].astype(float)
    quantities = {"K": size, "ω0": omega_0, "ω0/K": omega_0 / size}
    if len(cells) < 3:
        return dict.fromkeys(quantities, np.nan)
    ranks = cells["f1"].rank()
    return {name: float(ranks.corr(each.rank())) for name, each in quantities.items()}
