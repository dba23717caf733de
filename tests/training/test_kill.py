"""kill -9 at ten random moments changes not a bit of what a training releases."""

import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch
from killable import start
from safetensors.torch import load_file
from synthetic_lines import write_data_set
from training_spec import make_spec

from ckstudy.training import checkpoint

KILLS = 10
MOST_EPOCHS = 12


def released(folder: Path) -> tuple[dict[str, bytes], bytes]:
    weights = load_file(folder / "run/model.safetensors")
    history = (folder / "run/history.csv").read_bytes()
    return {name: value.numpy().tobytes() for name, value in weights.items()}, history


def epoch_reached(folder: Path) -> int:
    path = folder / "checkpoint/checkpoint.pt"
    return torch.load(path, weights_only=True)["epoch"] if path.exists() else 0


def wait(happened, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not happened():
        time.sleep(0.002)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_kills_leave_the_weights_and_the_history_as_they_would_be(tmp_path):
    data = {
        "train_path": write_data_set(tmp_path / "train.h5", 10, 120, seed=1),
        "validation_path": write_data_set(tmp_path / "validation.h5", 5, 120, seed=2),
    }
    spec = make_spec(epochs=240, decay_epochs=[30, 60], validation_every=10)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    choose = random.Random(11)
    reached = [0]
    for attempt in range(KILLS):
        process = start(spec, data, broken)
        if attempt % 2:
            # Every other one lives long enough to get on, however slow the machine ...
            wait(lambda: epoch_reached(broken) > reached[-1], seconds=60)
            delay = choose.uniform(0.0, 0.2)
        else:
            delay = choose.uniform(0.0, 0.6)
        # ... and none so long that it comes to the end, however fast.
        wait(lambda: epoch_reached(broken) > reached[-1] + MOST_EPOCHS, delay)
        process.kill()
        process.join()
        assert process.exitcode == -9
        reached.append(epoch_reached(broken))
    assert len(set(reached)) > KILLS // 2
    for folder in (broken, whole):
        process = start(spec, data, folder)
        process.join()
        assert process.exitcode == 0
        assert checkpoint.load(folder / "checkpoint", "any", print) is None
    assert released(broken) == released(whole)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["batch", "epoch"])
def test_requests_to_stop_save_the_very_step(tmp_path, kind):
    """SIGTERM and SIGUSR1 may come in the middle of an epoch, with gradients half summed up."""
    data = {
        "train_path": write_data_set(tmp_path / "train.h5", 40, 120, seed=1),
        "validation_path": write_data_set(tmp_path / "validation.h5", 5, 120, seed=2),
    }
    spec = make_spec(epochs=30, decay_epochs=[20], optimizer_step=kind, validation_every=10)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    steps = set()
    for attempt in range(4):
        before = epoch_reached(broken)
        process = start(spec, data, broken)
        wait(lambda: epoch_reached(broken) > before, seconds=60)  # noqa: B023
        os.kill(process.pid, (signal.SIGTERM, signal.SIGUSR1)[attempt % 2])
        process.join()
        assert process.exitcode == 128 + (signal.SIGTERM, signal.SIGUSR1)[attempt % 2]
        state = torch.load(broken / "checkpoint/checkpoint.pt", weights_only=True)
        steps.add(state["step"])
    assert steps != {0}
    for folder in (broken, whole):
        process = start(spec, data, folder)
        process.join()
        assert process.exitcode == 0
    assert released(broken) == released(whole)
