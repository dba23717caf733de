"""The source digest: what changes it, and what does not."""

import json
from pathlib import Path

import pytest

from ckstudy import provenance
from ckstudy.provenance import environment, source_digest, source_names

SOURCES = {
    "__init__.py": '__version__ = "1"\n',
    "loss.py": """
import math
from typing import TYPE_CHECKING

from ckstudy.shapes import WIDTH

if TYPE_CHECKING:
    from ckstudy.unused import nothing

SCALE = 2.0

def loss(x: float, power=2) -> float:
    \"\"\"The loss.\"\"\"
    return SCALE * math.fabs(x) ** power / WIDTH

def unused_loss(x):
    return unused(x)

def unused(x):
    return -x
""",
    "shapes.py": "WIDTH = 3\nHEIGHT = 4\n",
    "unused.py": "nothing = None\n",
    "nets/__init__.py": "from ckstudy.nets.big import Big\nfrom .small import Small\n",
    "nets/big.py": "class Big:\n    size: int = 9\n",
    "nets/small.py": "class Small:\n    pass\n",
    "command.py": """
from typing import Annotated

HELP = "the number"

def train(x: Annotated[float, HELP] = 1.0):
    from ckstudy.loss import loss
    from ckstudy.nets import Big

    return loss(x), Big()
""",
}


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """A small package, digested instead of this one."""
    folder = tmp_path / "ckstudy"
    for name, text in SOURCES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(provenance, "PACKAGE", folder)
    return folder


@pytest.fixture(autouse=True)
def _forget():
    forget()
    yield
    forget()


def forget() -> None:
    for cached in (provenance._names, provenance._needs, provenance._kept):
        cached.cache_clear()


def digest(entry: str | Path = "ckstudy.command:train") -> str:
    forget()
    return source_digest(entry)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("loss.py", "The loss.", "Another wording."),
        ("loss.py", "SCALE = 2.0", "SCALE = 2.0  # a comment"),
        ("loss.py", "(x: float, power=2) -> float", "(x, power: int = 2)"),
        ("loss.py", "SCALE = 2.0", "SCALE: float = 2.0"),
        ("loss.py", "import nothing", "import nothing as something"),
        ("loss.py", "return -x", "return +x"),  # beside what is used
        ("shapes.py", "HEIGHT = 4", "HEIGHT = 5"),
        ("unused.py", "None", "1"),
        ("nets/small.py", "pass", "size = 3"),
        ("command.py", "the number", "a number"),  # in a type hint alone
    ],
)
def test_wording_and_code_that_is_not_used_do_not_count(package, file, old, new):
    before = digest()
    edit(package / file, old, new)
    assert digest() == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("command.py", "= 1.0", "= 2.0"),
        ("loss.py", "power=2", "power=3"),
        ("loss.py", "SCALE = 2.0", "SCALE = 2.5"),
        ("loss.py", "SCALE = 2.0", "SCALE = 2.0\nmath.tau = 6"),  # binds nothing: it always runs
        ("shapes.py", "WIDTH = 3", "WIDTH = 4"),
        ("nets/big.py", "size: int", "size: float"),  # a field is made of its hint
    ],
)
def test_code_that_is_used_counts_however_far_away(package, file, old, new):
    before = digest()
    edit(package / file, old, new)
    assert digest() != before


def test_a_module_is_all_its_names_and_a_package_those_of_its_init(package):
    assert source_names("ckstudy.shapes") == {package / "shapes.py": {"*", "", "WIDTH", "HEIGHT"}}
    found = {path.relative_to(package).as_posix() for path in source_names("ckstudy.nets")}
    assert found == {"nets/__init__.py", "nets/big.py", "nets/small.py"}


def test_scripts_and_notebooks_are_read_like_modules(package, tmp_path):
    code = "from ckstudy.nets import Small\nprint(Small())\n"
    script, notebook = tmp_path / "step.py", tmp_path / "look.ipynb"
    script.write_text(code)
    cells = [
        {"cell_type": "markdown", "source": ["Words, no code: '"]},
        {"cell_type": "code", "source": code.splitlines(keepends=True)},
    ]
    notebook.write_text(json.dumps({"cells": cells}))
    for path in (script, notebook):
        before = digest(path)
        assert {each.name for each in source_names(path)} == {
            path.name,
            "__init__.py",
            "small.py",
        }
        edit(package / "nets/small.py", "pass", "size = 3")
        assert digest(path) != before
        edit(package / "nets/small.py", "size = 3", "pass")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("ckstudy.nothing", "no module of ckstudy"),
        ("ckstudy.shapes:DEPTH", "defines no 'DEPTH'"),
        (Path("nothing.py"), "no file nothing.py"),
    ],
)
def test_what_is_not_there_is_an_error(package, entry, message):
    with pytest.raises(ValueError, match=message):
        source_digest(entry)


def test_a_name_that_the_package_only_finds_when_it_runs_is_an_error(package):
    edit(package / "command.py", "from ckstudy.nets import Big", "from ckstudy import Big")
    with pytest.raises(ValueError, match="import it from where it is defined"):
        source_digest("ckstudy.command:train")


def test_the_environment_names_versions_and_threads():
    about = environment()
    assert about["torch"].startswith("2.")
    assert {"python", "numpy", "commit", "threads"} <= set(about)


def test_what_was_read_is_kept_beside_the_bytecode_and_never_believed_of_other_text(package):
    (package / "__pycache__").mkdir()
    before = digest()
    (kept,) = (package / "__pycache__").iterdir()
    written = kept.read_bytes()
    assert digest() == before
    assert kept.read_bytes() == written
    loss = package / "loss.py"
    loss.write_text(SOURCES["loss.py"].replace("2.0", "3.0"), encoding="utf-8")
    changed = digest()
    assert changed != before
    loss.write_text(SOURCES["loss.py"], encoding="utf-8")
    assert digest() == before
    for damage in (b"", b"{}", b"[]", written[:100], written.replace(b'"by": "', b'"by": "0')):
        kept.write_bytes(damage)
        assert digest() == before
