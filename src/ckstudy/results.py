"""Reading a results directory: the one place that knows where a study keeps its numbers.

Tables, figures and notebooks ask here. Everything is a CSV or JSON file that the study wrote;
nothing is computed, and torch is not needed.
"""

import json
from functools import cached_property, lru_cache
from pathlib import Path

import pandas as pd

from ckstudy.csv_files import read_csv
from ckstudy.errors import StudyError
from ckstudy.thesis import TOLERANCE

SUMMARY_COLUMNS = [
    "run",
    "experiments",
    "network",
    "kernel_size",
    "omega_0",
    "parameters",
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
LINE_COLUMNS = [
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
        Results directory, holding ``summary.csv``, ``baselines.csv`` and ``runs/``.

    Raises
    ------
    StudyError
        On first use of a file that is missing or lacks a column; the message names the file.
    """

    def __init__(self, directory: str | Path):
        self.directory = Path(directory)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row per run, split, calibration, score and tolerance."""
        return _read_csv(self.directory / "summary.csv", SUMMARY_COLUMNS)

    @cached_property
    def baselines(self) -> pd.DataFrame:
        """Input-independent and classical predictors on the test lines, a row per score."""
        columns = ["baseline", "score", "tolerance", "mean_f1", "ci_low", "ci_high"]
        return _read_csv(self.directory / "baselines.csv", columns)

    def baseline_lines(self, baseline: str, score: str = "upstream") -> pd.DataFrame:
        """Scores of a baseline for single test lines, at the thesis's tolerance, by line number.

        Raises
        ------
        StudyError
            Where the study scored its baselines at another tolerance.
        """
        path = self.directory / "baseline_lines.csv"
        rows = _read_csv(path, ["baseline", *LINE_COLUMNS])
        wanted = (rows["baseline"] == baseline) & (rows["score"] == score)
        wanted &= rows["tolerance"] == TOLERANCE
        if not wanted.any():
            raise StudyError(
                f"{path} has no {score} scores of {baseline!r} at tolerance {TOLERANCE}, at which "
                "the tables stand beside the thesis's; score the baselines at that tolerance"
            )
        return rows[wanted].set_index("line").sort_index()

    def runs(self, experiment: str | None = None) -> pd.DataFrame:
        """The runs, in the study's order, indexed by name.

        Parameters
        ----------
        experiment : str, optional
            Only the runs that serve this experiment.

        Returns
        -------
        pandas.DataFrame
            Columns experiments, network, kernel_size, omega_0, parameters.
        """
        columns = ["run", "experiments", "network", "kernel_size", "omega_0", "parameters"]
        runs = self.summary[columns].drop_duplicates("run").set_index("run")
        if experiment is None:
            return runs
        members = runs["experiments"].astype(str).str.split(r"[;,\s]+", regex=True)
        return runs[[experiment in member for member in members]]

    def scores(self, **selection) -> pd.DataFrame:
        """Rows of the summary with the given values, such as ``split="test", tolerance=4``."""
        rows = self.summary
        for column, value in selection.items():
            rows = rows[rows[column] == value]
        return rows.set_index("run")

    def spec(self, run: str) -> dict:
        """The run's specification: network, training and loss."""
        path = self.directory / "runs" / run / "spec.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise StudyError(f"{path} is missing; run the study to make it") from None
        except ValueError as error:
            raise StudyError(f"{path} is not JSON ({error}); delete it and run the study") from None

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
        rows = _read_line_scores(path)
        wanted = (
            (rows["calibration"] == calibration)
            & (rows["score"] == score)
            & (rows["tolerance"] == tolerance)
        )
        if not wanted.any():
            raise StudyError(
                f"{path} has no {score} scores at tolerance {tolerance} with thresholds from the "
                f"{calibration} lines; evaluate the run again"
            )
        return rows[wanted].set_index("line").sort_index()


def _read_csv(path: Path, columns) -> pd.DataFrame:
    return read_csv(path, columns, "run the study to make it")


@lru_cache(maxsize=64)
def _read_line_scores(path: Path) -> pd.DataFrame:
    return _read_csv(path, LINE_COLUMNS)
