"""Networks that differ in their seed alone: one cell in every table, from their line scores."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from small_grid import small_study
from synthetic_results import beyond_specs, run_specs, write_results

from ckstudy.analysis import ablation, comparisons, estimates
from ckstudy.analysis.results import Results
from ckstudy.errors import StudyError
from ckstudy.report import tables
from ckstudy.scoring.intervals import contrast_interval

SEEDS = tuple(f"ckcnn-k65-w30-s{seed}" for seed in range(3))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    directory = tmp_path_factory.mktemp("beyond")
    test_f1 = write_results(directory, specs=beyond_specs())
    return Results(directory), test_f1


def test_runs_that_differ_in_their_seed_are_one_cell_of_every_experiment(study):
    results, _ = study
    cells = results.cells("kernel_size")
    assert list(cells.index) == ["ckcnn-k33-w30-s0", "ckcnn-k65-w30", "ckcnn-k131-w30-s0"]
    assert cells.runs["ckcnn-k65-w30"] == SEEDS
    assert list(cells["seeds"]) == [1, 3, 1]
    assert set(results.cells("seeds").index) == {"ckcnn-k65-w30"}
    served = cells["experiments"]["ckcnn-k65-w30"].split(";")
    assert served == ["kernel_size", "noise", "seeds"]


def test_a_study_of_single_seeds_has_a_cell_for_every_run(tmp_path):
    write_results(tmp_path)
    results = Results(tmp_path)
    assert list(results.cells().index) == list(results.runs().index)
    assert (results.cells()["seeds"] == 1).all()


def test_runs_on_other_lines_are_in_no_experiment_but_that_of_noise(study):
    results, _ = study
    noisy = [cell for cell in results.cells(noisy=True).index if "noise" in cell]
    assert len(noisy) == 3
    for experiment in (None, "dilated", "kernel_size", "omega_0", "noise"):
        assert not set(noisy) & set(results.cells(experiment).index)
    for make in (tables.kernel_size_table, tables.omega_0_table, tables.baselines_table):
        assert "noise32" not in make(results).markdown()
        assert "noise32" not in make(results).data.to_csv()


def test_the_best_run_is_one_on_the_studys_own_lines(tmp_path):
    write_results(tmp_path, specs=beyond_specs())
    path = tmp_path / "runs" / "ckcnn-k33-w30-noise32-s0" / "thresholds.csv"
    pd.read_csv(path).assign(mean_f1=0.99).to_csv(path, index=False)
    assert comparisons.best_run(Results(tmp_path)) == "cnn_dilated-s0"


def test_mean_and_median_are_over_seeds_and_lines(study):
    results, test_f1 = study
    scores = np.stack([test_f1[run] for run in SEEDS])
    mean = estimates.mean_f1(results, SEEDS)
    expected = contrast_interval([scores])
    assert (mean.value, mean.low, mean.high) == pytest.approx(
        (expected.value, expected.low, expected.high)
    )
    median = estimates.median_f1(results, SEEDS)
    medians = np.median(scores, axis=1)
    assert median.value == pytest.approx(medians.mean())
    # Seeds that lie far apart are what the interval is made of: Student's t with 2 degrees.
    half = stats.t.ppf(0.975, 2) * medians.std(ddof=1) / np.sqrt(3)
    assert median.high - median.value == pytest.approx(half, rel=0.2)


def test_the_gap_of_several_seeds_draws_the_same_networks_on_both_sets_of_lines(tmp_path):
    write_results(tmp_path, specs=beyond_specs())
    for seed, level in enumerate((0.3, 0.6, 0.9)):
        for split in ("train", "test"):
            path = tmp_path / "runs" / SEEDS[seed] / f"{split}.csv"
            rows = pd.read_csv(path)
            rows["f1"] = level + 0.01 * np.random.default_rng(seed).standard_normal(len(rows))
            rows.to_csv(path, index=False)
    gap = estimates.train_minus_test(Results(tmp_path), SEEDS)
    # Networks differ by 0.6, but each as much on training as on test lines.
    assert gap.value == pytest.approx(0, abs=0.01)
    assert gap.high - gap.low < 0.03


def test_tables_show_the_mean_of_the_seeds_and_how_many_there_are(study):
    results, test_f1 = study
    table = tables.kernel_size_table(results)
    row = table.data.set_index("kernel_size").loc[65]
    assert (row.cell, row.seeds, row.threshold_validation) == ("ckcnn-k65-w30", 3, "0.2;0.2;0.2")
    assert row.test_f1 == pytest.approx(np.mean([test_f1[run] for run in SEEDS]))
    assert row.difference == pytest.approx(row.train_f1 - 0.866)
    assert row.difference_low == pytest.approx(row.train_f1_low - 0.866)
    line = next(text for text in table.markdown().splitlines() if text.startswith("| 65 |"))
    assert [cell.strip() for cell in line.split("|")[2:6]] == ["3", "0.15", "0.15", "0.2"]
    assert "(Student's t) where a row has several seeds; over lines alone" in table.caption
    assert "for one trained network each" in tables.dilated_table(results).caption


def test_members_that_are_not_trained_are_named_in_every_caption(tmp_path):
    write_results(tmp_path, specs=beyond_specs())
    path = tmp_path / "study.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps({**about, "missing": {"ckcnn-k527-w80-s0": ["omega_0"]}}))
    results = Results(tmp_path)
    planned = len(beyond_specs()) + 1
    expected = f"The study is partial. Not trained of its {planned} networks: `ckcnn-k527-w80-s0`."
    for make in (
        tables.kernel_size_table,
        tables.omega_0_table,
        tables.dilated_table,
        tables.baselines_table,
        tables.noise_table,
        tables.ablation_table,
        tables.explanations_table,
    ):
        assert expected in make(results).caption


def test_a_results_directory_must_say_what_study_it_is(tmp_path):
    write_results(tmp_path)
    (tmp_path / "study.json").write_text('{"study": "x"}')
    with pytest.raises(StudyError, match=r"study\.json lacks claims, missing"):
        tables.kernel_size_table(Results(tmp_path))
    (tmp_path / "study.json").unlink()
    with pytest.raises(StudyError, match=r"study\.json is missing; run the study"):
        tables.kernel_size_table(Results(tmp_path))


def test_noise_table_has_differences_within_and_between_levels(study):
    results, test_f1 = study
    data = tables.noise_table(results).data
    data = data[data["kind"] == "network"].set_index(["noise_percent", "kernel_size"])
    assert list(data.index) == [(0, 33), (0, 65), (0, 131), (32, 33), (32, 65), (32, 131)]
    f1 = {
        (noise, size): np.mean([test_f1[run] for run in SEEDS], axis=0)
        if (noise, size) == (0, 65)
        else test_f1[f"ckcnn-k{size:.0f}-w30{'-noise32' if noise else ''}-s0"]
        for noise, size in data.index
    }
    assert data.loc[(0, 65)].seeds == 3
    noisy = (f1[32, 131] - f1[32, 33]).mean()
    quiet = (f1[0, 131] - f1[0, 33]).mean()
    assert data.loc[(32, 131)].difference == pytest.approx(noisy)
    assert data.loc[(32, 131)].gain == pytest.approx(noisy - quiet)
    lines = f1[32, 131] - f1[32, 33] - f1[0, 131] + f1[0, 33]
    width = 2 * 1.96 * lines.std() / np.sqrt(len(lines))
    gain = data.loc[(32, 131)]
    assert gain.gain_high - gain.gain_low == pytest.approx(width, rel=0.2)
    assert data.loc[0]["gain"].isna().all()
    assert data.loc[(32, 33)][["difference", "gain"]].isna().all()


def test_noise_table_puts_the_baselines_of_the_same_lines_beside(tmp_path):
    write_results(tmp_path, specs=beyond_specs())
    noisy = pd.read_csv(tmp_path / "baselines.csv").assign(mean_f1=0.123)
    noisy.to_csv(tmp_path / "baselines_noise_32.csv", index=False)
    data = tables.noise_table(Results(tmp_path)).data
    combs = data[data["predictor"] == "comb"].set_index("noise_percent")["upstream_f1"]
    assert combs[0] == pytest.approx(0.595)
    assert combs[32] == 0.123


def test_noise_needs_the_same_scenes_and_one_network_a_place(tmp_path):
    specs = beyond_specs()
    spec, experiments = next(each for each in specs if each[0]["run"] == "ckcnn-k33-w30-s0")
    wider = {**spec, "run": "wider", "network": {**spec["network"], "channels": 22}}
    write_results(tmp_path / "two", specs=[*specs, (wider, experiments)])
    with pytest.raises(StudyError, match="more than one network like 'wider'"):
        tables.noise_table(Results(tmp_path / "two"))
    write_results(tmp_path / "other", specs=specs)
    path = tmp_path / "other" / "runs" / "ckcnn-k65-w30-noise32-s0" / "test.csv"
    rows = pd.read_csv(path)
    rows.assign(bubbles=rows["bubbles"] + 1).to_csv(path, index=False)
    with pytest.raises(StudyError, match="do not hold the same bubbles"):
        tables.noise_table(Results(tmp_path / "other"))


def test_a_study_without_noise_says_so(tmp_path):
    write_results(tmp_path)
    table = tables.noise_table(Results(tmp_path))
    assert table.data.empty
    assert "no experiment “noise”" in table.markdown()


def test_ablations_are_the_pairs_that_differ_in_one_setting(study):
    results, test_f1 = study
    found = {(pair.setting, pair.reference, pair.other) for pair in ablation.pairs(results)}
    assert found == {
        ("channels", "ckcnn-k65-w30", "ckcnn-k65-w30-channels_22-s0"),
        ("input_scaling", "ckcnn-k65-w30", "ckcnn-k65-w30-input_scaling_volts-s0"),
    }
    row = tables.ablation_table(results).data.set_index("setting").loc["channels"]
    assert (row["from"], row["to"], row.reference_seeds, row.other_seeds) == ("15", "22", 3, 1)
    before = np.mean([test_f1[run] for run in SEEDS], axis=0)
    after = test_f1["ckcnn-k65-w30-channels_22-s0"]
    assert row.upstream_difference == pytest.approx((after - before).mean())
    train = results.line_scores(row.other, split="train", calibration="train")["f1"]
    assert row.other_minus_thesis == pytest.approx(train.mean() - 0.866)
    tested = tables.explanations_table(results).data.set_index("setting")["tested"]
    assert set(tested.index[tested]) == {"channels", "input_scaling", "seed"}


def test_a_value_is_held_against_the_first_of_its_setting(tmp_path):
    specs = run_specs()[:3]
    for rate in (0.003, 0.001):
        spec = {**specs[2][0], "run": f"rate_{rate}"}
        specs.append(({**spec, "training": {**spec["training"], "learning_rate": rate}}, []))
    write_results(tmp_path, specs=specs)
    found = ablation.pairs(Results(tmp_path))
    assert [(pair.reference, pair.other) for pair in found] == [
        ("ckcnn-k33-w30-s0", "rate_0.003"),
        ("ckcnn-k33-w30-s0", "rate_0.001"),
    ]
    assert [(pair.from_value, pair.to_value) for pair in found] == [(0.01, 0.003), (0.01, 0.001)]


def test_presets_are_one_setting_where_nothing_else_differs(tmp_path):

    study = small_study(
        preset="thesis-counts",
        networks={},
        experiments={
            "presets": {"networks": ["ckcnn"], "preset": ["thesis-counts", "upstream"]},
            "other": {
                "networks": ["ckcnn"],
                "preset": ["upstream"],
                "omega_0": [10],
                "channels": [15],
            },
        },
    )
    runs = {name: spec.to_json() for name, spec in study.runs.items()}
    members = study.run_names
    serving = {run: [name for name, of in members.items() if run in of] for run in runs}
    write_results(tmp_path, specs=[(spec, serving[name]) for name, spec in runs.items()])
    found = ablation.pairs(Results(tmp_path))
    assert [(pair.setting, pair.from_value, pair.to_value) for pair in found] == [
        ("preset", "thesis-counts", "upstream")
    ]


def test_a_study_without_ablations_says_so(tmp_path):
    write_results(tmp_path, specs=run_specs()[:2])
    table = tables.ablation_table(Results(tmp_path))
    assert table.data.empty
    assert "No two networks of this study differ in a single setting" in table.markdown()
