"""The command line as a user meets it."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from typer.main import get_command

from ckstudy.cli import app, arguments, main

ROOT = Path(__file__).parents[2]


def ckstudy(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "ckstudy", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
    )


def refused(*arguments: str) -> str:
    """The one message of a command that must fail without a traceback."""
    answer = ckstudy(*arguments)
    assert answer.returncode == 2, answer.stderr
    assert "Traceback" not in answer.stderr
    return answer.stderr


@pytest.mark.parametrize(
    "modules",
    [
        "ckstudy",
        "ckstudy.cli",
        "ckstudy.archive.contents, ckstudy.study.grid, ckstudy.study.folder",
    ],
)
def test_importing_the_package_and_planning_do_not_load_torch(modules):
    code = f"import sys, {modules}; assert 'torch' not in sys.modules"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr


def test_the_public_names_are_there():
    import ckstudy

    assert all(hasattr(ckstudy, name) for name in ckstudy.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Ckconv'"):
        ckstudy.Ckconv  # noqa: B018


def test_models_prints_names_parameters_and_receptive_fields():
    answer = ckstudy("models", "--preset", "thesis-counts")
    rows = {line.split()[1]: line.split()[2:4] for line in answer.stdout.splitlines()[1:]}
    assert rows["cnn_dilated"] == ["137,729", "8,191"]
    assert rows["ckcnn_dilated"] == ["636,497", "8,191"]
    assert rows["ckcnn"] == ["28,392", "521"]


def test_the_grid_of_the_quick_study_is_an_overlay_of_the_thesiss():
    answer = ckstudy("grid", "--config", "config/config.yaml", "--config", "config/quick.yaml")
    names = [line.split()[0] for line in answer.stdout.splitlines()]
    assert "ckcnn-k131-w30-s0" in names
    beyond = {name for name in names if "crop_none" in name}
    starts = ["kernel_init_balanced" in name for name in beyond]
    assert sorted(starts) == [False, True]  # the longest kernels, from both starts
    assert set(names) - beyond < {
        line.split()[0]
        for line in ckstudy("grid", "--config", "config/config.yaml").stdout.splitlines()
    }


def test_the_version_is_that_of_the_package():
    import ckstudy as package

    assert ckstudy("--version").stdout == f"ckstudy {package.__version__}\n"


def test_what_only_the_workflow_does_is_no_command():
    names = {command.name for command in app.registered_commands}
    assert names == {
        "localise",
        "grid", "train-grid", "status", "archive",
        "simulate", "train", "calibrate", "evaluate", "baselines", "figures", "learning-curve",
        "models", "check-device", "provenance", "import-srml1d", "check-simulator",
        "import-srml1d-network",
        "image", "simulate-frame", "calibrate-image", "measure-images",
    }  # fmt: skip
    assert {command.rich_help_panel for command in app.registered_commands} == {
        arguments.OWN, arguments.STUDY, arguments.STEPS, arguments.KNOW, arguments.SRML1D,
    }  # fmt: skip


def test_choices_of_the_help_are_those_that_there_are():
    from ckstudy.acoustics.shell import SHELLS
    from ckstudy.acoustics.specification import POPULATIONS
    from ckstudy.imaging.specification import DIRECTIONS, SCENES
    from ckstudy.study.presets import PRESETS

    assert get_args(arguments.SceneName) == SCENES
    assert get_args(arguments.DirectionName) == DIRECTIONS
    assert get_args(arguments.PresetName) == tuple(PRESETS)
    assert get_args(arguments.PopulationName) == tuple(POPULATIONS)
    assert get_args(arguments.ShellName) == tuple(SHELLS)
    message = refused("models", "--preset", "thesis")
    for name in PRESETS:
        assert name in message


def test_defaults_of_the_help_are_those_of_simulated_frames():
    from ckstudy.imaging.specification import FrameSpec

    usual = FrameSpec().as_dict()
    options = get_command(app).commands["simulate-frame"].params
    for option in options:
        if option.name in usual:
            value = usual[option.name]
            shown = " ".join(f"{each:g}" for each in value) if isinstance(value, list) else value
            shown = f"{shown:g}" if isinstance(shown, float) else str(shown)
            assert option.show_default == shown, option.name


def test_defaults_of_the_help_are_those_of_the_simulator():
    from dataclasses import fields

    from ckstudy.acoustics.specification import SimulationSpec

    command = get_command(app).commands["simulate"]
    shown = {option.name: option.show_default for option in command.params}
    for field in fields(SimulationSpec):
        default = field.default
        text = " ".join(f"{x:g}" for x in default) if isinstance(default, tuple) else default
        text = f"{text:g}" if isinstance(text, int | float) else text
        assert shown[field.name] == (text or "the population's own"), field.name


@pytest.mark.parametrize(
    ("spec", "wrong"),
    [
        ("no-such-file.json", "cannot be read"),
        ("{", "not valid JSON"),
        ("LIST", "must be a JSON object"),
        (json.dumps({"run": "x"}), "lacks loss, network, training"),
    ],
)
def test_a_bad_spec_is_one_message(tmp_path, spec, wrong):
    out = tmp_path / "run"
    if spec == "LIST":
        spec = tmp_path / "list.json"
        spec.write_text('["run", "network", "training", "loss"]')
    message = refused(
        "train", "--spec", str(spec), "--train", "none.h5", "--validation", "none.h5",
        "--out", str(out), "--checkpoints", str(tmp_path / "c"),
    )  # fmt: skip
    assert wrong in message
    assert not out.exists()


def test_no_cuda_is_said_with_what_to_do_instead():
    import torch

    if torch.cuda.is_available():
        assert ckstudy("check-device", "--device", "cuda").stdout.strip() == "cuda"
    else:
        message = refused("check-device", "--device", "cuda")
        assert "config/quick.yaml" in message
        assert "device: cpu" in message
    assert ckstudy("check-device", "--device", "cpu").stdout.strip() == "cpu"


def test_a_disk_that_takes_no_more_is_one_message_wherever_it_is_met(monkeypatch, capsys):
    def fail(error):
        def raise_it():
            raise error

        monkeypatch.setattr("ckstudy.cli.app", raise_it)
        main()

    for number, remedy in ((errno.EROFS, "choose a folder"), (errno.ENOSPC, "make room")):
        with pytest.raises(SystemExit, match="2"):
            fail(OSError(number, os.strerror(number), "checkpoints"))
        said = capsys.readouterr().err
        assert said.startswith("ckstudy: error: cannot write checkpoints: ")
        assert remedy in said
        assert said.count("\n") == 1
    with pytest.raises(FileNotFoundError):
        fail(FileNotFoundError(errno.ENOENT, "no such file", "lines.h5"))
