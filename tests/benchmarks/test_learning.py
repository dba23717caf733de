"""The comparison of training settings: what it gathers, when a plateau is left, what it prints."""

import sys
from pathlib import Path

import pandas as pd
import pytest
from benchmark_script import load

from ckstudy.errors import StudyError
from ckstudy.networks import build_network
from ckstudy.networks.release import save_model

SPEED = "network,kernel_size,steps_per_second\nckcnn,9,10\ncnn_dilated,3,20\nckcnn,9,40\n"


@pytest.fixture(scope="module")
def learning():
    return load("learning")


def release(folder: Path, run: str, network: dict, step: str, losses: list[float], **training):
    """A run as a training leaves it: ten epochs of four batches."""
    options = {"layers": 1, "channels": 2, **network}
    settings = {
        "epochs": len(losses),
        "optimizer_step": step,
        "learning_rate": 0.01,
        "input_scaling": "volts",
        "seed": 0,
        **training,
    }
    save_model(
        folder / run / "model.safetensors",
        build_network(**options),
        spec={"run": run, "network": options, "training": settings},
        environment={"commit": "abc"},
        optimiser_steps=len(losses) * (4 if step == "batch" else 1),
    )
    rows = [
        f"{epoch},{loss},{'' if epoch % 2 else loss - 0.1},0.01"
        for epoch, loss in enumerate(losses)
    ]
    text = "\n".join(["epoch,train_loss,validation_loss,learning_rate", *rows]) + "\n"
    (folder / run / "history.csv").write_text(text, encoding="utf-8")


@pytest.fixture
def kept(tmp_path) -> Path:
    runs = tmp_path / "results/runs"
    for name in ("one", "two", "three"):
        (runs / name).mkdir(parents=True)
    kernel = {"name": "ckcnn", "kernel_size": 9, "hidden": 4, "kernel_init": "siren"}
    falling = [2.0, 1.9, 1.8, 1.7, 1.6, 1.5, 1.4, 1.2, 1.2, 1.1]
    release(runs, "one", kernel, "epoch", falling)
    release(runs, "two", {"name": "cnn_dilated"}, "batch", falling, learning_rate=0.001)
    release(runs, "three", kernel, "batch", [1.8] * 10, input_scaling="line_rms")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/training_learning.csv").write_text(SPEED, encoding="utf-8")
    return tmp_path / "kept"


def test_a_plateau_is_left_when_five_epochs_are_below_it_on_average(learning):
    # The means of five end with 1.64, 1.52, 1.40.
    losses = pd.Series([2.0, 1.7, 1.6, 1.5, 1.4, 1.4, 1.1])
    assert learning.left_plateau(losses) == 7
    assert learning.left_plateau(losses[:6]) is None
    # A lucky epoch is none.
    assert learning.left_plateau(pd.Series([1.9, 1.9, 0.9, 1.9, 1.9, 1.9])) is None


def run(learning, monkeypatch, kept: Path, *arguments: str) -> None:
    figure = kept.parent / "picture"
    command = ["learning.py", "--kept", str(kept), "--figure", str(figure), *arguments]
    monkeypatch.setattr(sys, "argv", command)
    learning.main()


def test_the_table_has_what_the_histories_say(learning, kept, monkeypatch, capsys):
    run(learning, monkeypatch, kept, "--results", str(kept.parent / "results"))
    table = capsys.readouterr().out.splitlines()
    # Means of five: ... 1.48 with the eighth epoch. 32 batches at 20 a second; for ckcnn, whose
    # two measurements average 25 a second, 1.28.
    assert table[2:] == [
        "| `ckcnn` | siren | epoch | 0.01 | volts | 0 | 32 | 8 | 1 | 1.28 | 1.10 |",
        "| `cnn_dilated` |  | batch | 0.001 | volts | 0 | 32 | 32 | 2 | 1.28 | 1.10 |",
        "| `ckcnn` | siren | batch | 0.01 | line_rms | 0 | never | never | never | 1.80 | 1.70 |",
    ]
    first = kept.with_name("picture.png").read_bytes()
    run(learning, monkeypatch, kept)  # from what was gathered
    assert capsys.readouterr().out.splitlines() == table
    assert kept.with_name("picture.png").read_bytes() == first


def test_every_network_has_its_curve(learning, kept):
    settings, train, validation = learning.gather(kept.parent / "results")
    figure = learning.draw(settings, train, validation, {"ckcnn": 0.1, "cnn_dilated": 0.2})
    drawn = [
        line.get_ydata().tolist()
        for panel in figure.axes
        for line in panel.lines
        if len(line.get_xdata()) == 10
    ]
    assert sorted(drawn) == sorted(train[name].tolist() for name in train)


def test_results_without_a_network_are_refused(learning, tmp_path):
    with pytest.raises(StudyError, match="no network is trained in"):
        learning.gather(tmp_path)
