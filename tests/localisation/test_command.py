"""``ckstudy localise`` as a user meets it."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.io
from PIL import Image
from small_model import write_model
from synthetic_lines import make_lines, write_data_set
from typer.testing import CliRunner

import ckstudy
from ckstudy.cli import app
from ckstudy.errors import StudyError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    lines = make_lines(20, 600, seed=0)
    write_model(folder / "small.safetensors", lines.rf)
    write_data_set(folder / "own.h5", 20, 600, seed=0)
    np.save(folder / "lines.npy", lines.rf)
    scipy.io.savemat(folder / "lines.mat", {"rf": lines.rf.T, "other": lines.rf.T})
    return folder


def localise(folder, source, *options, model="small.safetensors"):
    """The answer of the command, and its table."""
    out = folder / "out.csv"
    out.unlink(missing_ok=True)
    arguments = [folder / source, "--out", out, "--model", folder / model, *options]
    answer = CliRunner().invoke(app, ["localise", *map(str, arguments)])
    if answer.exception is not None:
        assert not out.exists()
        raise answer.exception
    return answer, pd.read_csv(out)


def test_the_table_is_what_the_library_finds(folder):
    answer, table = localise(folder, "own.h5")
    expected = ckstudy.localise(folder / "small.safetensors", folder / "own.h5")
    assert list(table) == ["line", "sample", "time_us", "depth_mm", "score"]
    pd.testing.assert_frame_equal(table[["line", "sample"]], expected[["line", "sample"]])
    assert table["score"].astype(np.float32).equals(expected["score"])  # to the last bit
    np.testing.assert_allclose(table["time_us"], expected["time_us"], atol=1e-6)
    np.testing.assert_allclose(table["depth_mm"], expected["depth_mm"], atol=1e-6)
    assert f"{len(table)} detections above 0.165 in 20 lines of 600 samples" in answer.stdout
    assert answer.stderr == ""


def test_options_reach_the_library(folder):
    rate = ("--sampling-rate-mhz", "62.5")
    _, expected = localise(folder, "own.h5")
    _, table = localise(folder, "lines.npy", *rate)
    pd.testing.assert_frame_equal(table, expected)
    layout = ("--samples-axis", "0", "--variable", "rf")
    _, table = localise(folder, "lines.mat", *rate, *layout)
    pd.testing.assert_frame_equal(table, expected)
    _, more = localise(folder, "lines.npy", *rate, "--threshold", "0.01")
    assert len(more) > len(expected)
    _, fewer = localise(folder, "lines.npy", *rate, "--tolerance", "9")
    assert 0 < len(fewer) < len(expected)
    _, both = localise(folder, "lines.npy", *rate, "--half-samples", "--threshold", "0.165")
    assert len(both) > len(expected)
    assert {0.0, 0.5} == set(both["time_us"].mul(62.5).round(3) % 1)
    _, none = localise(folder, "lines.npy", *rate, "--threshold", "1e6")
    assert none.empty
    _, moved = localise(
        folder, "lines.npy", *rate, "--start-us", "2", "--speed-of-sound", "1540", "--threads", "1"
    )
    np.testing.assert_allclose(moved["time_us"], expected["time_us"] + 2)
    np.testing.assert_allclose(moved["depth_mm"], moved["time_us"] * 0.77, atol=1e-5)


def test_notes_and_warnings_go_to_standard_error(folder):
    np.save(folder / "counts.npy", np.round(1000 * np.load(folder / "lines.npy")).astype(np.int16))
    answer, _ = localise(folder, "counts.npy", "--sampling-rate-mhz", "31.25")
    assert "note: whole numbers (int16) are taken as they are" in answer.stderr
    assert "note: lines of 31.25 MHz are resampled to the network's 62.5 MHz" in answer.stderr
    assert "warning: unlike the training lines in band: " in answer.stderr


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_picture_of_some_lines(folder, kind):
    picture = folder / f"lines.{kind}"
    localise(folder, "own.h5", "--plot", picture)
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[kind]
    first = picture.read_bytes()
    assert first.startswith(start)
    if kind == "png":
        localise(folder, "own.h5", "--plot", picture)
        assert picture.read_bytes() == first
        with Image.open(picture) as image:
            assert image.width > 1500
            assert np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0).shape[0] > 100


def test_a_picture_of_lines_without_bubbles(folder):
    localise(folder, "own.h5", "--plot", folder / "none.png", "--threshold", "1e6")
    assert (folder / "none.png").stat().st_size > 1000


def test_bad_input_is_one_message_and_no_table(folder):
    rf = np.load(folder / "lines.npy")
    rf[7, 3] = np.nan
    np.save(folder / "nan.npy", rf)
    rate = ("--sampling-rate-mhz", "62.5")
    for source, options, said in (
        ("nan.npy", rate, "sample 3 of line 7 is nan"),
        ("lines.npy", (), "sampling rate is not known"),
        ("lines.npy", ("--sampling-rate-mhz", "62500000"), "must lie within 15 to 250 MHz"),
        ("own.h5", ("--sampling-rate-mhz", "40"), "not 40 MHz"),
        ("lines.mat", rate, "several arrays"),
        ("lines.mat", (*rate, "--variable", "RF"), "no array of numbers called 'RF'"),
        ("none.npy", rate, "there is no file"),
        ("lines.npy", (*rate, "--plot", "lines.gif"), "must end in .png"),
        ("lines.npy", (*rate, "--speed-of-sound", "1.48"), "speed of sound is 1.48 m/s; give 500"),
        ("lines.npy", (*rate, "--plot", folder / "lines.npy.png" / "x.png"), "cannot write"),
    ):
        (folder / "lines.npy.png").touch()
        with pytest.raises(StudyError) as error:
            localise(folder, source, *options)
        assert said in str(error.value)
        assert "\n" not in str(error.value)
    same = ["--out", str(folder / "same.png"), "--plot", str(folder / "same.png"), *rate]
    with pytest.raises(StudyError, match="cannot hold both"):
        CliRunner().invoke(
            app, ["localise", str(folder / "lines.npy"), *same], catch_exceptions=False
        )
    with pytest.raises(StudyError, match="no shipped model of that name"):
        localise(folder, "own.h5", model="none")


def test_the_input_is_never_written_to(folder):
    before = (folder / "lines.npy").read_bytes()
    arguments = [folder / "lines.npy", "--out", folder / "lines.npy", "--sampling-rate-mhz", "62.5"]
    answer = subprocess.run(
        [sys.executable, "-m", "ckstudy", "localise", *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 2
    assert answer.stderr.startswith("ckstudy: error: ")
    assert "is the input" in answer.stderr
    assert (folder / "lines.npy").read_bytes() == before
