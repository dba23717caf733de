"""The training lines on the device, and the batches of an epoch as a function of (seed, epoch)."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ckstudy.dataset import Lines
from ckstudy.errors import StudyError
from ckstudy.networks.scaling import scale_lines


class LineBatches:
    """Batches of whole lines or of random crops, each with the context a network needs.

    Lines are scaled and reflected at their ends once, and stay on the device. A crop takes its
    context from the line where the line has it, so that a long kernel can be trained on short
    crops: only at the ends of a line does it see reflected samples.

    Parameters
    ----------
    lines : Lines
        Training or validation lines in memory.
    padding : int
        Samples of context on either side, :attr:`Localiser.padding`.
    input_scaling : {"volts", "line_rms"}
    batch_size : int
        Lines in a batch. The last batch of an epoch takes what is left.
    crop : int or None
        Samples of a line in a batch, drawn anew each time; None takes whole lines.
    seed : int
        Seed of the order and of the crops.
    device : torch.device
    """

    def __init__(
        self,
        lines: Lines,
        *,
        padding: int,
        input_scaling: str,
        batch_size: int,
        crop: int | None,
        seed: int,
        device: torch.device,
    ) -> None:
        count, length = lines.rf.shape
        if length <= padding:
            raise StudyError(
                f"lines of {length} samples cannot be reflected by the {padding} samples of "
                "context that this network needs"
            )
        if crop is not None and not 1 <= crop <= length:
            raise StudyError(f"training crop {crop} must lie between 1 and {length} samples")
        self.lines = count
        self.length = length
        self.crop = length if crop is None else crop
        self.context = 2 * padding
        self.batch_size = min(batch_size, count)
        self.seed = seed
        rf = scale_lines(torch.from_numpy(lines.rf).to(device), input_scaling)
        self.rf = F.pad(rf.unsqueeze(1), (padding, padding), mode="reflect").squeeze(1)
        self.count = torch.from_numpy(lines.bubble_count).to(device)
        self._window = torch.arange(self.crop + self.context, device=device)

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return -(-self.lines // self.batch_size)

    def size(self, step: int) -> int:
        """Lines in batch number ``step`` of an epoch."""
        return min(self.batch_size, self.lines - step * self.batch_size)

    def plan(self, epoch: int) -> tuple[Tensor, Tensor]:
        """The epoch's order of lines and the first sample of each one's crop, (lines,) each.

        A pure function of (seed, epoch): a resumed training sees the batches it would have seen,
        on whatever device. Made on the CPU, for that reason, and sent to the device once.
        """
        random = np.random.Generator(np.random.Philox(key=[self.seed, epoch]))
        order = random.permutation(self.lines)
        start = random.integers(0, self.length - self.crop, size=self.lines, endpoint=True)
        return torch.from_numpy(order), torch.from_numpy(start)

    def epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (rf with context (B, 1, crop + 2·padding), count (B, 1, crop)), step by step."""
        order, start = (part.to(self.rf.device) for part in self.plan(epoch))
        for step in range(self.steps):
            rows = slice(step * self.batch_size, (step + 1) * self.batch_size)
            yield self.batch(order[rows], start[rows])

    def batch(self, order: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
        """The crops of the lines ``order`` that begin at the samples ``start``."""
        if self.crop == self.length:
            rf, count = self.rf[order], self.count[order]
        else:
            columns = start.unsqueeze(1) + self._window
            rows = order.unsqueeze(1)
            rf = self.rf[rows, columns]
            count = self.count[rows, columns[:, : self.crop]]
        return rf.unsqueeze(1), count.unsqueeze(1).to(rf.dtype)
