"""A very small study as a row of commands, each of which runs where one of its files is missing.

That is a stricter reading than Snakemake's, which deletes what an interrupted job has left: here
a file that is there counts as whole.
"""

import hashlib
import json
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import matplotlib.figure  # noqa: F401 - loaded once, before the processes fork
import safetensors
import torch
from tqdm import tqdm

from ckstudy import cli
from ckstudy.acoustics.line import simulate_line
from ckstudy.acoustics.specification import SimulationSpec
from ckstudy.files import WriteError
from ckstudy.records import recorded
from ckstudy.report.figures.catalogue import draw
from ckstudy.scoring.score_files import write_table
from ckstudy.scoring.summary import summarise_runs
from ckstudy.study.folder import RUN_FILES
from ckstudy.training import trainer

LINES = {"train": 18, "validation": 3, "test": 3}
RUN = "ckcnn-k9-w30-s0"
SPEC = {
    "run": RUN,
    "network": {
        "name": "ckcnn", "layers": 2, "channels": 2, "kernel_size": 9, "hidden": 4, "omega_0": 30,
    },
    "training": {
        "epochs": 12, "batch_size": 3, "crop": 256, "learning_rate": 0.01, "decay_epochs": [],
        "decay_factor": 0.1, "optimizer_step": "batch", "input_scaling": "line_rms",
        "validation_every": 4, "seed": 0,
    },
    "loss": {"epsilon_1": 1.0, "epsilon_2": 1.6, "alpha": 0.1},
}  # fmt: skip
_FOLDER = f"runs/{RUN}"
_DATA = {split: f"data/{split}.h5" for split in LINES}
_SCORES = [f"{_FOLDER}/{name}.csv" for name in ("thresholds", "train", "test")]


def _simulation(split: str) -> dict:
    number = list(LINES).index(split)
    return {"split": split, "lines": LINES[split], "first_line": 1000 * number, "bubbles": [3, 8]}


def _summarise() -> None:
    inputs = [*(f"{_FOLDER}/{name}" for name in RUN_FILES), *_SCORES]
    code = ["ckstudy.scoring.summary:summarise_runs"]
    with recorded("summarise", entries=code, inputs=inputs, outputs=["summary.csv"]):
        write_table("summary.csv", summarise_runs("runs", resamples=100))


def _draw() -> None:
    inputs, out = ["summary.csv", f"{_FOLDER}/history.csv", f"{_FOLDER}/spec.json"], "figures"
    code = ["ckstudy.report.figures.learning"]
    with recorded("figures", entries=code, inputs=inputs, outputs=[f"{out}/learning_curves.png"]):
        draw(["learning_curves"], ".", out)


def steps() -> list[tuple[list[str], list[str] | Callable[[], None]]]:
    """The files of each step, and its command or function, in order."""
    lines = [
        (
            [path],
            [
                *f"simulate --out {path} --processes 2 --spec".split(),
                json.dumps(_simulation(split)),
            ],
        )
        for split, path in _DATA.items()
    ]
    train = f"--train {_DATA['train']} --validation {_DATA['validation']}"
    model = f"--model {_FOLDER}/model.safetensors --device cpu --threads 1"
    test = f"--test {_DATA['test']}"
    thresholds, train_scores, test_scores = _SCORES
    baselines = ["baselines.csv", "baseline_lines.csv"]
    training = f"train {train} --out {_FOLDER} --checkpoints checkpoints --device cpu --threads 1"
    calibrate = f"calibrate {model} {train} --thresholds-out {thresholds}"
    return [
        *lines,
        (
            [f"{_FOLDER}/{name}" for name in RUN_FILES],
            [*training.split(), "--spec", json.dumps(SPEC)],
        ),
        ([thresholds, train_scores], f"{calibrate} --scores-out {train_scores}".split()),
        (
            [test_scores],
            f"evaluate {model} {test} --thresholds {thresholds} --out {test_scores}".split(),
        ),
        (
            baselines,
            f"baselines {train} {test} --resamples 100 --out {baselines[0]} "
            f"--lines-out {baselines[1]}".split(),
        ),
        (["summary.csv"], _summarise),
        (["figures/learning_curves.png", "figures/learning_curves.svg"], _draw),
    ]


def study(folder: Path, log: Path) -> None:
    """Make what is missing of the study in ``folder``; the body of a process of its own."""
    os.setsid()
    os.chdir(folder)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(output, stream)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(1)
    tqdm.set_lock(threading.RLock())
    trainer.CHECKPOINT_SECONDS = 0.0  # one after each epoch, so that some are killed in writing it
    for files, what in steps():
        if all(Path(file).is_file() for file in files):
            continue
        try:
            if callable(what):
                what()
                continue
            sys.argv = ["ckstudy", *what]
            cli.main()
        except (ValueError, WriteError) as error:
            print(f"error: {error}", file=sys.stderr)
            sys.stderr.flush()
            os._exit(2)
        except SystemExit as end:
            if end.code:
                sys.stderr.flush()
                os._exit(int(end.code))


def start(folder: Path, log: Path) -> multiprocessing.Process:
    """Start :func:`study` as a process forked from one that has everything loaded."""
    folder.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.faults.commands", "torch._dynamo"])
    process = context.Process(target=study, args=(folder, log))
    process.start()
    return process


def made(folder: Path) -> dict[str, str]:
    """Digests of all files of the study, but for what says when and how long."""
    found = {}
    for file in sorted(name for files, _ in steps() for name in files):
        path = folder / file
        if not path.is_file():
            found[file] = "missing"
        elif path.suffix == ".safetensors":
            with safetensors.safe_open(path, framework="pt") as stored:
                content = [stored.get_tensor(name).numpy().tobytes() for name in stored.keys()]  # noqa: SIM118
            found[file] = hashlib.sha256(b"".join(content)).hexdigest()
        elif path.name == "thresholds.csv":  # whose last column is the digest of the model's file
            rows = [line.rpartition(",")[0] for line in path.read_text().splitlines()]
            found[file] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
        else:
            found[file] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


# The simulator is compiled, or loaded from its cache, once and not in each process.
simulate_line(SimulationSpec(lines=1, bubbles=(1, 1)), 0)
