"""Archives: what is kept of a finished or partial study, small enough to live beside the code.

``archive/NAME/``
    ``config.yaml``     the study's whole config, as it was run
    ``manifest.json``   the grid: which runs are there, how each was made, digests of the files,
                        and the marks of the lines
    ``README.md``       the same for a reader
    ``runs/NAME/``      ``spec.json``, ``model.safetensors``, ``history.csv``, ``thresholds.csv``,
                        ``train.csv.gz``, ``test.csv.gz`` (scores of every line)

The lines themselves are not kept: the simulator makes the same ones again from the config, and
their marks in the manifest tell whether it did (:mod:`ckstudy.archive.lines`).
"""

import gzip
import json
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import yaml

from ckstudy.errors import StudyError
from ckstudy.files import atomic_path, file_sha256, write_json, write_text
from ckstudy.provenance import commit
from ckstudy.study.config import read_layer, read_study
from ckstudy.study.folder import StudyFolder, read_run_spec
from ckstudy.study.lines import SPLITS, lines_name, noise_levels
from ckstudy.study.spec import RunSpec

KEPT = ("spec.json", "model.safetensors", "history.csv", "thresholds.csv")
COMPRESSED = ("train.csv", "test.csv")
_NAMED = 8  # missing networks that a README names


def make_archive(config: dict, out: Path) -> dict:
    """Archive the study that the merged ``config`` describes, as far as it has come.

    Parameters
    ----------
    config : dict
        As :func:`ckstudy.study.config.read_configs` gives it; its ``results`` say where they lie.
    out : Path
        Folder of the archive. Runs that it holds already and the results lack are kept.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    StudyError
        Where no run of the grid is finished, neither in the results nor in the archive, and
        where one is not what the config asks for, or is of other lines than the others. The
        archive is then as it was.
    """
    described = read_study(config)
    runs, experiments, study = described.runs, described.run_names, described.folder
    finished = {name: study.run(name) for name in runs if _is_finished(study.run(name))}
    kept = {
        name: out / "runs" / name
        for name in runs
        if name not in finished and (out / "runs" / name / "model.safetensors").is_file()
    }
    if not finished and not kept:
        raise StudyError(
            f"no run of the study {described.study!r} is finished in {study.path / 'runs'}: "
            "nothing to archive"
        )
    there = {name: spec for name, spec in runs.items() if name in finished or name in kept}
    lines, digests = _lines(study, there, out)
    archived = _manifest(out).get("runs", {})
    for name, spec in there.items():
        folder = (finished | kept)[name]
        _check_spec(folder, spec)
        # The lines of a network that the archive has were looked at when it came. They may have
        # been the archived ones but for rounding, on another kind of processor than this one.
        if name in finished or not _is_as_archived(folder, archived.get(name, {})):
            _check_lines_of(folder, spec, digests)
    for name, folder in finished.items():
        _keep(folder, out / "runs" / name)
    manifest = {
        "study": described.study,
        "archived_by_commit": commit(),
        "experiments": experiments,
        "missing": [name for name in runs if name not in there],
        "lines": lines,
        "runs": {name: _describe(out / "runs" / name) for name in there},
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
    if not path.is_file():
        raise StudyError(f"{archive} is no archive of a study: it has no config.yaml")
    config = read_layer(path)
    # A key of earlier configs; tables always stood at the thesis's tolerance.
    config.get("evaluation", {}).pop("tolerance", None)
    return config


def archived_runs(archive: str | Path) -> list[str]:
    """Names of the runs that the archive holds."""
    return sorted(path.parent.name for path in Path(archive).glob("runs/*/model.safetensors"))


def archived_lines(archive: str | Path, names: Iterable[str] | None = None) -> dict[str, dict]:
    """Marks of the lines that the archived runs were made with, by the name of the set.

    Parameters
    ----------
    archive : str or Path
    names : iterable of str, optional
        Sets of lines, such as ``noise_32/test``; all by default.

    Raises
    ------
    StudyError
        Where the archive does not tell them, or knows none of such a name.
    """
    lines = _manifest(Path(archive)).get("lines")
    if not lines:
        raise StudyError(f"{Path(archive) / 'manifest.json'} says nothing of the study's lines")
    names = list(lines if names is None else names)
    if unknown := [name for name in names if name not in lines]:
        raise StudyError(f"the archive {archive} knows no lines {', '.join(unknown)}")
    return {name: lines[name] for name in names}


def restore_run(archive: str | Path, spec: RunSpec, train: Path, out: Path) -> None:
    """Put the spec, the weights and the history of an archived run where a training would.

    The statistics of batch norm may be chosen anew, since they are taken when the weights are
    final: where ``spec`` wants the population's and the archived network has running ones, they
    are taken from the training lines, as the trainer would have done.

    Parameters
    ----------
    archive : str or Path
    spec : RunSpec
        What the study wants under this name.
    train : Path
        The run's training lines.
    out : Path
        Folder of the run.

    Raises
    ------
    StudyError
        Where the archive lacks the run, a file of it is not the one that was archived, or it is
        of other settings than ``spec``.
    """
    name = spec.run
    folder = Path(archive) / "runs" / name
    digests = _manifest(Path(archive)).get("runs", {}).get(name, {}).get("sha256", {})
    for file in ("spec.json", "history.csv", "model.safetensors"):
        if not (folder / file).is_file():
            raise StudyError(f"the archive {archive} has no {file} of the run {name!r}")
        if file_sha256(folder / file) != digests.get(file):
            raise StudyError(
                f"{folder / file} is not the file that was archived: manifest.json has another "
                "digest of it"
            )
    archived = read_run_spec(folder / "spec.json")
    anew = _with_statistics_of(archived, spec)
    if anew != spec:
        raise StudyError(
            f"{folder / 'spec.json'} is not what the config asks for under this name; the "
            "archive's own config does"
        )
    for file in ("spec.json", "history.csv", "model.safetensors"):
        with atomic_path(out / file) as temporary:
            shutil.copyfile(folder / file, temporary)
    if anew != archived:
        _normalise_by_population(out, spec, train)


def _with_statistics_of(archived: RunSpec, wanted: RunSpec) -> RunSpec:
    """The archived spec, with the population's statistics where they are wanted."""
    statistics = wanted.training.batch_norm_statistics
    if statistics != "population":
        return archived
    training = replace(archived.training, batch_norm_statistics=statistics)
    return replace(archived, training=training)


def _normalise_by_population(folder: Path, spec: RunSpec, train: Path) -> None:
    """Release the run's network anew, with batch norm's statistics from the training lines."""
    # Here and not above: the workflow imports this module each time it plans, without torch.
    from ckstudy.dataset import read_lines
    from ckstudy.networks.batch_norm import take_population_statistics
    from ckstudy.networks.release import load_model, read_provenance, save_model

    path = folder / "model.safetensors"
    about = read_provenance(path)
    kept = {key: about[key] for key in about if key not in ("format", "network", "input_scaling")}
    network = take_population_statistics(load_model(path), read_lines(train).rf)
    write_json(folder / "spec.json", spec.to_json())
    save_model(path, network, **kept | {"spec": spec.to_json()})


def _manifest(archive: Path) -> dict:
    """What the archive's manifest says; nothing where there is none."""
    path = archive / "manifest.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StudyError(f"{path} cannot be read: {error}") from None


def _is_finished(folder: Path) -> bool:
    return all((folder / file).is_file() for file in (*KEPT, *COMPRESSED))


def _lines(
    study: StudyFolder, specs: dict[str, RunSpec], out: Path
) -> tuple[dict[str, dict], dict[str, set[str]]]:
    """Marks of all lines of these runs, and the digests of files that hold such lines.

    The marks are those that the archive knows, else those of the lines in the results. Two files
    may hold the same lines up to rounding, where other versions of the simulator made them.
    """
    # Here and not above: the workflow imports this module each time it plans.
    from ckstudy.archive.lines import check_lines, describe_lines

    known = _manifest(out).get("lines", {})
    marks, digests = {}, {}
    # The study's own lines are always among them: its figures and baselines show them.
    for noise in dict.fromkeys([None, *noise_levels(specs.values())]):
        for split in SPLITS:
            name, path = lines_name(split, noise), study.data(split, noise)
            if name in known and path.is_file():
                check_lines(study.path / "data", {name: known[name]})
            found = describe_lines(path) if path.is_file() or name not in known else known[name]
            marks[name] = known.get(name, found)
            digests[name] = {found["sha256"], marks[name]["sha256"]}
    return marks, digests


def _check_spec(folder: Path, spec: RunSpec) -> None:
    """That a run is the one that ``spec`` describes."""
    if _with_statistics_of(read_run_spec(folder / "spec.json"), spec) != spec:
        raise StudyError(
            f"{folder / 'spec.json'} is not what the config asks for under this name; "
            "archive it with the config it was trained with"
        )


def _is_as_archived(folder: Path, described: dict) -> bool:
    """Whether a network of the archive is the one that its manifest describes."""
    return described.get("sha256", {}).get("model.safetensors") == file_sha256(
        folder / "model.safetensors"
    )


def _check_lines_of(folder: Path, spec: RunSpec, lines: dict[str, set[str]]) -> None:
    """That a run was trained on the lines that its spec names."""
    from ckstudy.networks.release import read_provenance

    trained_on = read_provenance(folder / "model.safetensors").get("data", {})
    for split, digest in trained_on.items():
        name = lines_name(split, spec.noise)
        if digest not in lines[name]:
            raise StudyError(
                f"the network of {folder} was trained on other lines than {name} of this study; "
                "train it again"
            )


def _keep(source: Path, target: Path) -> None:
    for file in KEPT:
        with atomic_path(target / file) as temporary:
            shutil.copyfile(source / file, temporary)
    for file in COMPRESSED:
        with atomic_path(target / f"{file}.gz") as temporary:
            # Without a time in its header, the same scores make the same bytes.
            temporary.write_bytes(gzip.compress((source / file).read_bytes(), mtime=0))


def _describe(folder: Path) -> dict:
    """How an archived run was made, and the digests of its files."""
    # Here and not above: the workflow imports this module each time it plans, without torch.
    from ckstudy.networks.release import read_provenance

    about = read_provenance(folder / "model.safetensors")
    told = ("device", "wall_seconds", "optimiser_steps", "source_digest", "data", "environment")
    return {
        **{key: about[key] for key in told if key in about},
        "sha256": {path.name: file_sha256(path) for path in sorted(folder.iterdir())},
    }


def _readme(manifest: dict, planned: int) -> str:
    there, missing = manifest["runs"], manifest["missing"]
    named = ", ".join(missing) if len(missing) <= _NAMED else f"{len(missing)}, see `manifest.json`"
    lines = [
        f"# The study `{manifest['study']}`, archived",
        "",
        f"{len(there)} of {planned} networks of its grid"
        + (f"; missing: {named}" if missing else "")
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
    lines += [
        "",
        "The lines are not kept: they are simulated again, and compared with the manifest.",
        "",
        "| lines | number | digest of the simulator | digest of the lines |",
        "|---|---|---|---|",
    ]
    for name, marks in manifest["lines"].items():
        lines.append(
            f"| `{name}` | {marks['lines']} | {marks['simulator']} | {marks['sha256'][:16]} |"
        )
    return "\n".join(lines) + "\n"
