"""A study by profiles/slurm on a SLURM of one node, with what a cluster does to jobs.

    tests/slurm/one_node.sh up; tests/slurm/one_node.sh down   # installs SLURM; as root, on Debian
    python -m pytest -m slurm

Three networks are trained, two at a time. One reaches its wall time, and its node fails in its
second attempt; another is sent back to the queue; the node of the third is drained as it trains.
"""

import math
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from checkout import ROOT
from safetensors.numpy import load_file

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(2400)]

HERE = Path(__file__).parent
RESULTS = "results/cluster"
LONG, *_ = RUNS = ["ckcnn-k9-w30-epochs_700-s0", "ckcnn-k11-w30-s0", "ckcnn-k13-w30-s0"]
# The scores of all networks, and a notebook with its table and figures.
TARGETS = [f"{RESULTS}/summary.csv", f"{RESULTS}/tables/table1.md"]
MOMENT = 6  # seconds into a training: far from its start and its end


def slurm(*command: str) -> str:
    """What a command of SLURM prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture(scope="module")
def node() -> Iterator[str]:
    """The name of a node of two cards that runs as long as this module's tests."""
    script = HERE / "one_node.sh"
    missing = [each for each in ("slurmctld", "slurmd", "sbatch", "munged") if not which(each)]
    if os.geteuid() or missing:
        pytest.skip(f"wants root, and SLURM: {script} up installs it")
    answer = subprocess.run([script, "up", "2"], capture_output=True, text=True, timeout=120)
    if answer.returncode == 3:
        pytest.skip(answer.stderr.strip())
    assert answer.returncode == 0, answer.stdout + answer.stderr
    try:
        yield slurm("sinfo", "-h", "-o", "%n").strip()
    finally:
        subprocess.run([script, "down"], check=True, timeout=60)


def which(command: str) -> str | None:
    return shutil.which(command, path=f"{os.environ['PATH']}:/usr/sbin")


def start(folder: Path, *arguments: str) -> subprocess.Popen:
    """Snakemake in ``folder``; what it prints goes to ``said``."""
    command = [sys.executable, "-m", "snakemake", "--nocolor", "-s", str(ROOT / "Snakefile")]
    command += ["--configfile", str(HERE / "study.yaml"), *arguments, "--", *TARGETS]
    folder.mkdir()
    # What sbatch hands on to the jobs.
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    with open(folder / "said", "w") as output:
        return subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )


class Cluster:
    """A study that runs on the cluster, and its trainings as SLURM sees them."""

    def __init__(self, folder: Path):
        self.folder = folder
        profile = ("--workflow-profile", str(ROOT / "profiles/slurm"))
        # On the command line a mapping takes the place of the profile's.
        rules = ("train", "calibrate", "evaluate")
        limits = [f"{rule}:{limit}" for rule in rules for limit in ("mem_mb=2000", "gpu=1")]
        sizes = ("--set-threads", "simulate=1", "--set-resources", *limits)
        self.process = start(folder, *profile, *sizes)

    def trainings(self) -> dict[str, tuple[str, str]]:
        """The SLURM job and the state of each network's training, the newest if several."""
        found = {}
        for line in slurm("squeue", "-h", "--states=all", "-S", "i", "-o", "%i|%T|%k").splitlines():
            job, state, comment = line.split("|")
            if comment.startswith("rule_train_wildcards_"):
                found[comment.removeprefix("rule_train_wildcards_")] = (job, state)
        return found

    def state(self, run: str) -> str:
        return self.trainings().get(run, ("", "ABSENT"))[1]

    def job(self, run: str) -> str:
        return self.trainings()[run][0]

    def checkpoint(self, run: str) -> Path:
        return self.folder / RESULTS / "checkpoints" / run / "checkpoint.pt"

    def trains(self, run: str) -> bool:
        """Whether its training has the lock of its checkpoints, and so has begun."""
        lock = self.checkpoint(run).parent / "lock"
        return self.state(run) == "RUNNING" and lock.exists()

    def resumed(self, run: str) -> bool:
        """Whether its present attempt has taken up a checkpoint."""
        log = self.folder / RESULTS / f"logs/train/{run}.log"
        return log.exists() and "resuming" in log.read_text()

    def said(self) -> str:
        return (self.folder / "said").read_text()

    def wait(self, what: str, done: Callable[[], bool], seconds: float = 600) -> None:
        end = time.monotonic() + seconds
        while not done():
            said = f"{self.trainings()}\n{self.said()[-3000:]}"
            assert self.process.poll() is None, f"ended before: {what}\n{said}"
            assert time.monotonic() < end, f"waited in vain: {what}\n{said}"
            time.sleep(0.5)

    def cards(self) -> dict[str, str]:
        """The number of the card of each training that runs."""
        running = {job: run for run, (job, state) in self.trainings().items() if state == "RUNNING"}
        shown = {job: slurm("scontrol", "show", "job", "-d", job) for job in running}
        return {running[job]: re.search(r"gpu:1\(IDX:(\d+)\)", shown[job])[1] for job in shown}


