"""Verdicts, on scores that leave no doubt what they should be."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from synthetic_results import STUDY, beyond_specs, run_specs, write_results

from ckstudy.analysis import claims
from ckstudy.analysis.results import Results
from ckstudy.errors import StudyError
from ckstudy.report.tables.claims import as_markdown, claims_table, note_on

CNN, CKCNN = "cnn_dilated-s0", "ckcnn_dilated-w8-s0"
OTHER_OMEGA_0 = "ckcnn_dilated-w20-s0"
RUNS = {"cnn": "cnn_dilated", "ckcnn": "ckcnn_dilated-w8", "other": "ckcnn_dilated-w20"}
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
def seeded_study(tmp_path):
    """Three seeds of both dilated networks and of a second ω0, the levels set by the test."""
    specs = run_specs()
    other = {**specs[1][0], "run": OTHER_OMEGA_0}
    specs.append(({**other, "network": other["network"] | {"omega_0": 20.0}}, ["more"]))
    for spec, experiments in list(specs):
        if spec["run"] in (CNN, CKCNN, OTHER_OMEGA_0):
            for seed in (1, 2):
                again = {**spec["training"], "seed": seed}
                name = f"{spec['run'].removesuffix('-s0')}-s{seed}"
                specs.append(({**spec, "run": name, "training": again}, experiments))
    write_results(tmp_path, specs=specs)

    def shift(**levels: float | tuple[float, ...]) -> Results:
        """Set the mean F1 of each seed of networks by name."""
        for network, level in levels.items():
            each = level if isinstance(level, tuple) else (level,) * 3
            for seed, of_seed in enumerate(each):
                _set_f1(tmp_path, f"{RUNS[network]}-s{seed}", of_seed)
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
def test_c1_is_equality_within_a_margin(seeded_study, difference, verdict):
    claim = claims.dilated_matches(seeded_study(cnn=0.8, ckcnn=0.8 + difference))
    assert claim.verdict == verdict
    assert claim.evidence[0].estimate.value == pytest.approx(difference, abs=0.001)


def test_c1_takes_the_spread_of_seeds_as_welch_does(seeded_study):
    of_cnn, of_ckcnn = (0.80, 0.81, 0.805), (0.792, 0.808, 0.80)
    claim = claims.dilated_matches(seeded_study(cnn=of_cnn, ckcnn=of_ckcnn))
    decisive, beside = claim.evidence
    test = stats.ttest_ind(of_ckcnn, of_cnn, equal_var=False)
    for evidence, level in ((decisive, 0.95), (beside, 0.9)):
        expected = test.confidence_interval(level)
        assert evidence.level == level
        found = (evidence.estimate.low, evidence.estimate.high)
        assert found == pytest.approx((expected.low, expected.high), abs=0.001)
    # The rule looks at 95 %, whatever the other interval says.
    assert (beside.estimate.low > -0.02, decisive.estimate.low < -0.02) == (True, True)
    assert claim.verdict == "undecided"


@pytest.mark.parametrize("rule", [claims.dilated_matches, claims.dilated_insensitive])
def test_single_seeds_leave_a_margin_undecided(study, rule):
    specs = run_specs()
    other = {**specs[1][0], "run": OTHER_OMEGA_0}
    specs.append(({**other, "network": other["network"] | {"omega_0": 20.0}}, ["more"]))
    directory = study(CNN, lambda rows: rows["f1"]).directory
    write_results(directory, specs=specs)
    for run in (CNN, CKCNN, OTHER_OMEGA_0):
        _set_f1(directory, run, 0.8)
    claim = rule(Results(directory))
    assert [vote.verdict for vote in claim.votes] == ["supported"]
    assert claim.verdict == "undecided"
    assert len(claim.single_seeds) == 2
    assert "single training seed" in claim.rule


def test_a_network_that_does_not_beat_the_comb_leaves_the_verdict_open(study):
    study(SMALLEST, lambda rows: 0.8 + noise(rows))
    study("ckcnn-k65-w30-s0", lambda rows: 0.7 + noise(rows))
    results = study(LARGEST, lambda rows: 0.2 + noise(rows))
    claim = claims.larger_kernels_worse(results)
    assert claim.verdict == "undecided"
    assert claim.evidence[0].what == f"`ckcnn-k65-w30-s0` minus `{SMALLEST}`"
    assert claim.evidence[0].estimate.value == pytest.approx(-0.1, abs=0.001)
    assert claim.unlearned == (LARGEST,)


def test_c1_is_undecided_where_lines_disagree_too_much(seeded_study):
    results = seeded_study(cnn=0.8, ckcnn=0.8)
    for seed in range(3):
        path = results.directory / "runs" / f"ckcnn_dilated-w8-s{seed}" / "test.csv"
        rows = pd.read_csv(path)
        rows["f1"] = 0.8 + 0.3 * np.sign(np.arange(len(rows)) % 2 - 0.5)
        rows.to_csv(path, index=False)
    claim = claims.dilated_matches(results)
    assert (claim.verdict, claim.single_seeds) == ("undecided", ())


def test_c2_needs_more_than_one_omega_0(study):
    claim = claims.dilated_insensitive(study(CNN, lambda rows: rows["f1"]))
    assert claim.verdict == "undecided"
    assert "fewer than two ω0" in claim.lacking
    assert claim.evidence == ()


def test_a_partial_experiment_has_no_verdict_yet(study):
    """The largest kernel that is trained need not be the largest."""
    for run in (SMALLEST, "ckcnn-k65-w30-s0"):
        study(run, lambda rows: 0.7 + 0 * rows["f1"])
    results = study(LARGEST, lambda rows: 0.8 + 0 * rows["f1"])
    longest = "ckcnn-k2111-w30-s0"
    for served, verdict in (("omega_0", "contradicted"), ("kernel_size", "undecided")):
        path = results.directory / "study.json"
        path.write_text(json.dumps(STUDY | {"missing": {longest: [served]}}))
        results = Results(results.directory)
        claim = claims.larger_kernels_worse(results)
        assert claim.verdict == verdict
        assert claim.evidence[0].estimate.value == pytest.approx(0.1)
        assert (f"Not trained yet: `{longest}`." in note_on(results, claim)) == bool(
            claim.untrained
        )


def test_c3_does_not_choose_between_networks_of_one_kernel_size(tmp_path):
    specs = run_specs()
    twin = next(spec for spec, _ in specs if spec["run"] == LARGEST)
    twin = {**twin, "run": "twin", "network": twin["network"] | {"omega_0": 12.0}}
    dilated = next(spec for spec, _ in specs if spec["run"] == CNN)
    write_results(tmp_path, specs=[*specs, (twin, ["kernel_size"])])
    for run in (SMALLEST, "ckcnn-k65-w30-s0", LARGEST, "twin"):
        _set_f1(tmp_path, run, 0.7)
    claim = claims.larger_kernels_worse(Results(tmp_path))
    assert (claim.verdict, claim.evidence) == ("undecided", ())
    assert "Several networks of one kernel size" in claim.lacking
    # And one without a kernel size is neither the largest nor the smallest.
    alone = {**dilated, "run": "cnn_dilated-s9", "training": dilated["training"] | {"seed": 9}}
    write_results(tmp_path / "other", specs=[*specs, (alone, ["kernel_size"])])
    for run in (SMALLEST, "ckcnn-k65-w30-s0", LARGEST, CNN, "cnn_dilated-s9"):
        _set_f1(tmp_path / "other", run, 0.7)
    claim = claims.larger_kernels_worse(Results(tmp_path / "other"))
    assert claim.evidence[0].what == "`ckcnn-k131-w30-s0` minus `ckcnn-k33-w30-s0`"


@pytest.mark.parametrize(
    ("rule", "experiment"),
    [
        (claims.dilated_matches, "dilated"),
        (claims.dilated_insensitive, "more"),
        (claims.large_kernels_under_fit, "kernel_size"),
    ],
)
def test_so_do_the_other_rules(seeded_study, rule, experiment):
    results = seeded_study(cnn=0.8, ckcnn=0.8, other=0.8)
    for run in (SMALLEST, "ckcnn-k65-w30-s0", LARGEST):
        _set_f1(results.directory, run, 0.8)
    assert rule(results).untrained == ()
    path = results.directory / "study.json"
    path.write_text(json.dumps(STUDY | {"missing": {"another": [experiment]}}))
    claim = rule(Results(results.directory))
    assert (claim.verdict, claim.untrained) == ("undecided", ("another",))


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
    assert (claim.lacking, claim.unlearned, claim.incomplete) == ("", (), ())
    values = [each.estimate.value for each in claim.evidence]
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
    assert [each.what.split(" at ")[0] for each in claim.evidence] == [
        "(a) K = 131 minus K = 33",
        "(b) K = 131 minus K = 33",
    ]
    assert claim.unlearned == ("ckcnn-k65-w30-noise32-s0",)


def test_c5_has_no_verdict_without_the_smallest_kernel(noisy_study):
    claim = claims.long_context_helps(noisy_study(ALIKE, {33: 0.2, 65: 0.75, 131: 0.78}))
    assert (claim.verdict, claim.evidence) == ("undecided", ())
    assert "the smallest among them, have learned" in claim.lacking


def test_c5_names_kernels_that_were_not_trained_at_every_level(tmp_path):
    specs = [each for each in beyond_specs() if each[0]["run"] != "ckcnn-k131-w30-noise32-s0"]
    write_results(tmp_path, specs=specs)
    for spec, _ in specs:
        _set_f1(tmp_path, spec["run"], 0.7)
    claim = claims.long_context_helps(Results(tmp_path))
    assert claim.incomplete == (131,)
    assert len(claim.evidence) == 2


def test_c5_of_a_partial_experiment_has_no_verdict_yet(noisy_study):
    results = noisy_study(ALIKE, {33: 0.7, 65: 0.75, 131: 0.78})
    assert claims.long_context_helps(results).verdict == "supported"
    path = results.directory / "study.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps(about | {"missing": {"the-longest": ["noise"]}}))
    claim = claims.long_context_helps(Results(results.directory))
    assert (claim.verdict, claim.untrained) == ("undecided", ("the-longest",))


def test_c5_needs_two_levels_of_noise(study):
    claim = claims.long_context_helps(study(CNN, lambda rows: rows["f1"]))
    assert claim.verdict == "undecided"
    assert "no two levels of noise" in claim.lacking


def test_a_cell_of_several_seeds_is_one_network_to_the_rules(seeded_study):
    # The mean of the seeds is equal to the CNN's; one of them alone is not.
    claim = claims.dilated_matches(seeded_study(cnn=0.8, ckcnn=(0.80, 0.83, 0.77)))
    decisive, _ = claim.evidence
    assert decisive.what == "`ckcnn_dilated-w8` minus `cnn_dilated`"
    assert decisive.estimate.value == pytest.approx(0, abs=0.002)
    half = stats.t.ppf(0.975, 2) * 0.03 / np.sqrt(3)
    assert decisive.estimate.high - decisive.estimate.value == pytest.approx(half, rel=0.02)
    assert claim.verdict == "undecided"


def test_c2_compares_networks_that_differ_in_omega_0_alone(tmp_path):
    specs = run_specs()
    usual = specs[1][0]
    for name, network, training in (
        ("ckcnn_dilated-w20", {"omega_0": 20.0}, {}),
        ("ckcnn_dilated-w8", {}, {}),
        ("ckcnn_dilated-w8-learning_rate_0.1", {}, {"learning_rate": 0.1}),
    ):
        for seed in range(3):
            spec = {**usual, "run": f"{name}-s{seed}", "network": usual["network"] | network}
            if spec["run"] != CKCNN:
                changed = usual["training"] | training | {"seed": seed}
                specs.append(({**spec, "training": changed}, ["more"]))
    write_results(tmp_path, specs=specs)
    for spec, _ in specs:
        _set_f1(tmp_path, spec["run"], 0.7 if "rate" in spec["run"] else 0.8)
    claim = claims.dilated_insensitive(Results(tmp_path))
    assert [each.what for each in claim.evidence] == [
        "`ckcnn_dilated-w20` minus `ckcnn_dilated-w8`"
    ]
    assert claim.verdict == "supported"


@pytest.mark.parametrize(
    ("other", "verdict"), [(0.81, "supported"), (0.82, "undecided"), (0.9, "contradicted")]
)
def test_c2_is_equality_within_the_margin_at_every_omega_0(seeded_study, other, verdict):
    claim = claims.dilated_insensitive(seeded_study(cnn=0.8, ckcnn=0.8, other=other))
    assert claim.verdict == verdict


@pytest.mark.parametrize(("equal_f1", "verdict"), [(0.02, "supported"), (0.005, "contradicted")])
def test_the_margins_are_those_of_the_study(seeded_study, equal_f1, verdict):
    results = seeded_study(cnn=0.8, ckcnn=0.81)
    about = {**STUDY, "claims": {"equal_f1": equal_f1, "large_gap": 0.05}}
    (results.directory / "study.json").write_text(json.dumps(about))
    claim = claims.dilated_matches(results)
    assert claim.verdict == verdict
    assert f"within ±{equal_f1:g}" in claim.rule


def test_foreign_margins_are_refused(tmp_path):
    write_results(tmp_path)
    (tmp_path / "study.json").write_text(json.dumps({**STUDY, "claims": {"equal": 0.1}}))
    with pytest.raises(StudyError, match="margins equal instead of equal_f1, large_gap"):
        claims.dilated_matches(Results(tmp_path))


def test_the_table_has_every_claim_once_and_all_that_was_measured(noisy_study):
    results = noisy_study(ALIKE, {33: 0.7, 65: 0.75, 131: 0.78})
    table = claims_table(results)
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
    table = claims_table(Results(tmp_path)).data.set_index("claim")
    assert set(table["verdict"]) == {"undecided"}
    assert (table["note"] != "").sum() >= 4


def test_markdown_holds_rule_evidence_and_verdict(study):
    study(CKCNN, lambda rows: 0.8 + noise(rows))
    results = study(CNN, lambda rows: 0.8 + noise(rows))
    claim = claims.dilated_matches(results)
    text = as_markdown(results, claim)
    for part in (
        claim.statement,
        claim.rule,
        f"`{CKCNN}` minus `{CNN}` | +0.000",
        "(90 %)",
        f"With a single training seed: `{CNN}`, `{CKCNN}`.",
        f"**{claim.verdict}**",
    ):
        assert part in text


def test_notes_tell_how_votes_fall_and_how_large_the_reference_is(study):
    study(CNN, lambda rows: 0.9 + 0 * rows["f1"], "train")
    results = study(CNN, lambda rows: 0.9 + 0 * rows["f1"])
    for size, level in ((33, 0.95), (65, 0.7), (131, 0.7)):
        run = f"ckcnn-k{size}-w30-s0"
        study(run, lambda rows, level=level: level + noise(rows), "train")
        results = study(run, lambda rows, level=level: level + noise(rows))
    claim = claims.large_kernels_under_fit(results)
    assert note_on(results, claim) == (
        "One by one: K = 33 contradicted, K = 65 supported, K = 131 supported."
    )
    path = results.directory / "summary.csv"
    rows = pd.read_csv(path)
    rows.loc[rows["network"] == "cnn_dilated", "parameters"] = 5825
    rows.to_csv(path, index=False)
    path = results.directory / "runs" / CNN / "spec.json"
    spec = json.loads(path.read_text())
    spec["network"]["layers"] = 8
    path.write_text(json.dumps(spec))
    assert note_on(Results(results.directory), claim).endswith(
        f"The reference `{CNN}` has 5,825 parameters and a receptive field of 511 samples; the "
        "thesis's has 137,729."
    )
    training = spec["training"]
    batches = math.ceil(rows.loc[rows["split"] == "train", "lines"].max() / training["batch_size"])
    full = batches * training["epochs"]
    training["epochs"] //= 2
    path.write_text(json.dumps(spec))
    assert training["optimizer_step"] == "batch"
    assert note_on(Results(results.directory), claim).endswith(
        f"137,729. `{CNN}` made {full // 2:,} optimiser steps, what is held against it {full:,}."
    )
