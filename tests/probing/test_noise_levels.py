"""Noise of several levels: the lines, what is counted on them, and going on where cut off."""

from dataclasses import replace

import numpy as np
import pytest
from small_model import write_model

from ckstudy.acoustics.line import simulate_line
from ckstudy.acoustics.simulate_dataset import simulate_dataset
from ckstudy.acoustics.specification import SimulationSpec
from ckstudy.dataset import read_lines
from ckstudy.errors import StudyError
from ckstudy.networks.predict import predict_lines
from ckstudy.networks.release import load_model
from ckstudy.probing import noise_levels
from ckstudy.probing.noise_levels import Splits, with_noise
from ckstudy.scoring import matched, upstream
from ckstudy.scoring.evaluation import calibrate_model
from ckstudy.scoring.filter_lengths import LINEAR_FILTER
from ckstudy.scoring.score_files import model_digest, read_thresholds, write_table
from ckstudy.scoring.thresholds import THRESHOLDS
from ckstudy.study.analyses import NoiseLevelsSpec

SETTINGS = NoiseLevelsSpec(experiments=(), lines=3, percent=(0, 8))
SPEC = SimulationSpec(lines=3, bubbles=(20, 60), seed=5)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two networks, and three lines of each split; the last are calibrated on, which is well."""
    folder = tmp_path_factory.mktemp("study")
    splits = {}
    for number, split in enumerate(Splits._fields):
        path = folder / f"{split}.h5"
        simulate_dataset(replace(SPEC, split=split, first_line=100 * number), path, processes=1)
        splits[split] = read_lines(path)
    for name in ("clean", "noisy"):
        run = folder / name
        run.mkdir()
        network = load_model(write_model(run / "model.safetensors"))

        def predict(given, rows, network=network):
            return predict_lines(network, given.rf[rows])

        lines = splits["validation"]
        table, _ = calibrate_model(predict, lines, lines, model_digest(run / "model.safetensors"))
        write_table(run / "thresholds.csv", table)
    return folder, Splits(**splits)


def measure(study, parts, names=None):
    folder, lines = study
    names = {"clean": None, "noisy": 8.0} if names is None else names
    progress = (parts, "code")
    found = noise_levels.noise_levels_of_runs(
        folder, names, lines, SETTINGS, device="cpu", progress=progress
    )
    return found.set_index(["run", "noise_percent", "score", "calibration"]).sort_index()


@pytest.mark.parametrize("percent", [0.5, 32])
def test_lines_with_noise_are_those_of_the_simulator(study, percent):
    """But for the rounding of the clean line to float32, of which the noise is made."""
    lines = study[1].test
    noisy = with_noise(lines, percent)
    spec = replace(SPEC, noise_percent=percent)
    for number, line in zip(lines.line_number, noisy.rf, strict=True):
        expected = simulate_line(spec, int(number)).rf
        np.testing.assert_allclose(line, expected, atol=1e-6 * np.abs(expected).max())
    assert with_noise(lines, 0) is lines


def test_noise_comes_to_no_noise_and_to_nothing_unknown(study):
    lines = study[1].test
    parameters = lines.attributes["parameters"]
    for wrong in ({}, {"parameters": parameters | {"noise_percent": 2.0}}):
        with pytest.raises(StudyError, match="noise_levels: null"):
            with_noise(replace(lines, attributes=wrong), 1)


def test_each_network_is_tested_where_it_was_told_to(study, tmp_path):
    found = measure(study, tmp_path / "parts").reset_index()
    levels = found.groupby("run")["noise_percent"].unique().map(sorted)
    assert levels["clean"] == levels[LINEAR_FILTER] == [0, 8]
    assert levels["noisy"] == [8]
    assert found.groupby("run")["trained_percent"].first()["noisy"] == 8
    assert (found["lines"] == 3).all()
    assert found["mean_f1"].between(found["ci_low"] - 1e-9, found["ci_high"] + 1e-9).all()


def test_scores_are_those_of_the_thresholds_they_name(study, tmp_path):
    folder, lines = study
    found = measure(study, tmp_path / "parts")
    own = read_thresholds(folder / "clean" / "thresholds.csv")
    network = load_model(folder / "clean" / "model.safetensors")
    for percent in (0, 8):
        signals = {
            split: predict_lines(network, with_noise(getattr(lines, split), percent).rf)
            for split in ("validation", "test")
        }
        for name, score in (("upstream", upstream), ("matched", matched)):
            f1 = {
                split: score.f1(
                    score.count(signal, getattr(lines, split).bubble_count, THRESHOLDS)
                )[:, 4].mean(axis=0)
                for split, signal in signals.items()
            }
            best = f1["validation"].argmax()
            row = found.loc["clean", percent, name, "level"]
            assert row["threshold"].item() == pytest.approx(THRESHOLDS[best])
            assert row["mean_f1"].item() == pytest.approx(f1["test"][best])
            row = found.loc["clean", percent, name, "own"]
            assert row["threshold"].item() == pytest.approx(own["validation", name][4])
            at = np.abs(THRESHOLDS - own["validation", name][4]).argmin()
            assert row["mean_f1"].item() == pytest.approx(f1["test"][at])


def test_nothing_lies_above_the_truth_nor_a_fitted_filter_below_the_comb(study, tmp_path):
    found = measure(study, tmp_path / "parts", names={})["mean_f1"]
    bounds = found.droplevel(["noise_percent", "calibration"])
    assert bounds["ceiling", "upstream"] == 1
    truth = study[1].test.bubble_count
    assert bounds["ceiling", "matched"] == pytest.approx(
        matched.f1(matched.count(np.float32(truth > 0), truth, [0.5]))[:, 4].mean()
    )
    assert bounds["comb", "upstream"] < found[LINEAR_FILTER, 0.0, "upstream", "level"] < 1
    assert (
        found[LINEAR_FILTER, 8.0, "upstream", "level"]
        < found[LINEAR_FILTER, 0.0, "upstream", "level"]
    )


def test_it_goes_on_where_it_was_cut_off(study, tmp_path, monkeypatch):
    whole = measure(study, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(noise_levels, "_linear_filter", lambda levels: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            measure(study, tmp_path / "parts")
    monkeypatch.setattr(noise_levels, "_network", lambda *_: 1 / 0)  # both are there
    assert measure(study, tmp_path / "parts").equals(whole)
