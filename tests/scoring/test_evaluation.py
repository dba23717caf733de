"""Calibration, evaluation and the tables they leave, with predictors that need no network."""

import numpy as np
import pandas as pd
import pytest
from scoring_lines import blurred_truth, make_lines

from ckstudy.errors import StudyError
from ckstudy.scoring import matched, upstream
from ckstudy.scoring.evaluation import calibrate_model, evaluate_model, score_lines
from ckstudy.scoring.score_files import (
    LINE_COLUMNS,
    THRESHOLD_COLUMNS,
    read_table,
    read_thresholds,
    write_table,
)
from ckstudy.scoring.thresholds import THRESHOLDS

SCORES = {"upstream": upstream, "matched": matched}


@pytest.fixture(scope="module")
def splits():
    return {
        "train": make_lines(0, lines=15),
        "validation": make_lines(1_000_000, lines=10, density=0.02),
        "test": make_lines(2_000_000, lines=12),
    }


@pytest.fixture(scope="module")
def calibrated(splits):
    return calibrate_model(blurred_truth(), splits["train"], splits["validation"], "0123abcd")


@pytest.fixture
def thresholds_file(calibrated, tmp_path):
    write_table(tmp_path / "thresholds.csv", calibrated[0])
    return tmp_path / "thresholds.csv"


def test_each_threshold_is_the_best_of_its_split(calibrated, splits):
    chosen, _ = calibrated
    assert tuple(chosen.columns) == THRESHOLD_COLUMNS
    assert len(chosen) == 2 * 2 * 10
    for row in chosen.itertuples():
        lines = splits[row.split]
        score = SCORES[row.score]
        prediction = blurred_truth()(lines, slice(None))
        means = [
            score.f1(score.count(prediction, lines.bubble_count, [threshold]))[
                :, row.tolerance, 0
            ].mean()
            for threshold in THRESHOLDS
        ]
        assert row.mean_f1 == pytest.approx(max(means), rel=1e-12)
        assert means[list(THRESHOLDS).index(row.threshold)] == max(means)


def test_training_scores_average_to_the_calibrated_mean(calibrated):
    chosen, scores = calibrated
    assert tuple(scores.columns) == LINE_COLUMNS
    assert set(scores["calibration"]) == {"train"}
    means = scores.groupby(["score", "tolerance"])["f1"].mean()
    own = chosen[chosen["split"] == "train"].set_index(["score", "tolerance"])["mean_f1"]
    pd.testing.assert_series_equal(means, own.sort_index(), check_names=False, rtol=1e-12)


def test_evaluation_uses_the_thresholds_as_they_stand(calibrated, splits, thresholds_file):
    found = evaluate_model(blurred_truth(), splits["test"], thresholds_file, "0123abcd")
    assert tuple(found.columns) == LINE_COLUMNS
    assert len(found) == 12 * 2 * 2 * 10
    chosen = calibrated[0].set_index(["split", "score", "tolerance"])["threshold"]
    test = splits["test"]
    prediction = blurred_truth()(test, slice(None))
    for (calibration, name, tolerance), rows in found.groupby(
        ["calibration", "score", "tolerance"]
    ):
        threshold = chosen[calibration, name, tolerance]
        assert np.all(rows["threshold"] == threshold)
        assert rows["line"].tolist() == test.line_number.tolist()
        assert rows["bubbles"].tolist() == test.bubbles_per_line.tolist()
        np.testing.assert_allclose(rows["pressure_kpa"] * 1e3, test.pressure)
        score = SCORES[name]
        counts = score.count(prediction, test.bubble_count, [threshold])
        np.testing.assert_array_equal(rows["f1"], score.f1(counts)[:, tolerance, 0])
        if name == "matched":
            error = counts.mean_absolute_error[:, tolerance, 0]
            np.testing.assert_array_equal(rows["abs_error_samples"], error)
            total = rows["true_positives"] + rows["false_negatives"]
            assert np.all(total == rows["bubbles"])
        else:
            assert rows["abs_error_samples"].isna().all()


def test_thresholds_survive_the_file_to_the_last_bit(calibrated, tmp_path):
    every = THRESHOLDS[np.arange(40) % 25]  # those with no short decimal form among them
    write_table(tmp_path / "thresholds.csv", calibrated[0].assign(threshold=every))
    kept = read_thresholds(tmp_path / "thresholds.csv", "0123abcd")
    assert sorted(value for values in kept.values() for value in values) == sorted(every)


def test_lines_are_predicted_a_chunk_at_a_time():
    lines = make_lines(lines=300, samples=60)
    seen = []

    def predict(of, rows):
        assert of is lines
        seen.append(lines.rf[rows].shape[0])
        return lines.bubble_count[rows].astype(np.float32)

    counts = score_lines(predict, lines, {"upstream": [0.5], "matched": [0.5]})
    assert seen == [128, 128, 44]
    assert counts["upstream"].true_positives.shape == (300, 10, 1)
    assert np.all(upstream.f1(counts["upstream"]) == 1)


def test_written_bytes_are_the_same_each_time(calibrated, tmp_path):
    for name in ("a", "b"):
        write_table(tmp_path / name, calibrated[1])
    text = (tmp_path / "a").read_text()
    assert (tmp_path / "b").read_text() == text
    assert text.splitlines()[0] == ",".join(LINE_COLUMNS)
    back = pd.read_csv(tmp_path / "a")
    np.testing.assert_allclose(back["f1"], calibrated[1]["f1"], rtol=1e-5)


def test_thresholds_of_another_model_are_refused(splits, thresholds_file):
    with pytest.raises(StudyError, match=r"belong to another model \(0123abcd, not 99\)"):
        evaluate_model(blurred_truth(), splits["test"], thresholds_file, "99")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="threshold"), "lacks the column threshold"),
        (lambda table: table.iloc[:0], "no rows"),
        (lambda table: table[table["tolerance"] != 4], "does not hold one upstream threshold"),
        (lambda table: table[table["score"] == "upstream"], "does not hold one matched threshold"),
        (lambda table: table.assign(threshold="high"), "does not hold one"),
        (lambda table: table.assign(threshold=np.nan), "does not hold one"),
    ],
)
def test_incomplete_thresholds_are_refused(calibrated, tmp_path, change, message):
    path = tmp_path / "thresholds.csv"
    change(calibrated[0]).to_csv(path, index=False)
    with pytest.raises(StudyError, match=message) as caught:
        read_thresholds(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "there is no file"), (b"", "not a CSV table"), (b"\xff\xfe\x00\x81", "not a CSV")],
)
def test_files_that_are_no_tables_are_refused(tmp_path, content, message):
    path = tmp_path / "scores.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StudyError, match=message):
        read_table(path, LINE_COLUMNS, "evaluate")
