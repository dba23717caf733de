"""Notes which functions of ckstudy each job of the workflow executes.

Python imports a module of this name as it starts. Every command, script and notebook kernel that
Snakemake starts with this folder on PYTHONPATH then writes, as it ends, a JSON file to the folder
CKSTUDY_EXECUTED: its rule or command, its process and the one that started it, and the functions
(the file, the name at the top level of the file) that ran after their module was imported.
"""

import atexit
import json
import os
import sys
import threading
from pathlib import Path

FOLDER = os.environ.get("CKSTUDY_EXECUTED")
PACKAGE = os.sep + os.path.join("src", "ckstudy") + os.sep


def command() -> str | None:
    """The sub-command, "script" or "kernel"; None for a process that is no job."""
    for number, word in enumerate(sys.orig_argv):
        if Path(word).name == "ckstudy":
            return sys.orig_argv[number + 1]
        if ".snakemake/scripts/" in word:
            return "script"
        if word == "ipykernel_launcher":
            return "kernel"
    return None


def watch(name: str) -> None:
    settled = set()
    executed = set()

    def note(frame, event, _):
        code = frame.f_code
        if event != "call" or code in settled:
            return
        if PACKAGE not in code.co_filename or code.co_name == "<module>":
            settled.add(code)
            return
        outer = frame.f_back
        while outer is not None:
            if outer.f_code.co_name == "<module>" and PACKAGE in outer.f_code.co_filename:
                return  # while a module is imported
            outer = outer.f_back
        settled.add(code)
        file = code.co_filename.split(PACKAGE)[1]
        executed.add((file, code.co_qualname.split(".")[0]))

    def write():
        sys.setprofile(None)
        snakemake = getattr(sys.modules["__main__"], "snakemake", None)
        about = {
            "rule": snakemake.rule if snakemake else name,
            "process": os.getpid(),
            "parent": os.getppid(),
            "executed": sorted(executed),
        }
        path = Path(FOLDER) / f"{name}-{os.getpid()}.json"
        path.write_text(json.dumps(about), encoding="utf-8")

    atexit.register(write)
    threading.setprofile(note)
    sys.setprofile(note)


if FOLDER and (job := command()):
    watch(job)
