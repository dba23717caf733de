"""Trends over the kernel size and the verdicts on starts, on scores with a known answer."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from synthetic_results import long_specs, mended_noise_specs, run_specs, write_results

from ckstudy.analysis import long_kernels, start_claims
from ckstudy.analysis.long_kernels import MENDED, THESIS
from ckstudy.analysis.results import Results
from ckstudy.errors import StudyError
from ckstudy.report import tables
from ckstudy.report.tables.long_kernels import findings
from ckstudy.scoring.intervals import contrast_interval

SIZES = long_kernels.SIZES
STARTS = {"thesis": "", "mended": "-kernel_init_balanced-window30"}
OCTAVES = np.log2(2111 / 65)


def set_f1(directory, start: str, f1: Callable[[int, int], float], sizes=SIZES, seeds=3) -> Results:
    """Give every network of a start the mean F1 ``f1(K, seed)`` on training and test lines."""
    for size in sizes:
        for seed in range(seeds):
            run = f"ckcnn-k{size}-w30{STARTS[start]}-s{seed}"
            set_run(directory, run, f1(size, seed))
    return Results(directory)


def set_run(directory, run: str, level: float) -> None:
    for split in ("train", "test"):
        path = directory / "runs" / run / f"{split}.csv"
        rows = pd.read_csv(path)
        rows["f1"] = level + 0.001 * np.random.default_rng(1).standard_normal(len(rows))
        rows.to_csv(path, index=False)


def line(start: float, per_octave: float, spread: float = 0.002) -> Callable[[int, int], float]:
    """F1 on a line over log2 K, the seeds apart by ``spread``."""
    return lambda size, seed: start + per_octave * np.log2(size / 65) + spread * (seed - 1)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A study in which the thesis's start falls, and the mended one does not."""
    directory = tmp_path_factory.mktemp("long")
    write_results(directory, specs=long_specs(), tolerances=[4])
    set_f1(directory, "thesis", line(0.85, -0.03))
    set_f1(directory, "mended", line(0.86, 0.0))
    for seed in range(3):
        set_run(directory, f"cnn_dilated-s{seed}", 0.88 + 0.001 * seed)
    return directory


@pytest.fixture
def study(template, tmp_path):
    """A copy of it, to be changed."""
    import shutil

    shutil.copytree(template, tmp_path / "study")
    return tmp_path / "study"


def test_the_weights_are_those_of_least_squares():
    rng = np.random.default_rng(0)
    for sizes in (SIZES, (65, 131, 1055), (9, 131)):
        f1 = rng.random(len(sizes))
        fitted = stats.linregress(np.log2(sizes), f1).slope * np.log2(sizes[-1] / sizes[0])
        assert long_kernels.trend_weights(sizes) @ f1 == pytest.approx(fitted)
    assert long_kernels.trend_weights(SIZES).sum() == pytest.approx(0)


def test_a_known_slope_is_found_and_the_interaction_is_the_difference(template):
    results = Results(template)
    cells = {arm: long_kernels.arm_cells(results, arm) for arm in (THESIS, MENDED)}
    falls = long_kernels.change(results, cells[THESIS])
    stays = long_kernels.change(results, cells[MENDED])
    assert falls.value == pytest.approx(-0.03 * OCTAVES, abs=1e-6)
    assert stays.value == pytest.approx(0, abs=1e-6)
    assert stays.low < 0 < stays.high
    difference, common = long_kernels.difference_of_changes(results, cells[MENDED], cells[THESIS])
    assert common == list(SIZES)
    assert difference.value == pytest.approx(stays.value - falls.value)
    # Independent seeds in both: the variances add up.
    halves = [(each.high - each.low) / 2 for each in (falls, stays)]
    assert (difference.high - difference.low) / 2 == pytest.approx(np.hypot(*halves), rel=0.1)


