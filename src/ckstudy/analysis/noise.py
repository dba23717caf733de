"""Does a long kernel help against noise? What the experiment ``noise`` of a study measured.

Its networks were trained, calibrated and tested on lines of the same bubbles with and without
added noise, several kernel sizes on each. The thesis only supposes an answer; claim C5 (see
:mod:`ckstudy.analysis.claims`) is the verdict on it.
"""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from ckstudy.analysis import thesis
from ckstudy.analysis.estimates import NONE, Estimate, contrast, line_f1, mean_f1
from ckstudy.analysis.results import Results
from ckstudy.errors import StudyError
from ckstudy.report.tables.table import Table, flat, format_cells, interval, number, provenance
from ckstudy.report.tables.thesis_tables import baseline, seeds_text, spoken_thresholds, thresholds

EXPERIMENT = "noise"
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


def noise_cells(results: Results) -> pd.DataFrame:
    """The cells of the experiment, as of ``Results.cells``, by noise and K.

    Raises
    ------
    StudyError
        Where two cells have the same kernel size and noise, so that no single comparison is
        meant, or the lines of two levels do not hold the same bubbles.
    """
    cells = results.cells(EXPERIMENT, noisy=True)
    cells = cells[cells["network"] == NETWORK].sort_values(["noise_percent", "kernel_size"])
    twice = cells[cells.duplicated(["noise_percent", "kernel_size"])]
    if len(twice):
        raise StudyError(
            f"the experiment {EXPERIMENT!r} has more than one network like {twice.index[0]!r} "
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
        here = at_level(cells, level)
        if not {larger, smallest} <= set(here.index):
            return []
        return [
            (1, line_f1(results, here.runs[larger])),
            (-1, line_f1(results, here.runs[smallest])),
        ]

    noisy, least = terms(percent), cells["noise_percent"].min()
    if not noisy:
        return Advantage(NONE, NONE)
    quiet = [(-sign, f1) for sign, f1 in terms(least)] if percent != least else []
    return Advantage(contrast(*noisy), contrast(*noisy, *quiet) if quiet else NONE)


def noise_table(results: Results) -> Table:
    """F1 by kernel size and noise, beside baselines on lines of the same noise."""
    cells = noise_cells(results)
    smallest = cells["kernel_size"].min()
    networks = []
    for cell in cells.itertuples():
        gained = Advantage(NONE, NONE)
        if cell.kernel_size != smallest:
            gained = advantage(results, cells, cell.kernel_size, smallest, cell.noise_percent)
        networks.append(
            {
                "noise_percent": cell.noise_percent,
                "predictor": cell.Index,
                "kind": "network",
                "kernel_size": cell.kernel_size,
                "seeds": cell.seeds,
                "threshold": thresholds(results, cell.runs, "validation"),
                **flat("upstream_f1", mean_f1(results, cell.runs)),
                **flat("difference", gained.difference),
                **flat("gain", gained.gain),
                **flat("matched_f1", mean_f1(results, cell.runs, score="matched")),
            }
        )
    columns = ["noise_percent", "predictor", "kind", "kernel_size", "seeds", "threshold"]
    for quantity in ("upstream_f1", "difference", "gain", "matched_f1"):
        columns += flat(quantity, NONE)
    data = pd.DataFrame([*networks, *_baselines(results, cells)], columns=columns)
    text = format_cells(
        data[data["kind"] == "network"],
        {
            "noise (%)": lambda row: number(row.noise_percent, "{:g}"),
            "K": lambda row: f"{row.kernel_size:.0f}",
            "seeds": seeds_text,
            "φ": lambda row: spoken_thresholds(row.threshold),
            "F1": lambda row: interval(row, "upstream_f1"),
            f"F1 − that of K = {smallest:.0f}": lambda row: interval(
                row, "difference", signed=True
            ),
            "gain by noise": lambda row: interval(row, "gain", signed=True),
            "matched F1": lambda row: interval(row, "matched_f1"),
        },
    )
    beside = format_cells(
        data[data["kind"] == "baseline"],
        {
            "noise (%)": lambda row: number(row.noise_percent, "{:g}"),
            "baseline": lambda row: f"`{row.predictor}`",
            "F1": lambda row: interval(row, "upstream_f1"),
            "matched F1": lambda row: interval(row, "matched_f1"),
        },
    )
    caption = (
        "Kernel size and noise: large-kernel CKCNN, trained, calibrated and tested on lines whose "
        "added noise has a standard deviation of so many percent of 9.65 V (any noise also brings "
        f"a low-pass at 5.1 MHz). Mean F1 of the test lines at a tolerance of {thesis.TOLERANCE} "
        "samples, with the threshold φ that is best on the validation lines. The lines of all "
        "levels hold the same bubbles, and differences are taken line by line. Gain by noise: the "
        f"difference minus that at the least noise. {provenance(results, cells)}"
    )
    if cells.empty:
        return Table("noise", "Kernel size and noise", absent(), data, ())
    blocks = (("", text), ("Baselines on the same lines", beside))
    return Table("noise", "Kernel size and noise", caption, data, blocks)


def absent() -> str:
    """What a table or a figure says in a study without the experiment."""
    return f"The study has no experiment “{EXPERIMENT}”: config/beyond.yaml has one."


def baselines_at(results: Results, cells: pd.DataFrame, percent: float) -> pd.DataFrame:
    """Mean scores of the baselines on lines of this noise at the tolerance; maybe no rows."""
    own = at_level(cells, percent)["own_lines"].any()
    rows = results.baselines if own else results.baselines_with_noise(percent)
    return (
        results.baselines.iloc[:0] if rows is None else rows[rows["tolerance"] == thesis.TOLERANCE]
    )


def _baselines(results: Results, cells: pd.DataFrame) -> list[dict]:
    rows = []
    for percent in cells["noise_percent"].unique():
        scored = baselines_at(results, cells, percent)
        for name in scored["baseline"].unique():
            rows.append(
                {
                    "noise_percent": percent,
                    "predictor": name,
                    "kind": "baseline",
                    "kernel_size": math.nan,
                    "seeds": 0,
                    "threshold": "",
                    **flat("upstream_f1", baseline(scored, name, "upstream")),
                    **flat("matched_f1", baseline(scored, name, "matched")),
                }
            )
    return rows


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
