"""F1 by level of noise: of networks, trained without noise or with it, and of a linear filter.

From the table that :mod:`ckstudy.probing.noise_levels` made. A *curve* is what stays the same from
level to level: a network, or a family of them of which each level has its own. To be compared
between scores, F1 is told as its *share* of what lies between a comb, which looks at no line, and
the truth itself.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from ckstudy.analysis.results import Results
from ckstudy.errors import StudyError
from ckstudy.scoring.filter_lengths import CEILING, COMB, LINEAR_FILTER


class Curve(NamedTuple):
    """F1 against noise.

    Attributes
    ----------
    name : str
        Of a cell of the study, of a network that was trained elsewhere, or of the filter.
    trained : {"clean", "same", "elsewhere"}
        With what noise: none, that of the level, or what somebody else chose.
    rows : DataFrame
        Those of the table, of all runs of the cell, of each score and calibration.
    """

    name: str
    trained: str
    rows: pd.DataFrame

    def f1(self, score: str, calibration: str = "level") -> pd.Series:
        """Mean F1 over the runs, by level of noise; empty where there is none."""
        rows = self.rows[(self.rows["score"] == score) & (self.rows["calibration"] == calibration)]
        return rows.groupby("noise_percent")["mean_f1"].mean()


def noise_level_scores(results: Results) -> pd.DataFrame | None:
    """The table of the analysis; None where the study leaves it out."""
    return results.analysis("noise_levels", "scores")


def curves(results: Results, scores: pd.DataFrame) -> list[Curve]:
    """The curves: networks trained without noise, elsewhere, at each level, and the filter."""
    cells = results.cells(noisy=True)
    there = set(scores["run"])
    members = {
        str(cell.Index): [run for run in cell.runs if run in there] for cell in cells.itertuples()
    }
    trained = scores.groupby("run")["trained_percent"].max()
    found = []
    for name, runs in members.items():
        if runs and np.isnan(trained[runs[0]]):
            found.append(Curve(name, "clean", scores[scores["run"].isin(runs)]))
    own = {run for runs in members.values() for run in runs}
    for name in dict.fromkeys(scores["run"]):
        if name not in own | {COMB, CEILING, LINEAR_FILTER}:
            found.append(Curve(name, "elsewhere", scores[scores["run"] == name]))
    noisy = cells[[bool(runs) and trained[runs[0]] > 0 for runs in members.values()]]
    by = ["network", "kernel_size", "omega_0"]
    for (network, size, omega_0), group in noisy.groupby(by, sort=False, dropna=False):
        runs = [run for name in group.index for run in members[name]]
        rows = scores[scores["run"].isin(runs)]
        found.append(Curve(_name(network, size, omega_0), "same", rows))
    found.append(Curve(LINEAR_FILTER, "same", scores[scores["run"] == LINEAR_FILTER]))
    return found


def share(scores: pd.DataFrame, score: str, f1: pd.Series) -> pd.Series:
    """F1 as a share of what lies between the comb and the truth: 0 and 1.

    Raises
    ------
    StudyError
        Where the table lacks one of these two.
    """
    rows = scores[scores["score"] == score].set_index("run")["mean_f1"]
    if not {COMB, CEILING} <= set(rows.index):
        raise StudyError("analyses/noise_levels_scores.csv lacks comb or ceiling; make it anew")
    low, high = float(rows[COMB]), float(rows[CEILING])
    return (f1 - low) / (high - low)


def _name(network: str, size: float, omega_0: float) -> str:
    text = str(network)
    text += "" if np.isnan(size) else f"-k{size:.0f}"
    return text if np.isnan(omega_0) else f"{text}-w{omega_0:g}"