def test_the_interval_of_a_trend_covers_the_truth():
    # x[s, l] = m + a[s] + b[l] + e[s, l] with a line for m; the lines' part cancels in a trend.
    rng = np.random.default_rng(5)
    weights = long_kernels.trend_weights(SIZES)
    truth = -0.02 * OCTAVES
    covered, trials, lines = 0, 200, 40
    for _ in range(trials):
        of_lines = 0.1 * rng.standard_normal(lines)
        cells = [
            0.8
            - 0.02 * np.log2(size / 65)
            + 0.02 * rng.standard_normal((3, 1))
            + of_lines
            + 0.03 * rng.standard_normal((3, lines))
            for size in SIZES
        ]
        found = contrast_interval(cells, list(weights), resamples=200)
        covered += found.low < truth < found.high
    # 95 % of 200, give or take four standard deviations of a share.
    assert 0.89 < covered / trials < 0.995


def verdicts(results: Results) -> dict[str, str]:
    return {claim.name: str(claim.verdict) for claim in start_claims.start_claims(results)}


def test_a_failure_that_is_the_starts(template):
    assert verdicts(Results(template)) == {
        "C3, thesis's start": "supported",
        "C3, mended start": "undecided",  # F1 is the same: the interval covers 0
        "C4, thesis's start": "supported",
        "C4, mended start": "supported",
        "C6": "supported",
        "Size or start": "supported",
    }


def test_a_failure_that_is_the_sizes(study):
    results = set_f1(study, "mended", line(0.86, -0.03))
    found = verdicts(results)
    assert found["C6"] == "contradicted"
    assert found["C3, mended start"] == "supported"
    assert found["Size or start"] == "undecided"
    assert any("falls, by −0.1" in each for each in findings(results))


def test_seeds_that_disagree_leave_it_open(study):
    results = set_f1(study, "mended", line(0.86, 0.0, spread=0.05))
    assert verdicts(results)["C6"] == "undecided"


def test_a_network_that_has_not_learned_counts_in_a_trend_and_is_named(study):
    level = line(0.85, -0.02)
    results = set_f1(study, "thesis", lambda size, seed: 0.2 if size == 2111 else level(size, seed))
    found = {claim.name: claim for claim in start_claims.start_claims(results)}
    assert found["Size or start"].verdict == "supported"
    assert found["Size or start"].unlearned == ("ckcnn-k2111-w30",)
    # By the thesis's own rules nothing is said of networks that have not learned.
    assert found["C3, thesis's start"].verdict == "undecided"
    assert "Thesis's start: not learned at K = 2111." in findings(results)
    text = tables.long_kernels_table(results).markdown()
    (row,) = [each for each in text.splitlines() if "| 2111 | 3 | † |" in each]
    assert row.startswith("| thesis's start ")


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_decide_nothing_but_are_evidence(tmp_path, seeds):
    write_results(tmp_path, specs=long_specs(seeds=seeds), tolerances=[4])
    set_f1(tmp_path, "thesis", line(0.85, -0.03), seeds=seeds)
    results = set_f1(tmp_path, "mended", line(0.86, 0.0), seeds=seeds)
    assert set(verdicts(results).values()) == {"undecided"}
    claim = start_claims.size_or_start(results)
    assert claim.evidence[0].estimate.value == pytest.approx(0.03 * OCTAVES, abs=1e-3)
    assert len(claim.few_seeds) == 12
    assert "fewer than 3 training seeds" in tables.claims_table(results).markdown()


def test_partial_grids_and_missing_arms_are_marked(tmp_path):
    specs = [
        (spec, arms)
        for spec, arms in long_specs()
        if "k2111-w30-s" not in spec["run"]  # the thesis's largest
    ]
    write_results(tmp_path, specs=specs, tolerances=[4])
    set_f1(tmp_path, "thesis", line(0.85, -0.03), sizes=SIZES[:-1])
    results = set_f1(tmp_path, "mended", line(0.86, 0.0))
    found = {claim.name: claim for claim in start_claims.start_claims(results)}
    assert found["C6"].verdict == "supported"
    interaction = found["Size or start"]
    assert interaction.verdict == "undecided"
    assert interaction.lacking == "Not trained, thesis's start: K = 2111."
    expected = 0.03 * np.log2(1055 / 65)
    assert interaction.evidence[0].estimate.value == pytest.approx(expected, abs=1e-6)
    table = tables.long_kernels_table(results)
    assert "partial: not trained at K = 2111" in table.markdown()
    assert "difference over K = 65, 131, 263, 527, 1055" in table.markdown()

    write_results(tmp_path, specs=(only := specs[:3] + specs[-18:]), tolerances=[4])
    assert {arms[0] for _, arms in only} == {"dilated", "long_balanced_windowed"}
    alone = Results(tmp_path)
    assert [arm.experiment for arm in long_kernels.arms_of(alone)] == [MENDED.experiment]
    claim = start_claims.size_or_start(alone)
    assert (claim.verdict, claim.evidence) == ("undecided", ())
    assert tables.long_kernels_table(alone).data["minus_thesis_start"].isna().all()


