"""The grid: the thesis's 22 networks, and what a change of the config changes."""

import copy
from pathlib import Path

import pytest

from ckstudy.cli.arguments import read_configs
from ckstudy.errors import StudyError
from ckstudy.grid import expand_grid

ROOT = Path(__file__).parents[1]


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
    ],
)
def test_a_grid_that_cannot_be_run_is_refused_in_one_message(config, experiments, wrong):
    config["experiments"] = experiments
    with pytest.raises(StudyError, match=wrong):
        expand_grid(config)
