"""How fast the networks of a study train: steps per second, seconds per epoch, the whole grid.

    python benchmarks/training.py --config config/config.yaml --config config/quick.yaml

Each shape of network (architecture and kernel size) is timed once: on random lines, by the very
steps that a training does, recorded as CUDA graphs where there is a card. The projection counts
every member of the grid, its epochs and its validations. With ``--jobs`` as many processes time
the shape side by side, and the table has the steps that all of them do in a second.

The floor of a step is the time that moving its activations takes, at the bandwidth of a plain
copy measured beside it, if everything between two passes over the memory were fused (and kernels
cut as far as their windows allow): a
convolution reads its input and writes its output, batch norm reads that twice (statistics, then
values) and writes it once; backwards batch norm reads the gradient and its input twice and writes
once, the convolution reads gradient and input and writes the gradient of its input. Transforms
would be free. No implementation reaches it; the share tells how far there is still to go.
"""

import argparse
import csv
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from ckstudy.acoustics.constants import LINE_SAMPLES
from ckstudy.campaign.progress import members
from ckstudy.devices.torch_device import computing_on, resolve_device
from ckstudy.files import atomic_path
from ckstudy.networks import CKConv, Localiser, build_network, count_parameters
from ckstudy.study.config import Study, read_configs, read_study
from ckstudy.study.spec import RunSpec
from ckstudy.training.batches import LineBatches
from ckstudy.training.loss import DualLoss
from ckstudy.training.steps import WARM_UP, Steps

COLUMNS = (
    "network",
    "kernel_size",
    "channels",
    "members",
    "parameters",
    "device",
    "jobs",
    "threads",
    "batch_size",
    "samples",
    "steps_per_second",
    "spread",
    "floor_share",
    "validation_lines_per_second",
    "seconds_per_epoch",
    "hours_for_members",
)


def main() -> None:
    """Time the shapes of a study's grid and print a table."""
    options = _arguments()
    study = read_study(read_configs(options.config))
    device = resolve_device(options.device)
    if options.threads:
        torch.set_num_threads(options.threads)
    shapes: dict[tuple, list[dict]] = {}
    for spec in members(study, options.only).values():
        network = {"name": spec.network.name, **spec.network.options}
        network.pop("omega_0", None)
        shapes.setdefault(tuple(network.items()), []).append(spec)
    name = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    with computing_on(device):
        bandwidth = copy_bandwidth(device)
        print(
            f"{name}, {options.jobs} x {torch.get_num_threads()} threads, "
            f"torch {torch.__version__}; a copy moves {bandwidth / 1e9:.3g} GB/s",
            file=sys.stderr,
        )
        rows = []
        for specs in shapes.values():
            rows.append(measure(specs, study, device, bandwidth, options))
            _print(rows[-1], header=len(rows) == 1)
    print(f"the whole grid: {sum(row['hours_for_members'] for row in rows):.3g} h")
    if options.out:
        with atomic_path(options.out) as temporary, open(temporary, "w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(
                {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()}
                for row in rows
            )


