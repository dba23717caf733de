"""A copy of the checkout, and the workflow and the command run in it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "config", "profiles", "src", "workflow")


def snakemake(
    folder: Path, *arguments: str, source: Path | None = None, **environment: str
) -> subprocess.CompletedProcess:
    """Run Snakemake in ``folder``, with the package in ``source`` (by default the one there)."""
    path = [environment.pop("PYTHONPATH", None), str(source or folder / "src")]
    environment |= {"PYTHONPATH": os.pathsep.join(filter(None, path)), "COLUMNS": "200"}
    environment = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--nocolor", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1500,
    )


def ckstudy(folder: Path, *arguments: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    command = [sys.executable, "-m", "ckstudy", *arguments]
    subprocess.run(command, cwd=folder, env=environment, check=True, timeout=120)


def planned(answer: subprocess.CompletedProcess) -> dict[str, int]:
    """Jobs by rule, from the table that a dry run prints."""
    assert answer.returncode == 0, answer.stdout + answer.stderr
    table = (answer.stdout + answer.stderr).partition("Job stats:")[2]
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.M)}


def overlay(folder: Path, changes: dict) -> str:
    """The path of a config that says only ``changes``."""
    path = folder / "overlay.yaml"
    path.write_text(yaml.safe_dump(changes), encoding="utf-8")
    return str(path)


def copy_checkout(folder: Path) -> Path:
    """Copy what the workflow needs into ``folder``, to be changed at will.

    What numba compiled goes along: its caches hold as long as times of change are kept.
    """
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            ignored = shutil.ignore_patterns("*.egg-info", "*.pyc*", "*.tmp.*")
            shutil.copytree(source, folder / part, ignore=ignored)
        else:
            shutil.copy(source, folder / part)
    return folder
