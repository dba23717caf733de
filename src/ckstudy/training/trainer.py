"""The training of one network, from its spec to its released weights."""

import math
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import torch
from tqdm import tqdm

from ckstudy.dataset import data_shape, read_lines
from ckstudy.devices.memory import check_memory
from ckstudy.devices.torch_device import computing_on
from ckstudy.errors import StudyError
from ckstudy.files import write_json, write_text
from ckstudy.networks import Localiser, build_network
from ckstudy.networks.batch_norm import take_population_statistics
from ckstudy.networks.release import save_model
from ckstudy.provenance import environment
from ckstudy.study.spec import RunSpec, TrainingSpec
from ckstudy.training import checkpoint
from ckstudy.training.adam import Adam
from ckstudy.training.batches import LineBatches
from ckstudy.training.identity import code_digest, data_hashes, fingerprint, start_digest
from ckstudy.training.loss import DualLoss
from ckstudy.training.muon import Muon
from ckstudy.training.start import take_weights
from ckstudy.training.steps import Steps
from ckstudy.training.stopping import Stopped, StopRequest, stop_on_signals

HISTORY_COLUMNS = ("epoch", "train_loss", "validation_loss", "learning_rate")
CHECKPOINT_SECONDS = 60.0
_REMEDY = "A lower learning rate, or input_scaling: line_rms, usually helps"


def train(
    spec: RunSpec,
    *,
    train_path: Path,
    validation_path: Path,
    out: Path,
    checkpoint_folder: Path,
    device: torch.device,
) -> None:
    """Train the network that ``spec`` describes, and release it.

    Writes ``out/spec.json``, ``out/history.csv`` and ``out/model.safetensors``. Where the
    checkpoint folder holds a checkpoint of the same spec, code and data, the training goes on
    from there: on the CPU, any number of interruptions gives the same weights and history, bit
    for bit.

    Parameters
    ----------
    spec : RunSpec
        A member of the grid, see :mod:`ckstudy.study.grid`.
    train_path, validation_path : Path
        Data files. The validation lines are only looked at for the history.
    out : Path
        Folder of the run.
    checkpoint_folder : Path
        Where progress is kept; locked while this runs.
    device : torch.device

    Raises
    ------
    StudyError
        For bad data or settings, or where the loss is no longer finite.
    Stopped
        After a signal, with the progress saved.
    """
    with checkpoint.exclusive(checkpoint_folder), stop_on_signals() as stop:
        data = data_hashes(train_path, validation_path)
        train_locked(spec, train_path, validation_path, out, checkpoint_folder, data, device, stop)


def train_locked(
    spec: RunSpec,
    train_path: Path,
    validation_path: Path,
    out: Path,
    checkpoint_folder: Path,
    data: dict[str, str],
    device: torch.device,
    stop: StopRequest,
    bar_line: int = 0,
) -> None:
    """:func:`train`, for a caller that holds the checkpoint folder and has hashed the data.

    The progress bar takes the terminal's line ``bar_line``, counted from the present one.
    """
    with computing_on(device):
        run = Training(spec, train_path, validation_path, checkpoint_folder, data, device)
        run.resume()
        run.to_the_end(stop, bar_line)
        run.release(out)
    checkpoint.remove(checkpoint_folder)


