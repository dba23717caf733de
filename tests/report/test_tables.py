import shutil

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from synthetic_results import BASELINES, LINES, beyond_specs, write_results

from ckstudy.analysis import comparisons, estimates, thesis
from ckstudy.analysis.results import Results
from ckstudy.errors import StudyError
from ckstudy.report import tables
from ckstudy.report.tables.baselines import best_against_comb


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    directory = tmp_path_factory.mktemp("results")
    test_f1 = write_results(directory)
    return Results(directory), test_f1


def test_thesis_table_2_repeats_no_cell_and_covers_the_grid():
    cells = [(row.kernel_size, row.omega_0) for row in thesis.TABLE_2]
    assert sorted(cells) == [(size, 10.0 * k) for size in (131, 527) for k in range(1, 9)]


def test_interval_of_the_median_is_that_of_the_order_statistics(study):
    # Without any assumption, the 95 % interval of a median runs between the order statistics
    # whose ranks are the binomial quantiles.
    results, test_f1 = study
    scores = np.sort(test_f1["cnn_dilated-s0"])
    estimate = estimates.median_f1(results, ["cnn_dilated-s0"])
    low, high = (int(binom.ppf(level, len(scores), 0.5)) for level in (0.025, 0.975))
    assert estimate.value == pytest.approx(np.median(scores))
    assert scores[low - 2] <= estimate.low <= scores[low + 1]
    assert scores[high - 2] <= estimate.high <= scores[high + 1]


def test_paired_difference_uses_the_same_lines(study):
    results, test_f1 = study
    first, second = "ckcnn_dilated-w8-s0", "cnn_dilated-s0"
    # Lines in another order, and one of them missing, must still meet their partners.
    shuffled = estimates.line_f1(results, [second]).iloc[::-1].iloc[1:]
    estimate = estimates.paired_difference(estimates.line_f1(results, [first]), shuffled)
    difference = (test_f1[first] - test_f1[second])[:-1]
    half = 1.96 * difference.std() / np.sqrt(len(difference))
    assert estimate.value == pytest.approx(difference.mean())
    assert estimate.high - estimate.low == pytest.approx(2 * half, rel=0.2)


def test_train_minus_test_resamples_both_sets(study):
    results, _ = study
    run = "ckcnn-k65-w30-s0"
    train, test = (
        results.line_scores(run, split=split, calibration="train")["f1"]
        for split in ("train", "test")
    )
    estimate = estimates.train_minus_test(results, [run])
    deviation = np.sqrt(train.var() / len(train) + test.var() / len(test))
    assert estimate.value == pytest.approx(train.mean() - test.mean())
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * deviation, rel=0.2)


def test_table_1_puts_thesis_and_study_side_by_side(study):
    results, test_f1 = study
    table = tables.kernel_size_table(results)
    data = table.data.set_index("kernel_size")
    assert list(data.index) == [33, 65, 131, 263, 527, 1055, 2111]
    row = data.loc[65]
    assert row.thesis_train_f1 == 0.866
    assert row.difference == pytest.approx(row.train_f1 - 0.866)
    assert row.difference_low == pytest.approx(row.train_f1_low - 0.866)
    assert (row.threshold_train, row.threshold_validation, row.seeds) == ("0.15", "0.2", 1)
    assert row.test_f1 == pytest.approx(test_f1["ckcnn-k65-w30-s0"].mean())


def test_table_1_dashes_what_only_one_side_has(study):
    results, _ = study
    table = tables.kernel_size_table(results)
    lines = {
        line.split("|")[1].strip(): line for line in table.markdown().splitlines() if "|" in line
    }
    thesis_alone = [cell.strip() for cell in lines["2111"].split("|")[1:-1]]
    assert thesis_alone == ["2111", "–", "0.10", "–", "–", "0.364", "–", "–", "–", "–"]
    study_alone = [cell.strip() for cell in lines["33"].split("|")[1:-1]]
    assert study_alone[2] == study_alone[5] == study_alone[7] == "–"
    assert "–" not in (study_alone[1], study_alone[3], study_alone[6], study_alone[8])
    assert "not in this study: 263, 527, 1055, 2111; not in the thesis: 33" in table.caption


def test_every_caption_tells_the_scale(study):
    results, _ = study
    for make in TABLES:
        caption = make(results).caption
        assert "study `tiny`" in caption
        assert "24 training and 40 test lines" in caption
        assert "12 epochs, 36 optimiser steps, batches of 8 lines, 1024 samples" in caption
        assert "960 test lines" in caption


