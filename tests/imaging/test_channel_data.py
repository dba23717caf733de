"""Frames of one's own, and the command ``ckstudy image`` as a user meets it."""

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
from PIL import Image
from small_model import write_model
from typer.testing import CliRunner

from ckstudy.cli import app
from ckstudy.errors import StudyError
from ckstudy.imaging.channel_data import open_channel_data

FRAMES, ELEMENTS, SAMPLES = 2, 6, 700
OPTIONS = ("--sampling-rate-mhz", "62.5", "--pitch-mm", "0.3")


@pytest.fixture(scope="module")
def rf():
    return np.random.default_rng(0).normal(size=(FRAMES, ELEMENTS, SAMPLES)).astype(np.float32)


@pytest.fixture
def folder(tmp_path, rf):
    np.save(tmp_path / "frames.npy", rf)
    np.save(tmp_path / "frame.npy", rf[0])
    scipy.io.savemat(tmp_path / "frames.mat", {"rf": rf.transpose(2, 1, 0), "pitch_mm": 0.3})
    with h5py.File(tmp_path / "frames.h5", "w") as file:
        file["rf"] = rf
        file["element_x_m"] = 0.3e-3 * np.arange(ELEMENTS)
        file.attrs.update({"sampling_rate_hz": 62.5e6, "start_us": 1.5, "speed_of_sound": 1540.0})
    write_model(tmp_path / "model.safetensors")
    return tmp_path


GIVEN = {"sampling_rate_hz": 62.5e6, "pitch_mm": 0.3}


def test_frames_are_read_from_every_kind_of_file(folder, rf):
    with open_channel_data(folder / "frames.npy", **GIVEN) as data:
        assert (data.frames, data.elements) == (FRAMES, ELEMENTS)
        np.testing.assert_array_equal(np.stack(list(data)), rf)
    with open_channel_data(folder / "frame.npy", **GIVEN) as data:
        np.testing.assert_array_equal(np.stack(list(data)), rf[:1])
    # Samples first, frames last, as acquisition in MATLAB has it.
    with open_channel_data(
        folder / "frames.mat", variable="rf", samples_axis=0, elements_axis=1, sampling_rate_hz=6e7
    ) as data:
        np.testing.assert_array_equal(np.stack(list(data)), rf)
        np.testing.assert_allclose(np.diff(data.geometry.position), 0.3e-3)


def test_an_hdf5_file_says_what_there_is_to_say(folder, rf):
    with open_channel_data(folder / "frames.h5") as data:
        np.testing.assert_array_equal(data.frame(1), rf[1])
        assert data.geometry.sampling_rate_hz == 62.5e6
        assert data.geometry.speed_of_sound == 1540.0
        assert data.geometry.start_s == pytest.approx(1.5e-6)
        np.testing.assert_allclose(data.geometry.position, 0.3e-3 * np.arange(ELEMENTS))


@pytest.mark.parametrize("where", ["dataset", "group", "beside"])
def test_an_hdf5_file_may_say_it_next_to_the_samples(tmp_path, rf, where):
    said = {"sampling_rate_hz": 40e6, "pitch_mm": 0.3, "start_us": 20.0, "speed_of_sound": 1540.0}
    with h5py.File(tmp_path / "own.h5", "w") as file:
        group = file.create_group("acquisition")
        data = group.create_dataset("rf", data=rf)
        if where == "beside":
            for name, value in said.items():
                group[name] = value
        else:
            (data if where == "dataset" else group).attrs.update(said)
    with open_channel_data(tmp_path / "own.h5") as found:
        assert found.geometry.sampling_rate_hz == 40e6
        assert found.geometry.speed_of_sound == 1540.0
        assert found.geometry.start_s == pytest.approx(20e-6)
    with pytest.raises(StudyError, match="its start_us is 20, not 0"):
        open_channel_data(tmp_path / "own.h5", start_us=0.0)


def test_a_start_for_each_element_is_refused(tmp_path, rf):
    np.savez(tmp_path / "own.npz", rf=rf, start_us=np.linspace(5, 9, ELEMENTS), pitch_mm=0.3)
    with pytest.raises(StudyError, match="holds 6 numbers called start_us; an image needs one"):
        open_channel_data(tmp_path / "own.npz", variable="rf", sampling_rate_hz=40e6)


