"""The benchmark of localising and the model card run, and say what they measured."""

import sys

import numpy as np
import pandas as pd
import pytest
from benchmark_script import load

from ckstudy.acoustics.simulate_dataset import simulate_dataset
from ckstudy.acoustics.specification import SimulationSpec
from ckstudy.dataset import read_lines
from ckstudy.localisation.likeness import training_data
from ckstudy.networks import build_network, shipped
from ckstudy.networks.predict import predict_lines
from ckstudy.networks.release import load_model, save_model
from ckstudy.scoring import matched
from ckstudy.scoring.baselines import score_baselines


@pytest.mark.slow
def test_the_benchmark_times_both_networks(tmp_path, monkeypatch):
    out = tmp_path / "speed.csv"
    arguments = ["--lines", "1", "--rounds", "1", "--threads", "1", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["localise.py", *arguments])
    load("localise").main()
    table = pd.read_csv(out).set_index("network")
    assert table.loc["published", "parameters"] == 137_729
    assert table.loc["network", "parameters"] < 60_000
    assert (table["lines_per_second"] > 0).all()
    assert table.loc["network", "ratio"] == pytest.approx(
        table.loc["network", "lines_per_second"] / table.loc["published", "lines_per_second"],
        rel=1e-3,
    )


@pytest.mark.slow
def test_the_card_holds_the_scores_of_new_lines(tmp_path, monkeypatch):
    card = load("model_card")
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    options = ["card", "small", "--lines", "4", "--work", str(tmp_path), "--threads", "1"]
    options += ["--table", str(tmp_path / "card.csv"), "--page", str(tmp_path / "small.md")]
    options += ["--beside", "other=small", "--baselines", "--validation-lines", "3"]
    monkeypatch.setattr(sys, "argv", options)

    asked = SimulationSpec(split="test", lines=4, seed=7, first_line=2_000_000)
    simulate_dataset(asked, tmp_path / "same.h5")
    lines = read_lines(tmp_path / "same.h5")
    network = build_network("ckcnn", kernel_size=9, layers=2, channels=4, hidden=8, seed=1)
    network.input_scaling = "line_rms"
    thresholds = [0.01 * (tolerance + 1) for tolerance in range(10)]
    mixture = {"population": "mixed", "noise_percent": [0, 32]}
    parameters = {"seed": 1, "lines": 8, "bubbles": [10, 1000], **mixture}
    described = training_data(lines.rf, 62.5e6, parameters)
    save_model(
        tmp_path / "small.safetensors",
        network,
        thresholds={"validation": {"matched": thresholds, "upstream": thresholds}},
        training_data=described,
        spec={"training": {"epochs": 3}},
    )
    card.main()

    table = pd.read_csv(tmp_path / "card.csv")
    assert set(table["factor"]) == {
        "lines", "bubbles", "pressure_kpa", "noise_percent", "population", "sampling_rate_mhz",
    }  # fmt: skip
    signal = predict_lines(load_model("small"), lines.rf)
    clean = table[(table["value"] == "clean") & (table["score"] == "matched")]
    for row in clean[clean["network"].isin(["small", "other"])].itertuples():
        counts = matched.count(signal, lines.bubble_count, [thresholds[row.tolerance]])
        expected = matched.f1(counts)[:, row.tolerance, 0].mean()
        assert row.mean_f1 == pytest.approx(expected, abs=1e-5)

    # Filters and deconvolution, fitted on the lines that the card names as the network's.
    for name, spec in (
        ("fitted", SimulationSpec.from_dict(parameters)),
        ("chosen", SimulationSpec.from_dict(parameters | {"lines": 3, "first_line": 1_000_000})),
    ):
        simulate_dataset(spec, tmp_path / f"{name}.h5")
    fitted, chosen = (read_lines(tmp_path / f"{name}.h5") for name in ("fitted", "chosen"))
    means = score_baselines(fitted, chosen, lines)[0].set_index(["baseline", "score", "tolerance"])
    assert {"comb", "ridge_fir_521", "fista"} <= set(clean["network"])
    for row in clean[~clean["network"].isin(["small", "other"])].itertuples():
        expected = means.loc[(row.network, "matched", row.tolerance), "mean_f1"]
        assert row.mean_f1 == pytest.approx(expected, abs=1e-5)

    by_bubbles = table[(table["factor"] == "bubbles") & (table["score"] == "matched")]
    assert by_bubbles.groupby("tolerance")["lines"].sum().unique() == [4]

    # The lines of its training are another mixture than the clean ones, beside the other network.
    own = SimulationSpec(
        split="test",
        lines=4,
        seed=7,
        first_line=2_000_000,
        population="mixed",
        noise_percent=(0, 32),
    )
    simulate_dataset(own, tmp_path / "own.h5")
    lines = read_lines(tmp_path / "own.h5")
    signal = predict_lines(load_model("small"), lines.rf)
    rows = table[(table["value"] == "own") & (table["score"] == "matched")]
    assert set(rows["network"]) == {"small", "other"}
    for row in rows.itertuples():
        counts = matched.count(signal, lines.bubble_count, [thresholds[row.tolerance]])
        expected = matched.f1(counts)[:, row.tolerance, 0].mean()
        assert row.mean_f1 == pytest.approx(expected, abs=1e-5)

    page = (tmp_path / "small.md").read_text(encoding="utf-8")
    assert "| 2 % noise | " in page
    at_4 = rows[rows["tolerance"] == 4].iloc[0]
    assert f"{at_4['mean_f1']:.3f} [{at_4['ci_low']:.3f}, {at_4['ci_high']:.3f}]" in page
    assert "nan" not in page.lower().replace("nanos", "")
    monkeypatch.setattr(sys, "argv", [*options, "--write-only"])
    (tmp_path / "small.md").unlink()
    card.main()
    assert (tmp_path / "small.md").read_text(encoding="utf-8") == page


def test_lines_of_other_rates_are_the_same_function_of_time(tmp_path):
    """15.625 and 250 MHz are made of 125 MHz; the simulator's own 62.5 MHz lies between them."""
    card = load("model_card")
    spec = SimulationSpec(split="test", lines=1, seed=7, bubbles=(5, 5))
    options = type("Options", (), {"work": tmp_path})()
    middle = card.at_rate(spec, 62.5, options).rf[0]
    slow = card.at_rate(spec, 15.625, options)
    fast = card.at_rate(spec, 250.0, options)
    assert (slow.sampling_rate_hz, fast.sampling_rate_hz) == (15.625e6, 250e6)
    most = np.abs(middle).max()
    many = min(slow.rf.shape[1], middle[::4].size)
    assert np.abs(slow.rf[0][:many] - middle[::4][:many]).max() < 0.02 * most
    many = min(fast.rf[0][::4].size, middle.size)
    assert np.abs(fast.rf[0][::4][:many] - middle[:many]).max() < 1e-4 * most