def test_wall_time_requeue_drain_and_failure_of_a_node_change_nothing(tmp_path, node):
    whole = start(tmp_path / "whole", "--cores", "2")
    assert whole.wait() == 0, (tmp_path / "whole/said").read_text()[-3000:]
    study = Cluster(tmp_path / "cluster")
    try:
        disturb(study, node)
        study.process.wait(timeout=1200)
    finally:
        study.process.kill()
    assert study.process.returncode == 0, study.said()[-3000:]
    assert [run for run in RUNS if not study.resumed(run)] == []
    # Each training by itself, the first one twice; all scores together, and the rest together.
    assert submissions(study.said()) == {"simulate": 3, "train": 4, "scores": 1, "report": 1}
    assert made(study.folder) == made(tmp_path / "whole")


def disturb(study: Cluster, node: str) -> None:
    """Each training once, a moment after it has begun; which begins first is SLURM's choice."""
    study.wait("two trainings at a time", lambda: len(study.cards()) == 2)
    assert sorted(study.cards().values()) == ["0", "1"]
    to_do = dict(zip(RUNS, (end_wall_time, send_back, drain), strict=True))
    begun: dict[str, float] = {}
    while to_do:
        study.wait("a training", lambda: any(map(study.trains, to_do)))
        for run in filter(study.trains, RUNS):
            begun.setdefault(run, time.monotonic())
        for run in list(to_do):
            if time.monotonic() - begun.get(run, math.inf) > MOMENT:
                to_do.pop(run)(study, node, run)
        time.sleep(0.5)
    fail_node(study, node, LONG)


def end_wall_time(study: Cluster, node: str, run: str) -> None:
    """Wall times are whole minutes, but their end may be moved; SLURM looks every half minute."""
    slurm("scontrol", "update", f"jobid={study.job(run)}", "endtime=now+1")


def send_back(study: Cluster, node: str, run: str) -> None:
    slurm("scontrol", "requeue", study.job(run))
    study.wait("progress after a requeue", study.checkpoint(run).exists)


def drain(study: Cluster, node: str, run: str) -> None:
    slurm("scontrol", "update", f"nodename={node}", "state=drain", "reason=maintenance")
    time.sleep(3)
    assert study.state(run) == "RUNNING", "a drained node lets its jobs go on"
    slurm("scontrol", "requeue", study.job(run))
    study.wait("progress after a drain", study.checkpoint(run).exists)
    study.wait("the queue", lambda: study.state(run) == "PENDING")
    time.sleep(2 * MOMENT)
    assert study.state(run) == "PENDING", "nothing starts on a drained node"
    slurm("scontrol", "update", f"nodename={node}", "state=resume")


def fail_node(study: Cluster, node: str, run: str) -> None:
    """In the attempt after the one whose wall time is over."""
    study.wait("the end of the wall time", lambda: "status is: 'TIMEOUT'" in study.said())
    study.wait("the second attempt", lambda: study.resumed(run) and study.trains(run))
    time.sleep(MOMENT)
    slurm("scontrol", "update", f"nodename={node}", "state=down", "reason=failure")
    study.wait("the failure of the node", lambda: study.state(run) == "PENDING")
    slurm("scontrol", "update", f"nodename={node}", "state=resume")


def submissions(said: str) -> dict[str, int]:
    """How many SLURM jobs there were for each rule or group, from what Snakemake prints."""
    pattern = r"submitted with SLURM jobid \d+ \(log: \S*/(?:rule|group)_([a-z]+)"
    return dict(Counter(re.findall(pattern, said)))


def made(folder: Path) -> dict[str, object]:
    """Contents of tables, histories and figures; tensors of the models."""
    results, found = folder / RESULTS, {}
    for path in sorted(results.rglob("*")):
        name = str(path.relative_to(results))
        if path.suffix in (".csv", ".md", ".png", ".svg") or path.name in ("study.json",):
            found[name] = path.read_bytes()
            if path.name == "thresholds.csv":  # its last column is the digest of the model's file
                found[name] = [line.rpartition(b",")[0] for line in found[name].splitlines()]
        elif path.suffix == ".safetensors":
            found[name] = {key: value.tobytes() for key, value in load_file(path).items()}
    assert {f"runs/{run}/model.safetensors" for run in RUNS} <= set(found)
    assert any(name.startswith("figures/") for name in found)
    return found