@pytest.mark.parametrize(
    ("file", "options", "said"),
    [
        ("frames.npy", {"sampling_rate_hz": 62.5e6}, "--pitch-mm"),
        ("frames.npy", {"pitch_mm": 0.3}, "--sampling-rate-mhz"),
        ("frames.npy", GIVEN | {"sampling_rate_hz": 62.5}, "15 to 250 MHz"),
        ("frames.npy", GIVEN | {"pitch_mm": -1}, "pitch is -1 mm"),
        ("frames.npy", GIVEN | {"speed_of_sound": 1.54}, "speed of sound is 1.54"),
        ("frames.npy", GIVEN | {"start_us": float("nan")}, "first sample"),
        ("frames.npy", GIVEN | {"samples_axis": 5}, "no axis 5"),
        ("frames.npy", GIVEN | {"elements_axis": 2}, "--elements-axis"),
        ("frames.npy", GIVEN | {"elements_axis": 7}, "--elements-axis"),
        ("frames.mat", {"variable": "rf", "sampling_rate_hz": 6e7}, "--samples-axis"),
        ("frames.h5", {"sampling_rate_hz": 40e6}, "62.5 MHz|6.25e"),
        ("frames.h5", {"pitch_mm": 0.5}, "pitch_mm is 0.3"),
        ("frames.h5", {"samples_axis": 1}, "positions of 6 elements"),
        ("missing.npy", GIVEN, "no file"),
    ],
)
def test_bad_geometry_is_refused_with_one_message(folder, file, options, said):
    with pytest.raises(StudyError, match=said):
        open_channel_data(folder / file, **options)


def test_bad_samples_are_refused_where_they_are(folder, rf):
    bad = rf.copy()
    bad[1, 2, 3] = np.nan
    np.save(folder / "nan.npy", bad)
    bad[1] = 0
    np.save(folder / "silent.npy", bad)
    np.save(folder / "turned.npy", rf[0].T)
    np.save(folder / "line.npy", rf[0, 0])
    with (
        open_channel_data(folder / "nan.npy", **GIVEN) as data,
        pytest.raises(StudyError, match="sample 3 of line 8 is nan"),
    ):
        data.frame(1)
    with (
        open_channel_data(folder / "silent.npy", **GIVEN) as data,
        pytest.raises(StudyError, match="frame 1 is silent"),
    ):
        list(data)
    for name, said in (("turned", "--samples-axis 0"), ("line", "elements x samples")):
        with pytest.raises(StudyError, match=said):
            open_channel_data(folder / f"{name}.npy", **GIVEN)


def image(folder, source, *options):
    out = ["--out", folder / "image.png", "--bubbles-out", folder / "bubbles.csv"]
    model = ["--model", folder / "model.safetensors"]
    arguments = [folder / source, *out, *model, *options]
    answer = CliRunner().invoke(app, ["image", *map(str, arguments)])
    if answer.exception is not None:
        assert not (folder / "bubbles.csv").exists()
        assert not (folder / "image.png").exists()
        raise answer.exception
    return answer, pd.read_csv(folder / "bubbles.csv")


def test_the_command_draws_and_writes_every_frame(folder):
    answer, table = image(folder, "frames.npy", *OPTIONS, "--threshold", "0.05")
    assert list(table) == ["frame", "axial_mm", "lateral_mm", "score"]
    assert set(table["frame"]) == {0, 1}
    assert (table["score"] > 0.05).all()
    assert table["axial_mm"].between(0.4, 8.4).all()
    assert f"{len(table)} bubbles above 0.05 in 2 frames of 6 elements" in answer.stdout
    with Image.open(folder / "image.png") as picture:
        assert min(picture.size) > 300
        assert np.asarray(picture.convert("L")).std() > 10
    (folder / "bubbles.csv").unlink()
    _, alone = image(folder, "frame.npy", *OPTIONS, "--threshold", "0.05")
    pd.testing.assert_frame_equal(alone, table[table["frame"] == 0])


def test_the_command_refuses_with_one_message(folder):
    with pytest.raises(StudyError, match="no threshold for images"):
        image(folder, "frames.npy", *OPTIONS)
    with pytest.raises(StudyError, match="must end in"):
        CliRunner().invoke(
            app,
            ["image", str(folder / "frames.npy"), "--out", "a.bmp", "--bubbles-out", "b.csv"],
            catch_exceptions=False,
        )
    same = ["--out", str(folder / "same.png"), "--bubbles-out", str(folder / "same.png")]
    with pytest.raises(StudyError, match="cannot hold both"):
        CliRunner().invoke(
            app, ["image", str(folder / "frames.npy"), *same], catch_exceptions=False
        )
    with pytest.raises(StudyError, match="lines reach to"):
        image(folder, "frames.npy", *OPTIONS, "--threshold", "1", "--depth-mm", "50", "60")
    np.save(folder / "short.npy", np.ones((4, 5)))
    with pytest.raises(StudyError, match="too short for this network"):
        image(folder, "short.npy", *OPTIONS, "--threshold", "1", "--depth-mm", "0.01", "1")
