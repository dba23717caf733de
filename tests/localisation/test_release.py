"""Networks that are shipped: by name, with thresholds and a description of their training."""

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.signal import butter, sosfiltfilt
from synthetic_lines import write_data_set
from training_spec import make_spec

import ckstudy
from ckstudy.dataset import read_lines
from ckstudy.errors import StudyError
from ckstudy.localisation.calibration import calibrated_threshold
from ckstudy.localisation.likeness import FLOOR, NAMES, describe, unlike_training
from ckstudy.localisation.release import release
from ckstudy.networks import count_parameters, shipped
from ckstudy.networks.predict import predict_lines
from ckstudy.networks.release import read_provenance
from ckstudy.scoring.evaluation import calibrate_model
from ckstudy.scoring.score_files import model_digest, read_thresholds, write_table
from ckstudy.training.trainer import train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run's folder: a network that was trained for a moment, and calibrated."""
    folder = tmp_path_factory.mktemp("study")
    data = {
        f"{split}_path": write_data_set(folder / f"{split}.h5", count, 120, seed=count)
        for split, count in (("train", 10), ("validation", 5))
    }
    train(
        make_spec(input_scaling="line_rms"),
        **data,
        out=folder / "run",
        checkpoint_folder=folder / "checkpoint",
        device=torch.device("cpu"),
    )
    model = folder / "run" / "model.safetensors"
    network = ckstudy.load_model(model)

    def predicted(lines, rows):
        return predict_lines(network, lines.rf[rows])

    sets = [read_lines(path) for path in data.values()]
    thresholds, _ = calibrate_model(predicted, *sets, model_digest(model))
    write_table(folder / "run" / "thresholds.csv", thresholds)
    return folder


@pytest.fixture
def named(run, tmp_path, monkeypatch):
    """That network, shipped under the name ``small``."""
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    path = tmp_path / "small.safetensors"
    release(run / "run", run / "train.h5", run / "validation.h5", path)
    return path


def test_a_released_network_is_the_trained_one(run, named):
    trained = ckstudy.load_model(run / "run" / "model.safetensors").state_dict()
    released = ckstudy.load_model("small").state_dict()
    assert all(torch.equal(trained[key], released[key]) for key in trained | released)
    about, before = (read_provenance(path) for path in (named, run / "run" / "model.safetensors"))
    assert before.items() <= about.items()
    assert about["released_from"] == model_digest(run / "run" / "model.safetensors")


def test_it_brings_its_thresholds(run, named):
    network = ckstudy.load_model("small")
    chosen = read_thresholds(run / "run" / "thresholds.csv")["validation", "matched"]
    assert [calibrated_threshold(network, t) for t in range(10)] == chosen
    beside = ckstudy.load_model(run / "run" / "model.safetensors")
    assert [calibrated_threshold(beside, t) for t in range(10)] == chosen


def test_it_brings_thresholds_for_half_samples_where_there_are(run, named, tmp_path):
    with pytest.raises(StudyError, match="half_sample_thresholds"):
        calibrated_threshold(ckstudy.load_model("small"), half_samples=True)
    folder = tmp_path / "run"
    shutil.copytree(run / "run", folder)
    table = pd.read_csv(folder / "thresholds.csv")
    table["threshold"] = table["threshold"].to_numpy()[::-1]
    write_table(folder / "half_sample_thresholds.csv", table)
    chosen = read_thresholds(folder / "half_sample_thresholds.csv")["validation", "matched"]
    beside = ckstudy.load_model(folder / "model.safetensors")
    release(folder, run / "train.h5", run / "validation.h5", named)
    for network in (beside, ckstudy.load_model("small")):
        assert [calibrated_threshold(network, t, half_samples=True) for t in range(10)] == chosen


def test_it_says_what_its_training_lines_look_like(run, named):
    about = read_provenance(named)["training_data"]
    assert (about["sampling_rate_hz"], about["samples"]) == (62.5e6, 120)
    rf = read_lines(run / "train.h5").rf.astype(np.float64)
    assert about["ranges"]["rms"] == pytest.approx(
        [rf.std(axis=1).min(), rf.std(axis=1).max()], rel=0.05
    )