def test_table_2_has_a_block_for_each_score(study):
    results, test_f1 = study
    table = tables.omega_0_table(results)
    chosen = table.data.set_index(["score", "calibration", "kernel_size", "omega_0"]).sort_index()
    upstream = chosen.loc["upstream", "validation"]
    assert len(upstream) == 16
    cell = upstream.loc[(527, 10.0)]
    assert cell.median_f1 == pytest.approx(np.median(test_f1["ckcnn-k527-w10-s0"]))
    assert cell.median_difference == pytest.approx(cell.median_f1 - 0.748)
    assert cell.median_f1_low < cell.median_f1 < cell.median_f1_high
    assert cell.mean_difference == pytest.approx(test_f1["ckcnn-k527-w10-s0"].mean() - 0.723)
    matched = table.data[table.data["score"] == "matched"]
    assert matched["thesis_mean_f1"].isna().all()
    assert table.markdown().count("\n## ") == 3
    as_thesis = chosen.loc["upstream", "train", 527, 10.0]
    scores = results.line_scores("ckcnn-k527-w10-s0", calibration="train")["f1"]
    assert as_thesis.mean_difference == pytest.approx(scores.mean() - 0.723)
    assert as_thesis.threshold == "0.15"


def test_dilated_table_compares_line_by_line(study):
    results, test_f1 = study
    data = tables.dilated_table(results).data.set_index(["network", "score"])
    continuous = data.loc[("ckcnn_dilated", "upstream")]
    difference = test_f1["ckcnn_dilated-w8-s0"] - test_f1["cnn_dilated-s0"]
    assert continuous.paired_difference == pytest.approx(difference.mean())
    assert np.isnan(data.loc[("cnn_dilated", "upstream")].paired_difference)
    assert continuous.parameters == continuous.thesis_parameters == 636_497


def test_baselines_table_answers_the_comb_question(study):
    results, test_f1 = study
    table = tables.baselines_table(results)
    data = table.data.set_index("predictor")
    assert list(data["upstream_f1"]) == sorted(data["upstream_f1"], reverse=True)
    above = data.loc["cnn_dilated-s0", "above_comb"]
    assert above == pytest.approx(test_f1["cnn_dilated-s0"].mean() - BASELINES["comb"])
    assert "`cnn_dilated-s0`, beats the comb" in table.caption


@pytest.mark.parametrize(("comb", "verdict"), [(0.99, "does not reach"), (None, "cannot be told")])
def test_the_comb_may_win_or_draw(tmp_path, comb, verdict):
    test_f1 = write_results(tmp_path)
    path = tmp_path / "baseline_lines.csv"
    rows = pd.read_csv(path)
    mine = (rows["baseline"] == "comb") & (rows["score"] == "upstream")
    rows.loc[mine, "f1"] = comb or test_f1["cnn_dilated-s0"][::-1]
    rows.to_csv(path, index=False)
    assert verdict in best_against_comb(Results(tmp_path))


def test_best_run_is_chosen_on_validation_lines(tmp_path):
    write_results(tmp_path)
    path = tmp_path / "runs" / "ckcnn-k33-w30-s0" / "thresholds.csv"
    rows = pd.read_csv(path)
    rows.loc[rows["split"] == "validation", "mean_f1"] = 0.999
    rows.to_csv(path, index=False)
    assert comparisons.best_run(Results(tmp_path)) == "ckcnn-k33-w30-s0"


@pytest.mark.parametrize("experiment", ["dilated", "kernel_size", "another"])
def test_a_study_may_leave_experiments_out(tmp_path, experiment):
    write_results(tmp_path)
    path = tmp_path / "summary.csv"
    rows = pd.read_csv(path)
    kept = "dilated" if experiment == "another" else experiment
    rows[rows["experiments"] == kept].assign(experiments=experiment).to_csv(path, index=False)
    results = Results(tmp_path)
    sizes = tables.kernel_size_table(results).data
    ours = 2 if experiment == "kernel_size" else 0
    assert (sizes["cell"] != "").sum() == sizes["test_f1"].notna().sum() == ours
    assert tables.omega_0_table(results).data["mean_f1"].isna().all()
    dilated = tables.dilated_table(results)
    assert len(dilated.data) == (4 if experiment == "dilated" else 0)
    assert "| network |" in dilated.markdown()


def test_write_gives_the_same_bytes_each_time(study, tmp_path):
    directory = study[0].directory
    for name in ("one", "two"):
        for make in TABLES:
            make(Results(directory)).write(tmp_path / name)
    first = sorted((tmp_path / "one").iterdir())
    assert [path.suffix for path in first] == [".csv", ".html", ".md"] * 4
    for path in first:
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_csv_keeps_unrounded_numbers(study, tmp_path):
    results, test_f1 = study
    tables.kernel_size_table(results).write(tmp_path)
    written = pd.read_csv(tmp_path / "table1.csv").set_index("cell")
    expected = test_f1["ckcnn-k131-w30-s0"].mean()
    assert written.loc["ckcnn-k131-w30-s0", "test_f1"] == pytest.approx(expected, abs=1e-6)


