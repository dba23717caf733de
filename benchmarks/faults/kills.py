"""kill -9 of the commands at random moments."""

import contextlib
import os
import random
import shutil
import signal
import time
from pathlib import Path

from benchmarks.faults import commands
from benchmarks.faults.outcome import EQUAL, LOST, Tally

ALL, PARENT = "kill -9 of a command and all it started", "kill -9 of a command alone"


def undisturbed(root: Path) -> tuple[dict[str, str], float]:
    """The study without faults in ``root/whole``: its files' digests, and how long it takes.

    It is made twice: the second time nothing has to be compiled.
    """
    for _ in range(2):
        shutil.rmtree(root / "whole", ignore_errors=True)
        began = time.monotonic()
        process = commands.start(root / "whole", root / "whole.log")
        process.join()
        if process.exitcode:
            raise SystemExit((root / "whole.log").read_text())
        seconds = time.monotonic() - began
    return commands.made(root / "whole"), seconds


def kill_commands(
    root: Path, many: int, choose: random.Random, wanted: dict, seconds: float, tally: Tally
) -> None:
    """Kill the study ``many`` times, until it is finished again and again between the kills."""
    folder, log = root / "killed", root / "killed.log"
    kinds: list[str] = []

    def finished() -> None:
        found = commands.made(folder)
        other = [name for name in wanted if found[name] != wanted[name]]
        for kind in kinds:
            tally.add(kind, LOST if other else EQUAL, f"{other} after {len(kinds)} kills")
        kinds.clear()
        shutil.rmtree(folder)

    done = 0
    while done < many:
        print(f"\r{done} of {many} kills", end="", flush=True)
        process = commands.start(folder, log)
        process.join(choose.uniform(0, seconds))
        if process.exitcode is None:
            kind = choose.choice((ALL, PARENT))
            if kind == ALL:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.join()
            kinds.append(kind)
            done += 1
        elif process.exitcode == 0:
            finished()
        else:
            tally.add(ALL, LOST, f"exit status {process.exitcode}: {log.read_text()[-600:]}")
            shutil.rmtree(folder)
            kinds.clear()
    process = commands.start(folder, log)
    process.join()
    finished()
