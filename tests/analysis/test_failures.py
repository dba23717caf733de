"""Where networks fail: what became of every bubble, on lines and outputs that are known."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.signal import find_peaks

from ckstudy.analysis import failures
from ckstudy.dataset import Bubbles, Lines
from ckstudy.errors import StudyError
from ckstudy.scoring import matched
from ckstudy.scoring.output_file import read_outputs, recorded

RATE = 62.5e6
SAMPLES = 400


def lines_with(onsets: list[list[int]], pressure=None, radius=None) -> Lines:
    """Lines with echoes that start at these samples, some of a sample late."""
    count = np.zeros((len(onsets), SAMPLES), np.uint8)
    for line, starts in zip(count, onsets, strict=True):
        np.add.at(line, starts, 1)
    arrival = np.concatenate([np.asarray(starts, float) for starts in onsets]) / RATE
    shuffled = np.concatenate(
        [np.random.default_rng(0).permutation(len(starts)) for starts in onsets]
    )
    first = np.repeat(np.cumsum([0, *map(len, onsets)])[:-1], [len(each) for each in onsets])
    arrival = arrival[first + shuffled]  # a file has them in the order of the draw
    nothing = np.zeros_like(arrival)
    return Lines(
        rf=np.zeros(count.shape, np.float32),
        bubble_count=count,
        bubbles=Bubbles(
            np.concatenate([[0], np.cumsum([len(each) for each in onsets])]),
            nothing,
            nothing,
            nothing + 2.4e-6 if radius is None else radius,
            arrival,
        ),
        pressure=np.full(len(onsets), 1e5) if pressure is None else np.asarray(pressure, float),
        line_number=np.arange(len(onsets)) + 70,
        sampling_rate_hz=RATE,
    )


def peaks_at(places: list[list[int]], height: float = 1.0) -> np.ndarray:
    output = np.zeros((len(places), SAMPLES), np.float32)
    for line, own in zip(output, places, strict=True):
        line[own] = height
    return output


def test_every_bubble_is_found_or_missed_as_by_hand():
    lines = lines_with([[10, 50, 53, 200], [100]], pressure=[50e3, 200e3])
    output = peaks_at([[12, 49, 300], [96]])
    truths = failures.bubble_factors(lines)
    assert truths["gap_us"].tolist()[:4] == pytest.approx([0.64, 0.048, 0.048, 2.352])
    assert truths["gap_us"].iloc[4] == np.inf
    assert truths["depth_mm"].iloc[3] == pytest.approx(200 * 11.84e-3)
    assert truths["bubbles"].tolist() == [4, 4, 4, 4, 1]
    assert truths["pressure_kpa"].tolist() == [50, 50, 50, 50, 200]
    _, bubbles, detections = failures.outcomes_of(output, lines, truths, 0.5)
    assert bubbles["found"].tolist() == [True, True, False, False, True]
    assert bubbles["error"].dropna().tolist() == [2, -1, -4]
    assert detections["right"].tolist() == [True, True, False, True]
    assert detections["depth_mm"].iloc[2] == pytest.approx(300 * 11.84e-3)
    # A higher threshold than the peaks: nothing is found.
    _, bubbles, detections = failures.outcomes_of(output, lines, truths, 1.0)
    assert not bubbles["found"].any()
    assert detections.empty


@pytest.mark.parametrize("onsets", [[[], [100, 104], []], [[], []]])
def test_lines_without_bubbles_have_false_detections_alone(onsets):
    lines = lines_with(onsets)
    truths = failures.bubble_factors(lines)
    assert len(truths) == sum(map(len, onsets))
    output = peaks_at([[12, 49]] + [[100]] * (len(onsets) - 1))
    _, bubbles, detections = failures.outcomes_of(output, lines, truths, 0.5)
    assert detections["right"].sum() == bubbles["found"].sum() == min(1, len(truths))
    assert len(detections) == 1 + len(onsets)


@pytest.fixture(scope="module")
def random_study():
    """Lines, truths and outcomes of an output that is good at high pressure."""
    rng = np.random.default_rng(5)
    pressure = rng.uniform(5e3, 250e3, 30)
    onsets = [np.sort(rng.integers(5, 395, rng.integers(2, 30))).tolist() for _ in pressure]
    lines = lines_with(onsets, pressure, radius=rng.normal(2.4e-6, 1e-7, sum(map(len, onsets))))
    output = rng.uniform(0, 0.3, lines.rf.shape).astype(np.float32)
    for line, own, at in zip(output, onsets, pressure, strict=True):
        seen = [start for start in own if rng.random() < at / 250e3]
        line[np.clip(np.array(seen, int) + rng.integers(-2, 3, len(seen)), 1, 398)] += 0.6
    truths = failures.bubble_factors(lines)
    return lines, truths, output, failures.outcomes_of(output, lines, truths, 0.5)


def test_outcomes_add_up_to_the_matched_score(random_study):
    lines, _, output, outcomes = random_study
    counts = matched.count(output, lines.bubble_count, [0.5])
    at = failures.TOLERANCE, 0
    found = outcomes.bubbles.groupby("line")["found"].sum()
    assert found.tolist() == counts.true_positives[:, *at].tolist()
    wrong = (~outcomes.detections["right"]).groupby(outcomes.detections["line"]).sum()
    wrong = wrong.reindex(range(len(lines)), fill_value=0)  # some lines have no detection
    assert wrong.tolist() == counts.false_positives[:, *at].tolist()
    total = outcomes.bubbles["error"].abs().groupby(outcomes.bubbles["line"]).sum()
    assert total.tolist() == counts.absolute_error[:, *at].tolist()


def test_a_general_solver_finds_as_many(random_study):
    lines, _, output, outcomes = random_study
    for place in range(5):
        peaks = find_peaks(output[place])[0]
        peaks = peaks[output[place][peaks] > 0.5]
        bubbles = np.repeat(np.arange(SAMPLES), lines.bubble_count[place])
        distance = np.abs(bubbles[:, None] - peaks[None])
        cost = np.where(distance <= failures.TOLERANCE, distance - 1000.0, 0.0)
        rows, columns = linear_sum_assignment(cost)
        pairs = cost[rows, columns] < 0
        own = outcomes.bubbles[outcomes.bubbles["line"] == place]
        assert own["found"].sum() == pairs.sum()
        assert own["error"].abs().sum() == distance[rows, columns][pairs].sum()


def test_groups_hold_every_bubble_once_and_tell_its_factor(random_study):
    _, truths, _, outcomes = random_study
    edges = {each.name: failures.factor_edges(truths, each, 4) for each in failures.FACTORS}
    table = failures.scores_by_factor(outcomes, edges)
    finite = np.isfinite(truths["gap_us"]).sum()
    sums = table.groupby("factor")[["bubbles", "true_positives"]].sum()
    for factor in failures.FACTORS:
        assert sums.loc[factor.name, "bubbles"] == (
            finite if factor.name == "gap_us" else len(truths)
        )
        rows = table[table["factor"] == factor.name]
        # The same by pandas' own cut.
        cut = pd.cut(outcomes.bubbles[factor.name], edges[factor.name], right=False)
        last = outcomes.bubbles[factor.name] == edges[factor.name][-1]
        cut[last] = cut.cat.categories[-1]
        own = outcomes.bubbles.groupby(cut, observed=False)
        np.testing.assert_allclose(rows["recall"], own["found"].mean())
        np.testing.assert_allclose(rows["middle"], own[factor.name].mean())
        np.testing.assert_allclose(
            rows["abs_error_samples"], own["error"].agg(lambda error: error.abs().mean())
        )
        assert (rows["recall_low"] <= rows["recall"]).all()
        assert (rows["recall_high"] >= rows["recall"]).all()
        assert rows["f1"].isna().all() == (not factor.has_false)
    by_pressure = table[table["factor"] == "pressure_kpa"]
    assert by_pressure["recall"].is_monotonic_increasing  # as the output was made
    found = failures.correlations(outcomes.bubbles).set_index("factor")["correlation"]
    expected = truths["pressure_kpa"].corr(outcomes.bubbles["found"].astype(float))
    assert found["pressure_kpa"] == pytest.approx(expected)
    assert found["pressure_kpa"] > 0.3 > abs(found["radius_um"])


def test_a_precision_recall_curve_is_that_of_single_thresholds(random_study):
    lines, _, output, _ = random_study
    curve = failures.precision_recall(output, lines, 0.5)
    assert curve["chosen"].sum() == 1
    assert curve["recall"].is_monotonic_decreasing
    for row in curve.iloc[:: len(curve) // 4].itertuples():
        counts = matched.count(output, lines.bubble_count, [row.threshold])
        true = counts.true_positives[:, failures.TOLERANCE].sum()
        false = counts.false_positives[:, failures.TOLERANCE].sum()
        assert (row.true_positives, row.false_positives) == (true, false)
        assert row.precision == pytest.approx(true / (true + false))
    perfect = failures.precision_recall(
        peaks_at([[10, 90], [50]]), lines_with([[10, 90], [50]]), 0.5
    )
    assert failures.average_precision(perfect) == 1.0
    nothing_to_find = pd.DataFrame({"threshold": [0.5], "precision": [0.0], "recall": [np.nan]})
    assert np.isnan(failures.average_precision(nothing_to_find))


def test_errors_are_counted_with_their_sign():
    lines = lines_with([[10, 50, 90]])
    truths = failures.bubble_factors(lines)
    outcomes = failures.outcomes_of(peaks_at([[11, 51, 87]]), lines, truths, 0.5)
    table = failures.error_histogram(outcomes, lines).set_index("error_samples")
    assert table.loc[[1, -3], "pairs"].tolist() == [2, 1]
    assert table["pairs"].sum() == 3
    assert table.loc[1, ["error_ns", "error_um"]].tolist() == pytest.approx([16.0, 11.84])


def test_labels_that_are_not_the_bubbles_are_refused():
    lines = lines_with([[10, 50]])
    lines.bubble_count[0, 51] = 1
    with pytest.raises(StudyError, match=r"line 70 .*analyses\.failures: null"):
        failures.bubble_factors(lines)


def test_outputs_are_kept_to_the_last_bit_and_known_again(tmp_path):
    lines = lines_with([[10], [20], [30]])
    output = np.random.default_rng(0).normal(size=lines.rf.shape).astype(np.float32)
    path = tmp_path / "test_outputs.h5"
    with recorded(lambda given, rows: output[rows], path, lines, "abc") as predict:
        for rows in (slice(0, 2), slice(2, 4)):
            np.testing.assert_array_equal(predict(lines, rows), output[rows])
        assert not path.exists()
    np.testing.assert_array_equal(read_outputs(path, lines, "abc"), output)
    with pytest.raises(
        StudyError, match=r"^\S+ holds the outputs of another model; evaluate the run again$"
    ):
        read_outputs(path, lines, "abd")
    with pytest.raises(StudyError, match="for other lines"):
        read_outputs(path, lines_with([[10], [20]]), "abc")
    with pytest.raises(StudyError, match="no file"):
        read_outputs(tmp_path / "none.h5", lines, "abc")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(StudyError, match="cannot be read as HDF5"):
        read_outputs(path, lines, "abc")
