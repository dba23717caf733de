"""A grid of networks that train in a tenth of a second each, and lines for it."""

from pathlib import Path

from synthetic_lines import write_data_set

from ckstudy.study.config import Study, read_configs, read_study
from ckstudy.study.folder import StudyFolder

CONFIG = read_configs([Path(__file__).parents[1] / "config/config.yaml"])
# One thread and short lines: a training takes a tenth of a second.
TRAINING = {
    **CONFIG["training"],
    "epochs": 3,
    "batch_size": 4,
    "crop": 40,
    "learning_rate": 0.01,
    "decay_epochs": [],
    "validation_every": 1,
}
CKCNN = {"layers": 2, "channels": 3, "hidden": 4}


def folder_with_lines(path: Path) -> StudyFolder:
    """A study's folder that has training and validation lines."""
    study = StudyFolder(path)
    study.data("train").parent.mkdir(parents=True)
    write_data_set(study.data("train"), 10, 120, seed=1)
    write_data_set(study.data("validation"), 5, 120, seed=2)
    return study


def small_study(**changes) -> Study:
    """The study of config/config.yaml with sections replaced."""
    return read_study({**CONFIG, **changes})
