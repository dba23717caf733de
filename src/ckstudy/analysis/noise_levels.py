"""F1 by level of noise: of networks, trained without noise or with it, and of a linear filter.

From the table that :mod:`ckstudy.probing.noise_levels` made. A *curve* is what stays the same from
level to level: a network, or a family of them of which each level has its own. To be compared
between scores, F1 is told as its *share* of what lies between a comb, which looks at no line, and
the truth itself.
"""

import numpy as np
import pandas as pd

from ckstudy.analysis.results import Results
from ckstudy.analysis.tested import Tested
from ckstudy.errors import StudyError
from ckstudy.scoring.filter_lengths import CEILING, COMB, LINEAR_FILTER

BY = "noise_percent"


def noise_level_scores(results: Results) -> pd.DataFrame | None:
    """The table of the analysis; None where the study leaves it out."""
    return results.analysis("noise_levels", "scores")


def curves(results: Results, scores: pd.DataFrame) -> list[Tested]:
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
            found.append(Tested(name, "clean", scores[scores["run"].isin(runs)], BY))
    own = {run for runs in members.values() for run in runs}
    for name in dict.fromkeys(scores["run"]):
        if name not in own | {COMB, CEILING, LINEAR_FILTER}:
            found.append(Tested(name, "elsewhere", scores[scores["run"] == name], BY))
    noisy = cells[[bool(runs) and trained[runs[0]] > 0 for runs in members.values()]]
    by = ["network", "kernel_size", "omega_0"]
    for (network, size, omega_0), group in noisy.groupby(by, sort=False, dropna=False):
        runs = [run for name in group.index for run in members[name]]
        rows = scores[scores["run"].isin(runs)]
        found.append(Tested(_name(network, size, omega_0), "same", rows, BY))
    found.append(Tested(LINEAR_FILTER, "same", scores[scores["run"] == LINEAR_FILTER], BY))
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
