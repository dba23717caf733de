"""The source digest: what changes it, and what does not."""

import shutil
from pathlib import Path

import pytest

from ckstudy import provenance
from ckstudy.provenance import environment, source_digest


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """An editable copy of the package's source, digested instead of the installed one."""
    copy = tmp_path / "ckstudy"
    shutil.copytree(provenance.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "PACKAGE", copy)
    return copy


def digest() -> str:
    for cached in (provenance._tree, provenance._imports, provenance._code):
        cached.cache_clear()
    return source_digest("ckstudy.training.trainer")


@pytest.fixture(autouse=True)
def _forget():
    yield
    for cached in (provenance._tree, provenance._imports, provenance._code):
        cached.cache_clear()


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def test_comments_docstrings_and_layout_do_not_count(package):
    before = digest()
    loss = package / "training/loss.py"
    text = loss.read_text(encoding="utf-8").replace('"""The dual loss', '"""Another wording')
    loss.write_text(text + "\n\n# a comment\n", encoding="utf-8")
    assert digest() == before


@pytest.mark.parametrize(
    "module", ["training/trainer.py", "training/loss.py", "networks/siren.py", "presets.py"]
)
def test_code_that_the_trainer_uses_counts_however_far_away(package, module):
    before = digest()
    append(package / module, "\nADDED = 1\n")
    assert digest() != before


@pytest.mark.parametrize("module", ["tables.py", "cli/train.py", "scoring/upstream.py"])
def test_code_that_the_trainer_does_not_use_does_not_count(package, module):
    before = digest()
    append(package / module, "\nADDED = 1\n")
    assert digest() == before


def test_an_unknown_module_is_an_error():
    with pytest.raises(ValueError, match="no module of ckstudy"):
        source_digest("ckstudy.nothing")


def test_the_environment_names_versions_and_threads():
    about = environment()
    assert about["torch"].startswith("2.")
    assert {"python", "numpy", "commit", "threads"} <= set(about)
