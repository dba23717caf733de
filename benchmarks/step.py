"""Where the time of a training step goes.

    python benchmarks/step.py --kernel-sizes 131 2111

Shares of the processor's time, by torch's profiler, of whole steps of the large-kernel CKCNN (22
channels, 64 whole lines, one thread): its convolutions, with the gradients; batch norm; ReLU; and
the rest, which is the sampling of the kernels, the loss, the optimiser and Python. The loss
smooths by a convolution too, and the first and the last layer are convolutions of torch's own:
they count as such.
"""

import argparse
import platform
from pathlib import Path

import pandas as pd
import torch
from torch.profiler import ProfilerActivity, profile

from ckstudy.acoustics.constants import LINE_SAMPLES
from ckstudy.files import write_text
from ckstudy.networks import build_network
from ckstudy.provenance import commit
from ckstudy.training.loss import DualLoss

OUT = Path(__file__).parent / "results" / "step.csv"
SAMPLES = -(-LINE_SAMPLES // 4)
PARTS = {
    "convolutions": (
        "ckstudy::conv1d",
        "ckstudy::conv1d_gradients",
        "aten::mkldnn_convolution",
        "aten::convolution_backward",
    ),
    "batch_norm": ("aten::native_batch_norm", "aten::native_batch_norm_backward"),
    "relu": ("aten::clamp_min", "aten::clamp_min_", "aten::threshold_backward"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernel-sizes", type=int, nargs="+", default=[131])
    parser.add_argument("--channels", type=int, default=22)
    parser.add_argument("--lines", type=int, default=64)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows = [
        {"kernel_size": size, **shares(size, asked), **vars(asked)} for size in asked.kernel_sizes
    ]
    table = pd.DataFrame(rows).drop(columns=["kernel_sizes", "out"])
    table["conditions"] = f"{platform.machine()}, torch {torch.__version__}, one thread"
    table["commit"] = commit()
    write_text(asked.out, table.to_csv(index=False, float_format="%.4g", lineterminator="\n"))
    print(table.to_string(index=False))


def shares(kernel_size: int, asked: argparse.Namespace) -> dict[str, float]:
    """Medians over the rounds."""
    network = build_network(
        "ckcnn", channels=asked.channels, layers=4, kernel_size=kernel_size, hidden=32, seed=0
    ).train()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(asked.lines, 1, SAMPLES + 2 * network.padding, generator=generator)
    count = (torch.rand(asked.lines, 1, SAMPLES, generator=generator) < 0.05).float()
    loss = DualLoss()
    adam = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)

    def steps(number: int) -> None:
        for _ in range(number):
            loss(network.valid(x), count).backward()
            adam.step()
            adam.zero_grad(set_to_none=False)

    steps(2)
    found = []
    for _ in range(asked.rounds):
        with profile(activities=[ProfilerActivity.CPU]) as profiled:
            steps(asked.steps)
        events = {event.key: event for event in profiled.key_averages()}
        total = sum(event.self_cpu_time_total for event in events.values())
        parts = {
            part: sum(events[name].cpu_time_total for name in names if name in events) / total
            for part, names in PARTS.items()
        }
        rest = 1 - sum(parts.values())
        found.append({**parts, "rest": rest, "seconds_a_step": 1e-6 * total / asked.steps})
    return pd.DataFrame(found).median().to_dict()


if __name__ == "__main__":
    main()
