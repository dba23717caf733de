"""The study in one table: every run, split, calibration, score and tolerance."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import safetensors

from ckstudy.errors import StudyError
from ckstudy.scoring.aggregate import summarise_scores
from ckstudy.scoring.intervals import RESAMPLES
from ckstudy.scoring.score_files import LINE_COLUMNS, read_table, read_thresholds

GROUP = ["calibration", "score", "tolerance"]
# What batch norm keeps beside its parameters: statistics, which are not trained.
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def summarise_run(
    folder: str | Path,
    experiments: Iterable[str] = (),
    resamples: int = RESAMPLES,
    noise_percent: float | Sequence[float] = 0.0,
) -> pd.DataFrame:
    """The summary's rows of one run, from the files in its folder.

    ``noise_percent`` is that of the study's own lines, which runs have that name no other. Of a
    range the highest stands in the table.

    Raises
    ------
    StudyError
        Where a file is missing or foreign, or the line scores were made with other thresholds
        than those in the folder.
    """
    folder = Path(folder)
    about = _describe(folder, experiments, noise_percent)
    chosen = read_thresholds(folder / "thresholds.csv")
    parts = []
    for split, made_by in (("train", "calibrate"), ("test", "evaluate")):
        path = folder / f"{split}.csv"
        scores = read_table(path, LINE_COLUMNS, made_by)
        sizes = scores.groupby(GROUP, sort=False).size()
        if sizes.nunique() != 1:
            raise StudyError(f"{path} is truncated; make it with `ckstudy {made_by}`")
        rows = summarise_scores(scores, GROUP, resamples)
        for row in rows.itertuples():
            expected = chosen.get((row.calibration, row.score), ())
            if not row.tolerance < len(expected) or row.threshold != expected[row.tolerance]:
                raise StudyError(
                    f"{path} was made with other thresholds than those in "
                    f"{folder / 'thresholds.csv'}; make it with `ckstudy {made_by}`"
                )
        parts.append(rows.assign(split=split))
    rows = pd.concat(parts, ignore_index=True)
    return pd.concat(
        [pd.DataFrame([about] * len(rows)), rows[["split", *rows.columns.drop("split")]]], axis=1
    )


def summarise_runs(
    folder: str | Path,
    runs: Iterable[str] | None = None,
    experiments: Mapping[str, Iterable[str]] | None = None,
    resamples: int = RESAMPLES,
    noise_percent: float | Sequence[float] = 0.0,
) -> pd.DataFrame:
    """The summary of all runs in a folder.

    Parameters
    ----------
    folder : str or Path
        Holds one folder per run.
    runs : iterable of str, optional
        Names of the runs, in the order wanted; by default every folder that has a ``spec.json``.
    experiments : mapping, optional
        The names of the runs that serve each experiment.
    resamples : int
        Of the bootstrap over lines.
    noise_percent : float or (float, float)
        Noise of the study's own lines, or the range of it; a run of other lines
        says so in its ``spec.json``.

    Raises
    ------
    StudyError
        As :func:`summarise_run`, and where there is no run at all.
    """
    folder = Path(folder)
    names = list(runs or sorted(path.parent.name for path in folder.glob("*/spec.json")))
    serves: dict[str, list[str]] = {name: [] for name in names}
    if not serves:
        raise StudyError(f"there is no run in {folder}: no */spec.json; train one first")
    for experiment, members in (experiments or {}).items():
        for name in members:
            if name in serves:
                serves[name].append(experiment)
    parts = [
        summarise_run(folder / name, served, resamples, noise_percent)
        for name, served in serves.items()
    ]
    table = pd.concat(parts, ignore_index=True)
    scores = parts[0].columns[parts[0].columns.get_loc("split") :]
    about = [column for column in table.columns if column not in scores]
    return table[[*about, *scores]]


def count_parameters(path: str | Path) -> int:
    """Trainable parameters of a released model, from the shapes in its file.

    Raises
    ------
    StudyError
        Where the file is missing or damaged.
    """
    try:
        with safetensors.safe_open(path, framework="np") as file:
            shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise StudyError(f"there is no model file {path}; train the run") from None
    except (OSError, safetensors.SafetensorError) as error:
        raise StudyError(f"{path} is no readable safetensors file: {error}") from None
    return sum(
        math.prod(shape)
        for name, shape in shapes.items()
        if name.rpartition(".")[2] not in _STATISTICS
    )


def _describe(folder: Path, experiments: Iterable[str], noise: float | Sequence[float]) -> dict:
    """What the run is: names, parameters, and each single-valued network and training setting."""
    path = folder / "spec.json"
    try:
        spec = json.loads(path.read_text(encoding="utf-8"))
        network, training = spec["network"], spec["training"]
        name = network["name"]
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}; train the run") from None
    except (ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{path} is no spec of a run ({error!r}); train the run again") from None
    noise = spec.get("data", {}).get("noise_percent", noise)
    about = {
        "run": folder.name,
        "experiments": ";".join(experiments),
        "preset": spec.get("preset"),
        "network": name,
        "kernel_size": network.get("kernel_size"),
        "omega_0": network.get("omega_0"),
        "parameters": count_parameters(folder / "model.safetensors"),
        "noise_percent": float(np.max(noise)),
    }
    for settings in (network, training):
        for key, value in settings.items():
            if key not in about and key != "name" and isinstance(value, str | int | float):
                about[key] = value
    return about
