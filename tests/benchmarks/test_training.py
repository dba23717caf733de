"""The benchmark of training: it runs without a card, and its floor is what it says."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from benchmark_script import load

from ckstudy.networks import build_network

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def benchmark():
    return load("training")


def test_it_times_the_shapes_of_a_grid(tmp_path):
    out = tmp_path / "speed.csv"
    arguments = ["--steps", "2", "--repeats", "2", "--device", "cpu", "--out", str(out)]
    arguments += ["--jobs", "2", "--threads", "1"]
    # Every shape is timed in new processes, whose start is all that takes time here.
    fewer = tmp_path / "fewer.yaml"
    left_out = ("dilated", "long_thesis", "long_balanced_windowed", "full_thesis")
    fewer.write_text(json.dumps({"experiments": dict.fromkeys(left_out)}))
    for path in ("config/config.yaml", "config/tiny.yaml", fewer):
        arguments += ["--config", path]
    answer = subprocess.run(
        [sys.executable, "benchmarks/training.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert answer.returncode == 0, answer.stderr
    assert "the whole grid:" in answer.stdout
    with open(out, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {(row["network"], row["kernel_size"]) for row in rows} == {
        ("ckcnn", "9"),
        ("ckcnn", "131"),
    }
    for row in rows:
        assert (row["jobs"], row["threads"]) == ("2", "1")
        assert float(row["steps_per_second"]) > 0
        assert 0 < float(row["floor_share"]) < 1
        # Two steps an epoch of six lines, and a validation of four, in every epoch.
        epoch = 2 / float(row["steps_per_second"]) + 4 / float(row["validation_lines_per_second"])
        assert float(row["seconds_per_epoch"]) == pytest.approx(epoch, rel=1e-2)
        hours = 2 * int(row["members"]) * epoch / 3600
        assert float(row["hours_for_members"]) == pytest.approx(hours, rel=1e-2)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cnn_dilated", {"layers": 1, "channels": 5}),
        ("ckcnn", {"layers": 1, "channels": 5, "kernel_size": 3, "hidden": 4}),
    ],
)
def test_the_floor_is_that_of_a_count_by_hand(benchmark, name, options):
    # 102 samples in, 100 out. The convolution reads 1 channel and writes 5, and backwards reads
    # both again. Batch norm: 8 passes over 5 channels. The last convolution: 5 channels to 1,
    # forwards and backwards, and the gradient of its input.
    first = 2 * 1 * 102 + 2 * 5 * 100
    norm = 8 * 5 * 100
    last = 2 * 5 * 100 + 2 * 1 * 100 + 5 * 100
    network = build_network(name, **options)
    assert benchmark.floor_bytes(network, 7, 102) == 4 * 7 * (first + norm + last)


def test_the_floor_of_a_cut_network_is_that_of_its_effective_kernels(benchmark):
    options = {"channels": 5, "layers": 2, "hidden": 4}
    long = build_network("ckcnn", **options, kernel_size=263, window=6.0)  # keeps 2·32 + 1 taps
    short = build_network("ckcnn", **options, kernel_size=65)
    expected = benchmark.floor_bytes(short, 7, 100 + 2 * short.padding)
    assert benchmark.floor_bytes(long, 7, 100 + 2 * long.padding) == expected


def test_the_bandwidth_is_a_possible_one(benchmark):
    assert 1e8 < benchmark.copy_bandwidth(torch.device("cpu")) < 1e13
