"""The grid: the thesis's 22 networks, and what a change of the config changes."""

import copy
from pathlib import Path

import pytest

from ckstudy.errors import StudyError
from ckstudy.study.config import read_configs
from ckstudy.study.folder import StudyFolder
from ckstudy.study.grid import expand_grid
from ckstudy.study.lines import SPLITS, noise_levels, noise_of, simulation_spec

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config() -> dict:
    return read_configs([ROOT / "config/config.yaml"])


def test_the_thesis_trains_22_networks(config):
    runs, experiments = expand_grid(config)
    assert len(runs) == 22
    assert {name: len(of) for name, of in experiments.items()} == {
        "dilated": 2,
        "kernel_size": 6,
        "omega_0": 16,
    }
    shared = set(experiments["kernel_size"]) & set(experiments["omega_0"])
    assert shared == {"ckcnn-k131-w30-s0", "ckcnn-k527-w30-s0"}


def test_an_axis_that_does_not_apply_collapses(config):
    config["experiments"] = {"dilated": {"networks": ["cnn_dilated"], "omega_0": [1, 2, 3]}}
    runs, _ = expand_grid(config)
    assert list(runs) == ["cnn_dilated-s0"]


def test_one_more_kernel_size_adds_one_run_and_changes_no_other(config):
    before, _ = expand_grid(config)
    larger = copy.deepcopy(config)
    larger["experiments"]["kernel_size"]["kernel_size"].append(33)
    after, _ = expand_grid(larger)
    assert set(after) - set(before) == {"ckcnn-k33-w30-s0"}
    assert all(after[name] == spec for name, spec in before.items())


def test_further_axes_are_named_where_they_differ_from_the_study(config):
    config["experiments"] = {
        "readings": {
            "networks": ["ckcnn"],
            "kernel_init": ["siren", "released"],
            "preset": ["thesis-text", "upstream"],
            "seed": [0, 7],
        }
    }
    runs, _ = expand_grid(config)
    assert "ckcnn-k131-w30-s0" in runs
    assert "ckcnn-k131-w30-kernel_init_released-s7" in runs
    upstream = runs["ckcnn-k131-w30-kernel_init_released-preset_upstream-s0"]
    assert upstream["training"]["optimizer_step"] == "epoch"
    assert upstream["training"]["learning_rate"] == 0.01
    assert upstream["network"]["omega_scales_bias"] is True
    assert len(runs) == 8


def test_a_training_setting_can_be_an_axis(config):
    config["experiments"] = {
        "steps": {"networks": ["ckcnn"], "optimizer_step": ["batch", "epoch"]},
    }
    runs, _ = expand_grid(config)
    assert {spec["training"]["optimizer_step"] for spec in runs.values()} == {"batch", "epoch"}
    assert len(runs) == 2


def test_noise_is_an_axis_of_the_lines_and_leaves_the_usual_runs_alone(config):
    before, _ = expand_grid(config)
    config["experiments"]["noise"] = {
        "networks": ["ckcnn", "cnn_dilated"],
        "noise_percent": [0, 32, 0.5],
    }
    after, experiments = expand_grid(config)
    assert all(after[name] == spec for name, spec in before.items())
    assert experiments["noise"] == [
        "ckcnn-k131-w30-s0",
        "ckcnn-k131-w30-noise32-s0",
        "ckcnn-k131-w30-noise0.5-s0",
        "cnn_dilated-s0",
        "cnn_dilated-noise32-s0",
        "cnn_dilated-noise0.5-s0",
    ]
    noisy = after["ckcnn-k131-w30-noise32-s0"]
    assert noisy["data"] == {"noise_percent": 32.0}
    assert noisy | {"run": "", "data": 0} == before["ckcnn-k131-w30-s0"] | {"run": "", "data": 0}
    assert not any("data" in spec for spec in before.values())


def test_what_counts_as_noisy_is_relative_to_the_study(config):
    config["data"]["noise_percent"] = 32
    config["experiments"] = {"noise": {"networks": ["ckcnn"], "noise_percent": [32.0, 0]}}
    runs, _ = expand_grid(config)
    assert list(runs) == ["ckcnn-k131-w30-s0", "ckcnn-k131-w30-noise0-s0"]
    assert [noise_of(spec) for spec in runs.values()] == [None, 0.0]
    assert noise_levels(runs.values()) == [None, 0.0]


def test_noisy_lines_are_the_studys_own_lines_but_for_the_noise(config):
    for split in SPLITS:
        own, noisy = simulation_spec(config, split), simulation_spec(config, split, 32.0)
        assert noisy == own | {"noise_percent": 32.0}
    folder = StudyFolder(Path("results"))
    assert folder.data("test") == Path("results/data/test.h5")
    assert folder.data("test", 0.5) == Path("results/data/noise_0.5/test.h5")


@pytest.mark.parametrize(
    ("experiments", "wrong"),
    [
        ({}, "grid is empty"),
        ({"x": {"networks": []}}, "'networks' is empty"),
        ({"x": {"networks": ["ckcnn"], "kernel_size": []}}, "'kernel_size' is empty"),
        ({"x": {"networks": ["ckcnn"], "kernel_size": [64]}}, "64 is even"),
        ({"x": {"networks": ["resnet"]}}, "unknown network 'resnet'"),
        ({"x": {"networks": ["ckcnn"], "kernal_size": [65]}}, "unknown axis 'kernal_size'"),
        ({"x": {"networks": ["ckcnn"], "preset": ["thesis"]}}, "unknown preset 'thesis'"),
        ({"x": {"networks": ["ckcnn"], "omega_0": [-1]}}, "omega_0 must be positive"),
        ({"x": {"networks": ["ckcnn"], "channels": [0]}}, "channels must be a whole number"),
        ({"x": {"networks": ["ckcnn"], "noise_percent": [-1]}}, "number of at least 0, not -1"),
        ({"x": {"networks": ["ckcnn"], "noise_percent": ["4"]}}, "number of at least 0, not '4'"),
        ({"x": {"networks": ["ckcnn"], "noise_percent": [True]}}, "at least 0, not True"),
        ({"x": {"networks": ["ckcnn"], "noise_percent": [float("nan")]}}, "at least 0, not nan"),
        ({"x": {"networks": ["ckcnn"], "noise_percent": [1.234567]}}, "more digits than the six"),
    ],
)
def test_a_grid_that_cannot_be_run_is_refused_in_one_message(config, experiments, wrong):
    config["experiments"] = experiments
    with pytest.raises(StudyError, match=wrong):
        expand_grid(config)
