"""The workflow: what it plans, what it refuses, and that it runs from nothing to the tables."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from checkout import ckstudy, copy_checkout, planned, snakemake


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A copy of what the workflow needs."""
    return copy_checkout(tmp_path)


def overlay(folder: Path, changes: dict) -> str:
    path = folder / "overlay.yaml"
    path.write_text(yaml.safe_dump(changes), encoding="utf-8")
    return str(path)


def test_the_full_study_plans_22_trainings(checkout):
    jobs = planned(snakemake(checkout, "-n"))
    assert jobs["train"] == jobs["calibrate"] == jobs["evaluate"] == 22
    assert jobs["simulate"] == 3


def test_the_cluster_profile_plans_the_same(checkout):
    jobs = planned(snakemake(checkout, "-n", "--workflow-profile", "profiles/slurm"))
    assert jobs["train"] == 22


def test_no_training_sees_a_test_line(checkout):
    answer = snakemake(checkout, "-n", "--until", "calibrate")
    assert planned(answer)["train"] == 22
    assert "test.h5" not in answer.stdout


def inputs(answer: subprocess.CompletedProcess, rule: str) -> dict[str, str]:
    """Inputs of a rule's planned jobs by their wildcard, from what a dry run prints."""
    jobs = re.findall(rf"^rule {rule}:\n((?: {{4}}.*\n)+)", answer.stdout, re.M)
    return {
        re.search(r"wildcards: \w+=(.*)", job)[1]: re.search(r"input: (.*)", job)[1] for job in jobs
    }


def test_each_network_gets_the_lines_of_its_own_noise(checkout):
    noise = {
        "networks": ["ckcnn"],
        "kernel_size": [131],
        "omega_0": [30],
        "noise_percent": [0, 0.5, 32],
    }
    changes = overlay(checkout, {"experiments": {"noise": noise}})
    answer = snakemake(checkout, "-n", "--configfile", changes)
    jobs = planned(answer)
    assert jobs["train"] == jobs["calibrate"] == jobs["evaluate"] == 24
    assert jobs["simulate"] == 9
    folders = {"": "data/t", "-noise0.5": "data/noise_0.5/t", "-noise32": "data/noise_32/t"}
    for rule, split in (("train", "train"), ("calibrate", "train"), ("evaluate", "test")):
        found = inputs(answer, rule)
        assert len(found) == 24
        for run, files in found.items():
            level = re.search(r"-noise[0-9.]+|$", run)[0]
            assert f"results/thesis/{folders[level]}{split[1:]}.h5" in files, run
            assert files.count(".h5") == (1 if rule == "evaluate" else 2)
    found = inputs(answer, "baselines")
    assert {level: files.count(f"data/{level[1:]}/") for level, files in found.items()} == {
        "_noise_0.5": 3,
        "_noise_32": 3,
        "": 0,
    }


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"trainning": {}}, "'trainning' was unexpected"),
        ({"data": {"noise": 3}}, "'noise' was unexpected"),
        ({"training": {"optimizer_step": "sample"}}, "'sample' is not one of"),
        ({"experiments": {"kernel_size": {"kernel_size": [64]}}}, "64 is even"),
        ({"experiments": {"kernel_size": {"kernel_size": []}}}, "axis 'kernel_size' is empty"),
        ({"experiments": {"x": {"networks": ["lstm"]}}}, "unknown network 'lstm'"),
        ({"experiments": {"x": {"networks": ["ckcnn"], "noise_percent": [300]}}}, "300 is greater"),
    ],
)
def test_a_mistake_in_the_config_is_named_before_anything_runs(checkout, changes, named):
    answer = snakemake(checkout, "--cores", "1", "--configfile", overlay(checkout, changes))
    assert answer.returncode != 0
    assert named in answer.stdout + answer.stderr
    assert not (checkout / "results").exists()


def test_the_full_study_without_cuda_stops_before_anything_runs(checkout):
    import torch

    if torch.cuda.is_available():
        jobs = planned(snakemake(checkout, "-n"))
        assert jobs["train"] == 22
        return
    answer = snakemake(checkout, "--cores", "2")
    assert answer.returncode != 0
    said = answer.stdout + answer.stderr
    assert "config/quick.yaml" in said
    assert "device: cpu" in said
    assert not (checkout / "results").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_study_runs_and_reruns_only_what_a_change_concerns(checkout):
    quick = ("--cores", "2", "--configfile", "config/tiny.yaml")
    answer = snakemake(checkout, *quick)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    results = checkout / "results/tiny"
    for name in ("table1", "table2", "dilated", "baselines"):
        assert "study `tiny`" in (results / f"tables/{name}.md").read_text(encoding="utf-8")
    assert len(list((results / "figures").glob("figure[1-8]_*.svg"))) == 8

    # An archive of it gives the same tables without training.
    archive = ("archive", "--config", "config/config.yaml", "--config", "config/tiny.yaml")
    ckstudy(checkout, *archive, "--out", "archive/tiny")
    again = {"archive": "archive/tiny", "results": "results/again", "device": "cpu"}
    answer = snakemake(checkout, "--cores", "2", "--configfile", overlay(checkout, again))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert not (checkout / "results/again/checkpoints").exists()
    for path in sorted((results / "tables").iterdir()):
        assert path.read_bytes() == (checkout / "results/again/tables" / path.name).read_bytes()

    # Nothing is left to do, whatever is reworded.
    loss = checkout / "src/ckstudy/training/loss.py"
    loss.write_text(loss.read_text(encoding="utf-8") + "\n# reworded\n", encoding="utf-8")
    assert "Nothing to be done" in snakemake(checkout, "-n", *quick).stdout

    # One kernel size more trains one network more.
    larger = overlay(checkout, {"experiments": {"kernel_size": {"kernel_size": [9, 33, 131]}}})
    jobs = planned(snakemake(checkout, "-n", *quick, larger))
    assert [jobs.get(rule) for rule in ("simulate", "train", "calibrate", "evaluate")] == [
        None,
        1,
        1,
        1,
    ]
    assert jobs["notebook_kernel_size"] == 1

    # Code that only scores retrains nothing.
    scoring = checkout / "src/ckstudy/scoring/matched.py"
    scoring.write_text(scoring.read_text(encoding="utf-8") + "\nMORE = 1\n", encoding="utf-8")
    jobs = planned(snakemake(checkout, "-n", *quick))
    assert "train" not in jobs
    assert "simulate" not in jobs
    assert jobs["calibrate"] == jobs["evaluate"] == 4
