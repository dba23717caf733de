"""Shares of a training step."""

import sys

import pandas as pd
import pytest
from benchmark_script import BENCHMARKS, load
from checkout import ROOT


def test_the_shares_of_a_step_are_all_of_it(tmp_path, monkeypatch):
    step = load("step")
    out = tmp_path / "step.csv"
    sizes = ["--kernel-sizes", "65", "--channels", "4", "--lines", "2"]
    monkeypatch.setattr(
        sys, "argv", ["step.py", *sizes, "--steps", "1", "--rounds", "1", "--out", str(out)]
    )
    step.main()
    (row,) = pd.read_csv(out).to_dict("records")
    parts = [row[part] for part in (*step.PARTS, "rest")]
    assert all(0 < part < 1 for part in parts)
    assert sum(parts) == pytest.approx(1, abs=1e-3)


def test_the_page_has_the_kept_shares():
    text = (ROOT / "docs/training.md").read_text(encoding="utf-8")
    table = pd.read_csv(BENCHMARKS / "results/step.csv")
    for row in table.itertuples():
        shares = [f"{100 * part:.0f} %" for part in (row.convolutions, row.batch_norm, row.relu)]
        assert f"| {row.kernel_size} | {' | '.join(shares)} |" in text
