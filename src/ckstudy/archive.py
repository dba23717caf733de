"""Archives: what is kept of a finished or partial study, small enough to live beside the code.

``archive/NAME/``
    ``config.yaml``     the study's whole config, as it was run
    ``manifest.json``   the grid: which runs are there, how each was made, digests of the files
    ``README.md``       the same for a reader
    ``runs/NAME/``      ``spec.json``, ``model.safetensors``, ``history.csv``, ``thresholds.csv``,
                        ``train.csv.gz``, ``test.csv.gz`` (scores of every line)

The lines themselves are not kept: the simulator makes the same ones again from the config, and
the hashes in the manifest tell whether it did.
"""

import gzip
import hashlib
import shutil
from pathlib import Path

import yaml

from ckstudy.errors import StudyError
from ckstudy.files import atomic_path, write_json, write_text
from ckstudy.grid import expand_grid
from ckstudy.provenance import commit

KEPT = ("spec.json", "model.safetensors", "history.csv", "thresholds.csv")
COMPRESSED = ("train.csv", "test.csv")


def make_archive(config: dict, out: Path) -> dict:
    """Archive the study that ``config`` describes, as far as it has come.

    Parameters
    ----------
    config : dict
        The whole study config; ``config["results"]`` says where its results lie.
    out : Path
        Folder of the archive. Runs that it holds already and the results lack are kept.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    StudyError
        Where no run of the grid is finished, neither in the results nor in the archive.
    """
    runs, experiments = expand_grid(config)
    source = Path(config["results"]) / "runs"
    for name in runs:
        folder = source / name
        if all((folder / file).is_file() for file in (*KEPT, *COMPRESSED)):
            _keep(folder, out / "runs" / name)
    members = {name: _describe(out / "runs" / name) for name in runs}
    if not any(members.values()):
        raise StudyError(
            f"no run of the study {config['study']!r} is finished in {source}: nothing to archive"
        )
    manifest = {
        "study": config["study"],
        "archived_by_commit": commit(),
        "experiments": experiments,
        "missing": [name for name, about in members.items() if about is None],
        "runs": {name: about for name, about in members.items() if about is not None},
    }
    write_text(out / "config.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
    write_json(out / "manifest.json", manifest)
    write_text(out / "README.md", _readme(manifest, len(runs)))
    return manifest


def archived_config(archive: str | Path) -> dict:
    """The config of the archived study.

    Raises
    ------
    StudyError
        Where the folder is no archive.
    """
    path = Path(archive) / "config.yaml"
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        raise StudyError(f"{archive} is no archive of a study: it has no config.yaml") from None


def archived_runs(archive: str | Path) -> list[str]:
    """Names of the runs that the archive holds."""
    return sorted(path.parent.name for path in Path(archive).glob("runs/*/model.safetensors"))


def restore_run(archive: str | Path, name: str, out: Path) -> None:
    """Put the spec, the weights and the history of an archived run where a training would.

    Raises
    ------
    StudyError
        Where the archive lacks the run.
    """
    folder = Path(archive) / "runs" / name
    for file in ("spec.json", "history.csv", "model.safetensors"):
        if not (folder / file).is_file():
            raise StudyError(f"the archive {archive} has no {file} of the run {name!r}")
        with atomic_path(out / file) as temporary:
            shutil.copyfile(folder / file, temporary)


def _keep(source: Path, target: Path) -> None:
    for file in KEPT:
        with atomic_path(target / file) as temporary:
            shutil.copyfile(source / file, temporary)
    for file in COMPRESSED:
        with atomic_path(target / f"{file}.gz") as temporary:
            # Without a time in its header, the same scores make the same bytes.
            temporary.write_bytes(gzip.compress((source / file).read_bytes(), mtime=0))


def _describe(folder: Path) -> dict | None:
    """How an archived run was made, and the digests of its files; None where it is not there."""
    # Here and not above: the workflow imports this module each time it plans, without torch.
    from ckstudy.training.release import read_provenance

    model = folder / "model.safetensors"
    if not model.is_file():
        return None
    about = read_provenance(model)
    told = ("device", "wall_seconds", "optimiser_steps", "source_digest", "data", "environment")
    return {
        **{key: about[key] for key in told if key in about},
        "sha256": {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.iterdir())
        },
    }


def _readme(manifest: dict, planned: int) -> str:
    there = manifest["runs"]
    lines = [
        f"# The study `{manifest['study']}`, archived",
        "",
        f"{len(there)} of {planned} networks of its grid"
        + (f"; missing: {', '.join(manifest['missing'])}" if manifest["missing"] else "")
        + ".",
        "",
        "Written by `ckstudy archive`; `manifest.json` has the digests of all files.",
        "",
        "| run | device | optimiser steps | training time (s) | commit |",
        "|---|---|---|---|---|",
    ]
    for name, about in there.items():
        environment = about.get("environment", {})
        lines.append(
            f"| `{name}` | {about.get('device')} | {about.get('optimiser_steps')} "
            f"| {about.get('wall_seconds')} | {environment.get('commit', 'unknown')} |"
        )
    return "\n".join(lines) + "\n"
