"""One member of a study's grid: trained, unless it is done or another process is at it."""

import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from ckstudy.campaign.progress import DONE, STALE, Progress, progress
from ckstudy.errors import StudyError, lacks_memory
from ckstudy.files import WriteError
from ckstudy.records import recorded
from ckstudy.study.folder import RUN_FILES, StudyFolder
from ckstudy.study.spec import RunSpec
from ckstudy.training import checkpoint
from ckstudy.training.identity import start_files
from ckstudy.training.stopping import Stopped, StopRequest
from ckstudy.training.trainer import train_locked

# What became of a member, beside DONE.
UNFINISHED, FAILED = "unfinished", "failed"


@dataclass(frozen=True)
class GridMember:
    """A member and all that its training needs; can be told to another process.

    Attributes
    ----------
    spec : RunSpec
    folder : StudyFolder
        Where the study keeps its files.
    paths : tuple of Path
        Training and validation lines.
    data : dict of str
        Their hashes.
    digest : str
        Of the present code, see :mod:`ckstudy.training.identity`.
    """

    spec: RunSpec
    folder: StudyFolder
    paths: tuple[Path, Path]
    data: dict[str, str]
    digest: str

    @property
    def run(self) -> str:
        """The member's name."""
        return self.spec.run

    @property
    def done(self) -> bool:
        """Whether its model is released, of the present spec, code and lines."""
        return self._progress().state == DONE

    def _progress(self) -> Progress:
        return progress(self.folder, self.spec, self.digest, self.data)

    def train(self, device: torch.device, stop: StopRequest, bar_line: int = 0) -> str:
        """Train it as far as ``stop`` allows, and say what became of it.

        Parameters
        ----------
        device : torch.device
        stop : StopRequest
        bar_line : int
            Line of the terminal, from the present one, for the progress bar.

        Returns
        -------
        {DONE, UNFINISHED, FAILED}
            Unfinished for want of time, or because another process is at it.

        Raises
        ------
        Stopped
            After a signal, with the progress saved.
        """
        checkpoints = self.folder.checkpoints(self.run)
        try:
            with checkpoint.exclusive(checkpoints):
                # Another process may have finished it a moment ago.
                before = self._progress()
                if before.state == DONE:
                    return DONE
                if before.state == STALE:
                    say(f"{self.run}: {before.note}; training it anew")
                out = self.folder.run(self.run)
                with recorded(
                    "train",
                    entries=["ckstudy.cli.train:train"],
                    inputs=[*self.paths, *start_files(self.spec)],
                    outputs=[out / name for name in RUN_FILES],
                    parameters=self.spec.to_json(),
                    device=str(device),
                ):
                    train_locked(
                        self.spec, *self.paths, out, checkpoints, self.data, device, stop, bar_line
                    )
            say(f"{self.run}: done")
            return DONE
        except checkpoint.TakenError as taken:
            say(f"{self.run}: {taken}")
            return UNFINISHED
        except Stopped as stopped:
            if stop.signum is not None:
                raise
            say(str(stopped))
            return UNFINISHED
        except (StudyError, WriteError) as error:
            say(f"{self.run}: {error}")
            return FAILED
        except (MemoryError, RuntimeError) as error:
            if not lacks_memory(error):
                raise
            said = " ".join(str(error).split())[:200]
            say(f"{self.run}: there is not enough memory for it: take a smaller batch ({said})")
            return FAILED


def say(line: str) -> None:
    """A line for the user."""
    print(line, file=sys.stderr, flush=True)
