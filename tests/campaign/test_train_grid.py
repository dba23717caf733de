"""The grid in a budget of time: order, stopping, going on, and what counts as done."""

import copy
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from checkout import copy_checkout, planned, snakemake
from small_grid import CKCNN, CONFIG, TRAINING, folder_with_lines
from synthetic_lines import write_data_set
from training_spec import make_spec

from ckstudy.acoustics.line import simulate_line
from ckstudy.acoustics.specification import SimulationSpec
from ckstudy.campaign import member
from ckstudy.campaign import run as train_grid
from ckstudy.campaign.progress import (
    DONE,
    IN_PROGRESS,
    STALE,
    TO_DO,
    Progress,
    expected_seconds,
    members,
    progress,
)
from ckstudy.campaign.run import deadline_after, simulate_missing, train_members
from ckstudy.dataset import read_lines
from ckstudy.errors import StudyError
from ckstudy.networks.release import read_provenance
from ckstudy.study.config import read_study
from ckstudy.study.folder import RUN_FILES, StudyFolder
from ckstudy.study.lines import check_noise_of_lines
from ckstudy.study.spec import NetworkSpec
from ckstudy.training import checkpoint
from ckstudy.training.identity import code_digest, data_hashes
from ckstudy.training.stopping import Stopped

CHANGES = {
    "networks": {
        "cnn_dilated": {"layers": 2, "channels": 3},
        "ckcnn": CKCNN,
    },
    "training": TRAINING,
    "experiments": {
        "dilated": {"networks": ["cnn_dilated"]},
        "kernel_size": {"networks": ["ckcnn"], "kernel_size": [9, 17]},
        "seeds": {"networks": ["ckcnn"], "kernel_size": [9], "seed": [1]},
    },
}


@pytest.fixture
def config() -> dict:
    return copy.deepcopy({**CONFIG, **CHANGES})


def simulate_lines(config: dict, specs: dict, study: StudyFolder, deadline: float, **options):
    return simulate_missing(read_study(config), specs, study, deadline, **options)


def chosen(config: dict, only: list[str] | None = None) -> dict:
    """The specs of a config, in the order of their trainings."""
    return members(read_study(config), only)


@pytest.fixture
def folder(tmp_path) -> StudyFolder:
    return folder_with_lines(tmp_path / "results")


def states(folder: StudyFolder, specs: dict) -> dict[str, Progress]:
    data = data_hashes(folder.data("train"), folder.data("validation"))
    return {run: progress(folder, spec, code_digest(), data) for run, spec in specs.items()}


def train_all(specs: dict, folder: StudyFolder, seconds: float = 1e6) -> list[str]:
    return train_members(specs, folder, device="cpu", deadline=time.monotonic() + seconds)


def weights(folder: StudyFolder, run: str) -> tuple[bytes, bytes]:
    from safetensors.torch import load_file

    values = load_file(folder.run(run) / "model.safetensors")
    text = b"".join(values[name].numpy().tobytes() for name in sorted(values))
    return text, (folder.run(run) / "history.csv").read_bytes()


# The order -----------------------------------------------------------------------------------


def test_the_thesis_trains_kernel_sizes_first_then_the_pair_then_the_sweep():
    runs = list(chosen(CONFIG))
    sizes = (65, 131, 263, 527, 1055, 2111)
    assert runs[:6] == [f"ckcnn-k{size}-w30-s0" for size in sizes]
    assert runs[6:8] == ["cnn_dilated-s0", "ckcnn_dilated-w8-s0"]
    assert len(runs) == 22
    assert len(set(runs)) == 22


def test_other_experiments_come_last(config):
    assert list(chosen(config)) == [
        "ckcnn-k9-w30-s0",
        "ckcnn-k17-w30-s0",
        "cnn_dilated-s0",
        "ckcnn-k9-w30-s1",
    ]


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (["dilated", "*-s1"], ["cnn_dilated-s0", "ckcnn-k9-w30-s1"]),
        (["*k17*", "kernel_size"], ["ckcnn-k17-w30-s0", "ckcnn-k9-w30-s0"]),
    ],
)
def test_a_choice_of_members_is_their_order_too(config, only, expected):
    assert list(chosen(config, only)) == expected