class Training:
    """The state of one training, and what moves it forward.

    Attributes
    ----------
    epoch, step : int
        The step to be done next.
    history : list of tuple
        Rows of :data:`HISTORY_COLUMNS`, one an epoch.
    """

    def __init__(
        self,
        spec: RunSpec,
        train_path: Path,
        validation_path: Path,
        folder: Path,
        data: dict[str, str],
        device: torch.device,
    ) -> None:
        settings = spec.training
        self.spec, self.settings, self.folder, self.data = spec, settings, folder, data
        self.train_path = train_path
        self.device = device
        self.digest = code_digest()
        self.fingerprint = fingerprint(spec, self.digest, data)
        self.start = start_digest(spec)

        torch.manual_seed(settings.seed)
        self.network = build_network(spec.network.name, **spec.network.options).to(device)
        self.network.input_scaling = settings.input_scaling
        if settings.start_from is not None:
            take_weights(self.network, settings.start_from)
        self.loss = DualLoss(**asdict(spec.loss)).to(device)
        # The rate lies on the device, where a recorded step reads it.
        self.rate = torch.tensor(settings.learning_rate, device=device)
        optimiser = {"adam": Adam, "muon": Muon}[settings.optimizer]
        self.optimiser = optimiser(
            self.network.parameters(),
            lr=self.rate,
            fused=True,
            capturable=device.type == "cuda",
        )

        self._check_memory(train_path, validation_path)

        def batches(path: Path, crop: int | None) -> LineBatches:
            return LineBatches(
                read_lines(path),
                padding=self.network.padding,
                input_scaling=settings.input_scaling,
                batch_size=settings.batch_size,
                crop=crop,
                seed=settings.seed,
                device=device,
            )

        self.batches = batches(train_path, settings.crop)
        self.validation = batches(validation_path, None)
        self.steps = Steps(
            self.network,
            self.loss,
            self.optimiser,
            self.batches,
            once_an_epoch=settings.optimizer_step == "epoch",
            gradient_clip=settings.gradient_clip,
            weight_average=settings.weight_average,
            say=_say,
        )
        self.epoch = self.step = 0
        self.history: list[tuple] = []
        self.seconds = 0.0
        self.epoch_seconds: float | None = None
        self._timed = 0
        self._since = time.monotonic()
        self._saved = time.monotonic()

    def _check_memory(self, *paths: Path) -> None:
        """Refuse what cannot fit: the lines, and what batch norm keeps of a batch for its slope."""
        shapes = [data_shape(path) for path in paths]
        lines, samples = shapes[0]
        size = min(self.settings.batch_size, lines)
        crop = min(self.settings.crop or samples, samples)
        normalised = sum(
            module.num_features
            for module in self.network.modules()
            if isinstance(module, torch.nn.BatchNorm1d)
        )
        kept = 4 * size * crop * normalised
        held = sum(5 * count * length for count, length in shapes)
        check_memory(
            held + kept,
            self.device,
            f"training {self.spec.run} with {size} lines of {crop} samples in a batch",
            "choose a smaller batch_size, crop or number of channels, or fewer lines",
        )

    # One epoch after the other -----------------------------------------------------------------

    def to_the_end(self, stop: StopRequest, bar_line: int = 0) -> None:
        """Train until the last epoch is done, or until asked to stop."""
        epochs = self.settings.epochs
        with tqdm(
            total=epochs,
            initial=self.epoch,
            unit="epoch",
            disable=None,
            desc=self.spec.run,
            position=bar_line or None,
        ) as bar:
            while self.epoch < epochs:
                self.one_epoch(stop)
                bar.set_postfix(loss=f"{self.history[-1][1]:.4f}", refresh=False)
                bar.update()

    def one_epoch(self, stop: StopRequest) -> None:
        """Train one epoch, or what is left of it, and note its losses."""
        began, first = time.monotonic(), self.step
        rates = learning_rates(self.epoch, self.settings, self.batches.steps)
        self.network.train()
        self.steps.begin(self.epoch, first, rates)
        for step in range(first, self.batches.steps):
            if stop:
                self.stop_here(stop)
            self.steps.one(step)
            self.step = step + 1
            if time.monotonic() - self._saved > CHECKPOINT_SECONDS:
                self.save_if_finite()
        train_loss = self.mean_loss()
        self.history.append((self.epoch, train_loss, self.validation_loss(), rates[-1]))
        self.epoch, self.step = self.epoch + 1, 0
        if first == 0:
            self._note_speed(time.monotonic() - began)

    def _note_speed(self, seconds: float) -> None:
        """A running mean since the start of the process, but for the first epoch, which is slow."""
        self._timed += 1
        if self._timed <= 2 or self.epoch_seconds is None:
            self.epoch_seconds = seconds
        else:
            self.epoch_seconds += 0.1 * (seconds - self.epoch_seconds)

    def mean_loss(self) -> float:
        """Mean training loss of the epoch over its lines; the one place that reads the device."""
        losses = self.steps.losses.cpu()
        bad = (~losses.isfinite()).nonzero()
        if len(bad):
            raise StudyError(
                f"the training loss is {losses[bad[0]].item()} in epoch {self.epoch}, batch "
                f"{bad[0].item() + 1} of {self.batches.steps}; {self.last_good()}. "
                f"{_REMEDY}"
            )
        sizes = torch.tensor([float(self.batches.size(step)) for step in range(len(losses))])
        return ((losses * sizes).sum() / sizes.sum()).item()

    def validation_loss(self) -> float:
        """Loss of the validation lines in evaluation mode; NaN in epochs that do not measure it."""
        every, last = self.settings.validation_every, self.settings.epochs - 1
        if not every or (self.epoch % every and self.epoch != last):
            return math.nan
        self.network.eval()
        total = torch.zeros((), device=self.device)
        with torch.inference_mode():
            for rf, count in self.validation.epoch(0):
                total += self.loss(self.network.valid(rf), count) * len(rf)
        mean = (total / self.validation.lines).item()
        if not math.isfinite(mean):
            raise StudyError(
                f"the validation loss is {mean} after epoch {self.epoch}; {self.last_good()}. "
                f"{_REMEDY}"
            )
        return mean

    # Progress on the disk ----------------------------------------------------------------------

    def save(self) -> None:
        """Write the checkpoint."""
        now = time.monotonic()
        self.seconds += now - self._since
        self._since = self._saved = now
        state = {
            "fingerprint": self.fingerprint,
            "epoch": self.epoch,
            "step": self.step,
            "history": self.history,
            "seconds": self.seconds,
            "epoch_seconds": self.epoch_seconds,
            "device": _describe(self.device),
            "losses": self.steps.losses,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "gradients": self.steps.gradients,
            "average": self.steps.average,
            "random": torch.get_rng_state(),
        }
        if self.device.type == "cuda":
            state["cuda_random"] = torch.cuda.get_rng_state(self.device)
        checkpoint.save(self.folder, state)

    def resume(self) -> None:
        """Take up the folder's checkpoint, where it holds one of this spec, code and data."""
        state = checkpoint.load(self.folder, self.fingerprint, _say)
        if state is None:
            return
        self.network.load_state_dict(state["network"])
        # The options are this device's; what was saved on another one would not do.
        options = dict(self.optimiser.param_groups[0])
        self.optimiser.load_state_dict(state["optimiser"])
        self.optimiser.param_groups[0].update(options)
        for gradient, saved in zip(self.steps.gradients, state["gradients"], strict=True):
            gradient.copy_(saved)
        for average, saved in zip(self.steps.average, state["average"], strict=True):
            average.copy_(saved)
        self.steps.losses.copy_(state["losses"])
        torch.set_rng_state(state["random"])
        if self.device.type == "cuda" and "cuda_random" in state:
            torch.cuda.set_rng_state(state["cuda_random"], self.device)
        self.epoch, self.step = state["epoch"], state["step"]
        self.history = [tuple(row) for row in state["history"]]
        self.seconds = state["seconds"]
        self.epoch_seconds = state["epoch_seconds"]

    def save_if_finite(self) -> None:
        """Write the checkpoint, unless a loss of this epoch or a weight is not finite."""
        if self.steps.losses[: self.step].isfinite().all() and _is_finite(self.network):
            self.save()

    def stop_here(self, stop: StopRequest) -> None:
        """Save, and leave by :class:`Stopped`."""
        self.save_if_finite()
        raise Stopped(
            f"{self.spec.run} stopped {stop.reason}; {self.last_good()}", stop.exit_status
        )

    def last_good(self) -> str:
        """Where to go on from, in words."""
        state = checkpoint.load(self.folder, self.fingerprint, lambda line: None)
        if state is None:
            return "no checkpoint had been written yet"
        return f"the last good checkpoint is at epoch {state['epoch']}, step {state['step']}"

    def release(self, out: Path) -> None:
        """Write the spec, the history, then the model: who sees the model has all three."""
        self.steps.take_average()
        if self.settings.batch_norm_statistics == "population":
            take_population_statistics(self.network, read_lines(self.train_path).rf)
        if not _is_finite(self.network):  # the last step, which no loss has seen
            raise StudyError(f"the trained weights are not finite; {self.last_good()}. {_REMEDY}")
        self.seconds += time.monotonic() - self._since
        write_json(out / "spec.json", self.spec.to_json())
        table = pd.DataFrame(self.history, columns=list(HISTORY_COLUMNS))
        write_text(out / "history.csv", table.to_csv(index=False, float_format="%.8g"))
        save_model(
            out / "model.safetensors",
            self.network,
            spec=self.spec.to_json(),
            data=self.data,
            source_digest=self.digest,
            **({} if self.start is None else {"start": self.start}),
            environment=environment(),
            device=_describe(self.device),
            wall_seconds=round(self.seconds, 1),
            epoch_seconds=self.epoch_seconds,
            optimiser_steps=self.settings.steps_in(self.batches.lines),
        )


