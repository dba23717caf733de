# Reads and checks the config, and expands the grid. Nothing here computes a result.

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import yaml
from snakemake.exceptions import WorkflowError

from ckstudy.archive.contents import archived_config, archived_runs
from ckstudy.errors import StudyError
from ckstudy.study.grid import expand_grid
from ckstudy.study.lines import (
    SPLITS,
    lines_name,
    noise_levels,
    noise_of,
    simulation_spec,
)
from digests import code_of  # beside this file

# Jobs call `ckstudy`: the one installed beside this Snakemake, activated or not.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

# The workflow's own folder as the working directory sees it, which may be anywhere (`-d`, `-s`).
WORKFLOW = os.path.relpath(os.path.join(workflow.basedir, "workflow"))


def find_archive(path):
    """An archive in the working directory, or the one of that name beside the Snakefile."""
    beside = os.path.relpath(os.path.join(workflow.basedir, path))
    return beside if os.path.exists(beside) and not os.path.exists(path) else path


def check_schema():
    """Refuse a config in one line, where Snakemake's own check prints the whole schema."""
    with open(f"{WORKFLOW}/schemas/config.schema.yaml", encoding="utf-8") as file:
        schema = yaml.safe_load(file)
    found = jsonschema.Draft202012Validator(schema).iter_errors(config)
    if (error := jsonschema.exceptions.best_match(found)) is None:
        return
    where = ".".join(str(key) for key in error.absolute_path)
    raise StudyError(f"{where}: {error.message}" if where else error.message)


try:
    if config.get("archive"):
        config["archive"] = find_archive(config["archive"])
        # The archive knows its study; only where to compute and to write is said anew.
        here = {key: config[key] for key in ("archive", "results", "device")}
        # What an older archive does not say is as in the config below it.
        usual = {"claims": config["claims"]}
        config.clear()
        config.update(usual | archived_config(here["archive"]) | here)
    check_schema()
    RUNS, EXPERIMENTS = expand_grid(config)
    MISSING = []
    if config["archive"]:
        there = archived_runs(config["archive"])
        MISSING = [name for name in RUNS if name not in there]
        RUNS = {name: spec for name, spec in RUNS.items() if name in there}
        EXPERIMENTS = {
            experiment: [name for name in names if name in there]
            for experiment, names in EXPERIMENTS.items()
        }
except StudyError as error:
    raise WorkflowError(f"config: {error}")

RESULTS = config["results"].rstrip("/")
TRAINS_ON_CPU = config["device"] == "cpu"

# Sets of lines: the study's own, and one for each further noise that a run asks for.
NOISES = [noise for noise in noise_levels(RUNS.values()) if noise is not None]
LINES = {
    lines_name(split, noise): simulation_spec(config, split, noise)
    for noise in [None, *NOISES]
    for split in SPLITS
}
# Baselines by the end of their files' names.
BASELINES = {"": None} | {f"_noise_{noise:g}": noise for noise in NOISES}


wildcard_constraints:
    run="|".join(map(re.escape, RUNS)),
    lines="|".join(map(re.escape, LINES)),
    level=f"({'|'.join(map(re.escape, BASELINES))})",  # in brackets, so that it may be empty


def lines_of(split):
    """Input function: the split of the very lines that the run is trained and scored on."""
    return lambda wildcards: lines_file(split, noise_of(RUNS[wildcards.run]))


def lines_file(split, noise):
    return f"{RESULTS}/data/{lines_name(split, noise)}.h5"


def as_json(value):
    """A parameter as one line of JSON: plain text, so that Snakemake compares it by value."""
    return json.dumps(value, sort_keys=True)


onstart:
    # Before anything is simulated for a training that could not start. On a cluster the
    # trainings run elsewhere, and the trainer itself says so there.
    if config["device"] == "cuda" and workflow.local_exec:
        check = subprocess.run(
            ["ckstudy", "check-device", "--device", "cuda"],
            capture_output=True,
            text=True,
        )
        if check.returncode:
            raise WorkflowError(check.stderr.strip())