def test_a_choice_of_nothing_is_refused(config):
    with pytest.raises(StudyError, match="no experiment and no run of the grid is called 'k9'"):
        chosen(config, ["k9"])


# Training ------------------------------------------------------------------------------------


def test_the_grid_is_trained_once(config, folder):
    specs = chosen(config)
    assert {member.state for member in states(folder, specs).values()} == {TO_DO}
    assert train_all(specs, folder) == []
    assert {member.state for member in states(folder, specs).values()} == {DONE}
    for run in specs:
        written = {path.name for path in folder.run(run).iterdir()}
        assert written == {".made", *RUN_FILES}
    before = {path: path.stat().st_mtime_ns for path in folder.path.glob("runs/*/*")}
    assert train_all(specs, folder) == []
    assert before == {path: path.stat().st_mtime_ns for path in folder.path.glob("runs/*/*")}


def test_it_stops_inside_its_budget_and_goes_on_to_the_same_weights(config, folder, tmp_path):
    config["training"]["epochs"] = 60
    specs = chosen(config, ["kernel_size"])
    whole = StudyFolder(tmp_path / "whole")
    shutil.copytree(folder.path / "data", whole.path / "data")
    train_all(specs, whole)
    calls, seen = 0, set()
    while True:
        began = time.monotonic()
        # An epoch takes some ten milliseconds; on a busy machine the start alone may take longer
        # than the first budgets.
        budget = 0.3 * 1.2**calls
        unfinished = train_all(specs, folder, seconds=budget)
        assert time.monotonic() - began < budget + 5
        found = states(folder, specs)
        seen |= {member.state for member in found.values()}
        calls += 1
        if not unfinished:
            break
        # The next call is on another machine: all that it has is the folder.
        folder.path.rename(tmp_path / f"moved-{calls}")
        folder = StudyFolder(tmp_path / f"moved-{calls}")
    assert calls > 2
    assert IN_PROGRESS in seen
    for run in specs:
        assert weights(folder, run) == weights(whole, run)


def test_a_budget_keeps_something_back_for_the_end():
    assert deadline_after(None, 100.0) == float("inf")
    assert deadline_after(10, 100.0) == 100 + 600 - 5
    assert deadline_after(0.1, 100.0) == pytest.approx(100 + 6 - 0.6)
    with pytest.raises(StudyError, match="none to train in"):
        deadline_after(0, 100.0)


@pytest.mark.parametrize("changed", ["settings", "data", "code"])
def test_a_model_of_something_else_is_stale_and_is_trained_anew(config, folder, changed, capsys):
    specs = chosen(config, ["dilated"])
    train_all(specs, folder)
    old = weights(folder, "cnn_dilated-s0")
    if changed == "settings":
        config["loss"]["alpha"] = 0.2
        specs = chosen(config, ["dilated"])
    elif changed == "data":
        write_data_set(folder.data("train"), 10, 120, seed=8)
    else:
        # The digest of the code itself is tested elsewhere.
        path = folder.run("cnn_dilated-s0") / "model.safetensors"
        path.write_bytes(path.read_bytes().replace(code_digest().encode(), b"0" * 16))
    member = states(folder, specs)["cnn_dilated-s0"]
    assert (member.state, member.note) == (STALE, f"released model of other {changed}")
    train_all(specs, folder)
    assert f"released model of other {changed}; training it anew" in capsys.readouterr().err
    assert states(folder, specs)["cnn_dilated-s0"].state == DONE
    assert (weights(folder, "cnn_dilated-s0") == old) is (changed == "code")


