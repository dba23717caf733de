"""Is our simulated data the data that others trained on?

The published networks of SRML-1D were trained and scored on lines that were never published. A
network scores what its authors report only on lines like theirs: it is an instrument that tells
whether the simulator makes such lines, and no part of this project made it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ckstudy.csv_files import read_csv
from ckstudy.dataset import Lines
from ckstudy.errors import StudyError
from ckstudy.networks import Localiser
from ckstudy.networks.predict import predict_lines
from ckstudy.scoring import upstream
from ckstudy.scoring.intervals import column_intervals

TOLERANCES = range(10)
_THRESHOLDS = "give a CSV with the columns tolerance and threshold"
_PUBLISHED = "give a CSV with the columns network, tolerance_0, ..., tolerance_9"


@dataclass(frozen=True)
class Check:
    """The outcome of one network on our lines.

    Attributes
    ----------
    table : pandas.DataFrame
        A row a tolerance: ``tolerance``, ``threshold``, ``ours``, ``low``, ``high``,
        ``published``, ``difference``, ``allowed``, ``within``.
    f1 : ndarray, (lines, tolerances)
        Score of each line.
    """

    table: pd.DataFrame
    f1: np.ndarray

    @property
    def passed(self) -> bool:
        """Whether no difference exceeds what is allowed."""
        return bool(self.table["within"].all())


def check_network(
    network: Localiser,
    lines: Lines,
    thresholds: np.ndarray,
    published: np.ndarray,
    *,
    allowed: float = 0.02,
    allowed_below_2: float = 0.03,
) -> Check:
    """Score ``network`` on ``lines`` with its own thresholds, and compare with its published F1.

    Parameters
    ----------
    network : Localiser
    lines : Lines
        Lines that it was not trained on.
    thresholds, published : ndarray, (10,)
        The network's threshold and published mean F1 at tolerances 0-9.
    allowed, allowed_below_2 : float
        Largest difference at tolerances from 2 up, and at 0 and 1.
    """
    prediction = predict_lines(network, lines.rf)
    distinct, position = np.unique(thresholds, return_inverse=True)
    counts = upstream.count(prediction, lines.bubble_count, distinct)
    f1 = upstream.f1(counts)[:, np.arange(len(TOLERANCES)), position]
    ours, low, high = np.array(
        [(each.value, each.low, each.high) for each in column_intervals(f1)]
    ).T
    limits = np.where(np.arange(len(TOLERANCES)) < 2, allowed_below_2, allowed)
    difference = ours - published
    table = pd.DataFrame(
        {
            "tolerance": list(TOLERANCES),
            "threshold": thresholds,
            "ours": ours,
            "low": low,
            "high": high,
            "published": published,
            "difference": difference,
            "allowed": limits,
            "within": np.abs(difference) <= limits,
        }
    )
    return Check(table, f1)


def read_thresholds(path: str | Path) -> np.ndarray:
    """The thresholds of a network, from a CSV with the columns tolerance and threshold, (10,).

    Raises
    ------
    StudyError
        Where the file cannot be read or does not hold one positive threshold for each of 0-9.
    """
    table = read_csv(path, ["tolerance", "threshold"], _THRESHOLDS).set_index("tolerance")[
        "threshold"
    ]
    if sorted(table.index) != list(TOLERANCES) or not (table > 0).all():
        raise StudyError(f"{path} must hold one positive threshold for each tolerance 0 to 9")
    return table.loc[list(TOLERANCES)].to_numpy(dtype=float)


def read_published(path: str | Path, name: str) -> np.ndarray:
    """Published mean F1 of network ``name`` at tolerances 0-9, (10,).

    Raises
    ------
    StudyError
        Where the file cannot be read or has no such network.
    """
    columns = [f"tolerance_{tolerance}" for tolerance in TOLERANCES]
    table = read_csv(path, ["network", *columns], _PUBLISHED).set_index("network")
    if name not in table.index:
        raise StudyError(f"{path} has no network {name!r}; it has {', '.join(table.index)}")
    return table.loc[name, columns].to_numpy(dtype=float)


def as_text(check: Check, name: str) -> str:
    """The comparison as a table for a terminal or a Markdown page."""
    rows = [
        f"| t | φ | {name} on our lines [95 %] | published | difference | allowed | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in check.table.itertuples():
        verdict = "within" if row.within else "TOO FAR"
        rows.append(
            f"| {row.tolerance} | {row.threshold:.4g} "
            f"| {row.ours:.4f} [{row.low:.4f}, {row.high:.4f}] | {row.published:.4f} "
            f"| {row.difference:+.4f} | {row.allowed:g} | {verdict} |"
        )
    return "\n".join(rows)
