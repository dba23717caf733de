"""How fast lines are localised, beside the published architecture.

    python benchmarks/localise.py --threads 2

Lines a second of whole simulated-length lines from RF to detections, through the code behind
``ckstudy localise``: for a network (by default one of the shape in config/best.yaml, since speed
does not depend on what it has learnt), and for the 12-layer dilated CNN of Blanken et al. (2022)
with its 137,729 parameters, in torch's own convolutions, each by as many lines at a time as suit
it (:mod:`ckstudy.networks.predict`). The two take turns on the same block of
lines in every round, so that whatever else the machine does meets both; ``ratio`` is the median
over the rounds of the CNN's time divided by the network's in the same round.
``memory_growth_mb`` is what sixteen times the lines add to the largest resident memory that four
times as many had taken: nothing, where memory does not depend on their number.
"""

import argparse
import platform
import resource
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ckstudy.acoustics.constants import LINE_SAMPLES
from ckstudy.files import write_text
from ckstudy.localisation.localise import Localisation, prepare
from ckstudy.localisation.recording import recording_of
from ckstudy.networks import Localiser, build_network, count_parameters
from ckstudy.networks.release import load_model
from ckstudy.provenance import commit
from ckstudy.study.config import read_configs, read_study

OUT = Path(__file__).parent / "results" / "localise.csv"
CONFIG = Path(__file__).parents[1] / "config"
RATE = 62.5e6
SAMPLES = -(-LINE_SAMPLES // 4)


def main() -> None:
    """Time both networks, print and write a table."""
    options = _arguments()
    torch.set_num_threads(options.threads)
    networks = {
        "network": shape_of_best() if options.model is None else load_model(options.model),
        "published": build_network("cnn_dilated", preset="upstream", seed=0).eval(),
    }
    seconds = in_turns(networks, options.lines, options.rounds)
    ratio = [b / a for a, b in zip(seconds["network"], seconds["published"], strict=True)]
    grown = memory_growth(networks["network"], options.lines)
    rows = [
        {
            "network": name,
            "parameters": count_parameters(network),
            "lines_per_second": options.lines / statistics.median(seconds[name]),
            "best_lines_per_second": options.lines / min(seconds[name]),
            "ratio": statistics.median(ratio) if name == "network" else 1.0,
            "memory_growth_mb": grown if name == "network" else float("nan"),
        }
        for name, network in networks.items()
    ]
    table = pd.DataFrame(rows).assign(
        samples=SAMPLES,
        lines=options.lines,
        rounds=options.rounds,
        threads=options.threads,
        conditions=f"{platform.processor() or platform.machine()}, torch {torch.__version__}",
        commit=commit(),
    )
    print(table.drop(columns=["conditions", "commit"]).to_string(index=False))
    write_text(options.out, table.to_csv(index=False, float_format="%.4g"))


def shape_of_best() -> Localiser:
    """An untrained network of the shape that config/best.yaml trains."""
    study = read_study(read_configs([CONFIG / "config.yaml", CONFIG / "best.yaml"]))
    (best,) = study.run_names["best"]
    spec = study.runs[best]
    network = build_network(spec.network.name, seed=0, **spec.network.options)
    network.input_scaling = spec.training.input_scaling
    return network.eval()


def in_turns(networks: dict[str, Localiser], lines: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each network in each round, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in networks}
    rf = some_lines(lines)
    for number in range(rounds + 1):
        for name, network in networks.items():
            began = time.perf_counter()
            localise(network, rf)
            if number:
                seconds[name].append(time.perf_counter() - began)
        print(f"round {number} of {rounds}", file=sys.stderr)
    return seconds


def memory_growth(network: Localiser, lines: int) -> float:
    """MB by which 16 instead of 4 times the lines raise the largest resident memory."""
    few = some_lines(lines)
    # The same lines over and over: what is read costs no memory of its own.
    largest = []
    for times in (4, 16):
        localise(network, np.broadcast_to(few, (times, *few.shape)), samples_axis=2)
        largest.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return (largest[1] - largest[0]) / 1024


def localise(network: Localiser, rf: np.ndarray, samples_axis: int | None = None) -> int:
    """The number of detections in ``rf``, found and counted block by block."""
    recording = recording_of(rf, samples_axis)
    how = Localisation(network, threshold=0.1)
    grid = prepare(network, recording, RATE)
    return sum(len(found) for _, found in how.blocks(recording, grid, progress=False))


def some_lines(lines: int) -> np.ndarray:
    """Lines (lines, samples) of noise in the band of an echo."""
    random = np.random.default_rng(0)
    tone = np.hanning(128) * np.cos(2 * np.pi * 2.1e6 / RATE * np.arange(128))
    noise = random.normal(size=(lines, SAMPLES + 127))
    return np.stack([np.convolve(row, tone, "valid") for row in noise]).astype(np.float32)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", help="name or file of a released network")
    parser.add_argument("--lines", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


if __name__ == "__main__":
    main()
