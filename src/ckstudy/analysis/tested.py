"""What an analysis tested on several kinds of lines: a network, a family of them, or a filter."""

from typing import NamedTuple

import pandas as pd


class Tested(NamedTuple):
    """Scores of one predictor by kind of lines.

    Attributes
    ----------
    name : str
        Of a cell of the study, of a network that was trained elsewhere, or of the filter.
    trained : str
        On what lines. By noise: "clean", without any; "same", with that of the level. By
        bubbles: "here", on the study's own. In both, "elsewhere", on what somebody else chose.
    rows : DataFrame
        Those of the analysis's table, of all runs of the cell, of each score and calibration.
    by : str
        The column of the kind of lines.
    """

    name: str
    trained: str
    rows: pd.DataFrame
    by: str

    def f1(self, score: str, calibration: str = "level") -> pd.Series:
        """Mean F1 over the runs, by kind of lines; empty where there is none."""
        rows = self.rows[(self.rows["score"] == score) & (self.rows["calibration"] == calibration)]
        return rows.groupby(self.by)["mean_f1"].mean()