def test_a_study_without_the_arms_says_so_and_has_no_such_claims(tmp_path):
    write_results(tmp_path, specs=run_specs(), tolerances=[4])
    results = Results(tmp_path)
    assert tables.long_kernels_table(results).caption == tables.long_kernels.ABSENT
    assert [claim.name for claim in start_claims.claims_of(results)] == [
        "C1",
        "C2",
        "C3",
        "C4",
        "C5",
    ]


@pytest.mark.parametrize(("seeds", "verdict"), [(3, "supported"), (2, "undecided")])
def test_c5_of_the_mended_start_is_c5_with_three_seeds(tmp_path, seeds, verdict):
    sizes, f1 = (65, 131), {65: 0.90, 131: 0.91}
    in_noise = {65: 0.70, 131: 0.75}
    write_results(tmp_path, specs=mended_noise_specs(sizes, seeds), tolerances=[4])
    for size in sizes:
        for seed in range(seeds):
            run = f"ckcnn-k{size}-w30{STARTS['mended']}"
            set_run(tmp_path, f"{run}-s{seed}", f1[size] + 0.001 * seed)
            set_run(tmp_path, f"{run}-noise32-s{seed}", in_noise[size] + 0.001 * seed)
    results = Results(tmp_path)
    claims = {claim.name: claim for claim in start_claims.claims_of(results)}
    assert list(claims)[-3:] == ["C5, mended start", "C6", "Size or start"]
    found = claims["C5, mended start"]
    assert found.verdict == verdict
    assert [each.estimate.value for each in found.evidence] == pytest.approx([0.05, 0.04], abs=1e-6)
    assert bool(found.few_seeds) == (seeds < 3)
    # The networks of each start speak for it alone.
    assert claims["C5"].evidence == ()
    table = tables.noise_table(results)
    assert set(table.data["kind"].iloc[:4]) == {"network, mended start"}
    assert table.data["difference"].iloc[3] == pytest.approx(0.05, abs=1e-6)


def test_two_networks_of_one_size_are_refused(tmp_path):
    specs = long_specs(sizes=(65, 131), seeds=1)
    spec, arms = specs[-1]
    twin = {**spec, "run": "twin-s0", "network": spec["network"] | {"omega_0": 40.0}}
    write_results(tmp_path, specs=[*specs, (twin, arms)], tolerances=[4])
    with pytest.raises(StudyError, match="more than one network like 'twin-s0'"):
        long_kernels.arm_cells(Results(tmp_path), MENDED)


def test_the_table_holds_the_very_numbers(template):
    results = Results(template)
    data = tables.long_kernels_table(results).data
    cells, trends = (data[data["kind"] == kind] for kind in ("cell", "trend"))
    assert len(cells) == 12
    by_place = cells.set_index(["experiment", "kernel_size"])
    row = by_place.loc["long_balanced_windowed", 2111]
    expected = results.line_scores(f"ckcnn-k2111-w30{STARTS['mended']}-s1")["f1"].mean()
    assert row["test_f1"] == pytest.approx(expected, abs=1e-9)  # the seeds lie around the second
    assert row["minus_thesis_start"] == pytest.approx(0.01 + 0.03 * OCTAVES, abs=1e-6)
    assert row["thesis_train_f1"] == 0.364
    assert (row["window"], row["kernel_init"], row["seeds"]) == (30, "balanced", 3)
    found = trends.set_index("experiment")
    assert found.loc["long_thesis", "change"] == pytest.approx(-0.03 * OCTAVES, abs=1e-6)
    assert found.loc["long_balanced_windowed", "change_minus_thesis_start"] == pytest.approx(
        0.03 * OCTAVES, abs=1e-6
    )
