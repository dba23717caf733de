"""What a long kernel with a narrow window costs, against a short kernel and against itself uncut.

    python benchmarks/windows.py

Times training steps (batch, loss, gradients, Adam) and evaluation of whole lines of ``ckcnn`` on
random lines, in seconds of the processor. The variants take turns, one step each in every round,
so that whatever else the machine does meets all of them; the table has the median over the rounds
of each one's time divided by that of the cut network in the same round. ``batch_ms`` is the part
of a step that takes the crops from the lines, with all the context of the network's padding.

The short kernel has as many taps as are kept of the long one, no window, and no cut.
"""

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch

from ckstudy.acoustics.constants import LINE_SAMPLES
from ckstudy.devices.torch_device import computing_on
from ckstudy.files import write_text
from ckstudy.networks import CKConv, Localiser, build_network
from ckstudy.provenance import commit
from ckstudy.training.batches import LineBatches
from ckstudy.training.loss import DualLoss
from ckstudy.training.steps import Steps

OUT = Path(__file__).parent / "results" / "windows.csv"
CPU = torch.device("cpu")


def main() -> None:
    """Time the variants for each window, and print and write a table."""
    options = _arguments()
    torch.set_num_threads(options.threads)
    conditions = (
        f"{platform.processor() or platform.machine()}, {options.threads} threads, "
        f"torch {torch.__version__}"
    )
    print(
        f"{conditions}; {options.lines} x {options.crop} samples, {options.channels} channels",
        file=sys.stderr,
    )
    rows = []
    with computing_on(CPU):
        for window in options.window:
            rows += measure(window, options)
    table = pd.DataFrame(rows).assign(
        lines=options.lines,
        crop=options.crop,
        rounds=options.rounds,
        conditions=conditions,
        commit=commit(),
    )
    print(table.drop(columns=["conditions", "commit"]).to_string(index=False))
    write_text(options.out, table.to_csv(index=False, float_format="%.4g"))


def variants(kernel_size: int, window: float, channels: int) -> dict[str, Localiser]:
    """The networks that are compared, by name; ``cut`` first."""

    def network(size: int, sigma: float | None) -> Localiser:
        return build_network(
            "ckcnn",
            kernel_size=size,
            channels=channels,
            window=sigma,
            kernel_init="balanced",
            seed=0,
        )

    cut, uncut = network(kernel_size, window), network(kernel_size, window)
    layers = [layer for layer in cut.modules() if isinstance(layer, CKConv)]
    for layer in uncut.modules():
        if isinstance(layer, CKConv):
            layer.cutoff = 0.0
    return {
        "cut": cut,
        "short": network(kernel_size - 2 * layers[0].unused, None),
        "uncut": uncut,
        "no window": network(kernel_size, None),
    }


def measure(window: float, options: argparse.Namespace) -> list[dict]:
    """A row for each variant."""
    networks = variants(options.kernel_size, window, options.channels)
    steps = {name: training_step(network, options) for name, network in networks.items()}
    lines = {name: evaluation(network, options) for name, network in networks.items()}
    training = in_turns(steps, options.rounds)
    evaluated = in_turns(lines, options.rounds)
    batches = lines_for(networks["cut"], options)
    order, start = batches.plan(0)
    some = slice(0, options.lines)
    batch = [timed(lambda: batches.batch(order[some], start[some])) for _ in range(options.rounds)]
    rows = []
    for name, network in networks.items():
        ratio = [a / b for a, b in zip(training[name], training["cut"], strict=True)]
        rows.append(
            {
                "window": window,
                "variant": name,
                "kernel_size": network.options["kernel_size"],
                "step_ms": 1e3 * statistics.median(training[name]),
                "step_ratio": statistics.median(ratio),
                "line_ratio": statistics.median(
                    a / b for a, b in zip(evaluated[name], evaluated["cut"], strict=True)
                ),
                "batch_ms": 1e3 * statistics.median(batch) if name == "cut" else float("nan"),
            }
        )
    return rows


def in_turns(work: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each piece of work in each round, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for number in range(rounds + 1):
        for name, piece in work.items():
            taken = timed(piece)
            if number:
                seconds[name].append(taken)
    return seconds


def training_step(network: Localiser, options: argparse.Namespace) -> Callable[[], None]:
    """A function that does one training step."""
    network.train()
    steps = Steps(
        network,
        DualLoss(),
        torch.optim.Adam(network.parameters(), lr=1e-4, fused=True),
        lines_for(network, options),
        once_an_epoch=False,
        say=print,
    )

    def step() -> None:
        network.train()
        steps.begin(0)
        steps.one(0)

    return step


def evaluation(network: Localiser, options: argparse.Namespace) -> Callable[[], None]:
    """A function that evaluates a few whole lines."""
    x = torch.randn(4, 1, -(-LINE_SAMPLES // 2))

    def evaluate() -> None:
        network.eval()
        with torch.inference_mode():
            network(x)

    return evaluate


def lines_for(network: Localiser, options: argparse.Namespace) -> LineBatches:
    """Twice a batch of random lines."""
    random = np.random.default_rng(0)
    shape = 2 * options.lines, -(-LINE_SAMPLES // 2)
    lines = SimpleNamespace(
        rf=random.normal(size=shape).astype(np.float32),
        bubble_count=random.poisson(0.05, size=shape).astype(np.uint8),
    )
    return LineBatches(
        lines,
        padding=network.padding,
        input_scaling="volts",
        batch_size=options.lines,
        crop=options.crop,
        seed=0,
        device=CPU,
    )


def timed(work: Callable[[], object]) -> float:
    """Seconds of the processor, on all threads together, that ``work`` takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kernel-size", type=int, default=2111)
    parser.add_argument("--window", type=float, nargs="+", default=[16.0, 60.0], help="samples")
    parser.add_argument("--channels", type=int, default=15)
    parser.add_argument("--lines", type=int, default=32, help="lines in a batch")
    parser.add_argument("--crop", type=int, default=512, help="samples of a line in a batch")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


if __name__ == "__main__":
    main()
