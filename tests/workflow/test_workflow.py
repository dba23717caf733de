"""The workflow: what it plans, and what it refuses."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml
from checkout import ROOT, copy_checkout, overlay, planned, snakemake
from rule_digests import digests

from ckstudy.errors import StudyError
from ckstudy.study.config import read_configs, read_study


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A copy of what the workflow needs."""
    return copy_checkout(tmp_path)


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> dict[str, int]:
    """The jobs of the full study."""
    return planned(snakemake(copy_checkout(tmp_path_factory.mktemp("full")), "-n"))


def test_the_full_study_plans_22_trainings(full):
    assert full["train"] == full["calibrate"] == full["evaluate"] == 22
    assert full["simulate"] == 3


def test_the_cluster_profile_plans_the_same_and_sends_small_jobs_together(checkout):
    answer = snakemake(checkout, "-n", "--workflow-profile", "profiles/slurm")
    jobs = planned(answer)
    assert jobs["train"] == jobs["calibrate"] == jobs["evaluate"] == 22
    together = Counter(re.findall(r"Group job (\w+)", answer.stdout))
    assert together == {"scores": 3, "report": 1}


@pytest.mark.parametrize("study", ["thesis", "`config/quick.yaml`", "`config/tiny.yaml`"])
def test_the_profiles_page_says_how_many_jobs_are_sent(tmp_path, study):
    config = () if study == "thesis" else ("--configfile", str(ROOT / study.strip("`")))
    profile = ("--workflow-profile", str(ROOT / "profiles/slurm"))
    answer = snakemake(ROOT, "-n", "-d", str(tmp_path), *profile, *config)
    jobs = planned(answer)
    groups = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())["groups"]
    alone = sum(n for rule, n in jobs.items() if rule not in {*groups, "total", "all"})
    sent = alone + len(re.findall(r"Group job \w+", answer.stdout))
    page = (ROOT / "profiles/README.md").read_text(encoding="utf-8")
    said = re.search(rf"^\| {re.escape(study)} \| (\d+) \| (\d+)", page, re.M)
    assert [int(number) for number in said.groups()] == [jobs["total"], sent]


def test_each_rule_is_either_long_or_goes_to_a_cluster_with_others():
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text(encoding="utf-8"))
    alone = {"simulate", "train", "check_lines", "measure_images"}
    alone |= {"failures", "instability", "anatomy", "noise_levels", "other_bubbles"}
    copied = {"take_other"}  # a file, by no code of ours
    assert set(digests.ENTRIES) - alone | copied == set(profile["groups"])


def test_it_plans_the_same_from_another_folder(tmp_path):
    snakefile = ("-n", "-s", str(ROOT / "Snakefile"))
    assert planned(snakemake(tmp_path, *snakefile, source=ROOT / "src"))["train"] == 22
    archive = ("--configfile", str(ROOT / "config/archive.yaml"))
    jobs = planned(snakemake(tmp_path, *snakefile, *archive, source=ROOT / "src"))
    assert jobs["evaluate"] == jobs["restore_network"] + jobs["take_other"]
    assert jobs["restore_network"] > 22
    elsewhere = ("-d", str(tmp_path / "elsewhere"))
    assert planned(snakemake(ROOT, "-n", *elsewhere))["train"] == 22


def test_only_a_study_of_long_kernels_has_their_notebook(checkout, full):
    assert "notebook_long_kernels" not in full
    overlays = ("config/laptop.yaml", "config/long_kernels.yaml")
    jobs = planned(snakemake(checkout, "-n", "--configfile", *overlays))
    assert jobs["notebook_long_kernels"] == jobs["long_kernel_figures"] == 1


def test_the_whole_product_is_planned(checkout):
    overlays = ("config/quick.yaml", "config/full_grid.yaml")
    jobs = planned(snakemake(checkout, "-n", "--configfile", *overlays))
    # 3 maps of 6 x 8, the dilated pair at 8 values of ω0, and of the quick study's own networks
    # those at ω0 = 8 and the two trained on whole lines; the others are members of the maps.
    assert jobs["train"] == 3 * 48 + 8 + 1 + 3
    assert jobs["full_grid_figures"] == jobs["notebook_full_grid"] == 1


