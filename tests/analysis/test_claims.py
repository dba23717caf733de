"""Verdicts, on scores that leave no doubt what they should be."""

import json

import numpy as np
import pandas as pd
import pytest
from synthetic_results import STUDY, beyond_specs, run_specs, write_results

from ckstudy.analysis import claims
from ckstudy.analysis.results import Results
from ckstudy.errors import StudyError

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


@pytest.fixture
def noisy_study(tmp_path):
    """Mean F1 of each kernel size with and without noise, set by the test."""
    specs = beyond_specs()
    write_results(tmp_path, specs=specs)

    def shift(quiet: dict[int, float], noisy: dict[int, float]) -> Results:
        for size in (33, 65, 131):
            for seed in range(3 if size == 65 else 1):
                _set_f1(tmp_path, f"ckcnn-k{size}-w30-s{seed}", quiet[size])
            _set_f1(tmp_path, f"ckcnn-k{size}-w30-noise32-s0", noisy[size])
        return Results(tmp_path)

    return shift


def _set_f1(directory, run: str, level: float) -> None:
    path = directory / "runs" / run / "test.csv"
    rows = pd.read_csv(path)
    rows["f1"] = level + noise(rows)
    rows.to_csv(path, index=False)


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


ALIKE = {33: 0.8, 65: 0.8, 131: 0.8}


@pytest.mark.parametrize(
    ("quiet", "noisy", "verdict"),
    [
        # Longer kernels are better with noise, and were not without it.
        (ALIKE, {33: 0.7, 65: 0.75, 131: 0.78}, "supported"),
        # Better with noise, but as much as without: noise adds nothing.
        ({33: 0.7, 65: 0.75, 131: 0.78}, {33: 0.7, 65: 0.75, 131: 0.78}, "undecided"),
        # One of them only.
        (ALIKE, {33: 0.7, 65: 0.69, 131: 0.78}, "undecided"),
        # Worse with noise, although less so than without.
        ({33: 0.9, 65: 0.7, 131: 0.7}, {33: 0.8, 65: 0.75, 131: 0.7}, "contradicted"),
    ],
)
def test_c5_asks_for_an_advantage_that_noise_brings(noisy_study, quiet, noisy, verdict):
    claim = claims.long_context_helps(noisy_study(quiet, noisy))
    assert claim.verdict == verdict
    assert claim.note == ""
    values = [estimate.value for _, estimate in claim.evidence]
    expected = [
        value
        for size in (65, 131)
        for advantage in [noisy[size] - noisy[33]]
        for value in (advantage, advantage - quiet[size] + quiet[33])
    ]
    assert values == pytest.approx(expected, abs=0.001)
    assert values[claim.effect] == min(values[0], values[2])


def test_c5_leaves_out_a_kernel_that_has_not_learned(noisy_study):
    claim = claims.long_context_helps(noisy_study(ALIKE, {33: 0.7, 65: 0.2, 131: 0.78}))
    assert claim.verdict == "supported"
    assert [name.split(" at ")[0] for name, _ in claim.evidence] == [
        "(a) K = 131 minus K = 33",
        "(b) K = 131 minus K = 33",
    ]
    assert "Left out, because it does not beat the comb: `ckcnn-k65-w30-noise32-s0`" in claim.note


def test_c5_has_no_verdict_without_the_smallest_kernel(noisy_study):
    claim = claims.long_context_helps(noisy_study(ALIKE, {33: 0.2, 65: 0.75, 131: 0.78}))
    assert (claim.verdict, claim.evidence) == ("undecided", ())
    assert "the smallest among them, have learned" in claim.note


def test_c5_names_kernels_that_were_not_trained_at_every_level(tmp_path):
    specs = [each for each in beyond_specs() if each[0]["run"] != "ckcnn-k131-w30-noise32-s0"]
    write_results(tmp_path, specs=specs)
    for spec, _ in specs:
        _set_f1(tmp_path, spec["run"], 0.7)
    claim = claims.long_context_helps(Results(tmp_path))
    assert claim.note == "Not trained at every level of noise: K = 131."
    assert len(claim.evidence) == 2


def test_c5_needs_two_levels_of_noise(study):
    claim = claims.long_context_helps(study(CNN, lambda rows: rows["f1"]))
    assert claim.verdict == "undecided"
    assert "no two levels of noise" in claim.note


