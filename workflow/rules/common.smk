# Reads and checks the config, and expands the grid. Nothing here computes a result.
#
# `snakemake --lint` leaves remarks that are meant to stay: profiles/README.md says which and why.

import json
import os
import re
import subprocess
from pathlib import Path

from snakemake.exceptions import WorkflowError

from ckstudy.analysis.full_grid import MAPS
from ckstudy.analysis.long_kernels import ARMS
from ckstudy.archive.contents import archived_config, archived_runs
from ckstudy.errors import StudyError
from ckstudy.provenance import PACKAGE
from ckstudy.records import check_folder
from ckstudy.study.config import in_order, read_layer, read_study
from ckstudy.study.lines import (
    SPLITS,
    lines_name,
    noise_levels,
)
from commands import prefer_own_commands  # beside this file, as the next three
from digests import code_of
from locks import remove_stale_lock
from scheduling import drop_default_limit

prefer_own_commands()

IS_RUN = workflow.is_main_process and not workflow.dryrun
if IS_RUN:
    remove_stale_lock()

# The workflow's own folder as the working directory sees it, which may be anywhere (`-d`, `-s`).
WORKFLOW = os.path.relpath(os.path.join(workflow.basedir, "workflow"))


def find_archive(path):
    """An archive in the working directory, or the one of that name beside the Snakefile."""
    beside = os.path.relpath(os.path.join(workflow.basedir, path))
    return beside if os.path.exists(beside) and not os.path.exists(path) else path


def network_file(model):
    """The file of a shipped network, or the path itself."""
    shipped = PACKAGE / "networks" / "weights" / f"{model}.safetensors"
    return os.path.relpath(shipped) if shipped.is_file() else model


try:
    if config.get("archive"):
        config["archive"] = find_archive(config["archive"])
        # The archive knows its study. Where to compute and to write is said anew, and what to look
        # into, which no training depends on.
        anew = ("archive", "results", "device", "others", "analyses", "imaging")
        here = {key: config[key] for key in anew}
        # What an older archive does not say is as in the config below it.
        archived = {"claims": config["claims"]} | archived_config(here["archive"])
        # Batch norm's statistics are taken after the training, so they can be chosen anew.
        statistics = config["training"]["batch_norm_statistics"]
        archived["training"]["batch_norm_statistics"] = statistics
        config.clear()
        config.update(archived | here)
    # This also says what Snakemake does not: a key that stands twice.
    *overlays, own = [read_layer(Path(path)) for path in workflow.configfiles]
    if not config["archive"]:
        # Snakemake puts what overlays name first; tables keep the order of the command's configs.
        config["experiments"] = in_order([own, *overlays], "experiments", config)
    STUDY = read_study(config)
    RUNS, EXPERIMENTS = STUDY.runs, STUDY.run_names
    MISSING = {}
    if config["archive"]:
        there = archived_runs(config["archive"])
        MISSING = {
            name: [each for each, names in EXPERIMENTS.items() if name in names]
            for name in RUNS
            if name not in there
        }
        RUNS = {name: spec for name, spec in RUNS.items() if name in there}
        EXPERIMENTS = {
            experiment: [name for name in names if name in there]
            for experiment, names in EXPERIMENTS.items()
        }
except StudyError as error:
    raise WorkflowError(f"config: {error}")

try:
    if IS_RUN:
        # A file that was truncated or edited since is told, not read as if it were whole.
        check_folder(config["results"])
except StudyError as error:
    raise WorkflowError(f"results: {error}")

RESULTS = config["results"].rstrip("/")
# A pattern: networks that the study trains or restores.
OWN_NAMES = "|".join(map(re.escape, RUNS))
# Whether the study has networks of config/long_kernels.yaml: these have a notebook of their own.
HAS_LONG_KERNELS = any(EXPERIMENTS.get(arm.experiment) for arm in ARMS)
# Whether it has networks of config/full_grid.yaml: these have a notebook and a figure.
HAS_FULL_GRID = any(EXPERIMENTS.get(each.experiment) for each in MAPS)
# Networks that were trained elsewhere: their files.
OTHERS = {name: network_file(model) for name, model in STUDY.others.items()}
# What is measured of images, and the files of the networks that make them.
IMAGING = STUDY.imaging.as_dict() if STUDY.imaging else None
IMAGING_MODELS = (
    [network_file(model) for model in STUDY.imaging.models] if IMAGING else []
)
TRAINS_ON_CPU = config["device"] == "cpu"

# Sets of lines: the study's own, and one for each further noise that a run asks for.
NOISES = [noise for noise in noise_levels(RUNS.values()) if noise is not None]
LINES = {
    lines_name(split, noise): STUDY.data.simulation(split, noise)
    for noise in [None, *NOISES]
    for split in SPLITS
}
# Baselines by the end of their files' names.
BASELINES = {"": None} | {f"_noise_{noise:g}": noise for noise in NOISES}


wildcard_constraints:
    run="|".join(map(re.escape, [*RUNS, *OTHERS])),
    lines="|".join(map(re.escape, LINES)),
    level=f"({'|'.join(map(re.escape, BASELINES))})",  # in brackets, so that it may be empty


def lines_of(split):
    """Input function: the split of the very lines that the run is trained and scored on."""
    noise = {name: spec.noise for name, spec in RUNS.items()}
    return lambda wildcards: lines_file(split, noise.get(wildcards.run))


def lines_file(split, noise):
    return f"{RESULTS}/data/{lines_name(split, noise)}.h5"


def start_of(wildcards):
    """Input function: the trained weights that the run starts from, where it does."""
    start = RUNS[wildcards.run].training.start_from
    return [] if start is None else [network_file(start)]


def as_json(value):
    """A parameter as one line of JSON: plain text, so that Snakemake compares it by value."""
    return json.dumps(value, sort_keys=True)


onstart:
    drop_default_limit(workflow.scheduler)
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
