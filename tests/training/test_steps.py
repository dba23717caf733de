"""The step: nothing in it asks the host, all of it stays in place, recording changes nothing."""

from contextlib import nullcontext

import pytest
import torch
from synthetic_lines import make_lines
from torch.utils._python_dispatch import TorchDispatchMode

from ckstudy.devices.torch_device import computing_on
from ckstudy.networks import build_network
from ckstudy.training.batches import LineBatches
from ckstudy.training.loss import DualLoss
from ckstudy.training.steps import WARM_UP, Steps, record_cuda_graph

CPU = torch.device("cpu")
DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
NETWORKS = {
    "cnn_dilated": {"layers": 3, "channels": 4},
    "ckcnn_dilated": {"layers": 3, "channels": 4, "hidden": 4},
    "ckcnn": {"layers": 2, "channels": 3, "kernel_size": 41, "hidden": 4},
    "cnn_free": {"layers": 2, "channels": 3, "kernel_size": 41},
    "ckcnn_residual": {"blocks": 1, "channels": 3, "kernel_size": 9, "hidden": 4},
}


def make_batches(network, *, crop, device, lines=10):
    return LineBatches(
        make_lines(lines, 120, seed=3),
        padding=network.padding,
        input_scaling="volts",
        batch_size=4,
        crop=crop,
        seed=0,
        device=device,
    )


def make_steps(name="ckcnn", *, lines=10, crop=60, once_an_epoch=False, device=CPU, **options):
    network = build_network(name, seed=1, **NETWORKS[name]).to(device).train()
    batches = make_batches(network, lines=lines, crop=crop, device=device)
    adam = torch.optim.Adam(
        network.parameters(),
        lr=torch.tensor(0.01, device=device),
        fused=True,
        capturable=device.type == "cuda",
    )
    said = []
    loss = DualLoss().to(device)
    steps = Steps(
        network, loss, adam, batches, once_an_epoch=once_an_epoch, say=said.append, **options
    )
    steps.said = said
    return steps


def run(steps: Steps, epochs: int = 4) -> list[torch.Tensor]:
    """Losses of the epochs, and the weights and buffers at the end."""
    losses = []
    for epoch in range(epochs):
        steps.begin(epoch)
        for step in range(steps.batches.steps):
            steps.one(step)
        losses.append(steps.losses.clone())
    return losses + [value.clone() for value in steps.network.state_dict().values()]


class Recorder:
    """Stands for the recording of a graph: remembers the work, and does it when launched."""

    def __init__(self):
        self.recorded = self.launched = 0

    def __call__(self, work):
        self.recorded += 1

        def launch():
            self.launched += 1
            work()

        return launch


@pytest.mark.parametrize(
    ("lines", "once_an_epoch", "kinds"),
    [(8, False, 1), (10, False, 2), (8, True, 2), (10, True, 2), (4, True, 1)],
)
def test_each_kind_of_step_is_recorded_once_and_launched_from_then_on(lines, once_an_epoch, kinds):
    recorder = Recorder()
    steps = make_steps(lines=lines, once_an_epoch=once_an_epoch, record=recorder)
    plain = make_steps(lines=lines, once_an_epoch=once_an_epoch)
    epochs = 5
    for ours, expected in zip(run(steps, epochs), run(plain, epochs), strict=True):
        assert torch.equal(ours, expected)
    assert recorder.recorded == kinds
    assert recorder.launched == epochs * steps.batches.steps - kinds * WARM_UP


@pytest.mark.parametrize("once_an_epoch", [False, True])
def test_where_recording_fails_it_says_so_and_goes_on_without(once_an_epoch):
    """On a machine without a card, recording a CUDA graph really fails."""

    def record(work):
        if torch.cuda.is_available():
            raise RuntimeError("out of everything")
        return record_cuda_graph(work)

    steps = make_steps(once_an_epoch=once_an_epoch, record=record)
    for ours, expected in zip(
        run(steps), run(make_steps(once_an_epoch=once_an_epoch)), strict=True
    ):
        assert torch.equal(ours, expected)
    assert len(steps.said) == 1
    assert "could not be recorded as a CUDA graph" in steps.said[0]


class NoHost(TorchDispatchMode):
    """Refuses what reads a value on the host, or has a size that depends on values."""

    FORBIDDEN = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "equal", "is_nonzero")

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        name = function.overloadpacket.__name__
        assert name not in self.FORBIDDEN, f"a step calls {name}: it would wait for the device"
        self.seen.add(name)
        return function(*arguments, **(keywords or {}))


