"""Does a long kernel help against noise? What a study's experiments with noise measured.

``noise`` has the thesis's start, ``noise_balanced_windowed`` the mended one. Their networks were
trained, calibrated and tested on lines of the same bubbles with and without added noise, several
kernel sizes on each. The thesis only supposes an answer; claim C5 (see
:mod:`ckstudy.analysis.claims`) is the verdict on it.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from ckstudy.analysis import thesis
from ckstudy.analysis.estimates import contrast, line_f1
from ckstudy.analysis.results import Results
from ckstudy.errors import StudyError
from ckstudy.scoring.intervals import NONE, Estimate

EXPERIMENT = "noise"
MENDED = "noise_balanced_windowed"
NETWORK = "ckcnn"


class Advantage(NamedTuple):
    """What a larger kernel gains over the smallest one.

    Attributes
    ----------
    difference : Estimate
        F1 of the larger kernel minus that of the smallest, on lines of the same noise.
    gain : Estimate
        The difference minus that on lines of the least noise; NaN on these themselves.
    """

    difference: Estimate
    gain: Estimate


def noise_cells(results: Results, experiment: str = EXPERIMENT) -> pd.DataFrame:
    """The cells of the experiment of a start, as of ``Results.cells``, by noise and K.

    Raises
    ------
    StudyError
        Where two cells have the same kernel size and noise, so that no single comparison is
        meant, or the lines of two levels do not hold the same bubbles.
    """
    cells = results.cells(experiment, noisy=True)
    cells = cells[cells["network"] == NETWORK].sort_values(["noise_percent", "kernel_size"])
    twice = cells[cells.duplicated(["noise_percent", "kernel_size"])]
    if len(twice):
        raise StudyError(
            f"the experiment {experiment!r} has more than one network like {twice.index[0]!r} "
            "with its kernel size and noise; leave only these two axes in it"
        )
    _check_bubbles(results, cells)
    return cells


def at_level(cells: pd.DataFrame, percent: float) -> pd.DataFrame:
    """The cells of one level of noise, by kernel size."""
    return cells[cells["noise_percent"] == percent].set_index("kernel_size")


def advantage(
    results: Results, cells: pd.DataFrame, larger: float, smallest: float, percent: float
) -> Advantage:
    """What the kernel size ``larger`` gains over ``smallest`` at a level of noise.

    NaN where one of the cells that it needs was not trained.
    """

    def terms(level: float) -> list[tuple[float, pd.DataFrame]]:
        by_size = at_level(cells, level)
        if not {larger, smallest} <= set(by_size.index):
            return []
        return [
            (1, line_f1(results, by_size.runs[larger])),
            (-1, line_f1(results, by_size.runs[smallest])),
        ]

    noisy, least = terms(percent), cells["noise_percent"].min()
    if not noisy:
        return Advantage(NONE, NONE)
    quiet = [(-sign, f1) for sign, f1 in terms(least)] if percent != least else []
    return Advantage(contrast(*noisy), contrast(*noisy, *quiet) if quiet else NONE)


def baselines_at(results: Results, cells: pd.DataFrame, percent: float) -> pd.DataFrame:
    """Mean scores of the baselines on lines of this noise at the tolerance; maybe no rows."""
    studys_own = at_level(cells, percent)["own_lines"].any()
    rows = results.baselines if studys_own else results.baselines_with_noise(percent)
    return (
        results.baselines.iloc[:0] if rows is None else rows[rows["tolerance"] == thesis.TOLERANCE]
    )


def _check_bubbles(results: Results, cells: pd.DataFrame) -> None:
    """Differences between levels are taken line by line: the lines must be the same scenes."""
    first = None
    for cell in cells.itertuples():
        scenes = results.line_scores(cell.runs[0])["bubbles"]
        first = scenes if first is None else first
        if not (np.array_equal(scenes.index, first.index) and np.array_equal(scenes, first)):
            raise StudyError(
                f"the test lines of {cell.Index!r} do not hold the same bubbles as those of "
                f"{cells.index[0]!r}; simulate both from the same seed and evaluate them again"
            )
