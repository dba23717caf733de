"""Making data sets: the same bytes however they are made, and the command line."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ckstudy.acoustics import simulate_dataset as production
from ckstudy.acoustics.line import simulate_line
from ckstudy.acoustics.simulate_dataset import simulate_dataset
from ckstudy.acoustics.specification import SimulationSpec
from ckstudy.dataset import read_lines
from ckstudy.errors import StudyError

SPEC = SimulationSpec(lines=7, bubbles=(3, 9), first_line=20, noise_percent=2)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of two lines, so that few lines make several blocks."""
    monkeypatch.setattr(production, "LINES_PER_BLOCK", 2)


@pytest.fixture
def whole(tmp_path):
    simulate_dataset(SPEC, tmp_path / "whole.h5", processes=1)
    return tmp_path / "whole.h5"


def test_the_file_holds_the_lines(whole):
    lines = read_lines(whole)
    assert lines.rf.shape == (7, 8446)
    assert lines.line_number.tolist() == list(range(20, 27))
    for place, number in enumerate(lines.line_number):
        expected = simulate_line(SPEC, int(number))
        np.testing.assert_array_equal(lines.rf[place], expected.rf)
        np.testing.assert_array_equal(lines.bubble_count[place], expected.bubble_count)
        np.testing.assert_array_equal(
            lines.bubbles.of_line(place)["arrival_s"], expected.scene.arrival
        )
        np.testing.assert_array_equal(lines.bubbles.of_line(place)["axial_m"], expected.scene.axial)
        assert lines.pressure[place] == expected.scene.pressure
    assert lines.attributes["parameters"] == SPEC.as_dict()
    assert lines.attributes["provenance"]["seed"] == SPEC.seed
    assert len(lines.attributes["provenance"]["source_digest"]) == 16


@pytest.mark.parametrize("processes", [2, 3])
def test_the_bytes_do_not_depend_on_the_processes(tmp_path, whole, processes):
    simulate_dataset(SPEC, tmp_path / "many.h5", processes)
    assert (tmp_path / "many.h5").read_bytes() == whole.read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["many.h5", "whole.h5"]


def test_any_part_can_be_made_alone(tmp_path, whole):
    part = SimulationSpec(lines=3, bubbles=(3, 9), first_line=22, noise_percent=2)
    simulate_dataset(part, tmp_path / "part.h5", processes=1)
    np.testing.assert_array_equal(
        read_lines(tmp_path / "part.h5").rf, read_lines(whole, slice(2, 5)).rf
    )


def interrupt_after(monkeypatch, blocks):
    original, made = production._simulate_block, []

    def block(spec, folder, start):
        if len(made) == blocks:
            raise KeyboardInterrupt
        made.append(start)
        return original(spec, folder, start)

    monkeypatch.setattr(production, "_simulate_block", block)
    return made, original


