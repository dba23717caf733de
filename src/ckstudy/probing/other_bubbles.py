"""What networks make of bubbles other than those that they were trained on.

A network has seen bubbles of one population, in shells of one model. Here the study's own lines are
simulated again, number by number, with bubbles of another population or shell at the same places
and times: what differs is only how they sound.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ckstudy.acoustics.line import simulate_line
from ckstudy.acoustics.specification import POPULATIONS, SHELLS, SimulationSpec
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
from ckstudy.study.analyses import OtherBubblesSpec

OWN = "own"
"""The study's own bubbles, among the others."""


def other_specs(lines: Lines) -> dict[str, SimulationSpec]:
    """What the lines were simulated from, with each other population and each other shell.

    Raises
    ------
    StudyError
        Where the lines do not say what they were simulated from.
    """
    parameters = lines.attributes.get("parameters", {})
    if not {"seed", "population", "shell"} <= parameters.keys():
        raise StudyError(
            "bubbles are changed in simulated lines, and these do not say what they were "
            "simulated from; leave the analysis out (analyses.other_bubbles: null)"
        )
    own = SimulationSpec.from_dict(parameters, "the lines")
    others = {OWN: own}
    for population in POPULATIONS:
        if population != own.population:
            others[population] = replace(own, population=population, radius_um=None)
    for shell in SHELLS:
        if shell != own.shell:
            others[shell] = replace(own, shell=shell)
    return others


def with_bubbles(lines: Lines, spec: SimulationSpec) -> Lines:
    """Lines of the same numbers under another specification.

    Raises
    ------
    StudyError
        Where their bubbles are not at the same places.
    """
    made = [simulate_line(spec, int(number)) for number in lines.line_number]
    if not np.array_equal([line.bubble_count for line in made], lines.bubble_count):
        raise StudyError("the lines are simulated anew with bubbles elsewhere; make them anew")
    return replace(lines, rf=np.array([line.rf for line in made]))


def scores_with_other_bubbles(
    runs: Path,
    names: list[str],
    lines: Mapping[str, Lines],
    settings: OtherBubblesSpec,
    *,
    device: str,
    progress: tuple[Path, str],
) -> pd.DataFrame:
    """Scores by kind of bubbles, of several runs and of what they are to be held against.

    Parameters
    ----------
    runs : Path
        Folder of the runs.
    names : list of str
        Runs.
    lines : mapping
        The study's own, by split: ``train`` (for the linear filter alone), ``validation``,
        ``test``.
    settings : OtherBubblesSpec
    device : str
        As of :func:`ckstudy.devices.torch_device.resolve_device`.
    progress : (Path, str)
        Folder for what is done so far, and a digest of the code that does it.

    Returns
    -------
    DataFrame
        run (or one of :data:`ckstudy.probing.calibrated.BOUNDS`, or the linear filter, which is
        fitted to the study's own lines), bubbles (:data:`OWN`, a population or a shell), and the
        columns of :func:`ckstudy.probing.calibrated.calibrated_scores`.
    """
    place = resolve_device(device)
    folder, code = progress
    same = f"{settings}{code}{place.type}"
    same += "".join(f"{each.line_number.tolist()}{each.attributes}" for each in lines.values())
    validation, test = (
        {
            kind: lines[split] if kind == OWN else with_bubbles(lines[split], spec)
            for kind, spec in other_specs(lines[split]).items()
        }
        for split in ("validation", "test")
    )

    def key_of(name: str) -> str:
        return run_key(same, runs / name) if name in names else part_key(same)

    def make(name: str) -> tuple[pd.DataFrame]:
        if name == "bounds":
            return (bounds(lines["test"]).assign(bubbles=""),)
        own = None
        if name == LINEAR_FILTER:
            fitted = best_ridge(lines["train"], lines["validation"], RIDGE_TAPS[-1], TOLERANCE)
            predict, thresholds = fitted.predict, fitted.thresholds
        else:
            predict, thresholds = network_predictor(runs / name, place), THRESHOLDS
            own = own_thresholds(runs / name)
        tables = [
            calibrated_scores(predict, validation[kind], test[kind], thresholds, own).assign(
                run=name, bubbles=kind
            )
            for kind in test
        ]
        return (pd.concat(tables),)

    every = [*names, LINEAR_FILTER, "bounds"]
    parts = part_by_part(folder, every, key_of, make, "other bubbles")
    found = pd.concat([table for _, (table,) in parts], ignore_index=True)
    first = ["run", "bubbles"]
    return found[[*first, *found.columns.drop(first)]]
