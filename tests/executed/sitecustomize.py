"""Notes which functions of ckstudy each job of the workflow executes.

Python imports a module of this name as it starts. Every command, script and notebook kernel that
Snakemake starts with this folder on PYTHONPATH then writes a file of JSON lines to the folder
CKSTUDY_EXECUTED: first its rule or command, its process and the one that started it, then each
function (the file, the name at the top level of the file) that runs once its module is imported.
"""

import json
import os
import sys
import threading
from pathlib import Path

FOLDER = os.environ.get("CKSTUDY_EXECUTED")
RECORDS = os.sep + "records.py"
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
    path = Path(FOLDER) / f"{name}-{os.getpid()}.jsonl"

    def write(value):
        # At once: Jupyter may end a kernel without waiting for it.
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(value) + "\n")

    def note(frame, event, _):  # it returns None: calls are traced, and no lines
        code = frame.f_code
        if code in settled:
            return
        if PACKAGE not in code.co_filename or code.co_name == "<module>":
            settled.add(code)
            return
        outer = frame
        while outer is not None:
            file = outer.f_code.co_filename
            if PACKAGE in file and (outer.f_code.co_name == "<module>" or file.endswith(RECORDS)):
                return  # while a module is imported, or for the records, which are no results
            outer = outer.f_back
        settled.add(code)
        file = code.co_filename.split(PACKAGE)[1]
        found = (file, code.co_qualname.split(".")[0])
        if not executed:
            snakemake = getattr(sys.modules["__main__"], "snakemake", None)
            rule = snakemake.rule if snakemake else name.replace("-", "_")
            write([rule, os.getpid(), os.getppid()])
        if found not in executed:
            executed.add(found)
            write(found)

    threading.settrace(note)
    sys.settrace(note)


if FOLDER and (job := command()):
    watch(job)