def test_networks_from_elsewhere_stand_among_the_costs(tmp_path):
    write_results(tmp_path)
    like = "ckcnn-k65-w30-s0"
    shutil.copytree(tmp_path / "runs" / like, tmp_path / "runs/published")
    path = tmp_path / "analyses/anatomy_networks.csv"
    costs = pd.read_csv(path)
    other = costs[costs["run"] == like].assign(run="published", parameters=7)
    pd.concat([costs, other]).to_csv(path, index=False)
    rows = tables.cost_table(Results(tmp_path)).data.set_index("predictor")
    assert rows.loc["published", "kind"] == "trained elsewhere"
    assert rows.loc["published", "parameters"] == 7
    assert rows.loc["published", "upstream_f1"] == rows.loc[like, "upstream_f1"]
    assert "published" not in tables.kernel_size_table(Results(tmp_path)).markdown()


def test_noise_tells_each_curve_at_its_levels(study):
    results, _ = study
    data = tables.noise_levels_table(results).data.set_index(["predictor", "score", "calibration"])
    scores = results.analysis("noise_levels", "scores")
    assert set(data["trained"]) == {"without noise", "elsewhere", "at each level"}
    for (name, score, calibration), row in data.iterrows():
        own = scores[(scores["run"] == name) & (scores["score"] == score)]
        own = own[own["calibration"] == calibration].set_index("noise_percent")["mean_f1"]
        for level in (0, 2, 32):
            assert row[f"f1_{level}"] == pytest.approx(own[level])
            # 0.59 and 1 are what the synthetic comb and truth have, 0.49 and 0.95 matched.
            low, high = {"upstream": (0.59, 1.0), "matched": (0.49, 0.95)}[score]
            assert row[f"share_{level}"] == pytest.approx((own[level] - low) / (high - low))
    own = data.xs("own", level="calibration")
    assert set(own["trained"]) == {"without noise", "elsewhere"}
    assert set(own.index.get_level_values("score")) == {"upstream"}


def test_other_bubbles_are_told_of_each_predictor(study):
    results, _ = study
    data = tables.other_bubbles_table(results).data
    scores = results.analysis("other_bubbles", "scores")
    scores = scores.set_index(["run", "score", "calibration", "bubbles"])["mean_f1"].sort_index()
    assert set(data["trained"]) == {"here", "elsewhere"}
    assert list(data.columns[-3:]) == ["f1_own", "f1_polydisperse", "f1_marmottant"]
    for row in data.itertuples():
        expected = scores[row.predictor, row.score, row.calibration]
        for kind, f1 in expected.items():
            assert getattr(row, f"f1_{kind}") == pytest.approx(f1)
    of_filter = data[data["predictor"] == "ridge_fir_521"]
    assert set(of_filter["calibration"]) == {"level"}


def test_networks_trained_at_a_level_are_one_row_and_stand_there_alone(tmp_path):
    write_results(tmp_path, specs=beyond_specs())
    results = Results(tmp_path)
    data, scores = (
        tables.noise_levels_table(results).data,
        results.analysis("noise_levels", "scores").set_index(["run", "score", "calibration"]),
    )
    rows = data[(data["trained"] == "at each level") & (data["score"] == "matched")]
    sizes = [name.removeprefix("ckcnn-k").removesuffix("-w30") for name in rows["predictor"]]
    assert sizes == ["33", "65", "131", "ridge_fir_521"]
    assert rows[["f1_0", "f1_2"]].iloc[:-1].isna().all(axis=None)
    expected = [scores.loc[(f"ckcnn-k{k}-w30-noise32-s0", "matched", "level")] for k in sizes[:-1]]
    assert rows["f1_32"].iloc[:-1].tolist() == [each["mean_f1"].item() for each in expected]


def test_line_scores_are_those_of_the_chosen_lines(study):
    results, test_f1 = study
    rows = results.line_scores("cnn_dilated-s0")
    assert len(rows) == LINES["test"]
    np.testing.assert_allclose(rows["f1"], test_f1["cnn_dilated-s0"])
    with pytest.raises(StudyError, match=r"train\.csv has no upstream scores"):
        results.line_scores("cnn_dilated-s0", split="train")


def test_missing_and_foreign_files_are_named(tmp_path):
    with pytest.raises(StudyError, match=r"there is no file .*summary\.csv"):
        tables.kernel_size_table(Results(tmp_path))
    (tmp_path / "summary.csv").write_text("run,f1\na,1\n")
    with pytest.raises(StudyError, match=r"summary\.csv lacks the column experiments"):
        tables.kernel_size_table(Results(tmp_path))
    (tmp_path / "baselines.csv").write_text("")
    with pytest.raises(StudyError, match=r"baselines\.csv is not a CSV table"):
        Results(tmp_path).baselines  # noqa: B018


TABLES = (
    tables.kernel_size_table,
    tables.omega_0_table,
    tables.dilated_table,
    tables.baselines_table,
)