def test_a_tone_has_its_energy_at_its_frequency():
    time = np.arange(4000) / 62.5e6
    found = describe(3 * np.sin(2 * np.pi * 2e6 * time)[np.newaxis], 62.5e6)
    for name in ("low_hz", "centre_hz", "high_hz"):
        assert found[name][0] == pytest.approx(2e6, abs=2 * 62.5e6 / 4000)
    assert found["rms"][0] == pytest.approx(3 / np.sqrt(2), rel=1e-3)
    assert found["offset"][0] < 1e-3
    assert abs(found["loudest_db"][0]) < 0.05


@pytest.mark.parametrize("density", [1e-5, 1e-2])
def test_the_floor_of_a_line_is_the_density_of_its_noise(density):
    """The median of a periodogram is ln 2 of the density, its mean the density."""
    random, rate = np.random.default_rng(3), 62.5e6
    spectrum = np.fft.rfft(random.normal(size=(4, 40_000)))
    frequency = np.fft.rfftfreq(40_000, 1 / rate)
    spectrum[:, (frequency < 1.5e6) | (frequency > 3.5e6)] = 0
    white = np.sqrt(density) * random.normal(size=(4, 40_000))
    # Nearly all energy must be the band's: what is white ends where a receiver's low-pass does.
    low_pass = butter(4, 5.1e6, fs=rate, output="sos")
    found = describe(np.fft.irfft(spectrum) + sosfiltfilt(low_pass, white), rate)["floor_db"]
    expected = 10 * np.log10(np.log(2) * density / (1 + density))
    np.testing.assert_allclose(found.mean(), expected, atol=0.3)


def test_short_lines_have_no_floor():
    assert np.isnan(
        describe(np.random.default_rng(0).normal(size=(2, 64)), 62.5e6)["floor_db"]
    ).all()


def test_other_lines_or_other_thresholds_are_refused(run, tmp_path):
    with pytest.raises(StudyError, match="are not the lines that"):
        release(run / "run", run / "validation.h5", run / "train.h5", tmp_path / "x.safetensors")
    with pytest.raises(StudyError, match="there is no model file"):
        release(run / "none", run / "train.h5", run / "validation.h5", tmp_path / "x.safetensors")
    assert not (tmp_path / "x.safetensors").exists()


def test_a_name_that_is_none_says_which_there_are(named, tmp_path):
    with pytest.raises(StudyError, match=r"no shipped model of that name \(shipped: small\)"):
        ckstudy.load_model("bset")
    with pytest.raises(StudyError, match="there is no model file"):
        ckstudy.load_model(tmp_path)


@pytest.mark.parametrize("name", list(shipped.shipped_models()))
def test_each_shipped_network_is_small_calibrated_and_described(name):
    path = shipped.shipped_models()[name]
    assert path.stat().st_size < 1_000_000
    network = ckstudy.load_model(name)
    assert count_parameters(network) <= 60_000
    assert all(0 < calibrated_threshold(network, tolerance) < 1 for tolerance in range(10))
    assert (
        network.about["training_data"]["ranges"].keys()
        == describe(np.ones((1, 32)), network.sampling_rate_hz).keys()
    )


@pytest.mark.parametrize("name", [*NAMES, FLOOR])
@pytest.mark.parametrize("value", ["missing", None, [1.0], [1.0, "2"], {"low": 1}])
def test_damaged_ranges_of_the_training_lines_are_said(named, name, value):
    if (name, value) == (FLOOR, "missing"):
        return  # as in the files of earlier versions
    network = ckstudy.load_model("small")
    ranges = network.about["training_data"]["ranges"]
    if value == "missing":
        del ranges[name]
    else:
        ranges[name] = value
    with pytest.raises(StudyError, match=f"small.safetensors describes its training.*{name}"):
        unlike_training(network, np.random.default_rng(1).normal(size=(2, 120)))


@pytest.mark.parametrize("name", ["samples", "sampling_rate_hz"])
@pytest.mark.parametrize("value", [None, "120", 0, float("inf")])
def test_a_damaged_size_of_the_training_lines_is_said(named, name, value):
    network = ckstudy.load_model("small")
    network.about["training_data"][name] = value
    with pytest.raises(StudyError, match=f"small.safetensors describes its training.*{name}"):
        unlike_training(network, np.random.default_rng(1).normal(size=(2, 120)))
