"""Options of a training beyond the thesis's: schedule, clipping, averaged weights, statistics."""

import hashlib
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from synthetic_lines import make_lines, write_data_set
from training_spec import make_spec

from ckstudy.errors import StudyError
from ckstudy.networks import build_network
from ckstudy.networks.batch_norm import take_population_statistics
from ckstudy.networks.release import load_model, save_model
from ckstudy.study.spec import RunSpec
from ckstudy.training.identity import differences, fingerprint
from ckstudy.training.loss import DualLoss
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


def test_a_cosine_with_warm_up_is_that_of_torch():
    """Against torch's own schedulers, chained."""
    settings = make_spec(
        epochs=5, learning_rate=0.5, schedule="cosine", warmup_steps=4, decay_epochs=[]
    ).training
    ours = [rate for epoch in range(5) for rate in learning_rates(epoch, settings, 3)]
    adam = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=0.5)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(adam, T_max=15 - 4)
    expected = [0.5 * (step + 1) / 4 for step in range(4)]
    for _ in range(11):
        expected.append(adam.param_groups[0]["lr"])
        adam.step()
        cosine.step()
    assert ours == pytest.approx(expected)
    assert ours[-1] > 0


def test_a_step_an_epoch_has_one_rate_an_epoch():
    settings = make_spec(
        epochs=4, learning_rate=1.0, schedule="cosine", optimizer_step="epoch", decay_epochs=[]
    ).training
    rates = [learning_rates(epoch, settings, 3) for epoch in range(4)]
    assert [len(set(each)) for each in rates] == [1, 1, 1, 1]
    expected = [0.5 * (1 + math.cos(math.pi * epoch / 4)) for epoch in range(4)]
    assert [each[0] for each in rates] == pytest.approx(expected)


def test_clipped_steps_and_averaged_weights_are_those_of_a_loop_by_hand(data, tmp_path):
    """Released is the average, kept by hand beside torch's Adam and torch's clipping."""
    spec = make_spec(
        crop=None,
        epochs=2,
        validation_every=0,
        decay_epochs=[],
        gradient_clip=0.05,
        weight_average=0.6,
        batch_norm_statistics="population",
    )
    train(spec, **data, out=tmp_path / "run", checkpoint_folder=tmp_path / "c", device=CPU)
    torch.manual_seed(5)
    network = build_network(spec.network.name, **spec.network.options).train()
    adam = torch.optim.Adam(network.parameters(), lr=0.01)
    lines = make_lines(10, LENGTH, seed=1)
    rf, count = torch.from_numpy(lines.rf), torch.from_numpy(lines.bubble_count).float()
    average = [each.detach().clone() for each in network.parameters()]
    clipped = 0
    for epoch in range(2):
        order = np.random.Generator(np.random.Philox(key=[5, epoch])).permutation(10)
        for rows in (order[:4], order[4:8], order[8:]):
            adam.zero_grad()
            DualLoss()(network(rf[rows].unsqueeze(1)), count[rows].unsqueeze(1)).backward()
            norm = torch.cat([each.grad.flatten() for each in network.parameters()]).norm()
            clipped += norm > 0.05
            for each in network.parameters():
                each.grad *= min(1.0, 0.05 / (norm.item() + 1e-6))
            adam.step()
            for mean, each in zip(average, network.parameters(), strict=True):
                mean.mul_(0.6).add_(each.detach(), alpha=0.4)
    assert clipped
    released = dict(load_model(tmp_path / "run/model.safetensors").named_parameters())
    for (name, _), mean in zip(network.named_parameters(), average, strict=True):
        if "norm" not in name and "bias" not in name:
            torch.testing.assert_close(released[name], mean, rtol=0.02, atol=2e-3)