@pytest.mark.parametrize("damage", ["truncated", "no spec"])
def test_a_damaged_or_incomplete_run_is_not_done(config, folder, damage):
    specs = chosen(config, ["dilated"])
    train_all(specs, folder)
    if damage == "truncated":
        path = folder.run("cnn_dilated-s0") / "model.safetensors"
        path.write_bytes(path.read_bytes()[:100])
    else:
        (folder.run("cnn_dilated-s0") / "spec.json").unlink()
    assert states(folder, specs)["cnn_dilated-s0"].state == STALE
    train_all(specs, folder)
    assert states(folder, specs)["cnn_dilated-s0"].state == DONE


def test_a_member_that_another_process_trains_is_left_to_it(config, folder, capsys):
    specs = chosen(config)
    with checkpoint.exclusive(folder.checkpoints("ckcnn-k9-w30-s0")):
        assert train_all(specs, folder) == ["ckcnn-k9-w30-s0"]
    assert "another process is training" in capsys.readouterr().err
    assert states(folder, specs)["cnn_dilated-s0"].state == DONE
    assert train_all(specs, folder) == []


def test_a_signal_stops_the_grid_with_its_status_and_nothing_lost(config, folder, monkeypatch):
    monkeypatch.setattr("ckstudy.training.trainer.CHECKPOINT_SECONDS", 0.1)
    config["training"]["epochs"] = 100_000
    specs = chosen(config, ["kernel_size"])

    def interrupt() -> None:
        while not list(folder.path.glob("checkpoints/*/checkpoint.pt")):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(Stopped) as stopped:
        train_all(specs, folder)
    assert stopped.value.exit_status == 128 + signal.SIGTERM
    first, second = states(folder, specs).values()
    assert (first.state, second.state) == (IN_PROGRESS, TO_DO)
    assert first.epoch > 0
    assert first.epoch_seconds > 0


def test_one_that_fails_does_not_stop_the_others(config, folder, capsys):
    # 121 samples of context do not fit a line of 120.
    config["experiments"]["kernel_size"]["kernel_size"] = [123, 9]
    specs = chosen(config, ["kernel_size"])
    with pytest.raises(StudyError, match="1 trainings failed: ckcnn-k123-w30-s0"):
        train_all(specs, folder)
    assert "cannot be reflected" in capsys.readouterr().err
    assert states(folder, specs)["ckcnn-k9-w30-s0"].state == DONE


def test_one_that_lacks_memory_does_not_stop_the_others(config, folder, capsys, monkeypatch):
    specs = chosen(config, ["kernel_size"])
    first, second = specs
    train_locked = member.train_locked

    def too_large(spec, *rest):
        if spec.run == first:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 80 GiB")
        train_locked(spec, *rest)

    monkeypatch.setattr(member, "train_locked", too_large)
    with pytest.raises(StudyError, match=f"1 trainings failed: {first}"):
        train_all(specs, folder)
    assert f"{first}: there is not enough memory for it" in capsys.readouterr().err
    assert states(folder, specs)[second].state == DONE


def test_one_whose_start_is_trained_anew_is_not_done(config, folder):
    (first,) = chosen(config, ["dilated"]).values()
    start = folder.run(first.run) / "model.safetensors"
    later = replace(first, run="later", training=replace(first.training, start_from=str(start)))
    assert train_all({first.run: first}, folder) == []
    assert train_all({later.run: later}, folder) == []
    other = replace(first, training=replace(first.training, seed=5))
    specs = {other.run: other, later.run: later}
    assert train_all(specs, folder) == [later.run]
    assert train_all(specs, folder) == []


# The time that is left -----------------------------------------------------------------------


