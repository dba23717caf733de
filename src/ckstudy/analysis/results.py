"""Reading a results directory: the one place that knows where a study keeps its numbers.

Tables, figures and notebooks ask here. Everything is a CSV or JSON file that the study wrote;
nothing is computed, and torch is not needed.
"""

import json
import re
from collections.abc import Collection
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from ckstudy.analysis.analysis_files import analysis_file
from ckstudy.analysis.thesis import TOLERANCE
from ckstudy.csv_files import read_csv
from ckstudy.errors import StudyError

RUN_COLUMNS = [
    "run",
    "experiments",
    "network",
    "kernel_size",
    "omega_0",
    "parameters",
    "noise_percent",
]
SUMMARY_COLUMNS = [
    *RUN_COLUMNS,
    "split",
    "calibration",
    "score",
    "tolerance",
    "threshold",
    "mean_f1",
    "median_f1",
    "ci_low",
    "ci_high",
    "lines",
]
BASELINE_COLUMNS = ["baseline", "score", "tolerance", "mean_f1", "ci_low", "ci_high"]
# Of the tables of measured images, by name.
IMAGING_COLUMNS = {
    "thresholds": ["method", "threshold", "lag_um", "f1", "frames"],
    "point_spread": [
        "method",
        "depth_mm",
        "axial_fwhm_um",
        "lateral_fwhm_um",
        "axial_bias_um",
        "lateral_bias_um",
    ],
    "pairs": ["method", "direction", "distance_um", "depth_mm", "resolved"],
    "detections": [
        "method",
        "bubbles",
        "noise_percent",
        "pressure_kpa",
        "frame",
        "f1",
        "precision",
        "recall",
    ],
}
STUDY_KEYS = ("study", "claims", "missing", "analyses")
# Of the columns of single lines' scores, those that are read here.
READ_LINE_COLUMNS = [
    "line",
    "bubbles",
    "pressure_kpa",
    "calibration",
    "score",
    "tolerance",
    "threshold",
    "f1",
]


