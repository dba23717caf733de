"""Which rules an edit runs again. That no rule is forgotten, test_study.py tries."""

import pytest
from rule_digests import digests

from ckstudy.provenance import PACKAGE, source_names

NOTEBOOKS = {rule for rule in digests.ENTRIES if rule.startswith("notebook_")}
FIGURES = {rule for rule, code in digests.ENTRIES.items() if "scripts/draw_figures.py" in code}


@pytest.fixture(scope="module")
def names() -> dict[str, dict]:
    """By rule, the names that its digest takes from each file."""
    return {rule: source_names(*digests.entries(rule)) for rule in digests.ENTRIES}


def users(names, file: str, name: str | None = None) -> set[str]:
    """The rules that an edit of this name in this file runs again."""
    path = PACKAGE / file
    assert path.is_file()
    return {rule for rule, found in names.items() if path in found and name in {None, *found[path]}}


def test_a_new_version_number_makes_nothing_anew(names):
    assert not users(names, "__init__.py", "__version__")


def test_only_the_training_depends_on_the_trainer(names):
    assert users(names, "training/trainer.py") == {"train"}


def test_no_training_depends_on_scores_tables_figures_or_plans(names):
    trained = {path.relative_to(PACKAGE).parts[0] for path in names["train"]}
    assert not trained & {"scoring", "analysis", "report", "archive", "campaign", "srml1d"}
    assert "train" not in users(names, "study/grid.py") | users(names, "study/config.py")


def test_drawing_and_tables_concern_what_people_read_alone(names):
    for path in (PACKAGE / "report").rglob("*.py"):
        assert users(names, path.relative_to(PACKAGE)) <= FIGURES | NOTEBOOKS | {"index"}


def test_the_oracle_of_the_simulator_concerns_nothing(names):
    assert users(names, "acoustics/reference.py") == set()


def test_scores_depend_on_how_a_network_is_loaded_and_lines_are_read(names):
    for file, name in (
        ("networks/release.py", "load_model"),
        ("networks/predict.py", "predict_lines"),
        ("dataset.py", "read_lines"),
        ("cli/evaluate.py", "_predictor"),
    ):
        assert {"calibrate", "evaluate"} <= users(names, file, name)


def test_a_network_is_restored_by_code_that_checks_its_digest(names):
    assert "restore_network" in users(names, "archive/contents.py", "restore_run")


def test_an_edit_beside_a_function_does_not_concern_it(names):
    assert users(names, "cli/train.py", "status") == set()
    assert users(names, "archive/contents.py", "make_archive") == set()