def test_a_start_that_is_not_there_yet_is_said_and_the_others_are_trained(config, folder, capsys):
    (first,) = chosen(config, ["dilated"]).values()
    start = folder.run(first.run) / "model.safetensors"
    later = replace(
        first, run="later", training=replace(first.training, start_from=str(start), seed=5)
    )
    specs = {later.run: later, first.run: first}
    assert states(folder, specs)[later.run] == Progress(
        TO_DO, 0, later.training.epochs, note=f"starts from {start}, which is not there"
    )
    with pytest.raises(StudyError, match=later.run):
        train_all(specs, folder)
    assert f"{later.run}: there is no model file {start}" in capsys.readouterr().err
    assert states(folder, specs)[first.run].state == DONE
    assert train_all(specs, folder) == []
    start.unlink()
    assert states(folder, specs)[later.run].state == STALE


def test_the_time_left_follows_from_what_epochs_took():
    specs = {
        name: replace(
            make_spec(), network=NetworkSpec(network, {"kernel_size": size} if size else {})
        )
        for name, network, size in (
            ("a", "ckcnn", 65),
            ("b", "ckcnn", 65),
            ("c", "ckcnn", 131),
            ("d", "ckcnn", 527),
            ("e", "cnn_dilated", 0),
        )
    }
    found = {
        "a": Progress(DONE, 100, 100, 2.0),
        "b": Progress(IN_PROGRESS, 25, 100, 4.0),
        "c": Progress(TO_DO, 0, 100),
        "d": Progress(DONE, 100, 100, 9.0),
        "e": Progress(TO_DO, 0, 100),
    }
    assert expected_seconds(specs, found) == {
        "a": (0.0, True),
        "b": (300.0, True),
        "c": (300.0, False),
        "d": (0.0, True),
        "e": None,
    }


# The lines -----------------------------------------------------------------------------------


def test_splits_never_share_a_line():
    ranges = []
    data = read_study(CONFIG).data
    for split, lines in data.lines.items():
        spec = data.simulation(split)
        assert spec.lines == lines
        ranges.append(range(spec.first_line, spec.first_line + lines))
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not set(ranges[one]) & set(ranges[other])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_lines_are_simulated_in_the_budget_and_go_on(config, tmp_path, monkeypatch):
    # numba loads parts of itself when it first compiles. An alarm in there would leave it half
    # loaded, for all tests of this process; a command ends with the alarm.
    simulate_line(SimulationSpec(bubbles=(1, 3)), 0)
    # An alarm that falls into the collection of garbage is lost; the next one is not.
    monkeypatch.setattr(train_grid, "_REPEAT_SECONDS", 0.5)
    config["data"].update(bubbles=[1, 3], lines={"train": 4000, "validation": 2, "test": 2})
    study = StudyFolder(tmp_path)
    specs = chosen(config)
    assert not simulate_lines(config, specs, study, time.monotonic() - 1)
    assert not simulate_lines(config, specs, study, time.monotonic() + 0.2, processes=1)
    assert not study.data("train").exists()
    config["data"]["lines"]["train"] = 2
    assert simulate_lines(config, specs, study, time.monotonic() + 600, processes=1)
    assert study.data("train").exists()
    assert study.data("validation").exists()
    assert not study.data("test").exists()
    assert simulate_lines(config, specs, study, time.monotonic() + 600)
    config["data"]["noise_percent"] = 4
    with pytest.raises(StudyError, match=r"train\.h5 are those of another config.*noise_percent"):
        simulate_lines(config, specs, study, time.monotonic() + 600)


