"""From scores of single lines to means, medians and intervals."""

import numpy as np
import pandas as pd

from ckstudy.errors import StudyError
from ckstudy.scoring.intervals import RESAMPLES, column_intervals


def summarise_scores(
    scores: pd.DataFrame, group: list[str], resamples: int = RESAMPLES
) -> pd.DataFrame:
    """Mean, median and interval of the F1 of each group of line scores.

    Parameters
    ----------
    scores : DataFrame
        Line scores of one predictor, each group on the same lines in the same order.
    group : list of str
        Columns that tell the groups apart.
    resamples : int
        Of the bootstrap over lines.

    Returns
    -------
    DataFrame
        The group's columns, threshold, mean_f1, median_f1, ci_low and ci_high (95 % percentile
        bootstrap of the mean), abs_error_samples (mean over the lines), lines.
    """
    groups = [(key, rows) for key, rows in scores.groupby(group, sort=False)]
    intervals = column_intervals(
        np.stack([rows["f1"].to_numpy(float) for _, rows in groups], axis=1), resamples=resamples
    )
    table = []
    for interval, (key, rows) in zip(intervals, groups, strict=True):
        thresholds = rows["threshold"].unique()
        if len(thresholds) != 1:
            raise StudyError(f"the line scores of {key} mix {len(thresholds)} thresholds")
        table.append(
            {
                **dict(zip(group, key, strict=True)),
                "threshold": thresholds[0],
                "mean_f1": interval.value,
                "median_f1": rows["f1"].median(),
                "ci_low": interval.low,
                "ci_high": interval.high,
                "abs_error_samples": rows["abs_error_samples"].mean(),
                "lines": len(rows),
            }
        )
    return pd.DataFrame(table)
