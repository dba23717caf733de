"""The examples of the README and of the public names' docstrings, run as they stand."""

import doctest
import re
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location

import numpy as np
import pytest
from checkout import ROOT

import ckstudy
from ckstudy.scoring import upstream


def site_modules() -> list[str]:
    """The modules that the site's reference has a section of."""
    spec = spec_from_file_location("build", ROOT / "docs" / "site" / "build.py")
    build = module_from_spec(spec)
    spec.loader.exec_module(build)
    return build.MODULES


PUBLIC = {name: getattr(ckstudy, name) for name in ckstudy.__all__ if name != "__version__"}


def run_examples(values: dict, globs: dict) -> tuple[int, int]:
    """How many lines of examples the docstrings of ``values`` have, and how many fail."""
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    lines = 0
    for name, value in values.items():
        module = import_module(value.__module__)
        finder = doctest.DocTestFinder(recurse=False)
        for example in finder.find(value, name, module, extraglobs=globs):
            lines += len(example.examples)
            runner.run(example)
    return lines, runner.summarize().failed


@pytest.mark.parametrize("name", PUBLIC)
def test_the_docstring_of_a_public_name_has_an_example_that_runs(name, tmp_path, capsys):
    lines, failed = run_examples({name: PUBLIC[name]}, {"folder": tmp_path})
    assert lines > 0
    assert failed == 0, capsys.readouterr().out


@pytest.mark.parametrize("name", site_modules())
def test_each_section_of_the_reference_has_an_example_that_runs(name, tmp_path, capsys):
    module = import_module(name)
    members = getattr(module, "__all__", [each for each in vars(module) if each[0] != "_"])
    values = {each: getattr(module, each) for each in members}
    values = {
        each: value
        for each, value in values.items()
        if each not in PUBLIC
        and callable(value)
        and getattr(value, "__module__", "").startswith(name)
    }
    lines, failed = run_examples(values, {"folder": tmp_path, "checkout": ROOT})
    assert lines > 0 or any(getattr(module, each, None) is PUBLIC[each] for each in PUBLIC)
    assert failed == 0, capsys.readouterr().out


def test_the_python_of_the_readme_runs_and_does_what_it_says(monkeypatch):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    monkeypatch.chdir(ROOT)
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    signal, labels = names["signal"], names["line"].bubble_count
    assert signal.shape == labels.shape == (8446,)
    comb = np.float32(np.arange(8446) % 9 == 4)
    found, by_chance = (
        upstream.f1(upstream.count(z[None], labels[None], [0.4]))[0, 4, 0] for z in (signal, comb)
    )
    assert found > 0.8
    assert found > by_chance + 0.1
    assert names["network"].options["kernel_size"] == 263
    assert names["y"].shape == (4, 8, 8446)
