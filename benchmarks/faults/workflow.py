"""The very small study by Snakemake: killed with all that it started, or in one of its commands."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.faults.outcome import EQUAL, LOST, TOLD, Tally

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "benchmarks/faults/study.yaml"
RESULTS = "results/faults"
_RUN = "runs/ckcnn-k9-w30-s0"
TARGETS = [  # what rule `all` names of them; figures and notebooks would take minutes
    *(f"{RESULTS}/{name}.csv" for name in ("summary", "baselines", "baseline_lines")),
    *(f"{RESULTS}/{_RUN}/{name}.csv" for name in ("history", "thresholds", "train", "test")),
    f"{RESULTS}/{_RUN}/spec.json",
    f"{RESULTS}/study.json",
]
TABLES = ["*.csv", "study.json", "runs/*/history.csv", "runs/*/test.csv", "runs/*/train.csv"]
WHOLE, PART = "kill -9 of Snakemake and all it started", "kill -9 of a command under Snakemake"
CLOCK, SPOILT = "clock set back under Snakemake", "damaged file under Snakemake"


def command(*targets: str) -> list[str]:
    """Snakemake from another working directory than the checkout."""
    snakefile = ("-s", str(ROOT / "Snakefile"), "--configfile", str(CONFIG), "--")
    return [sys.executable, "-m", "snakemake", "--nocolor", "--cores", "2", *snakefile, *targets]


def start(folder: Path, *targets: str) -> subprocess.Popen:
    """Snakemake in ``folder``, in a session of its own; what it prints goes to ``said``."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with open(folder / "said", "w") as output:
        return subprocess.Popen(
            command(*(targets or TARGETS)), cwd=folder, env=environment, start_new_session=True,
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip


def made(folder: Path) -> dict[str, bytes]:
    """The tables and the lines, by name."""
    results = folder / RESULTS
    paths = {path for pattern in TABLES for path in results.glob(pattern)}
    return {str(path.relative_to(results)): path.read_bytes() for path in sorted(paths)}


def processes_of(session: int) -> list[int]:
    """Processes of a session, whatever their groups."""
    answer = subprocess.run(
        ["ps", "-s", str(session), "-o", "pid="], capture_output=True, text=True
    )
    return [int(each) for each in answer.stdout.split()]


def kill_all(session: int) -> None:
    """Kill -9 of a session."""
    for pid in processes_of(session):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def undisturbed(root: Path) -> tuple[dict[str, bytes], float]:
    """The study without faults, and how long it takes."""
    began = time.monotonic()
    if start(root / "whole").wait():
        raise SystemExit((root / "whole/said").read_text())
    return made(root / "whole"), time.monotonic() - began


def kill(
    root: Path, many: int, choose: random.Random, wanted: dict, seconds: float, tally: Tally
) -> None:
    """Kill the study ``many`` times, until it is finished again and again between the kills."""
    folder, kinds = root / "killed", []

    def finished() -> None:
        outcome = EQUAL if made(folder) == wanted else LOST
        for kind in kinds:
            tally.add(kind, outcome, f"after {len(kinds)} kills")
        kinds.clear()
        shutil.rmtree(folder)

    done = 0
    while done < many or kinds:
        print(f"\r{done} of {many} kills of a workflow", end="", flush=True)
        process = start(folder)
        kind = choose.choice((WHOLE, WHOLE, PART))
        end = time.monotonic() + (choose.uniform(1, 0.6 * seconds) if done < many else 3600)
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        if process.poll() is None:
            pids = processes_of(process.pid)
            if kind == PART:
                jobs = [pid for pid in pids if b"bin/ckstudy" in _arguments(pid)]
                if not jobs:
                    kind = WHOLE
                else:
                    with suppress(ProcessLookupError):
                        os.kill(choose.choice(jobs), signal.SIGKILL)
                    process.wait()
            if kind == WHOLE:
                kill_all(process.pid)
                process.wait()
            kinds.append(kind)
            done += 1
        elif process.returncode == 0:
            finished()
        else:
            tally.add(WHOLE, LOST, (folder / "said").read_text()[-1500:])
            shutil.rmtree(folder)
            kinds.clear()


def _arguments(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def damage(root: Path, many: int, choose: random.Random, wanted: dict, tally: Tally) -> None:
    """Spoil a file of the finished study, or set times back; then run it again."""
    from benchmarks.faults.damage import spoil

    for number in range(many):
        folder = root / "damaged"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(root / "whole", folder)
        results = folder / RESULTS
        files = [
            path
            for path in sorted(results.rglob("*"))
            if path.suffix in (".csv", ".h5", ".json", ".safetensors")
        ]
        files = [path for path in files if path.parent.name != ".made"]
        chosen = choose.choice(files)
        if number % 3 == 0:  # as if the clock had been set back, or on, since it was made
            moment = time.time() + choose.uniform(-1e7, 1e7)
            os.utime(chosen, (moment, moment))
            status = start(folder).wait()
            good = status == 0 and made(folder) == wanted
            tally.add(
                CLOCK,
                EQUAL if good else LOST,
                f"{chosen.name}: {(folder / 'said').read_text()[-1500:]}",
            )
            continue
        what = spoil(chosen, choose)
        status = start(folder).wait()
        said = (folder / "said").read_text()
        outcome = LOST
        if status == 0:
            outcome = EQUAL if made(folder) == wanted else LOST
        elif re.search(r"results: .*Delete", said):
            chosen.unlink()
            if start(folder).wait() == 0 and made(folder) == wanted:
                outcome = TOLD
        tally.add(SPOILT, outcome, f"{chosen.name} {what}: {said[-800:]}")
