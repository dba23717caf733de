"""What the tables of networks on other lines have in common: noise levels, other bubbles."""

from collections.abc import Sequence

import pandas as pd

from ckstudy.scoring.filter_lengths import CEILING, COMB


def bounds_of(found: pd.DataFrame) -> pd.Series:
    """Mean F1 of the comb and of the truth itself, by (run, score)."""
    return found[found["run"].isin([COMB, CEILING])].set_index(["run", "score"])["mean_f1"]


def blocks_of(
    rows: Sequence, text: pd.DataFrame, titles: Sequence[tuple[str, str, str]]
) -> tuple[tuple[str, pd.DataFrame], ...]:
    """The parts of a table, one for each score and calibration, with its title.

    Parameters
    ----------
    rows : sequence
        With a ``score`` and a ``calibration`` each.
    text : DataFrame
        Of :func:`ckstudy.report.tables.table.tabulate`, a row for each of ``rows``.
    titles : sequence of (score, calibration, title)
    """
    return tuple(
        (title, text[[(row.score, row.calibration) == (score, calibration) for row in rows]])
        for score, calibration, title in titles
    )