def test_a_cell_of_several_seeds_is_one_network_to_the_rules(tmp_path):
    specs = run_specs()
    for seed in (1, 2):
        spec = {**specs[1][0], "run": f"ckcnn_dilated-w8-s{seed}"}
        specs.append(({**spec, "training": {**spec["training"], "seed": seed}}, ["seeds"]))
    write_results(tmp_path, specs=specs)
    _set_f1(tmp_path, CNN, 0.8)
    # The mean of the seeds is equal to the CNN; one of them alone is not.
    for seed, level in enumerate((0.80, 0.83, 0.77)):
        _set_f1(tmp_path, f"ckcnn_dilated-w8-s{seed}", level)
    claim = claims.dilated_matches(Results(tmp_path))
    ((name, difference),) = claim.evidence
    assert name == f"`ckcnn_dilated-w8` minus `{CNN}`"
    assert difference.value == pytest.approx(0, abs=0.002)
    assert (difference.low, difference.high) == pytest.approx((-0.03, 0.03), abs=0.002)
    assert claim.verdict == "undecided"


def test_c2_compares_networks_that_differ_in_omega_0_alone(tmp_path):
    specs = run_specs()
    usual = specs[1][0]
    for name, network, training in (
        ("ckcnn_dilated-w20-s0", {"omega_0": 20.0}, {}),
        ("ckcnn_dilated-w8-learning_rate_0.1-s0", {}, {"learning_rate": 0.1}),
    ):
        spec = {**usual, "run": name, "network": usual["network"] | network}
        specs.append(({**spec, "training": usual["training"] | training}, ["more"]))
    write_results(tmp_path, specs=specs)
    for spec, _ in specs:
        _set_f1(tmp_path, spec["run"], 0.7 if "rate" in spec["run"] else 0.8)
    claim = claims.dilated_insensitive(Results(tmp_path))
    assert [name for name, _ in claim.evidence] == [f"`ckcnn_dilated-w20-s0` minus `{CKCNN}`"]
    assert claim.verdict == "supported"


@pytest.mark.parametrize(("equal_f1", "verdict"), [(0.02, "supported"), (0.005, "contradicted")])
def test_the_margins_are_those_of_the_study(tmp_path, study, equal_f1, verdict):
    study(CNN, lambda rows: 0.8 + 0 * rows["f1"])
    study(CKCNN, lambda rows: 0.81 + noise(rows))
    about = {**STUDY, "claims": {"equal_f1": equal_f1, "large_gap": 0.05}}
    (tmp_path / "study.json").write_text(json.dumps(about))
    claim = claims.dilated_matches(Results(tmp_path))
    assert claim.verdict == verdict
    assert f"within ±{equal_f1:g}" in claim.rule


def test_foreign_margins_are_refused(tmp_path):
    write_results(tmp_path)
    (tmp_path / "study.json").write_text(json.dumps({**STUDY, "claims": {"equal": 0.1}}))
    with pytest.raises(StudyError, match="margins equal instead of equal_f1, large_gap"):
        claims.dilated_matches(Results(tmp_path))


def test_the_table_has_every_claim_once_and_all_that_was_measured(noisy_study):
    results = noisy_study(ALIKE, {33: 0.7, 65: 0.75, 131: 0.78})
    table = claims.claims_table(results)
    effects = table.data[table.data["is_effect"]].set_index("claim")
    assert list(effects.index) == ["C1", "C2", "C3", "C4", "C5"]
    assert effects.verdict["C5"] == "supported"
    assert effects.estimate["C5"] == pytest.approx(0.05, abs=0.001)
    found = [test(results) for test in claims.CLAIMS]
    assert len(table.data) == sum(max(len(claim.evidence), 1) for claim in found)
    for claim in found:
        assert f"| {claim.name}. {claim.statement} | **{claim.verdict}** |" in table.markdown()
        assert claim.rule in table.markdown()


@pytest.mark.parametrize("experiment", ["dilated", "kernel_size", "omega_0"])
def test_claims_that_a_study_cannot_test_are_undecided(tmp_path, experiment):
    specs = [(spec, names) for spec, names in run_specs() if experiment in names]
    write_results(tmp_path, specs=[(spec, [experiment]) for spec, _ in specs])
    for spec, _ in specs:
        _set_f1(tmp_path, spec["run"], 0.8)
    table = claims.claims_table(Results(tmp_path)).data.set_index("claim")
    decided = set(table.index[table["verdict"] != "undecided"])
    assert decided == ({"C1"} if experiment == "dilated" else set())
    assert (table.loc[table["verdict"] == "undecided", "note"] != "").sum() >= 4 - len(decided)


def test_markdown_holds_rule_evidence_and_verdict(study):
    study(CKCNN, lambda rows: 0.8 + noise(rows))
    claim = claims.dilated_matches(study(CNN, lambda rows: 0.8 + noise(rows)))
    text = claims.as_markdown(claim)
    for part in (claim.statement, claim.rule, f"`{CKCNN}` minus `{CNN}`", f"**{claim.verdict}**"):
        assert part in text
