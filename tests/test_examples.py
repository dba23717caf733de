"""The examples of the README and of the public names' docstrings, run as they stand."""

import doctest
import re
from importlib import import_module

import numpy as np
import pytest
from checkout import ROOT

import ckstudy
from ckstudy.convolution import explain
from ckstudy.scoring import upstream

PUBLIC = {name: getattr(ckstudy, name) for name in ckstudy.__all__ if name != "__version__"}


@pytest.mark.parametrize("name", [*PUBLIC, "explain"])
def test_the_docstring_of_a_public_name_has_an_example_that_runs(name, tmp_path, capsys):
    value = (PUBLIC | {"explain": explain})[name]
    module = import_module(value.__module__)
    examples = doctest.DocTestFinder(recurse=False).find(
        value, name, module, extraglobs={"folder": tmp_path}
    )
    assert sum(len(example.examples) for example in examples) > 0
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for example in examples:
        runner.run(example)
    assert runner.summarize().failed == 0, capsys.readouterr().out


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
