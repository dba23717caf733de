"""F1 by kind of bubbles: of networks and a linear filter that know only the study's own.

From the table that :mod:`ckstudy.probing.other_bubbles` made.
"""

from typing import NamedTuple

import pandas as pd

from ckstudy.analysis.results import Results
from ckstudy.scoring.filter_lengths import CEILING, COMB, LINEAR_FILTER

OWN = "own"


class Predictor(NamedTuple):
    """What was tested, with each kind of bubbles.

    Attributes
    ----------
    name : str
        Of a cell of the study, of a network that was trained elsewhere, or of the filter.
    trained : {"here", "elsewhere"}
    rows : DataFrame
        Those of the table, of all runs of the cell, of each score and calibration.
    """

    name: str
    trained: str
    rows: pd.DataFrame

    def f1(self, score: str, calibration: str = "level") -> pd.Series:
        """Mean F1 over the runs, by kind of bubbles; empty where there is none."""
        rows = self.rows[(self.rows["score"] == score) & (self.rows["calibration"] == calibration)]
        return rows.groupby("bubbles", sort=False)["mean_f1"].mean()


def other_bubble_scores(results: Results) -> pd.DataFrame | None:
    """The table of the analysis; None where the study leaves it out."""
    return results.analysis("other_bubbles", "scores")


def kinds(scores: pd.DataFrame) -> list[str]:
    """Kinds of bubbles, the study's own first."""
    return list(dict.fromkeys(scores["bubbles"].dropna()))


def predictors(results: Results, scores: pd.DataFrame) -> list[Predictor]:
    """The study's cells, then networks trained elsewhere, then the filter."""
    there = set(scores["run"])
    found, own = [], set()
    for cell in results.cells().itertuples():
        runs = [run for run in cell.runs if run in there]
        own |= set(runs)
        if runs:
            rows = scores[scores["run"].isin(runs)]
            found.append(Predictor(str(cell.Index), "here", rows))
    for name in dict.fromkeys(scores["run"]):
        if name not in own | {COMB, CEILING, LINEAR_FILTER}:
            found.append(Predictor(name, "elsewhere", scores[scores["run"] == name]))
    linear = scores[scores["run"] == LINEAR_FILTER]
    return [*found, Predictor(LINEAR_FILTER, "here", linear)]
