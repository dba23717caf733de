"""Do long kernels fail by their size or by their start? What ``config/long_kernels.yaml`` measured.

Each *arm* is an experiment that trains the same kernel sizes from another start, or with free
kernels, and everything else alike. An arm's *trend* is the least-squares line of F1 over log2 K,
and its *change* what that line gains from the smallest K to the largest. The line is a weighted
sum of the cells' means, so its interval is that of any contrast, over lines and training seeds.

The verdicts are in :mod:`ckstudy.analysis.start_claims`. A network that has not learned counts in
a trend as any other: where long kernels do not learn, that is what the trend has to show.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ckstudy.analysis import thesis
from ckstudy.analysis.comparisons import above_comb
from ckstudy.analysis.estimates import contrast, line_f1
from ckstudy.analysis.results import Results
from ckstudy.errors import StudyError
from ckstudy.scoring.intervals import NONE, Estimate

SIZES = tuple(row.kernel_size for row in thesis.TABLE_1)
"""The kernel sizes that a verdict needs: those of Table 1, from 65 to 2111."""

LEAST_SEEDS = 3
"""Training seeds that a verdict needs of every cell."""


class Arm(NamedTuple):
    """An experiment and what its networks have in common, for a reader."""

    experiment: str
    name: str


THESIS = Arm("long_thesis", "thesis's start")
MENDED = Arm("long_balanced_windowed", "balanced start, window")
SWEEPS = (
    THESIS,
    Arm("long_windowed", "thesis's start, window"),
    Arm("long_balanced", "balanced start"),
    MENDED,
    Arm("long_free", "free kernels"),
    Arm("long_free_windowed", "free kernels, window"),
)
"""The arms that train every kernel size, and so have a trend."""

PATIENT = Arm("long_patient", "balanced start, four times the steps")
ARMS = (*SWEEPS, PATIENT)


def arm_cells(results: Results, arm: Arm) -> pd.DataFrame:
    """The cells of an arm, as of ``Results.cells``, by K; maybe none.

    Raises
    ------
    StudyError
        Where two of them have the same kernel size, so that no single one is meant.
    """
    cells = results.cells(arm.experiment).sort_values("kernel_size")
    twice = cells[cells.duplicated("kernel_size")]
    if len(twice):
        raise StudyError(
            f"the experiment {arm.experiment!r} has more than one network like "
            f"{twice.index[0]!r} with its kernel size; leave only kernel_size and seed in it"
        )
    return cells


def arms_of(results: Results) -> list[Arm]:
    """The arms of which the study has a network."""
    return [arm for arm in ARMS if len(results.cells(arm.experiment))]


def has_learned(results: Results, cells: pd.DataFrame) -> list[bool]:
    """For each cell, whether it beats the comb on the test lines."""
    return [bool(above_comb(results, runs).low > 0) for runs in cells["runs"]]


def trend_weights(sizes: Sequence[float]) -> np.ndarray:
    r"""Weights of the cells' means in the change that the least-squares line makes.

    .. math:: \Delta = (x_\max - x_\min)
              \frac{\sum_i (x_i - \bar x)\, F_i}{\sum_i (x_i - \bar x)^2}, \qquad x = \log_2 K

    Parameters
    ----------
    sizes : sequence of float
        Kernel sizes, at least two of them different.

    Examples
    --------
    >>> trend_weights([65, 129, 257]).round(2).tolist()
    [-1.0, 0.0, 1.0]
    """
    places = np.log2(np.asarray(sizes, dtype=float))
    centred = places - places.mean()
    return np.ptp(places) * centred / (centred**2).sum()


def change(results: Results, cells: pd.DataFrame) -> Estimate:
    """What the trend of the cells gains from their smallest K to their largest, in test F1.

    NaN where there are fewer than two kernel sizes.
    """
    terms = _terms(results, cells)
    return contrast(*terms) if terms else NONE


def difference_of_changes(
    results: Results, first: pd.DataFrame, second: pd.DataFrame
) -> tuple[Estimate, list[float]]:
    """The change of ``first`` minus that of ``second``, and the kernel sizes that both have.

    Both trends are over those sizes alone; NaN where they are fewer than two.
    """
    common = sorted(set(first["kernel_size"]) & set(second["kernel_size"]))
    one, two = (
        _terms(results, cells[cells["kernel_size"].isin(common)]) for cells in (first, second)
    )
    if not one:
        return NONE, common
    return contrast(*one, *((-weight, f1) for weight, f1 in two)), common


def untrained(cells: pd.DataFrame) -> list[float]:
    """Kernel sizes of Table 1 that the cells lack."""
    return [size for size in SIZES if size not in set(cells["kernel_size"])]


def few_seeds(cells: pd.DataFrame) -> tuple[str, ...]:
    """Cells with fewer training seeds than a verdict needs."""
    return tuple(cells.index[cells["seeds"] < LEAST_SEEDS])


def _terms(results: Results, cells: pd.DataFrame) -> list[tuple[float, pd.DataFrame]]:
    if cells["kernel_size"].nunique() < 2:
        return []
    weights = trend_weights(list(cells["kernel_size"]))
    return [
        (float(weight), line_f1(results, runs))
        for weight, runs in zip(weights, cells["runs"], strict=True)
    ]
