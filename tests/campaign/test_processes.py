"""Several members of a grid at a time: as each by itself, and as hard to lose."""

import copy
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from multiprocessing import forkserver
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from small_grid import CKCNN, CONFIG, TRAINING, folder_with_lines

from ckstudy.campaign.progress import DONE, IN_PROGRESS, TO_DO, members, progress
from ckstudy.campaign.run import train_members
from ckstudy.errors import StudyError
from ckstudy.study.config import read_study
from ckstudy.study.folder import StudyFolder
from ckstudy.training import checkpoint
from ckstudy.training.identity import code_digest, data_hashes
from ckstudy.training.stopping import Stopped

CHANGES = {
    "networks": {"ckcnn": CKCNN},
    "training": TRAINING,
    "experiments": {"sizes": {"networks": ["ckcnn"], "kernel_size": [9, 11, 17]}},
}
FIRST, SECOND, THIRD = (f"ckcnn-k{size}-w30-s0" for size in (9, 11, 17))
# Longer than any of these tests.
ENDLESS = 1_000_000


@pytest.fixture
def config() -> dict:
    return copy.deepcopy({**CONFIG, **CHANGES})


def chosen(config: dict) -> dict:
    """The specs of a config, in the order of their trainings."""
    return members(read_study(config))


@pytest.fixture
def make_folder(tmp_path):
    def make(name: str) -> StudyFolder:
        return folder_with_lines(tmp_path / name)

    return make


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def heard(capfd):
    """What processes say too: their server writes where it wrote as it was started."""
    forkserver._forkserver._stop()
    return capfd


def train(specs: dict, folder: StudyFolder, jobs: int, seconds: float = 1e6) -> list[str]:
    deadline = time.monotonic() + seconds
    return train_members(specs, folder, device="cpu", deadline=deadline, jobs=jobs, threads=1)


def states(specs: dict, folder: StudyFolder) -> dict[str, str]:
    data = data_hashes(folder.data("train"), folder.data("validation"))
    digest = code_digest()
    return {run: progress(folder, spec, digest, data).state for run, spec in specs.items()}


def released(folder: StudyFolder, run: str) -> tuple[dict[str, bytes], bytes]:
    values = load_file(folder.run(run) / "model.safetensors")
    history = (folder.run(run) / "history.csv").read_bytes()
    return {name: value.numpy().tobytes() for name, value in values.items()}, history


