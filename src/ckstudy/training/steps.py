"""The steps of an epoch: batch, loss, gradients, optimiser, without a look at the device.

All that a step reads and writes lies at a fixed place on the device: the lines, the epoch's
order, a counter of the steps, the gradients, the losses. So a step takes no argument from the
host and hands nothing back, and on a CUDA device it is recorded as a graph, once, and launched
as a whole from then on: launching its thousand small kernels one by one would take longer than
computing them.
"""

import gc
from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ckstudy.networks import Localiser
from ckstudy.training.adam import Adam
from ckstudy.training.batches import LineBatches
from ckstudy.training.muon import Muon

# Steps that are done kernel by kernel before one is recorded. They are real steps: libraries
# choose algorithms and allocate their workspaces in them.
WARM_UP = 3

Work = Callable[[], None]


def record_cuda_graph(work: Work) -> Work:
    """Record ``work`` in the current stream, without doing it; the result does it each time."""
    # What an earlier training has left behind is freed now: not within the recording.
    gc.collect()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
        work()
    return graph.replay


class Steps:
    """Does the steps of a training.

    Parameters
    ----------
    network, loss, optimiser
        In training mode while steps are done. The gradients become buffers that stay.
    batches : LineBatches
    once_an_epoch : bool
        Whether the batches of an epoch add up to one step of the optimiser; else each is one.
    gradient_clip : float, optional
        Largest norm of all gradients together.
    weight_average : float, optional
        Share that the average of the weights keeps of itself at each step.
    say : callable
        Called with a line for the user.
    record : callable, optional
        Turns work into something that does it faster, see :func:`record_cuda_graph`; by default
        that, on a CUDA device, and nothing elsewhere.

    Attributes
    ----------
    losses : Tensor
        Loss of each batch of the epoch, (steps,), on the device.
    """

    def __init__(
        self,
        network: Localiser,
        loss: nn.Module,
        optimiser: Adam | Muon,
        batches: LineBatches,
        *,
        once_an_epoch: bool,
        gradient_clip: float | None = None,
        weight_average: float | None = None,
        say: Callable[[str], None],
        record: Callable[[Work], Work] | None = None,
    ) -> None:
        self.network, self.loss, self.optimiser = network, loss, optimiser
        self.batches = batches
        self.once_an_epoch = once_an_epoch
        self.gradient_clip, self.weight_average = gradient_clip, weight_average
        self._say = say
        device = batches.rf.device
        if record is None and device.type == "cuda":
            record = record_cuda_graph
        self._record = record
        self._recorded: dict[tuple[int, bool], Work] = {}
        self._done: Counter = Counter()
        self.losses = torch.zeros(batches.steps, device=device)
        # The optimiser reads its rate on the device; :meth:`begin` is told those of an epoch.
        self._rate = torch.as_tensor(optimiser.param_groups[0]["lr"], device=device)
        self._rates = self._rate.repeat(batches.steps)
        self._position = torch.zeros(1, dtype=torch.int64, device=device)
        self._within = torch.arange(batches.batch_size, device=device)
        self._order = torch.zeros(batches.lines, dtype=torch.int64, device=device)
        self._start = torch.zeros_like(self._order)
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)
        self.average: list[Tensor] = []
        if weight_average is not None:
            self.average = [each.detach().clone() for each in network.parameters()]

    @property
    def gradients(self) -> list[Tensor]:
        """The gradients of the epoch so far; zero unless the batches add up."""
        grads = (parameter.grad for parameter in self.network.parameters())
        return [grad for grad in grads if grad is not None]

    def begin(self, epoch: int, step: int = 0, rates: Sequence[float] | None = None) -> None:
        """Make ready for ``step`` of ``epoch``: the one transfer to the device in an epoch.

        ``rates`` are the learning rates of the epoch's batches; None leaves them as they are.
        """
        order, start = self.batches.plan(epoch)
        self._order.copy_(order)
        self._start.copy_(start)
        if rates is not None:
            self._rates.copy_(torch.tensor(rates))
        self._position.fill_(step)

    def one(self, step: int) -> None:
        """Do the next step, which is number ``step`` of the epoch."""
        kind = (
            self.batches.size(step),
            not self.once_an_epoch or step == self.batches.steps - 1,
        )
        if kind in self._recorded:
            self._recorded[kind]()
            return
        self._work(*kind)
        self._done[kind] += 1
        if self._record is not None and self._done[kind] == WARM_UP:
            self._try_to_record(kind, self._record)

    def _work(self, size: int, updates: bool) -> None:
        rows = self._position * self.batches.batch_size + self._within[:size]
        rf, count = self.batches.batch(self._order[rows], self._start[rows])
        loss = self.loss(self.network.valid(rf), count)
        # Weighted by its lines, the batches' gradients add up to that of one big batch.
        share = size / self.batches.lines if self.once_an_epoch else 1.0
        (loss * share).backward()
        if updates:
            self._update()
        self.losses.index_copy_(0, self._position, loss.detach().view(1))
        self._position += 1

    def _update(self) -> None:
        """One step of the optimiser, and of the average of the weights."""
        self._rate.copy_(self._rates[self._position].squeeze())
        parameters: list[Tensor] = list(self.network.parameters())
        if self.gradient_clip is not None:
            nn.utils.clip_grad_norm_(parameters, self.gradient_clip)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=False)
        if self.weight_average is not None:
            with torch.no_grad():
                torch._foreach_lerp_(self.average, parameters, 1 - self.weight_average)

    @torch.no_grad()
    def take_average(self) -> None:
        """Give the network the average of its weights, where one was kept."""
        for parameter, average in zip(self.network.parameters(), self.average, strict=False):
            parameter.copy_(average)

    def _try_to_record(self, kind: tuple[int, bool], record: Callable[[Work], Work]) -> None:
        try:
            self._recorded[kind] = record(lambda: self._work(*kind))
        except RuntimeError as error:
            why = str(error).strip().partition("\n")[0]
            self._say(f"a step could not be recorded as a CUDA graph, so steps are slower: {why}")
            self._record = None