def test_members_of_another_noise_are_trained_on_their_own_lines(config, tmp_path):
    config["data"].update(bubbles=[1, 3], lines={"train": 4, "validation": 2, "test": 2})
    config["training"].update(epochs=1, crop=200)
    config["experiments"] = {"noise": {"networks": ["cnn_dilated"], "noise_percent": [0, 32]}}
    study = StudyFolder(tmp_path)
    specs = chosen(config, ["*noise32*"])
    assert simulate_lines(config, specs, study, time.monotonic() + 600, processes=1)
    assert not study.data("train").exists()  # nothing here needs the study's own
    assert simulate_lines(config, chosen(config), study, time.monotonic() + 600, processes=1)
    own, noisy = (read_lines(study.data("train", noise)) for noise in (None, 32.0))
    assert (own.bubble_count == noisy.bubble_count).all()
    # Behind the low-pass of 5.1 MHz in a band of 31.25 MHz, a sixth of the noise's power is left.
    assert np.std(noisy.rf - own.rf) == pytest.approx(0.32 * 9.65 * (5.1 / 31.25) ** 0.5, rel=0.1)

    assert train_all(chosen(config), study) == []
    for run, noise in (("cnn_dilated-s0", None), ("cnn_dilated-noise32-s0", 32.0)):
        about = read_provenance(study.run(run) / "model.safetensors")
        paths = [study.data(split, noise) for split in ("train", "validation")]
        assert about["data"] == data_hashes(*paths)
    assert weights(study, "cnn_dilated-s0") != weights(study, "cnn_dilated-noise32-s0")


def test_lines_of_another_noise_than_the_specs_are_refused(config, folder):
    spec = replace(make_spec(), noise=32.0)
    with pytest.raises(StudyError, match=r"train\.h5 has lines with None % .* with 32 %"):
        check_noise_of_lines(spec, folder.data("train"))
    check_noise_of_lines(make_spec(), folder.data("train"))


# The commands --------------------------------------------------------------------------------

TINY = ("--config", "config/config.yaml", "--config", "config/tiny.yaml")
# As on a machine that has torch and the trainer's few needs, and nothing of the workflow's.
BARE = """
import sys
for name in ("snakemake", "jsonschema", "matplotlib", "seaborn", "papermill"):
    sys.modules[name] = None
from ckstudy.cli import main
main()
"""


def ckstudy(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-c", BARE, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def checkout(tmp_path) -> Path:
    return copy_checkout(tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_workflow_finds_done_what_the_grid_has_trained(checkout):
    answer = ckstudy(checkout, "train-grid", *TINY, "--minutes", "5", "--only", "dilated")
    assert answer.returncode == 0, answer.stderr
    assert "2 of 2 networks are done" in answer.stderr
    workflow = ("-n", "--configfile", "config/tiny.yaml")
    jobs = planned(snakemake(checkout, *workflow))
    assert jobs["train"] == 3
    assert jobs["simulate"] == 1  # the test lines

    answer = ckstudy(checkout, "train-grid", *TINY, "--minutes", "5")
    assert answer.returncode == 0, answer.stderr
    jobs = planned(snakemake(checkout, *workflow))
    assert "train" not in jobs
    assert jobs["calibrate"] == jobs["evaluate"] == 5

    said = ckstudy(checkout, "status", *TINY).stdout
    assert "5 networks: 5 done; left: 0 s" in said
    assert said.count("2/2") == 5


def test_a_mistyped_key_is_named_before_anything_runs(checkout):
    (checkout / "overlay.yaml").write_text("training: {epoch: 3}\n", encoding="utf-8")
    answer = ckstudy(checkout, "train-grid", *TINY, "--config", "overlay.yaml")
    assert answer.returncode == 2
    assert "training has no key 'epoch'" in answer.stderr
    assert not (checkout / "results").exists()


def test_a_config_that_lacks_something_is_refused(config):
    del config["training"]["epochs"]
    with pytest.raises(StudyError, match="training lacks epochs"):
        read_study(config)
    with pytest.raises(StudyError, match="the config lacks results, device"):
        read_study({"study": "x"})
    with pytest.raises(StudyError, match="has no key 'trainning'"):
        read_study({**CONFIG, "trainning": {}})


def test_status_of_a_study_that_was_never_begun(checkout):
    answer = ckstudy(checkout, "status", *TINY, "--out", "nowhere")
    assert answer.returncode == 0, answer.stderr
    assert "5 networks: 5 to do; left: 0 s, and 5 networks of which no epoch" in answer.stdout


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