def test_released_statistics_are_the_populations_of_the_training_lines(data, tmp_path):
    for statistics in ("running", "population"):
        spec = make_spec(batch_norm_statistics=statistics)
        out, checkpoints = tmp_path / statistics, tmp_path / f"{statistics}-checkpoint"
        train(spec, **data, out=out, checkpoint_folder=checkpoints, device=CPU)
    running = load_model(tmp_path / "running/model.safetensors")
    take_population_statistics(running, make_lines(10, LENGTH, seed=1).rf)
    found = load_file(tmp_path / "population/model.safetensors")
    for name, value in running.state_dict().items():
        assert torch.equal(found[name], value), name


def in_one_go_and_in_two(spec, data, folder: Path, first_epochs: int) -> tuple[Training, Training]:
    """A training as a whole, and one that was interrupted after so many epochs."""

    def go_on(name: str, epochs: int) -> Training:
        training = Training(spec, **data, folder=folder / name, data={}, device=CPU)
        training.resume()
        for _ in range(epochs):
            training.one_epoch(stop=None)
        return training

    epochs = spec.training.epochs
    go_on("two", first_epochs).save()
    return go_on("one", epochs), go_on("two", epochs - first_epochs)


def test_an_average_survives_an_interruption(data, tmp_path):
    spec = make_spec(epochs=4, weight_average=0.9, batch_norm_statistics="population")
    whole, second = in_one_go_and_in_two(spec, data, tmp_path, 1)
    for ours, expected in zip(second.steps.average, whole.steps.average, strict=True):
        assert torch.equal(ours, expected)


def test_an_average_with_the_running_statistics_of_other_weights_is_refused():
    with pytest.raises(StudyError, match="weight_average needs batch_norm_statistics: population"):
        make_spec(weight_average=0.9)


def test_a_training_starts_from_the_weights_of_another(data, tmp_path):
    """With a rate of nothing they stay what they were, but for running statistics."""
    train(make_spec(), **data, out=tmp_path / "a", checkpoint_folder=tmp_path / "c", device=CPU)
    first = tmp_path / "a/model.safetensors"
    spec = make_spec(start_from=str(first), learning_rate=1e-30, seed=8)
    train(spec, **data, out=tmp_path / "b", checkpoint_folder=tmp_path / "c", device=CPU)
    second = tmp_path / "b/model.safetensors"
    before, after = dict(load_model(first).named_parameters()), load_model(second)
    for name, value in after.named_parameters():
        assert torch.equal(value, before[name]), name
    assert after.about["start"] == hashlib.sha256(first.read_bytes()).hexdigest()
    random = RunSpec.from_json(
        spec.to_json() | {"training": make_spec(seed=8).to_json()["training"]}
    )
    for wanted, differs in ((spec, []), (random, ["settings", "start"])):
        about = (after.about, wanted, after.about["source_digest"], after.about["data"])
        assert differences(*about) == differs


def test_other_weights_to_start_from_are_another_training(tmp_path):
    marks = []
    spec = make_spec()
    for seed in (1, 2):
        network = build_network(spec.network.name, **spec.network.options, seed=seed)
        save_model(tmp_path / "start.safetensors", network)
        spec = make_spec(start_from=str(tmp_path / "start.safetensors"))
        marks.append(fingerprint(spec, "code", {}))
    assert len(set(marks)) == 2


def test_a_start_that_is_another_network_is_refused(data, tmp_path):
    spec = make_spec(start_from="best")
    message = "start_from: best is a network with input_scaling line_rms .here volts., layers 7"
    with pytest.raises(StudyError, match=message):
        Training(spec, **data, folder=tmp_path, data={}, device=CPU)
    with pytest.raises(StudyError, match="there is no model file nowhere"):
        Training(make_spec(start_from="nowhere"), **data, folder=tmp_path, data={}, device=CPU)


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_a_training_that_was_interrupted_gives_the_same_weights(data, tmp_path, optimizer):
    spec = make_spec(epochs=4, optimizer=optimizer)
    whole, second = in_one_go_and_in_two(spec, data, tmp_path, 2)
    np.testing.assert_equal(second.history, whole.history)
    for ours, expected in zip(second.network.parameters(), whole.network.parameters(), strict=True):
        assert torch.equal(ours, expected)