@pytest.mark.parametrize("crop", [None, 60])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_never_asks_the_host(name, crop):
    steps = make_steps(name, crop=crop)
    steps.begin(0)
    with NoHost() as watched:
        for step in range(steps.batches.steps):
            steps.one(step)
    assert "_fused_adam_" in watched.seen


@pytest.mark.parametrize("crop", [None, 60])
@pytest.mark.parametrize("once_an_epoch", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_no_part_of_a_step_lies_on_another_device(name, once_an_epoch, crop, monkeypatch):
    """On the device "meta", which has no values to read and refuses tensors of the host."""
    # It has no autocast either.
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device=None: False)
    monkeypatch.setattr(torch, "autocast", lambda *arguments, **options: nullcontext())
    device = torch.device("meta")
    network = build_network(name, seed=1, **NETWORKS[name]).to(device).train()
    batches = make_batches(network, crop=crop, device=device)
    # Adam's fused kernel exists on real devices only.
    descent = torch.optim.SGD(network.parameters(), lr=0.1)
    loss = DualLoss().to(device)
    steps = Steps(network, loss, descent, batches, once_an_epoch=once_an_epoch, say=print)
    steps.begin(0)
    for step in range(batches.steps):
        steps.one(step)
    assert steps.losses.device == device
    assert all(gradient.device == device for gradient in steps.gradients)


def test_the_watch_on_the_host_sees_one_who_asks():
    with pytest.raises(AssertionError, match="would wait for the device"), NoHost():
        torch.ones(1).item()


@pytest.mark.parametrize("once_an_epoch", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_all_that_outlives_a_step_stays_where_it_is(name, once_an_epoch):
    """A recorded graph reads and writes fixed addresses."""
    steps = make_steps(name, once_an_epoch=once_an_epoch)
    run(steps, 1)

    def places() -> list[int]:
        kept = [*steps.network.parameters(), *steps.network.buffers(), *steps.gradients]
        kept += [value for state in steps.optimiser.state.values() for value in state.values()]
        kept += [steps.optimiser.param_groups[0]["lr"], steps.losses, steps.batches.rf]
        kept += [value for value in vars(steps).values() if isinstance(value, torch.Tensor)]
        return [value.data_ptr() for value in kept]

    before = places()
    run(steps, 2)
    assert places() == before


def test_gradients_are_zero_after_each_step_of_the_optimiser():
    steps = make_steps(once_an_epoch=True)
    steps.begin(0)
    steps.one(0)
    assert any(gradient.abs().max() > 0 for gradient in steps.gradients)
    steps.one(1)
    steps.one(2)
    assert all((gradient == 0).all() for gradient in steps.gradients)


def test_an_epoch_can_begin_in_its_middle():
    whole, resumed = make_steps(), make_steps()
    run(whole, 1)
    resumed.begin(0)
    resumed.one(0)
    losses = resumed.losses.clone()
    resumed._position.fill_(7)
    resumed.begin(0, 1)
    resumed.losses.copy_(losses)
    resumed.one(1)
    resumed.one(2)
    assert torch.equal(resumed.losses, whole.losses)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("once_an_epoch", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_recorded_steps_are_the_plain_ones(name, once_an_epoch, device):
    """By real CUDA graphs where there is a card."""
    device = torch.device(device)
    record = Recorder() if device == CPU else record_cuda_graph
    with computing_on(device):
        recorded = make_steps(name, once_an_epoch=once_an_epoch, device=device, record=record)
        ours = run(recorded, 6)
        plain = make_steps(name, once_an_epoch=once_an_epoch, device=device)
        plain._record = None
        expected = run(plain, 6)
    assert recorded._recorded
    assert not recorded.said
    for one, other in zip(ours[:6], expected[:6], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_on_cuda_it_computes_in_full_float32_in_a_stream_of_its_own(monkeypatch):
    """By what torch is told, as for a card: dilated convolutions must stay with cuDNN."""
    waited = []

    class Stream:
        def __init__(self, device=None):
            self.wait_stream = waited.append

    outside = Stream()
    entered = []
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: outside)
    monkeypatch.setattr(torch.cuda, "stream", lambda own: nullcontext(entered.append(own)))
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    with computing_on(torch.device("cuda")):
        assert not torch.backends.cudnn.deterministic
        assert not torch.backends.cudnn.benchmark
        assert torch.backends.cudnn.conv.fp32_precision == "ieee"
        assert torch.backends.cuda.matmul.fp32_precision == "ieee"
        assert waited == [outside]
    assert torch.backends.cudnn.deterministic
    assert waited == [outside, *entered]
