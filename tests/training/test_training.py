"""Training: schedule, batches, both kinds of steps, and resuming to the last bit."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic_lines import make_lines, write_data_set
from training_spec import make_spec

import ckstudy
from ckstudy.errors import StudyError
from ckstudy.networks import build_network
from ckstudy.networks.predict import predict_lines
from ckstudy.networks.release import read_provenance, save_model
from ckstudy.networks.scaling import scale_lines
from ckstudy.study.spec import RunSpec
from ckstudy.training import checkpoint, trainer
from ckstudy.training.batches import LineBatches
from ckstudy.training.loss import DualLoss
from ckstudy.training.stopping import StopRequest
from ckstudy.training.trainer import Training, learning_rates, train

CPU = torch.device("cpu")
LENGTH = 120


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("data")
    return {
        "train_path": write_data_set(folder / "train.h5", 10, LENGTH, seed=1),
        "validation_path": write_data_set(folder / "validation.h5", 5, LENGTH, seed=2),
    }


def run(spec: RunSpec, data: dict, folder: Path) -> Path:
    out = folder / "run"
    train(spec, **data, out=out, checkpoint_folder=folder / "checkpoint", device=CPU)
    return out


def batches(**options) -> LineBatches:
    settings = {"padding": 8, "input_scaling": "volts", "batch_size": 4, "crop": None, "seed": 0}
    return LineBatches(make_lines(10, LENGTH, seed=3), **{**settings, **options}, device=CPU)


# The batches ---------------------------------------------------------------------------------


def test_an_epoch_sees_every_line_once_and_the_last_batch_takes_the_rest():
    lines = make_lines(10, LENGTH, seed=3)
    seen = [rf for rf, _ in batches().epoch(0)]
    assert [len(batch) for batch in seen] == [4, 4, 2]
    middle = torch.cat(seen)[:, 0, 8:-8].numpy()
    order = [int(np.flatnonzero((lines.rf == row).all(1))[0]) for row in middle]
    assert sorted(order) == list(range(10))


def test_the_order_is_a_function_of_seed_and_epoch():
    one, two = batches(crop=40), batches(crop=40)
    for epoch in (0, 7):
        for a, b in zip(one.plan(epoch), two.plan(epoch), strict=True):
            assert torch.equal(a, b)
    assert not torch.equal(one.plan(0)[0], one.plan(1)[0])
    assert not torch.equal(one.plan(0)[0], batches(seed=1).plan(0)[0])


def test_a_crop_takes_its_context_from_the_line_and_reflects_only_at_its_ends():
    lines = make_lines(10, LENGTH, seed=3)
    for start in (0, 3, 37, LENGTH - 40):
        rf, count = batches(crop=40).batch(torch.tensor([6]), torch.tensor([start]))
        # numpy's reflection is the independent truth.
        padded = np.pad(lines.rf[6], 8, mode="reflect")
        np.testing.assert_array_equal(rf[0, 0].numpy(), padded[start : start + 56])
        np.testing.assert_array_equal(
            count[0, 0].numpy(), lines.bubble_count[6, start : start + 40]
        )


def test_both_ends_of_a_line_are_drawn():
    starts = torch.cat([batches(crop=118).plan(epoch)[1] for epoch in range(20)])
    assert set(starts.tolist()) == {0, 1, 2}


@pytest.mark.parametrize(("options", "wrong"), [({"crop": 121}, "crop"), ({"padding": 120}, "ref")])
def test_crops_and_contexts_longer_than_the_line_are_refused(options, wrong):
    with pytest.raises(StudyError, match=wrong):
        batches(**options)


def test_line_rms_gives_every_line_the_same_power():
    rf = torch.randn(4, 50) * torch.tensor([[1e-3], [1.0], [50.0], [0.0]])
    scaled = scale_lines(rf, "line_rms")
    torch.testing.assert_close(scaled[:3].square().mean(-1), torch.ones(3))
    assert (scaled[3] == 0).all()
    assert scale_lines(rf, "volts") is rf
    with pytest.raises(StudyError, match="unknown input_scaling 'decibel'"):
        scale_lines(rf, "decibel")


# The steps -----------------------------------------------------------------------------------


def test_the_learning_rate_falls_at_its_epochs():
    settings = make_spec(learning_rate=0.5, decay_epochs=[3, 5]).training
    rates = [learning_rates(epoch, settings, 2)[-1] for epoch in range(7)]
    assert rates == pytest.approx([0.5, 0.5, 0.5, 0.05, 0.05, 0.005, 0.005])


def test_the_training_is_the_textbook_loop(data, tmp_path):
    """Against a loop written with torch's own Adam: the same losses, epoch by epoch.

    The weights themselves are no fair comparison: batch norm cancels some directions in them,
    whose gradient is rounding alone, and Adam makes whole steps of that.
    """
    import pandas as pd

    spec = make_spec(crop=None, epochs=4, validation_every=0)
    history = pd.read_csv(run(spec, data, tmp_path) / "history.csv")
    torch.manual_seed(5)
    network = build_network(spec.network.name, **spec.network.options).train()
    adam = torch.optim.Adam(network.parameters(), lr=0.01, foreach=False, fused=False)
    lines = make_lines(10, LENGTH, seed=1)
    rf, count = torch.from_numpy(lines.rf), torch.from_numpy(lines.bubble_count).float()
    expected = []
    for epoch in range(4):
        adam.param_groups[0]["lr"] = 0.01 if epoch < 2 else 0.001
        order = np.random.Generator(np.random.Philox(key=[5, epoch])).permutation(10)
        total = 0.0
        for rows in (order[:4], order[4:8], order[8:]):
            adam.zero_grad()
            loss = DualLoss()(network(rf[rows].unsqueeze(1)), count[rows].unsqueeze(1))
            loss.backward()
            adam.step()
            total += loss.item() * len(rows)
        expected.append(total / 10)
    assert history["train_loss"].tolist() == pytest.approx(expected, rel=1e-4)
    assert expected[-1] < 0.98 * expected[0]


def test_a_step_an_epoch_is_the_step_of_one_big_batch(data, tmp_path):
    """Exact where batch norm does not mix the lines, as with population statistics."""
    runs = []
    for size in (10, 4):
        spec = make_spec(optimizer_step="epoch", crop=None, batch_size=size)
        training = Training(spec, **data, folder=tmp_path, data={}, device=CPU)
        training.network.eval()
        training.optimiser.zero_grad = lambda set_to_none: None
        training.steps.begin(0)
        for step in range(training.batches.steps):
            training.steps.one(step)
        runs.append(training.steps.gradients)
    for big, small in zip(*runs, strict=True):
        torch.testing.assert_close(big, small, rtol=1e-4, atol=1e-6)


def test_steps_are_counted_by_their_kind(data, tmp_path):
    for kind, steps in (("batch", 9), ("epoch", 3)):
        folder = tmp_path / kind
        out = run(make_spec(optimizer_step=kind), data, folder)
        assert read_provenance(out / "model.safetensors")["optimiser_steps"] == steps


def test_the_history_has_every_epoch_and_the_validation_losses_asked_for(data, tmp_path):
    import pandas as pd

    history = pd.read_csv(run(make_spec(epochs=4), data, tmp_path) / "history.csv")
    assert list(history.columns) == ["epoch", "train_loss", "validation_loss", "learning_rate"]
    assert history["validation_loss"].notna().tolist() == [True, False, True, True]
    assert history["learning_rate"].tolist() == pytest.approx([0.01, 0.01, 0.001, 0.001])


def test_it_learns(data, tmp_path):
    import pandas as pd

    spec = make_spec(epochs=80, decay_epochs=[60], crop=None)
    history = pd.read_csv(run(spec, data, tmp_path) / "history.csv")
    # A silent network costs the smoothed truth and the whole Dice loss, about 1.9.
    assert history["train_loss"].iloc[-1] < 1.2


def test_nan_stops_with_epoch_batch_and_what_to_do(data, tmp_path):
    lines = make_lines(10, LENGTH, seed=1)
    bad = write_data_set(tmp_path / "bad.h5", 10, LENGTH, seed=1)
    import h5py

    with h5py.File(bad, "r+") as file:
        # Finite, but a sum of such samples is not.
        file["rf"][:] = np.where(np.arange(10)[:, None] == 7, 3e38 * np.sign(lines.rf), lines.rf)
    with pytest.raises(StudyError, match=r"nan in epoch 0, batch \d of 3.*lower learning rate"):
        run(make_spec(), {**data, "train_path": bad}, tmp_path)
    assert not (tmp_path / "run").exists()


def test_weights_of_a_last_step_that_no_loss_has_seen_are_not_released(data, tmp_path, monkeypatch):
    release = Training.release

    def after_a_bad_step(self, out):
        with torch.no_grad():
            next(self.network.parameters()).view(-1)[0] = torch.nan
        release(self, out)

    monkeypatch.setattr(Training, "release", after_a_bad_step)
    with pytest.raises(StudyError, match=r"weights are not finite; .*lower learning rate"):
        run(make_spec(), data, tmp_path)
    assert not (tmp_path / "run").exists()


def test_weights_that_are_not_finite_are_no_good_checkpoint(data, tmp_path):
    training = Training(make_spec(), **data, folder=tmp_path, data={}, device=CPU)
    training.save_if_finite()
    written = tmp_path / "checkpoint.pt"
    written.unlink()
    with torch.no_grad():
        next(training.network.parameters()).fill_(torch.inf)
    training.save_if_finite()
    assert not written.exists()


def test_what_a_killed_process_was_writing_is_cleared_away(tmp_path):
    (tmp_path / ".checkpoint.pt.123.tmp").write_bytes(b"half of it")
    with checkpoint.exclusive(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_a_validation_loss_that_is_not_finite_stops(data, tmp_path):
    import h5py

    bad = write_data_set(tmp_path / "bad.h5", 5, LENGTH, seed=2)
    with h5py.File(bad, "r+") as file:
        file["rf"][3] = 3e38
    with pytest.raises(StudyError, match=r"the validation loss is (nan|inf) after epoch 0"):
        run(make_spec(), {**data, "validation_path": bad}, tmp_path)


# Resuming ------------------------------------------------------------------------------------

TRAIN = """
import json, sys, torch
from pathlib import Path
from ckstudy.study.spec import RunSpec
from ckstudy.training.trainer import train
from ckstudy.training import trainer
from ckstudy.training.stopping import Stopped
torch.set_num_threads(1)
trainer.CHECKPOINT_SECONDS = 0.1
spec, train_path, validation_path, folder = sys.argv[1:]
folder = Path(folder)
try:
    train(RunSpec.from_json(json.loads(spec)),
          train_path=Path(train_path), validation_path=Path(validation_path),
          out=folder / "run", checkpoint_folder=folder / "checkpoint", device=torch.device("cpu"))
