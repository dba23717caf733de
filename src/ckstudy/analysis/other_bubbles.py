"""F1 by kind of bubbles: of networks and a linear filter that know only the study's own.

From the table that :mod:`ckstudy.probing.other_bubbles` made.
"""

import pandas as pd

from ckstudy.analysis.results import Results
from ckstudy.analysis.tested import Tested
from ckstudy.scoring.filter_lengths import CEILING, COMB, LINEAR_FILTER

BY = "bubbles"


def other_bubble_scores(results: Results) -> pd.DataFrame | None:
    """The table of the analysis; None where the study leaves it out."""
    return results.analysis("other_bubbles", "scores")


def kinds(scores: pd.DataFrame) -> list[str]:
    """Kinds of bubbles, the study's own first."""
    return list(dict.fromkeys(scores[BY].dropna()))


def predictors(results: Results, scores: pd.DataFrame) -> list[Tested]:
    """The study's cells, then networks trained elsewhere, then the filter."""
    there = set(scores["run"])
    found, own = [], set()
    for cell in results.cells().itertuples():
        runs = [run for run in cell.runs if run in there]
        own |= set(runs)
        if runs:
            rows = scores[scores["run"].isin(runs)]
            found.append(Tested(str(cell.Index), "here", rows, BY))
    for name in dict.fromkeys(scores["run"]):
        if name not in own | {COMB, CEILING, LINEAR_FILTER}:
            found.append(Tested(name, "elsewhere", scores[scores["run"] == name], BY))
    linear = scores[scores["run"] == LINEAR_FILTER]
    return [*found, Tested(LINEAR_FILTER, "here", linear, BY)]
