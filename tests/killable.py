"""A training as the body of a process that starts at once: its server has torch loaded."""

import multiprocessing
import signal
import sys
import threading
from pathlib import Path

import torch
from tqdm import tqdm

from ckstudy.training import trainer
from ckstudy.training.stopping import SIGNALS, Stopped


def train(spec: dict, data: dict, folder: Path) -> None:
    """Train into ``folder``, with a checkpoint after every few epochs."""
    torch.set_num_threads(1)
    # Blocked, where the server was started for the processes of a grid.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    # Its usual lock is one between processes, which nobody would clear away.
    tqdm.set_lock(threading.RLock())
    # Often, so that some are killed while they write the checkpoint.
    trainer.CHECKPOINT_SECONDS = 0.05
    try:
        trainer.train(
            spec,
            **data,
            out=folder / "run",
            checkpoint_folder=folder / "checkpoint",
            device=torch.device("cpu"),
        )
    except Stopped as stopped:
        sys.exit(stopped.exit_status)


def start(spec: dict, data: dict, folder: Path) -> multiprocessing.Process:
    """Start :func:`train` as a process forked from one that only imported."""
    context = multiprocessing.get_context("forkserver")
    # Each process wants its main module, which is pytest.
    context.set_forkserver_preload(["ckstudy.training.trainer", "pytest"])
    process = context.Process(target=train, args=(spec, data, folder))
    process.start()
    return process