def test_an_interrupted_simulation_goes_on(tmp_path, whole, monkeypatch):
    path = tmp_path / "again.h5"
    made, original = interrupt_after(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        simulate_dataset(SPEC, path, processes=1)
    assert made == [0, 2]
    assert not path.exists()

    made.clear()
    monkeypatch.setattr(production, "_simulate_block", lambda *a: made.append(a[2]) or original(*a))
    simulate_dataset(SPEC, path, processes=1)
    assert made == [4, 6]
    assert path.read_bytes() == whole.read_bytes()


def test_blocks_of_another_specification_are_not_used(tmp_path, monkeypatch):
    path = tmp_path / "again.h5"
    other = SimulationSpec(**{**SPEC.as_dict(), "seed": 1})
    _, original = interrupt_after(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        simulate_dataset(other, path, processes=1)
    monkeypatch.setattr(production, "_simulate_block", original)
    simulate_dataset(SPEC, path, processes=1)
    np.testing.assert_array_equal(read_lines(path).rf[0], simulate_line(SPEC, 20).rf)


def test_a_killed_worker_is_reported_and_nothing_is_lost(tmp_path, whole, monkeypatch):
    path = tmp_path / "killed.h5"
    original, parent = production.simulate_line, os.getpid()

    def line(spec, number):
        if number == 24 and os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(spec, number)

    monkeypatch.setattr(production, "simulate_line", line)
    with pytest.raises(StudyError, match="worker of the simulation was killed"):
        simulate_dataset(SPEC, path, processes=2)
    assert not path.exists()
    monkeypatch.setattr(production, "simulate_line", original)
    simulate_dataset(SPEC, path, processes=2)
    assert path.read_bytes() == whole.read_bytes()


def test_a_damaged_block_is_named(tmp_path, monkeypatch):
    path = tmp_path / "damaged.h5"
    _, original = interrupt_after(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        simulate_dataset(SPEC, path, processes=1)
    monkeypatch.setattr(production, "_simulate_block", original)
    (tmp_path / ".damaged.h5.parts" / "lines-000000000.npz").write_bytes(b"PK nonsense")
    with pytest.raises(StudyError, match="is damaged: delete the folder"):
        simulate_dataset(SPEC, path, processes=1)


def test_two_simulations_of_one_file_are_refused(tmp_path):
    path = tmp_path / "one.h5"
    with (
        production._work_folder(SPEC, path),
        pytest.raises(StudyError, match="another process is simulating"),
    ):
        simulate_dataset(SPEC, path, processes=1)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="cannot write"):
        simulate_dataset(SPEC, tmp_path / "file" / "train.h5", processes=1)
    with pytest.raises(StudyError, match="is a folder"):
        simulate_dataset(SPEC, tmp_path, processes=1)
    with pytest.raises(StudyError, match="processes is 0"):
        simulate_dataset(SPEC, tmp_path / "train.h5", processes=0)


def run(*arguments):
    from ckstudy.cli import app

    return CliRunner().invoke(app, ["simulate", *map(str, arguments)])


def test_the_command_takes_a_specification_and_flags(tmp_path, whole):
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({**SPEC.as_dict(), "lines": 99, "noise_percent": 0}))
    out = tmp_path / "new folder" / "out.h5"
    flags = ("--lines", 7, "--noise-percent", 2, "--processes", 1)
    result = run("--spec", spec, "--out", out, *flags)
    assert result.exit_code == 0, result.output
    assert out.read_bytes() == whole.read_bytes()


def test_every_choice_is_a_flag(tmp_path):
    flags = (
        "--split demo --lines 1 --first-line 5 --seed 3 --bubbles 2 4 --pressure-kpa 10 20 "
        "--population polydisperse --radius-um 1 2 --shell marmottant --noise-percent 8 "
        "--sampling-rate-mhz 31.25 --processes 1"
    )
    assert run("--out", tmp_path / "a.h5", *flags.split()).exit_code == 0
    parameters = read_lines(tmp_path / "a.h5").attributes["parameters"]
    assert parameters == {
        "split": "demo",
        "lines": 1,
        "first_line": 5,
        "seed": 3,
        "bubbles": [2, 4],
        "pressure_kpa": [10.0, 20.0],
        "population": "polydisperse",
        "radius_um": [1.0, 2.0],
        "shell": "marmottant",
        "noise_percent": 8.0,
        "sampling_rate_mhz": 31.25,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[1]", "must be a JSON object"),
        ('{"line": 3}', "unknown key 'line'"),
        ('{"lines": 0}', "lines is 0"),
    ],
)
def test_a_wrong_specification_is_named(tmp_path, text, message):
    (tmp_path / "spec.json").write_text(text)
    result = run("--spec", tmp_path / "spec.json", "--out", tmp_path / "out.h5")
    assert isinstance(result.exception, StudyError)
    assert message in str(result.exception)
    assert "spec.json" in str(result.exception)
    assert [file.name for file in tmp_path.iterdir()] == ["spec.json"]


def test_the_command_is_quiet_without_a_terminal_and_fails_with_one_line(tmp_path):
    command = [sys.executable, "-m", "ckstudy", "simulate", "--out", str(tmp_path / "a.h5")]
    environment = {**os.environ, "PYTHONPATH": str(Path(production.__file__).parents[2])}

    def call(*flags):
        return subprocess.run(
            [*command, *flags], capture_output=True, text=True, env=environment, timeout=120
        )

    good = call("--lines", "2", "--bubbles", "3", "4", "--processes", "2")
    assert (good.returncode, good.stdout, good.stderr) == (0, "", "")
    bad = call("--lines", "-2")
    assert bad.returncode == 2
    assert bad.stderr.startswith("ckstudy: error: the options: lines is -2")
    assert bad.stderr.count("\n") == 1