def measure(
    specs: list[RunSpec],
    study: Study,
    device: torch.device,
    bandwidth: float,
    options: argparse.Namespace,
) -> dict:
    """A row of the table: the members ``specs`` have networks of one shape."""
    settings, lines = specs[0].training, study.data.lines
    data = study.data.simulation("train")
    size = min(options.batch_size or settings.batch_size, lines["train"])
    shape = size, -(-LINE_SAMPLES // data.every)
    timings = in_jobs(options.jobs, specs[0], shape, device, options)
    # Of a step or a validation among all that are done side by side.
    step_seconds = 1 / sum(1 / statistics.median(steps) for steps, _ in timings)
    validation_rate = sum(size / seconds for _, seconds in timings)
    spread = max((max(steps) - min(steps)) / statistics.median(steps) for steps, _ in timings)
    every = settings.validation_every
    epoch = lines["train"] / size * step_seconds
    epoch += lines["validation"] / validation_rate / every if every else 0.0
    network = _network(specs[0])
    samples = (settings.crop or shape[1]) + 2 * network.padding
    return {
        "network": network.name,
        "kernel_size": network.options.get("kernel_size", 3),
        "channels": network.options["channels"],
        "members": len(specs),
        "parameters": count_parameters(network),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "jobs": options.jobs,
        "threads": torch.get_num_threads(),
        "batch_size": size,
        "samples": samples,
        "steps_per_second": 1 / step_seconds,
        "spread": spread,
        "floor_share": floor_bytes(network, size, samples) / bandwidth / step_seconds,
        "validation_lines_per_second": validation_rate,
        "seconds_per_epoch": epoch,
        "hours_for_members": sum(spec.training.epochs for spec in specs) * epoch / 3600,
    }


def in_jobs(
    jobs: int,
    spec: RunSpec,
    shape: tuple[int, int],
    device: torch.device,
    options: argparse.Namespace,
) -> list[tuple[list[float], float]]:
    """:func:`time_shape` of as many processes, which begin each measurement together."""
    if jobs == 1:
        return [time_shape(spec, shape, device, options, lambda: None)]
    context = multiprocessing.get_context("spawn")
    meeting = context.Barrier(jobs)
    with context.Pool(jobs, _start_job, (meeting, torch.get_num_threads())) as pool:
        # Each process takes one: it is held at the meeting until the others are there.
        return pool.map(_job, [(spec, shape, str(device), options)] * jobs, chunksize=1)


def _start_job(meeting, threads: int) -> None:
    global _meeting
    _meeting = meeting
    torch.set_num_threads(threads)


def _job(task: tuple) -> tuple[list[float], float]:
    spec, shape, device, options = task
    with computing_on(torch.device(device)):
        return time_shape(spec, shape, torch.device(device), options, _meeting.wait)


def time_shape(
    spec: RunSpec,
    shape: tuple[int, int],
    device: torch.device,
    options: argparse.Namespace,
    meet: Callable[[], object],
) -> tuple[list[float], float]:
    """Seconds of a step in each measurement, and of a validation of (lines, samples) ``shape``."""
    (size, length), settings = shape, spec.training
    network = _network(spec).to(device).train()
    batches = _random_lines((2 * size, length), network, size, settings.crop, device)
    rate = torch.tensor(1e-3, device=device)
    adam = torch.optim.Adam(
        network.parameters(),
        lr=rate,
        fused=True,
        capturable=device.type == "cuda",
    )
    loss = DualLoss(**asdict(spec.loss)).to(device)
    steps = Steps(
        network,
        loss,
        adam,
        batches,
        once_an_epoch=False,
        say=lambda line: print(line, file=sys.stderr),
    )

    def some(count: int) -> None:
        for step in range(count):
            if step % 2 == 0:
                steps.begin(0)
            steps.one(step % 2)
        steps.losses.cpu()  # waits for the device

    some(options.warm_up if device.type == "cpu" else 2 * WARM_UP)
    seconds = []
    for _ in range(options.repeats):
        meet()
        seconds.append(timed(lambda: some(options.steps)) / options.steps)

    network.eval()
    whole = _random_lines(shape, network, size, None, device)

    def validate() -> None:
        with torch.inference_mode():
            for rf, count in whole.epoch(0):
                loss(network.valid(rf), count).item()

    validate()
    meet()
    return seconds, timed(validate)


def _network(spec: RunSpec) -> Localiser:
    return build_network(spec.network.name, seed=0, **spec.network.options)


def floor_bytes(network: Localiser, lines: int, samples: int) -> int:
    """Bytes that a step of ``lines`` lines moves at least, see the module's text."""
    values = 0
    # What the cuts of windowed kernels leave unused is never read.
    samples -= 2 * sum(m.unused for m in network.modules() if isinstance(m, CKConv))
    for layer in network.modules():
        if isinstance(layer, CKConv):
            inward, outward = layer.in_channels, layer.out_channels
            reach = (layer.kernel_size - 1) * layer.dilation - 2 * layer.unused
        elif isinstance(layer, nn.Conv1d):
            inward, outward = layer.in_channels, layer.out_channels
            reach = (layer.kernel_size[0] - 1) * layer.dilation[0]
        elif isinstance(layer, nn.BatchNorm1d | nn.LayerNorm):
            # Forwards 2 reads and a write, backwards 4 reads and a write.
            values += 8 * outward * samples
            continue
        else:
            continue
        values += 2 * inward * samples
        samples -= reach
        values += 2 * outward * samples
        if inward > 1:  # nothing needs the gradient of the line itself
            values += inward * (samples + reach)
    return 4 * lines * values


def copy_bandwidth(device: torch.device) -> float:
    """Bytes per second that a copy of much memory reads and writes."""
    source = torch.zeros((1 << 26) if device.type == "cpu" else (1 << 28), device=device)
    target = torch.empty_like(source)

    def copy() -> None:
        target.copy_(source)
        target[0].item()

    copy()
    return 8 * source.numel() / min(timed(copy) for _ in range(5))


def timed(work: Callable[[], None]) -> float:
    """Seconds that ``work`` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _random_lines(
    shape: tuple[int, int],
    network: Localiser,
    batch_size: int,
    crop: int | None,
    device: torch.device,
) -> LineBatches:
    random = np.random.default_rng(0)
    lines = SimpleNamespace(
        rf=random.normal(size=shape).astype(np.float32),
        bubble_count=random.poisson(0.05, size=shape).astype(np.uint8),
    )
    return LineBatches(
        lines,
        padding=network.padding,
        input_scaling="volts",
        batch_size=batch_size,
        crop=crop,
        seed=0,
        device=device,
    )


def _print(row: dict, header: bool) -> None:
    if header:
        print(
            f"{'network':<14} {'K':>5} {'C':>3} {'batch':>5} {'samples':>7} {'steps/s':>8} "
            f"{'spread':>6} {'floor':>6} {'s/epoch':>8} {'members':>7} {'hours':>7}"
        )
    print(
        f"{row['network']:<14} {row['kernel_size']:>5} {row['channels']:>3} "
        f"{row['batch_size']:>5} {row['samples']:>7} {row['steps_per_second']:>8.3g} "
        f"{row['spread']:>6.0%} {row['floor_share']:>6.1%} {row['seconds_per_epoch']:>8.3g} "
        f"{row['members']:>7} {row['hours_for_members']:>7.3g}",
        flush=True,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--config", type=Path, action="append", required=True)
    parser.add_argument("--only", action="append", help="an experiment or a pattern of runs")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--jobs", type=int, default=1, help="networks side by side")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads of each")
    parser.add_argument("--steps", type=int, default=10, help="steps in a measurement")
    parser.add_argument("--repeats", type=int, default=3, help="measurements, for the median")
    parser.add_argument("--warm-up", type=int, default=1, help="steps before, on the CPU")
    parser.add_argument("--batch-size", type=int, help="lines in a batch instead of the config's")
    parser.add_argument("--out", type=Path, help="CSV of the table")
    return parser.parse_args()


if __name__ == "__main__":
    main()