class Results:
    """The files of one study.

    Parameters
    ----------
    directory : str or Path
        Results directory, holding ``study.json``, ``summary.csv``, ``baselines.csv`` and ``runs/``.

    Raises
    ------
    StudyError
        On first use of a file that is missing or lacks a column; the message names the file.
    """

    def __init__(self, directory: str | Path):
        self.directory = Path(directory)

    @cached_property
    def study(self) -> dict:
        """What the study says of itself.

        Its ``study`` (name), ``claims`` (the margins of the verdicts), ``missing`` (members of
        its grid that were not trained, each with the experiments that it is for) and
        ``analyses`` (which of those beyond the thesis it makes).
        """
        path = self.directory / "study.json"
        about = _read_json(path)
        if lacking := [key for key in STUDY_KEYS if key not in about]:
            raise StudyError(f"{path} lacks {', '.join(lacking)}; run the study to make it")
        return about

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row per run, split, calibration, score and tolerance."""
        return _read_csv(self.directory / "summary.csv", SUMMARY_COLUMNS)

    @cached_property
    def baselines(self) -> pd.DataFrame:
        """Input-independent and classical predictors on the test lines, a row per score."""
        return _read_csv(self.directory / "baselines.csv", BASELINE_COLUMNS)

    def baselines_with_noise(self, percent: float) -> pd.DataFrame | None:
        """The same on lines with noise that is not the study's own; None where not scored."""
        path = self.directory / f"baselines_noise_{percent:g}.csv"
        return _read_csv(path, BASELINE_COLUMNS) if path.is_file() else None

    def imaging(self, name: str) -> pd.DataFrame:
        """What was measured of images, one of :data:`IMAGING_COLUMNS`."""
        return _read_csv(self.directory / "imaging" / f"{name}.csv", IMAGING_COLUMNS[name])

    def missing(self, experiments: Collection[str]) -> tuple[str, ...]:
        """The networks of these experiments that were not trained."""
        return tuple(
            run
            for run, served in self.study["missing"].items()
            if not set(experiments).isdisjoint(served)
        )

    def baseline_lines(self, baseline: str, score: str = "upstream") -> pd.DataFrame:
        """Scores of a baseline for single test lines, at the thesis's tolerance, by line number.

        Raises
        ------
        StudyError
            Where the study scored its baselines at another tolerance.
        """
        path = self.directory / "baseline_lines.csv"
        rows = self._baseline_lines
        wanted = (rows["baseline"] == baseline) & (rows["score"] == score)
        wanted &= rows["tolerance"] == TOLERANCE
        if not wanted.any():
            raise StudyError(
                f"{path} has no {score} scores of {baseline!r} at tolerance {TOLERANCE}, at which "
                "the tables stand beside the thesis's; score the baselines at that tolerance"
            )
        return rows[wanted].set_index("line").sort_index()

    @cached_property
    def _baseline_lines(self) -> pd.DataFrame:
        return _read_csv(self.directory / "baseline_lines.csv", ["baseline", *READ_LINE_COLUMNS])

    def analysis(self, name: str, table: str) -> pd.DataFrame | None:
        """A table of an analysis beyond the thesis; None where the study leaves it out.

        Its first column is ``run``, see :mod:`ckstudy.analysis.analysis_files`.
        """
        if name not in self.study["analyses"]:
            return None
        return _read_csv(analysis_file(self.directory, name, table), ["run"])

    def runs(self, experiment: str | None = None) -> pd.DataFrame:
        """The runs, in the study's order, indexed by name.

        Parameters
        ----------
        experiment : str, optional
            Only the runs that serve this experiment.

        Returns
        -------
        pandas.DataFrame
            Columns experiments, network, kernel_size, omega_0, parameters, noise_percent.
        """
        runs = self.summary[RUN_COLUMNS].drop_duplicates("run").set_index("run")
        return runs if experiment is None else runs[_serves(runs["experiments"], experiment)]

    def cells(self, experiment: str | None = None, *, noisy: bool = False) -> pd.DataFrame:
        """The networks of the study, those that differ in nothing but their seed as one.

        Parameters
        ----------
        experiment : str, optional
            Only the cells of which a run serves this experiment. The cell has all of its runs,
            whichever experiment they were trained for.
        noisy : bool
            Whether cells that were trained and scored on lines of another noise than the
            study's own are among them.

        Returns
        -------
        pandas.DataFrame
            In the study's order, indexed by name: that of the run, or of its runs without their
            seeds. Columns runs (tuple of names), seeds (how many), own_lines (whether the lines
            are the study's own), and those of :meth:`runs`.
        """
        cells = self._cells
        if experiment is not None:
            cells = cells[_serves(cells["experiments"], experiment)]
        return cells if noisy else cells[cells["own_lines"]]

    @cached_property
    def _cells(self) -> pd.DataFrame:
        runs = self.runs()
        members: dict[str, list[str]] = {}
        for run in runs.index:
            spec = self.spec(run)
            training = {key: value for key, value in spec["training"].items() if key != "seed"}
            same = {**spec, "run": None, "training": training}
            members.setdefault(json.dumps(same, sort_keys=True), []).append(run)
        rows = [
            {
                **runs.loc[names[0]].to_dict(),
                "cell": names[0] if len(names) == 1 else self._without_seed(names[0]),
                "experiments": ";".join(dict.fromkeys(experiment_names(";".join(served)))),
                "runs": tuple(names),
                "seeds": len(names),
                "own_lines": "data" not in self.spec(names[0]),
            }
            for names in members.values()
            for served in [runs["experiments"][names].dropna().astype(str)]
        ]
        return pd.DataFrame(rows).set_index("cell")

    def _without_seed(self, run: str) -> str:
        return run.removesuffix(f"-s{self.spec(run)['training']['seed']}")

    def scores(self, **selection: object) -> pd.DataFrame:
        """Rows of the summary with the given values, such as ``split="test", tolerance=4``."""
        rows = self.summary
        for column, value in selection.items():
            rows = rows[rows[column] == value]
        return rows.set_index("run")

    def spec(self, run: str) -> dict:
        """The run's specification: network, training and loss."""
        return _read_json(self.directory / "runs" / run / "spec.json")

    def history(self, run: str) -> pd.DataFrame:
        """Loss and learning rate of every epoch of the run's training."""
        columns = ["epoch", "train_loss", "validation_loss", "learning_rate"]
        return _read_csv(self.directory / "runs" / run / "history.csv", columns)

    def thresholds(self, run: str) -> pd.DataFrame:
        """Best threshold and its mean F1, a row per split, score and tolerance."""
        columns = ["split", "score", "tolerance", "threshold", "mean_f1"]
        return _read_csv(self.directory / "runs" / run / "thresholds.csv", columns)

    def line_scores(
        self,
        run: str,
        *,
        split: str = "test",
        calibration: str = "validation",
        score: str = "upstream",
        tolerance: int = TOLERANCE,
    ) -> pd.DataFrame:
        """Scores of single lines, indexed by line number.

        Parameters
        ----------
        run : str
            Name of the run.
        split : str
            Lines that were scored: ``"train"`` or ``"test"``.
        calibration : str
            Lines that the threshold was chosen on: ``"train"`` or ``"validation"``.
        score : str
            ``"upstream"`` or ``"matched"``.
        tolerance : int
            Localisation tolerance in samples.
        """
        path = self.directory / "runs" / run / f"{split}.csv"
        rows = _select_lines(path, calibration, score, tolerance)
        if rows.empty:
            raise StudyError(
                f"{path} has no {score} scores at tolerance {tolerance} with thresholds from the "
                f"{calibration} lines; evaluate the run again"
            )
        return rows.copy()


def experiment_names(experiments: str) -> list[str]:
    """The experiments that a run serves, from the tables' column ``experiments``."""
    return [name for name in re.split(r"[;,\s]+", experiments) if name]


def _serves(experiments: pd.Series, wanted: str) -> np.ndarray:
    return np.array([wanted in experiment_names(str(each)) for each in experiments], dtype=bool)


def _read_json(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(f"{path} is missing; run the study to make it") from None
    except ValueError as error:
        raise StudyError(f"{path} is not JSON ({error}); delete it and run the study") from None


def _read_csv(path: Path, columns: list[str]) -> pd.DataFrame:
    return read_csv(path, columns, "run the study to make it")


@lru_cache(maxsize=1024)
def _select_lines(path: Path, calibration: str, score: str, tolerance: int) -> pd.DataFrame:
    """Kept, since a verdict asks for the same lines once for each comparison."""
    rows = _read_line_scores(path)
    wanted = (
        (rows["calibration"] == calibration)
        & (rows["score"] == score)
        & (rows["tolerance"] == tolerance)
    )
    return rows[wanted].set_index("line").sort_index()


@lru_cache(maxsize=128)
def _read_line_scores(path: Path) -> pd.DataFrame:
    """The columns that are read here, small enough to keep those of a whole study."""
    rows = _read_csv(path, READ_LINE_COLUMNS)[READ_LINE_COLUMNS]
    return rows.astype({"calibration": "category", "score": "category"})
