"""The grid: the thesis's 22 networks, and what a change of the config changes."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest

from ckstudy.errors import StudyError
from ckstudy.study.config import read_configs, read_study
from ckstudy.study.folder import StudyFolder
from ckstudy.study.lines import SPLITS, noise_levels

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config() -> dict:
    return read_configs([ROOT / "config/config.yaml"])


def expand_grid(config: dict) -> tuple[dict, dict]:
    study = read_study(config)
    return study.runs, study.run_names


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


def test_an_experiment_of_several_mappings_trains_the_members_of_each(config):
    short, long = (
        {"networks": ["ckcnn"], "kernel_size": [65, 131]},
        {
            "networks": ["ckcnn"],
            "kernel_size": [131, 2111],
            "batch_size": [4],
        },
    )
    runs = {}
    for name, experiment in (("short", short), ("long", long), ("both", [short, long])):
        config["experiments"] = {name: experiment}
        runs[name], experiments = expand_grid(config)
        assert experiments == {name: list(runs[name])}
    assert len(runs["both"]) == 4
    assert runs["both"] == runs["short"] | runs["long"]


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
    assert upstream.training.optimizer_step == "epoch"
    assert upstream.training.learning_rate == 0.01
    assert upstream.network.options["omega_scales_bias"] is True
    assert len(runs) == 8


def test_a_training_setting_can_be_an_axis(config):
    config["experiments"] = {
        "steps": {"networks": ["ckcnn"], "optimizer_step": ["batch", "epoch"]},
    }
    runs, _ = expand_grid(config)
    assert {spec.training.optimizer_step for spec in runs.values()} == {"batch", "epoch"}
    assert len(runs) == 2


def test_weights_to_start_from_are_named_and_a_path_stays_one_folder(config):
    starts = [None, "best-1", "archive/laptop/runs/x/model.safetensors"]
    config["experiments"] = {"kernel_size": {"networks": ["cnn_dilated"], "start_from": starts}}
    runs, _ = expand_grid(config)
    assert [spec.training.start_from for spec in runs.values()] == starts
    assert list(runs) == [
        "cnn_dilated-s0",
        "cnn_dilated-start_from_best-1-s0",
        "cnn_dilated-start_from_archive_laptop_runs_x_model.safetensors-s0",
    ]


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
    assert noisy.noise == 32.0
    usual = before["ckcnn-k131-w30-s0"]
    assert replace(noisy, run=usual.run, noise=None) == usual
    assert all(spec.noise is None for spec in before.values())


def test_what_counts_as_noisy_is_relative_to_the_study(config):
    config["data"]["noise_percent"] = 32
    config["experiments"] = {"noise": {"networks": ["ckcnn"], "noise_percent": [32.0, 0]}}
    runs, _ = expand_grid(config)
    assert list(runs) == ["ckcnn-k131-w30-s0", "ckcnn-k131-w30-noise0-s0"]
    assert [spec.noise for spec in runs.values()] == [None, 0.0]
    assert noise_levels(runs.values()) == [None, 0.0]


def test_noisy_lines_are_the_studys_own_lines_but_for_the_noise(config):
    for split in SPLITS:
        data = read_study(config).data
        usual, noisy = data.simulation(split), data.simulation(split, 32.0)
        assert noisy == replace(usual, noise_percent=32.0)
    folder = StudyFolder(Path("results"))
    assert folder.data("test") == Path("results/data/test.h5")
    assert folder.data("test", 0.5) == Path("results/data/noise_0.5/test.h5")


@pytest.mark.parametrize(
    ("experiments", "wrong"),
    [
        ({}, "grid is empty"),
        ({"x": {"networks": []}}, "'networks' is empty"),
        ({"x": {"networks": ["ckcnn"], "kernel_size": []}}, "'kernel_size' is empty"),
        ({"x": {"networks": ["ckcnn"], "kernel_size": [64]}}, "an odd whole number .* not 64"),
        ({"x": {"networks": ["resnet"]}}, "networks must be one of .*, not 'resnet'"),
        ({"x": {"networks": ["ckcnn"], "kernal_size": [65]}}, "unknown axis 'kernal_size'"),
        ({"x": {"networks": ["ckcnn"], "preset": ["thesis"]}}, "preset must be one of"),
        ({"x": {"networks": ["ckcnn"], "omega_0": [-1]}}, "omega_0 must be .* above 0, not -1"),
        ({"x": {"networks": ["cnn_dilated"], "omega_0": ["thirty"]}}, "omega_0 .* not 'thirty'"),
        ({"x": {"networks": ["ckcnn"], "channels": [0]}}, "channels must be a whole number"),
        ({"x": {"networks": ["ckcnn"], "noise_percent": [-1]}}, "number of at least 0 .*, not -1"),
        ({"x": {"networks": ["ckcnn"], "noise_percent": ["4"]}}, "noise_percent .*, not '4'"),
        ({"x": {"networks": ["ckcnn"], "noise_percent": [True]}}, "noise_percent .*, not True"),
        ({"x": {"networks": ["ckcnn"], "noise_percent": [float("nan")]}}, "finite .*, not nan"),
        ({"x": {"networks": ["ckcnn"], "noise_percent": [1.234567]}}, "more digits than the six"),
        (
            {"x": {"networks": ["ckcnn"], "optimizer_step": ["epochs"]}},
            "optimizer_step .* 'epochs'",
        ),
        (
            {"x": {"networks": ["ckcnn"], "epochs": [0]}},
            "whole number of at least 1",
        ),
        (
            {"x": {"networks": ["ckcnn"], "learning_rate": [float("inf")]}},
            "finite .* not inf",
        ),
        ({"a/../b c": {"networks": ["ckcnn"]}}, "experiment must be a name"),
        ({"x": ["ckcnn"]}, "must be a mapping of axes"),
    ],
)
def test_a_grid_that_cannot_be_run_is_refused_in_one_message(config, experiments, wrong):
    config["experiments"] = experiments
    with pytest.raises(StudyError, match=wrong):
        expand_grid(config)


def test_numbers_are_spelt_whole_and_never_short(config):
    config["experiments"] = {
        "x": {
            "networks": ["cnn_dilated"],
            "batch_size": [1_000_000],
            "learning_rate": ["1e-3", 0.0123456789, 2.5e-4],
        }
    }
    config["training"]["learning_rate"] = 0.001
    runs, _ = expand_grid(config)
    assert list(runs) == [
        "cnn_dilated-batch_size_1000000-s0",
        "cnn_dilated-batch_size_1000000-learning_rate_0.0123456789-s0",
        "cnn_dilated-batch_size_1000000-learning_rate_0.00025-s0",
    ]