def wait_for(happened, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


def begun(folder: StudyFolder, *runs: str) -> bool:
    return all((folder.checkpoints(run) / "lock").exists() for run in runs)


def meanwhile(folder: StudyFolder, act, *runs: str) -> None:
    """Do ``act``, in a thread, once these members are being trained."""

    def work() -> None:
        wait_for(lambda: begun(folder, *runs))
        act()

    threading.Thread(target=work, daemon=True).start()


def test_members_side_by_side_get_the_bits_they_get_alone(config, make_folder, heard):
    specs = chosen(config)
    alone, together = make_folder("alone"), make_folder("together")
    for run, spec in specs.items():
        assert train({run: spec}, alone, jobs=1) == []
    assert train(specs, together, jobs=2) == []
    for run in specs:
        assert released(together, run) == released(alone, run)
    assert heard.readouterr().err.count(": done") == 2 * len(specs)
    before = {path: path.stat().st_mtime_ns for path in together.path.glob("runs/*/*")}
    assert train(specs, together, jobs=2) == []
    assert before == {path: path.stat().st_mtime_ns for path in together.path.glob("runs/*/*")}
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_they_stop_when_the_time_is_up_and_begin_no_more(config, make_folder):
    config["training"]["epochs"] = ENDLESS
    specs, folder = chosen(config), make_folder("results")
    began = time.monotonic()
    assert sorted(train(specs, folder, jobs=2, seconds=5)) == sorted(specs)
    # Mostly for loading torch on a busy machine: an epoch takes ten milliseconds.
    assert time.monotonic() - began < 5 + 50
    found = states(specs, folder)
    for run in (FIRST, SECOND):
        assert found[run] == (IN_PROGRESS if begun(folder, run) else TO_DO)
    assert not begun(folder, THIRD)


@pytest.mark.slow
@pytest.mark.parametrize("to", ["the parent", "a process"])
def test_a_signal_to_any_of_them_stops_all_with_its_status(config, make_folder, to):
    config["training"]["epochs"] = ENDLESS
    specs, folder = chosen(config), make_folder("results")

    def interrupt() -> None:
        others = [child.pid for child in multiprocessing.active_children()]
        os.kill(os.getpid() if to == "the parent" else others[0], signal.SIGUSR1)

    meanwhile(folder, interrupt, FIRST, SECOND)
    with pytest.raises(Stopped) as stopped:
        train(specs, folder, jobs=2)
    assert stopped.value.exit_status == 128 + signal.SIGUSR1
    assert states(specs, folder) == {FIRST: IN_PROGRESS, SECOND: IN_PROGRESS, THIRD: TO_DO}
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_one_that_fails_or_is_killed_does_not_stop_the_others(config, make_folder, heard):
    # 121 samples of context do not fit a line of 120.
    config["experiments"]["sizes"]["kernel_size"] = [9, 123, 11, 17]
    specs, folder = chosen(config), make_folder("results")
    endless = replace(specs[FIRST].training, epochs=ENDLESS)
    specs[FIRST] = replace(specs[FIRST], training=endless)

    def kill() -> None:
        # The endless one is with the process that started first. The other may still be about to
        # say that it is through.
        wait_for(lambda: states(specs, folder)[THIRD] == DONE)
        min(multiprocessing.active_children(), key=lambda child: child.pid).kill()

    meanwhile(folder, kill, FIRST)
    with pytest.raises(StudyError, match=f"2 trainings failed: ckcnn-k123-w30-s0, {FIRST};"):
        train(specs, folder, jobs=2)
    told = heard.readouterr().err
    assert "cannot be reflected" in told
    assert f"{FIRST}: its process ended with status -9 before it was done" in told
    found = states(specs, folder)
    assert (found[SECOND], found[THIRD]) == (DONE, DONE)


ORPHANED = """
import json, sys
from pathlib import Path
from ckstudy.study.config import read_study
from ckstudy.study.folder import StudyFolder
from ckstudy.campaign.run import train_members
from ckstudy.study.spec import RunSpec
if __name__ == "__main__":
    told, folder = json.loads(sys.argv[1]), StudyFolder(Path(sys.argv[2]))
    specs = {run: RunSpec.from_json(spec) for run, spec in told.items()}
    train_members(specs, folder, device="cpu", deadline=float("inf"), jobs=2, threads=1)
"""


@pytest.mark.slow
def test_kill_9_of_the_parent_loses_no_step(config, make_folder, tmp_path):
    config["training"].update(epochs=200, validation_every=0)
    config["experiments"]["sizes"]["kernel_size"] = [9, 11]
    specs = chosen(config)
    broken, whole = make_folder("broken"), make_folder("whole")
    script = tmp_path / "orphaned.py"
    script.write_text(ORPHANED, encoding="utf-8")
    parent = subprocess.Popen(
        [
            sys.executable,
            str(script),
            json.dumps({run: spec.to_json() for run, spec in specs.items()}),
            str(broken.path),
        ],
        env={**os.environ, "PYTHONPATH": str(Path(checkpoint.__file__).parents[2])},
    )
    wait_for(lambda: begun(broken, *specs))
    parent.kill()
    parent.wait()
    # Minutes before the next checkpoint is due, the orphans write one and go.
    saved = [broken.checkpoints(run) / "checkpoint.pt" for run in specs]
    wait_for(lambda: all(path.exists() for path in saved))
    assert states(specs, broken) == {FIRST: IN_PROGRESS, SECOND: IN_PROGRESS}
    for run in specs:
        wait_for(lambda run=run: is_free(broken.checkpoints(run)))

    assert train(specs, broken, jobs=2) == []
    assert train(specs, whole, jobs=1) == []
    for run in specs:
        assert released(broken, run) == released(whole, run)


def is_free(folder: Path) -> bool:
    try:
        with checkpoint.exclusive(folder):
            return True
    except checkpoint.TakenError:
        return False


def test_no_jobs_at_all_are_refused(config, make_folder):
    with pytest.raises(StudyError, match="0 jobs of 1 threads each: at least 1 job is needed"):
        train(chosen(config), make_folder("results"), jobs=0)