def learning_rates(epoch: int, settings: TrainingSpec, batches: int) -> list[float]:
    r"""The learning rate of each batch of ``epoch``, the one at which its step would be done.

    With n steps before, N in all, and w of warm-up, ``schedule: cosine`` is

    .. math:: r(n) = r \, \min\Bigl(1, \frac{n + 1}{w}\Bigr) \,
              \frac{1}{2}\Bigl(1 + \cos \pi \frac{\max(n - w, 0)}{N - w}\Bigr)

    and ``schedule: steps`` has the decay of the epochs in place of the cosine.
    """
    once = settings.optimizer_step == "epoch"
    first = epoch * (1 if once else batches)
    total = settings.epochs * (1 if once else batches)
    passed = sum(epoch >= milestone for milestone in settings.decay_epochs)
    rates = []
    for batch in range(batches):
        step = first if once else first + batch
        rate = settings.learning_rate
        if settings.schedule == "cosine":
            after = max(step - settings.warmup_steps, 0)
            whole = max(total - settings.warmup_steps, 1)
            rate *= 0.5 * (1 + math.cos(math.pi * after / whole))
        else:
            rate *= settings.decay_factor**passed
        if step + 1 < settings.warmup_steps:
            rate *= (step + 1) / settings.warmup_steps
        rates.append(rate)
    return rates


def _is_finite(network: Localiser) -> bool:
    values = [each for each in network.state_dict().values() if each.is_floating_point()]
    return bool(torch.stack([each.isfinite().all() for each in values]).all())


def _describe(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
