"""Sentences made of a table's numbers: each way that the numbers can come out."""

import math

import pandas as pd
import pytest

from ckstudy.report.tables import findings

NAN = math.nan


def estimate(name: str, value: float, half: float = 0.01) -> dict:
    return {name: value, f"{name}_low": value - half, f"{name}_high": value + half}


def size(kernel_size: int, train: float, test: float, thesis: float = NAN, half=0.01) -> dict:
    return {
        "kernel_size": kernel_size,
        **estimate("train_f1", train),
        **estimate("test_f1", test),
        **estimate("difference", train - thesis, half),
    }


def test_kernel_sizes():
    data = pd.DataFrame(
        [size(65, 0.8, 0.79, 0.85), size(131, 0.7, 0.72, 0.71, 0.02), size(99, 0.5, 0.5)]
    )
    best, gap, thesis = findings.kernel_size(data)
    assert best == (
        "On test lines K = 65 is best, 0.790 [0.780, 0.800], and K = 99 worst, "
        "0.500 [0.490, 0.510]."
    )
    assert "between −0.020 and +0.010" in gap
    assert "has 2 of these kernel sizes too; the interval of 1 includes" in thesis
    assert "−0.050, at K = 65" in thesis
    alone = findings.kernel_size(pd.DataFrame([size(99, 0.5, 0.5)]))
    assert alone[-1] == "The study and the thesis have no kernel sizes in common."
    assert not any("best" in sentence for sentence in alone)
    assert findings.kernel_size(pd.DataFrame([size(65, NAN, NAN, 0.85)])) == ()


def test_omega_0_ranges_are_over_the_cells_that_both_have():
    def cell(omega, ours, thesis, calibration="train"):
        return {
            "score": "upstream",
            "calibration": calibration,
            "kernel_size": 131,
            "omega_0": omega,
            "mean_f1": ours,
            "thesis_mean_f1": thesis,
            **estimate("mean_difference", ours - thesis, 0.02),
        }

    cells = [cell(10, 0.5, 0.6), cell(20, 0.75, 0.65), cell(30, 0.1, NAN), cell(40, 0.9, 0.2, "x")]
    ranges, thesis = findings.omega_0(pd.DataFrame(cells))
    assert ranges == (
        "At K = 131 the mean F1 varies by 0.250 over ω0 = 10, 20; in the thesis by 0.050."
    )
    assert "has 2 of these cells too; the interval of 0 includes" in thesis


@pytest.mark.parametrize(
    ("difference", "word"), [(0.05, "above"), (-0.05, "below"), (0.005, "not told apart from")]
)
def test_dilated_networks_may_come_out_either_way(difference, word):
    row = {"omega_0": 8.0, "score": "matched", **estimate("paired_difference", difference)}
    reference = {"omega_0": NAN, "score": "matched", **estimate("paired_difference", NAN)}
    (said,) = findings.dilated(pd.DataFrame([reference, row]))
    assert f"at ω0 = 8 the matched F1 is {word} that of the conventional" in said


def test_networks_at_the_comb_are_named():
    def predictor(name, kind, f1, above):
        return {
            "predictor": name,
            "kind": kind,
            "upstream_f1": f1,
            **estimate("above_comb", above),
        }

    rows = [
        predictor("good", "network", 0.9, 0.3),
        predictor("dumb", "network", 0.6, 0.005),
        predictor("comb", "baseline", 0.6, NAN),
        predictor("ridge", "baseline", 0.8, 0.2),
    ]
    assert findings.baselines(pd.DataFrame(rows)) == (
        "The best baseline is `ridge` (0.800); 1 of 2 networks score higher.",
        "Not above the comb, so that nothing can be said of what they learned: `dumb`.",
    )
    assert len(findings.baselines(pd.DataFrame([rows[0], rows[3]]))) == 1


def test_noise_names_the_best_size_at_each_level():
    def row(percent, kind, predictor, kernel, f1):
        return {
            "noise_percent": percent,
            "kind": kind,
            "predictor": predictor,
            "kernel_size": kernel,
            **estimate("upstream_f1", f1),
        }

    rows = [
        row(0.0, "network", "a", 65, 0.9),
        row(0.0, "network", "b", 131, 0.8),
        row(32.0, "network", "c", 65, 0.5),
        row(32.0, "network", "d", 131, 0.6),
        row(32.0, "baseline", "wiener", NAN, 0.7),
    ]
    clean, noisy = findings.noise(pd.DataFrame(rows))
    assert clean == "At 0 % noise K = 65 is best, 0.900 [0.890, 0.910]."
    assert noisy.startswith("At 32 % noise K = 131 is best")
    assert noisy.endswith("the best baseline, `wiener`, has 0.700.")


def test_other_bubbles_are_told_by_what_they_cost():
    data = pd.DataFrame(
        {
            "predictor": ["a", "b", "theirs", "ridge_fir_521"],
            "trained": ["here", "here", "elsewhere", "here"],
            "score": "upstream",
            "calibration": "level",
            "f1_own": [0.9, 0.92, 0.91, 0.8],
            "f1_polydisperse": [0.5, 0.6, 0.64, 0.7],
        }
    )
    said = findings.other_bubbles(data, 0.55)
    assert said[0].startswith("With polydisperse bubbles instead of the study's own")
    assert "F1 0.500 to 0.600 instead of 0.900 to 0.920" in said[0]
    assert said[0].endswith("the change is −0.400 to −0.320.")
    assert said[1] == "Below the comb's 0.550 are then 1 of 2 of these networks."
    assert said[2] == (
        "`theirs`, trained elsewhere, has F1 0.910 with the study's own bubbles, 0.640 with "
        "polydisperse bubbles."
    )
    assert len(said) == 3
    assert len(findings.other_bubbles(data, 0.4)) == 2
    assert findings.other_bubbles(pd.DataFrame(), 0.4) == ()


