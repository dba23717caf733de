"""What noise does to networks that never saw any, to those that did, and to a linear filter.

The lines are the study's own, number by number, with noise of several levels. What is compared at
a level sees the same lines there, and every threshold is chosen on validation lines: on those of
that level, which a user with some lines of known bubbles could do, or on the clean ones.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from ckstudy.acoustics.noise import add_noise
from ckstudy.acoustics.scene import noise_generator
from ckstudy.dataset import Lines
from ckstudy.devices.torch_device import resolve_device
from ckstudy.errors import StudyError
from ckstudy.probing.calibrated import (
    bounds,
    calibrated_scores,
    network_predictor,
    own_thresholds,
)
from ckstudy.probing.parts import part_by_part, part_key, run_key
from ckstudy.scoring.baselines import best_ridge
from ckstudy.scoring.counts import TOLERANCE
from ckstudy.scoring.filter_lengths import LINEAR_FILTER, RIDGE_TAPS
from ckstudy.scoring.thresholds import THRESHOLDS
from ckstudy.study.analyses import NoiseLevelsSpec


class Splits(NamedTuple):
    """The lines of an analysis, all without noise: to fit on, to choose thresholds on, to test."""

    train: Lines
    validation: Lines
    test: Lines


def with_noise(lines: Lines, percent: float) -> Lines:
    """The same lines with noise, as the simulator would have made them.

    Parameters
    ----------
    lines : ckstudy.dataset.Lines
        Simulated, without noise.
    percent : float
        Standard deviation in percent of 9.65 V, see :func:`ckstudy.acoustics.noise.add_noise`.

    Raises
    ------
    StudyError
        Where the lines do not say what they were simulated from, or have noise already.
    """
    parameters = lines.attributes.get("parameters", {})
    if "seed" not in parameters or parameters.get("noise_percent") != 0:
        raise StudyError(
            "noise is added to simulated lines that have none, and these are not; leave the "
            "analysis out (analyses.noise_levels: null)"
        )
    if percent == 0:
        return lines
    rf = [
        add_noise(
            line.astype(np.float64),
            percent,
            lines.sampling_rate_hz,
            noise_generator(parameters["seed"], int(number)),
        )
        for line, number in zip(lines.rf, lines.line_number, strict=True)
    ]
    return replace(lines, rf=np.array(rf, dtype=np.float32))


def noise_levels_of_runs(
    runs: Path,
    names: Mapping[str, float | None],
    lines: Splits,
    settings: NoiseLevelsSpec,
    *,
    device: str,
    progress: tuple[Path, str],
) -> pd.DataFrame:
    """Scores by level of noise, of several runs and of what they are to be held against.

    Parameters
    ----------
    runs : Path
        Folder of the runs.
    names : mapping
        From a run to the level of noise that it was trained and calibrated at, where alone it is
        tested; to None, where it is tested at all of them.
    lines : Splits
    settings : NoiseLevelsSpec
    device : str
        As of :func:`ckstudy.devices.torch_device.resolve_device`.
    progress : (Path, str)
        Folder for what is done so far, and a digest of the code that does it.

    Returns
    -------
    DataFrame
        run (or one of :data:`ckstudy.probing.calibrated.BOUNDS`, or the linear filter),
        trained_percent (NaN for what was not trained at one of these levels), noise_percent, and
        the columns of :func:`ckstudy.probing.calibrated.calibrated_scores`.
    """
    place = resolve_device(device)
    folder, code = progress
    same = f"{settings}{code}{place.type}"
    same += "".join(f"{each.line_number.tolist()}{each.attributes}" for each in lines)
    levels = {
        percent: Splits(*(with_noise(each, percent) for each in lines))
        for percent in settings.percent
    }

    def key_of(name: str) -> str:
        return run_key(same, runs / name) if name in names else part_key(same)

    def make(name: str) -> tuple[pd.DataFrame]:
        if name == "bounds":
            found = bounds(lines.test).assign(trained_percent=np.nan, noise_percent=np.nan)
            return (_ordered(found),)
        if name == LINEAR_FILTER:
            return (_linear_filter(levels),)
        wanted = [p for p in levels if names[name] in (None, p)]
        return (_network(runs / name, {p: levels[p] for p in wanted}, place, names[name]),)

    every = [*names, LINEAR_FILTER, "bounds"]
    parts = part_by_part(folder, every, key_of, make, "noise levels")
    return pd.concat([table for _, (table,) in parts], ignore_index=True)


def _network(
    run: Path, levels: Mapping[float, Splits], device: torch.device, trained: float | None
) -> pd.DataFrame:
    predict, own = network_predictor(run, device), own_thresholds(run)
    tables = []
    for percent, lines in levels.items():
        table = calibrated_scores(predict, lines.validation, lines.test, THRESHOLDS, own)
        tables.append(table.assign(run=run.name, trained_percent=trained, noise_percent=percent))
    return _ordered(pd.concat(tables))


def _linear_filter(levels: Mapping[float, Splits]) -> pd.DataFrame:
    """A ridge filter that is fitted at each level."""
    tables = []
    for percent, lines in levels.items():
        found = best_ridge(lines.train, lines.validation, RIDGE_TAPS[-1], TOLERANCE)
        table = calibrated_scores(found.predict, lines.validation, lines.test, found.thresholds)
        tables.append(table.assign(trained_percent=percent, noise_percent=percent))
    return _ordered(pd.concat(tables).assign(run=LINEAR_FILTER))


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    first = ["run", "trained_percent", "noise_percent"]
    return table[[*first, *table.columns.drop(first)]].astype(dict.fromkeys(first[1:], float))
