"""Every number in README.md that a table of the study holds is the table's."""

import importlib.util
import re
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def refresh():
    path = ROOT / "docs" / "tables" / "refresh.py"
    spec = importlib.util.spec_from_file_location("refresh", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def results_section() -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.split("<!-- results -->")[1].split("<!-- end of results -->")[0]


def test_readme_holds_the_tables_of_the_study(refresh, results_section):
    assert refresh.refreshed(results_section) == results_section
    for name in refresh.BLOCKS:
        assert f"<!-- table: {name} -->" in results_section


def test_a_changed_number_is_noticed(refresh, results_section):
    (found, *_) = re.finditer(r"<!--= baselines .*? -->(0\.\d+)<!--/-->", results_section)
    wrong = results_section.replace(found[0], found[0].replace(found[1], "0.999"))
    assert refresh.refreshed(wrong) == results_section
    cell = re.search(r"\| 65 \| .*", results_section)[0]
    assert refresh.refreshed(results_section.replace(cell, "| 65 | 3 |")) == results_section


def test_the_verdicts_in_readme_are_those_of_the_csv(results_section):
    rows = pd.read_csv(ROOT / "docs" / "tables" / "claims.csv")
    for row in rows[rows["is_effect"]].itertuples():
        line = next(text for text in results_section.splitlines() if f"| {row.claim}. " in text)
        assert f"| **{row.verdict}** |" in line
        if row.estimate == row.estimate:
            assert f"{row.estimate:+.3f}".replace("-", "−") in line