@pytest.mark.parametrize("linear", [0.5, 0.7])
def test_noise_is_told_with_who_bears_it(linear):
    data = pd.DataFrame(
        {
            "predictor": ["a", "b", "theirs", "ridge_fir_521"],
            "trained": ["without noise", "without noise", "elsewhere", "at each level"],
            "score": "upstream",
            "calibration": "level",
            "f1_0": [0.9, 0.92, 0.95, 0.8],
            "f1_2": [0.6, 0.65, 0.94, linear],
            "share_0": 0.5,
            "share_2": 0.5,
        }
    )
    said = findings.noise_levels(data)
    assert "F1 0.900 to 0.920 on lines without it, 0.600 to 0.650 with 2 %" in said[0]
    assert said[1] == "`theirs`, trained elsewhere, has F1 0.950 with 0 %, 0.940 with 2 %."
    assert len(said) == (3 if linear > 0.65 else 2)
    assert linear < 0.65 or said[2].endswith("trained without any at 2 %.")
    assert findings.noise_levels(pd.DataFrame()) == ()


def test_failures_count_what_is_missed_and_what_is_invented():
    rows = pd.DataFrame(
        {
            "network": ["a", "b"],
            "precision": [0.9, 0.7],
            "recall": [0.8, 0.75],
            "abs_error_samples": [1.5, 0.5],
            "abs_error_ns": [24.0, 8.0],
            "abs_error_um": [17.8, 5.9],
            "upstream_pressure_kpa": [0.84, 0.6],
            "upstream_bubbles": [NAN, -0.04],
        }
    )
    pressure, bubbles, errors, ways = findings.failures(rows)
    assert pressure.endswith("r = +0.60 to +0.84.")
    assert bubbles.endswith("r = −0.04.")
    assert "0.50 to 1.50 samples on average, least by `b`: 8 ns, 6 µm" in errors
    assert ways.startswith("1 of 2 networks miss more bubbles than they invent; 1 the other")


def test_stability_is_told_at_the_largest_norm():
    row = {"band": "pulse", "matched_f1_clean": 0.8, "gain_random": 2.0, "gain_worst": 9.0}
    for norm, worst in (("0.02", 0.7), ("0.1", 0.1)):
        row |= {f"matched_f1_random_{norm}": 0.75, f"matched_f1_worst_{norm}": worst}
    said, gain = findings.instability(pd.DataFrame([row]))
    assert said.startswith("Perturbed by 10 % of a line's norm within the band of the pulse")
    assert "is 0.750 if the perturbation is random and 0.100 if it is the worst" in said
    assert said.endswith("unperturbed it is 0.800.")
    assert "4.5 times" in gain
    assert findings.instability(pd.DataFrame()) == ()


def test_the_cheapest_of_equals_and_no_worse_one_is_worth_its_operations():
    rows = pd.DataFrame(
        {
            "predictor": ["ridge", "best", "waste", "top"],
            "flops": [4e6, 9e6, 20e6, 1e9],
            "upstream_f1": [0.8, 0.9, 0.9, 0.95],
        }
    )
    (said,) = findings.cost(rows)
    assert said.endswith("`ridge` (4, 0.800), `best` (9, 0.900), `top` (1,000, 0.950).")


def test_pairs_are_told_apart_from_where_all_longer_distances_are():
    def pair(method, distance, resolved):
        return {
            "method": method,
            "direction": "axial",
            "distance_um": distance,
            "resolved": resolved,
        }

    rows = [pair("best", at, told) for at, told in ((50, 0.95), (100, 0.5), (200, 0.9), (400, 1))]
    rows.append(pair("raw", 400, 0.2))
    network, raw = findings.pairs(pd.DataFrame(rows))
    assert "lines by `best`" in network
    assert network.endswith("from 200 µm on.")
    assert raw.endswith("at none of the distances up to 400 µm.")


def test_a_bubble_is_so_many_times_narrower_than_in_the_raw_image():
    def point(method, depth, axial, lateral, bias):
        return {
            "method": method,
            "depth_mm": depth,
            "axial_fwhm_um": axial,
            "lateral_fwhm_um": lateral,
            "axial_bias_um": bias,
            "lateral_bias_um": 0.0,
        }

    rows = [
        point("raw", 25, 600, NAN, 200),
        point("raw", 50, 700, NAN, 200),
        point("best", 25, 30, 400, -3),
        point("best", 50, 28, 400, 2),
    ]
    (said,) = findings.point_spread(pd.DataFrame(rows))
    assert "20.0 to 25.0 times as narrow axially, at most 3 µm from its place" in said


def test_verdicts_are_counted_by_claim():
    rows = pd.DataFrame(
        {
            "claim": ["C1", "C1", "C2", "C3"],
            "is_effect": [True, False, True, True],
            "verdict": ["supported", "supported", "undecided", "supported"],
        }
    )
    assert findings.claims(rows) == ("Supported: C1; C3.", "Undecided: C2.")
