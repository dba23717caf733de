"""Verdicts, on scores that leave no doubt what they should be."""

import numpy as np
import pandas as pd
import pytest
from synthetic_results import write_results

from ckstudy import claims
from ckstudy.results import Results

CNN, CKCNN = "cnn_dilated-s0", "ckcnn_dilated-w8-s0"
SMALLEST, LARGEST = "ckcnn-k33-w30-s0", "ckcnn-k131-w30-s0"


@pytest.fixture
def study(tmp_path):
    write_results(tmp_path)

    def shift(run: str, change, split: str = "test"):
        """Replace the F1 of every line of a run."""
        path = tmp_path / "runs" / run / f"{split}.csv"
        rows = pd.read_csv(path)
        rows["f1"] = change(rows)
        rows.to_csv(path, index=False)
        return Results(tmp_path)

    return shift


def noise(rows: pd.DataFrame) -> np.ndarray:
    return 0.001 * np.random.default_rng(1).standard_normal(len(rows))


@pytest.mark.parametrize(
    ("difference", "verdict"),
    [(0.0, "supported"), (0.01, "supported"), (0.02, "undecided"), (-0.1, "contradicted")],
)
def test_c1_is_equality_within_a_margin(study, difference, verdict):
    study(CNN, lambda rows: 0.8 + 0 * rows["f1"])
    results = study(CKCNN, lambda rows: 0.8 + difference + noise(rows))
    claim = claims.dilated_matches(results)
    assert claim.verdict == verdict
    assert claim.evidence[0][1].value == pytest.approx(difference, abs=0.001)


def test_a_network_that_does_not_beat_the_comb_leaves_the_verdict_open(study):
    study(SMALLEST, lambda rows: 0.8 + noise(rows))
    study("ckcnn-k65-w30-s0", lambda rows: 0.7 + noise(rows))
    results = study(LARGEST, lambda rows: 0.2 + noise(rows))
    claim = claims.larger_kernels_worse(results)
    assert claim.verdict == "undecided"
    assert claim.evidence[0][0] == f"`ckcnn-k65-w30-s0` minus `{SMALLEST}`"
    assert claim.evidence[0][1].value == pytest.approx(-0.1, abs=0.001)
    assert f"does not beat the comb: `{LARGEST}`" in claim.note


def test_c1_is_undecided_where_lines_disagree_too_much(study):
    study(CNN, lambda rows: 0.8 + 0 * rows["f1"])
    swing = lambda rows: 0.8 + 0.3 * np.sign(np.arange(len(rows)) % 2 - 0.5)  # noqa: E731
    assert claims.dilated_matches(study(CKCNN, swing)).verdict == "undecided"


def test_c2_needs_more_than_one_omega_0(study):
    claim = claims.dilated_insensitive(study(CNN, lambda rows: rows["f1"]))
    assert claim.verdict == "undecided"
    assert "fewer than two ω0" in claim.note
    assert claim.evidence == ()


@pytest.mark.parametrize(
    ("difference", "verdict"),
    [(-0.01, "supported"), (0.01, "contradicted"), (0.0, "undecided")],
)
def test_c3_compares_the_largest_kernel_with_the_smallest(study, difference, verdict):
    for run in (SMALLEST, "ckcnn-k65-w30-s0"):
        study(run, lambda rows: 0.7 + 0 * rows["f1"])
    results = study(LARGEST, lambda rows: 0.7 + difference + noise(rows) - noise(rows).mean())
    assert claims.larger_kernels_worse(results).verdict == verdict


@pytest.mark.parametrize(
    ("train", "test", "verdict"),
    [
        (0.7, 0.7, "supported"),  # worse than the CNN on training lines, no gap
        (0.8, 0.7, "contradicted"),  # a gap: over-fitting
        (0.95, 0.95, "contradicted"),  # better than the CNN on its training lines
    ],
)
def test_c4_looks_at_training_lines_and_at_the_gap(study, train, test, verdict):
    study(CNN, lambda rows: 0.9 + 0 * rows["f1"], "train")
    study(CNN, lambda rows: 0.9 + 0 * rows["f1"])
    for size in (33, 65, 131):
        run = f"ckcnn-k{size}-w30-s0"
        study(run, lambda rows: train + noise(rows), "train")
        results = study(run, lambda rows: test + noise(rows))
    claim = claims.large_kernels_under_fit(results)
    assert claim.verdict == verdict
    assert len(claim.evidence) == 9


def test_c4_is_undecided_where_kernel_sizes_disagree(study):
    study(CNN, lambda rows: 0.9 + 0 * rows["f1"], "train")
    study(CNN, lambda rows: 0.9 + 0 * rows["f1"])
    for size, train in ((33, 0.95), (65, 0.7), (131, 0.7)):
        run = f"ckcnn-k{size}-w30-s0"
        study(run, lambda rows, train=train: train + noise(rows), "train")
        results = study(run, lambda rows, train=train: train + noise(rows))
    assert claims.large_kernels_under_fit(results).verdict == "undecided"


def test_markdown_holds_rule_evidence_and_verdict(study):
    study(CKCNN, lambda rows: 0.8 + noise(rows))
    claim = claims.dilated_matches(study(CNN, lambda rows: 0.8 + noise(rows)))
    text = claims.as_markdown(claim)
    for part in (claim.statement, claim.rule, f"`{CKCNN}` minus `{CNN}`", f"**{claim.verdict}**"):
        assert part in text