except Stopped as stopped:
    print(stopped, file=sys.stderr)
    sys.exit(stopped.exit_status)
"""


def start(spec: RunSpec, data: dict, folder: Path) -> subprocess.Popen:
    arguments = [json.dumps(spec.to_json()), *map(str, data.values()), str(folder)]
    return subprocess.Popen(
        [sys.executable, "-c", TRAIN, *arguments], stderr=subprocess.PIPE, text=True
    )


def wait_for(path: Path, process: subprocess.Popen) -> None:
    while not path.exists() and process.poll() is None:
        time.sleep(0.005)


def test_a_signal_saves_and_leaves_with_its_status(data, tmp_path):
    process = start(make_spec(epochs=100_000), data, tmp_path)
    wait_for(tmp_path / "checkpoint/checkpoint.pt", process)
    process.send_signal(signal.SIGTERM)
    said = process.communicate()[1]
    assert process.returncode == 128 + signal.SIGTERM
    assert "last good checkpoint is at epoch" in said
    assert not (tmp_path / "run").exists()


def test_a_long_epoch_is_saved_on_its_way(data, tmp_path, monkeypatch):
    """An epoch may take many minutes: what kill -9 costs does not depend on it."""
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", 0.0)
    places = []

    def note(folder: Path, state: dict) -> None:
        places.append((state["epoch"], state["step"]))

    monkeypatch.setattr(checkpoint, "save", note)
    run(make_spec(epochs=2), data, tmp_path)
    assert places == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)]


def test_two_trainers_never_share_a_checkpoint(data, tmp_path):
    with (
        checkpoint.exclusive(tmp_path / "checkpoint"),
        pytest.raises(StudyError, match="another process is training"),
    ):
        run(make_spec(), data, tmp_path)


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StudyError, match=r"cannot write .*file/checkpoint: Not a directory"),
        checkpoint.exclusive(tmp_path / "file/checkpoint"),
    ):
        pass


def test_a_checkpoint_of_other_settings_starts_afresh_and_says_so(data, tmp_path, capsys):
    folder = tmp_path / "checkpoint"
    other = Training(make_spec(seed=6), **data, folder=folder, data={}, device=CPU)
    other.save()
    training = Training(make_spec(), **data, folder=folder, data={}, device=CPU)
    training.resume()
    assert "other settings, code or data; starting afresh" in capsys.readouterr().err
    assert training.epoch == 0


def test_a_checkpoint_of_another_device_keeps_the_options_of_this_one(data, tmp_path):
    """On a card the rate is a tensor there and Adam is capturable: that must not come along."""
    first = Training(make_spec(), **data, folder=tmp_path, data={}, device=CPU)
    first.one_epoch(StopRequest())
    first.optimiser.param_groups[0].update(lr=torch.tensor(7.0), capturable=True)
    first.save()
    second = Training(make_spec(), **data, folder=tmp_path, data={}, device=CPU)
    second.resume()
    (group,) = second.optimiser.param_groups
    assert group["lr"] is second.rate
    assert group["capturable"] is False
    for ours, theirs in zip(
        second.optimiser.state.values(), first.optimiser.state.values(), strict=True
    ):
        for name in ("step", "exp_avg", "exp_avg_sq"):
            assert torch.equal(ours[name], theirs[name])


def test_a_damaged_checkpoint_starts_afresh_and_says_so(data, tmp_path, capsys):
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "checkpoint.pt").write_bytes(os.urandom(1000))
    training = Training(make_spec(), **data, folder=folder, data={}, device=CPU)
    training.resume()
    assert "cannot be read" in capsys.readouterr().err


def test_no_damaged_number_of_a_checkpoint_is_taken_up(tmp_path):
    """Torch reads 64 bytes of noise among the weights without a word."""
    state = {"fingerprint": "own", "epoch": 3, "step": 1, "weights": torch.randn(5000)}
    checkpoint.save(tmp_path, state)
    path = tmp_path / "checkpoint.pt"
    whole = path.read_bytes()
    choose = random.Random(0)
    refused = 0
    for _ in range(60):
        place = choose.randrange(len(whole) - 64)
        path.write_bytes(whole[:place] + choose.randbytes(64) + whole[place + 64 :])
        found = checkpoint.load(tmp_path, "own", lambda line: None)
        assert found is None or torch.equal(found["weights"], state["weights"])
        refused += found is None
    assert refused > 50
    path.write_bytes(whole)
    assert checkpoint.load(tmp_path, "own", lambda line: None)["epoch"] == 3


def test_a_checkpoint_is_never_unpickled(data, tmp_path, capsys):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    folder = tmp_path / "checkpoint"
    folder.mkdir()
    torch.save({"fingerprint": "any", "epoch": 0, "step": Bomb()}, folder / "checkpoint.pt")
    assert checkpoint.load(folder, "any", print) is None
    assert not (tmp_path / "exploded").exists()


# Released models -----------------------------------------------------------------------------


def test_a_released_model_comes_back_with_its_provenance(data, tmp_path):
    spec = make_spec(input_scaling="line_rms")
    path = run(spec, data, tmp_path) / "model.safetensors"
    about = read_provenance(path)
    assert about["spec"] == spec.to_json()
    assert about["device"] == "cpu"
    assert {"data", "source_digest", "environment", "wall_seconds"} <= set(about)
    network = ckstudy.load_model(path)
    assert network.input_scaling == "line_rms"
    assert not network.training
    rf = make_lines(3, LENGTH, seed=9).rf
    scaled = scale_lines(torch.from_numpy(rf), "line_rms").unsqueeze(1)
    with torch.no_grad():
        expected = network(scaled).squeeze(1).numpy()
    np.testing.assert_allclose(predict_lines(network, rf, batch_size=2), expected, atol=1e-6)
    np.testing.assert_allclose(predict_lines(network, 7 * rf), expected, rtol=1e-4, atol=1e-5)


def test_files_that_are_no_released_model_are_refused(tmp_path):
    from safetensors.torch import save_file

    with pytest.raises(StudyError, match="there is no model file"):
        ckstudy.load_model(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("not a model")
    with pytest.raises(StudyError, match="no readable safetensors file"):
        ckstudy.load_model(tmp_path / "text.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(StudyError, match="not a model that ckstudy released"):
        ckstudy.load_model(tmp_path / "foreign.safetensors")


def test_weights_that_do_not_fit_their_architecture_are_refused(tmp_path):
    network = build_network("ckcnn", kernel_size=9, channels=3)
    network.options = {**network.options, "channels": 4}
    save_model(tmp_path / "model.safetensors", network)
    with pytest.raises(StudyError, match="of another architecture"):
        ckstudy.load_model(tmp_path / "model.safetensors")
