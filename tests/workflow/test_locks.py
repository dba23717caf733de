"""After kill -9 the next run goes on; a run that goes on keeps its lock."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from checkout import ROOT, copy_checkout

sys.path.insert(0, str(ROOT / "workflow/rules"))

HOLD = """
import sys, time
sys.path.insert(0, {rules!r})
from pathlib import Path
from locks import remove_stale_lock
remove_stale_lock(Path({folder!r}))
print("holding", flush=True)
time.sleep(60)
"""


def hold(folder: Path) -> subprocess.Popen:
    code = HOLD.format(rules=str(ROOT / "workflow/rules"), folder=str(folder))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "holding\n"
    return process


def left_behind(folder: Path) -> Path:
    lock = folder / "locks" / "0.input.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text("results/data/train.h5\n")
    return lock


def test_the_lock_of_a_killed_process_is_removed_and_that_of_a_live_one_stays(tmp_path):
    from locks import remove_stale_lock

    first = hold(tmp_path)
    lock = left_behind(tmp_path)
    second = hold(tmp_path)
    assert lock.exists()
    first.kill()
    first.wait()
    third = hold(tmp_path)
    assert lock.exists(), "the second one still runs"
    for process in (second, third):
        process.kill()
        process.wait()
    remove_stale_lock(tmp_path)
    assert not lock.exists()
    marks = {path.name for path in (tmp_path / "running").iterdir()}
    assert marks == {"guard", str(os.getpid())}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_study_goes_on_after_its_processes_were_killed(tmp_path):
    """``kill -9`` of Snakemake and of all that it started, in the middle of the work."""
    checkout = copy_checkout(tmp_path)
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--nocolor"]
    command += ["--configfile", "config/tiny.yaml", "--until", "simulate", "diagrams"]
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    options = {"cwd": checkout, "env": environment, "text": True}
    options |= {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    first = subprocess.Popen(command, start_new_session=True, **options)
    locks = checkout / ".snakemake/locks"
    while not (locks.is_dir() and any(locks.iterdir())):
        assert first.poll() is None, first.stderr.read()
        time.sleep(0.05)
    time.sleep(1)

    live = subprocess.run(command, timeout=120, **options)
    assert live.returncode != 0
    assert "Another Snakemake" in live.stderr or "cannot be locked" in live.stderr

    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert any(locks.iterdir())
    again = subprocess.run(command, timeout=240, **options)
    assert again.returncode == 0, again.stderr
    assert "Removed the lock of a run that was killed" in again.stderr
    assert sorted(path.name for path in (checkout / "results/tiny/data").glob("*.h5")) == [
        "test.h5",
        "train.h5",
        "validation.h5",
    ]
