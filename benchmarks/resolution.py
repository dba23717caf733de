r"""Is a continuous kernel free of the sampling rate? Networks at rates they were not trained at.

    python benchmarks/resolution.py best=src/ckstudy/networks/weights/best.safetensors \
        windowed=runs/RUN/model.safetensors free=runs/RUN/model.safetensors

The same bubbles, simulated at 31.25, 62.5 and 125 MHz, localised by networks that were trained at
62.5 MHz in two ways: the *signal* is resampled to 62.5 MHz by a polyphase filter, as `ckstudy
localise` does, or the *kernels* are sampled anew for the rate of the signal
(`ckstudy.networks.resampling`); free kernels are interpolated by the same filter. Scores allow the
same time on both sides, 64 ns (4 samples at 62.5 MHz). Each threshold is chosen on other lines, at
the same rate and for the same way. Writes `benchmarks/results/resolution.csv` and
`docs/figures/resolution.png`.
"""

import argparse
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from ckstudy.acoustics.simulate_dataset import simulate_dataset
from ckstudy.acoustics.specification import SAMPLING_RATES_MHZ, SimulationSpec
from ckstudy.dataset import Lines, read_lines
from ckstudy.files import write_text
from ckstudy.localisation.resample import Grid
from ckstudy.networks import Localiser, count_parameters
from ckstudy.networks.predict import predict_lines
from ckstudy.networks.release import load_model
from ckstudy.networks.resampling import resampled
from ckstudy.provenance import commit
from ckstudy.report.figures import style
from ckstudy.scoring.evaluation import SCORERS
from ckstudy.scoring.intervals import mean_interval
from ckstudy.scoring.thresholds import THRESHOLDS

ROOT = Path(__file__).parents[1]
TRAINED_MHZ = 62.5
TOLERANCE_NS = 64.0
SPLITS = {"validation": 1_000_000, "test": 2_000_000}
WAYS = {"signal": "signal resampled", "kernels": "kernels sampled anew"}
COLOURS = (style.BLUE, style.VERMILION, style.GREEN, style.ORANGE, style.PURPLE, style.BLACK)


def main() -> None:
    """Measure every network at every rate, and draw what was found."""
    options = _arguments()
    torch.set_num_threads(options.threads)
    rows = []
    for name, path in options.networks:
        network = load_model(path)
        for rate in SAMPLING_RATES_MHZ:
            for way in WAYS:
                if rate == TRAINED_MHZ and way == "kernels":
                    continue  # the same network and the same lines
                rows += measure(name, network, rate, way, options)
                print(rows[-2], flush=True)
    table = pd.DataFrame(rows).assign(commit=commit(), seed=options.seed)
    out = ROOT / "benchmarks" / "results" / "resolution.csv"
    write_text(out, table.to_csv(index=False, float_format="%.6g"))
    draw(table, ROOT / "docs" / "figures" / "resolution.png")


def measure(
    name: str, network: Localiser, rate: float, way: str, options: argparse.Namespace
) -> list[dict]:
    """A row for each score: mean F1 of the test lines at 64 ns, with its interval."""
    own_grid = way == "kernels"
    there = resampled(network, rate / TRAINED_MHZ) if own_grid else network
    grid = rate if own_grid else TRAINED_MHZ
    tolerance = round(TOLERANCE_NS * 1e-3 * grid)
    chosen: dict[str, float] = {}
    rows = []
    for split in SPLITS:
        lines = lines_at(rate, split, options)
        truth = lines if own_grid else lines_at(TRAINED_MHZ, split, options)
        rf = lines.rf
        if not own_grid:
            rf = Grid.between(1e6 * rate, 1e6 * TRAINED_MHZ, rf.shape[1]).resample(rf)
        signal = fitted(predict_lines(there, rf), truth.bubble_count.shape[1])
        for score, how in SCORERS.items():
            f1 = how.f1(how.count(signal, truth.bubble_count, THRESHOLDS))[:, tolerance]
            if split == "validation":
                chosen[score] = float(THRESHOLDS[f1.mean(axis=0).argmax()])
                continue
            interval = mean_interval(f1[:, list(THRESHOLDS).index(chosen[score])])
            rows.append(
                {
                    "network": name,
                    "parameters": count_parameters(network),
                    "rate_mhz": rate,
                    "way": way,
                    "score": score,
                    "tolerance_ns": TOLERANCE_NS,
                    "threshold": chosen[score],
                    "mean_f1": float(interval.value),
                    "ci_low": float(interval.low),
                    "ci_high": float(interval.high),
                    "lines": len(f1),
                }
            )
    return rows


def fitted(signal: np.ndarray, samples: int) -> np.ndarray:
    """The signal with as many samples as its truth: rates round the end of a line differently."""
    return np.pad(signal, ((0, 0), (0, max(0, samples - signal.shape[1]))))[:, :samples]


def lines_at(rate: float, split: str, options: argparse.Namespace) -> Lines:
    """The lines of ``split`` at a rate, from the folder of work if they are there."""
    spec = SimulationSpec(
        split=split,
        lines=options.lines // (2 if split == "validation" else 1),
        seed=options.seed,
        first_line=SPLITS[split],
    )
    path = options.work / f"{split}_{spec.lines}_{spec.seed}_{rate:g}.h5"
    if not path.is_file():
        simulate_dataset(replace(spec, sampling_rate_mhz=rate), path)
    return read_lines(path)


def draw(table: pd.DataFrame, path: Path) -> None:
    """F1 over the rate, a panel for each score."""
    with style.house_style():
        figure, axes = plt.subplots(
            1, 2, figsize=(style.PAGE, 3.0), layout="constrained", sharey=True
        )
        for ax, (score, rows) in zip(axes, table.groupby("score", sort=False), strict=True):
            networks = rows.groupby("network", sort=False)
            for (name, of), colour in zip(networks, cycle(COLOURS), strict=False):
                for way, marker, line in (("signal", "o", "-"), ("kernels", "s", ":")):
                    at = of[(of["way"] == way) | (of["rate_mhz"] == TRAINED_MHZ)]
                    at = at.sort_values("rate_mhz")
                    ax.errorbar(
                        at["rate_mhz"],
                        at["mean_f1"],
                        yerr=[at["mean_f1"] - at["ci_low"], at["ci_high"] - at["mean_f1"]],
                        color=colour,
                        marker=marker,
                        linestyle=line,
                        label=f"{name}, {WAYS[way]}",
                    )
            ax.set(xscale="log", xlabel="sampling rate (MHz)", title=f"{score} F1, ±64 ns")
            ax.set_xticks(SAMPLING_RATES_MHZ, [f"{rate:g}" for rate in SAMPLING_RATES_MHZ])
            ax.minorticks_off()
            ax.set_ylim(0, 1)
        axes[0].set_ylabel("mean F1 of test lines")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize="x-small")
        style.save(figure, path.with_suffix(""))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "networks", nargs="+", metavar="NAME=FILE", type=lambda text: tuple(text.rsplit("=", 1))
    )
    parser.add_argument("--lines", type=int, default=256, help="test lines; half for thresholds")
    parser.add_argument("--seed", type=int, default=31415)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("results/resolution"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