def test_networks_from_elsewhere_are_scored_and_not_trained(checkout):
    changes = overlay(checkout, {"others": {"best": "best"}})
    answer = snakemake(checkout, "-n", "--configfile", changes)
    jobs = planned(answer)
    assert (jobs["take_other"], jobs["train"]) == (1, 22)
    assert jobs["calibrate"] == jobs["evaluate"] == 23
    assert inputs(answer, "evaluate")["best"].endswith("results/thesis/data/test.h5")


def test_a_name_is_no_pattern(checkout):
    axes = {"networks": ["ckcnn"], "kernel_size": [131], "omega_0": [30], "batch_size": [1000000]}
    changes = overlay(checkout, {"experiments": {"batch": axes}})
    assert planned(snakemake(checkout, "-n", "--configfile", changes))["train"] == 23


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


MISTAKES = [
    ({"trainning": {}}, "the config has no key 'trainning'"),
    ({"data": {"noise": 3}}, "data has no key 'noise'"),
    ({"training": {"optimizer_step": "sample"}}, "training.optimizer_step must be one of"),
    ({"training": {"learning_rate": float("nan")}}, "training.learning_rate must be a finite"),
    ({"results": "/"}, "results must be the path of a folder"),
    ({"experiments": {"kernel_size": {"kernel_size": [64]}}}, "an odd whole number"),
    ({"experiments": {"kernel_size": {"kernel_size": []}}}, "axis 'kernel_size' is empty"),
    ({"experiments": {"kernel_size": {"optimizer_step": ["foo"]}}}, "optimizer_step must be"),
    ({"experiments": {"a/../b c": {"networks": ["ckcnn"]}}}, "'a/../b c'"),
]


@pytest.mark.parametrize(("changes", "named"), MISTAKES)
def test_a_mistake_in_the_config_is_named(checkout, changes, named):
    layers = [checkout / "config/config.yaml", checkout / overlay(checkout, changes)]
    with pytest.raises(StudyError, match=re.escape(named)) as raised:
        read_study(read_configs(layers))
    assert len(str(raised.value)) < 300
    assert "additionalProperties" not in str(raised.value)


# One at the top, where Snakemake itself looks, one that the schema finds, one that it does not.
@pytest.mark.parametrize(("changes", "named"), [MISTAKES[0], MISTAKES[3], MISTAKES[-1]])
def test_a_mistake_in_the_config_is_named_before_anything_runs(checkout, changes, named):
    answer = snakemake(checkout, "--cores", "1", "--configfile", overlay(checkout, changes))
    assert answer.returncode != 0
    (line,) = [line for line in answer.stderr.splitlines() if "config: " in line]
    assert named in line
    assert len(answer.stderr.strip().splitlines()) <= 10
    # The command says the same.
    config = ("--config", "config/config.yaml", "--config", overlay(checkout, changes))
    command = [sys.executable, "-m", "ckstudy", "grid", *config]
    said = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=60)
    assert said.returncode == 2
    assert said.stderr.strip().removeprefix("ckstudy: error: ") == line.partition("config: ")[2]
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


def test_what_lint_says_is_explained():
    answer = snakemake(ROOT, "--lint", "--configfile", "config/tiny.yaml")
    said = set(re.findall(r"^    \* (.*?)[.:]*$", answer.stdout + answer.stderr, re.M))
    explained = (ROOT / "profiles/README.md").read_text(encoding="utf-8")
    known = re.findall(r"^\| ([A-Z][^|]+) \|", explained.partition("--lint")[2], re.M)
    patterns = [re.escape(each).replace(re.escape("..."), r"\w+") for each in known]
    assert said
    for remark in said:
        assert any(re.fullmatch(pattern, remark) for pattern in patterns), remark
