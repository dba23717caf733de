"""``ckstudy provenance``: where a file of a study comes from."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ckstudy.cli.arguments import KNOW
from ckstudy.errors import StudyError

if TYPE_CHECKING:
    from ckstudy.records import Origin


def register(app: typer.Typer) -> None:
    """Add this module's sub-commands to ``app``."""
    app.command("provenance", rich_help_panel=KNOW)(provenance)


def provenance(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A figure, table, model or data file of a study.")
    ],
    config: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Also compare with what these configs ask for; repeatable."
        ),
    ] = None,
) -> None:
    """Tell what made a file, from what, and whether this checkout would make the same.

    Exits with status 1 where it would not.
    """
    from ckstudy.records import trace

    if not file.is_file():
        raise StudyError(f"there is no file {file}")
    origin = trace(file)
    if origin.record is None:
        raise StudyError(
            f"{file} has no record of how it was made: it is no file of a study, or was moved out "
            "of its folder; give the file in the study's results"
        )
    for made in _each(origin, {}).values():
        print(_describe(made))
    changes = [*origin.all_changes(), *_other_config(origin, config or [])]
    if not changes:
        print("This checkout would make the same file.")
        return
    print("This checkout would not make the same file, or not for certain:")
    for change in changes:
        print(f"  {change}")
    raise typer.Exit(1)


def _each(origin: "Origin", found: dict[Path, "Origin"]) -> dict[Path, "Origin"]:
    """The file and all that it was made from, each once."""
    if origin.path not in found:
        found[origin.path] = origin
        for each in origin.inputs:
            _each(each, found)
    return found


def _describe(origin: "Origin") -> str:
    record = origin.record
    if record is None:
        return f"{origin.path}\n  no record\n"
    about = record["environment"]
    versions = [f"{key} {value}" for key, value in about.items() if key not in _NO_VERSIONS]
    lines = [
        str(origin.path),
        f"  sha256    {record['sha256']}",
        f"  made by   {record['step']}, code {record['code']}, commit {about.get('commit')}",
        f"  on        {record['device']}, {about.get('platform')}",
        f"  with      {', '.join(versions)}",
        f"  told      {json.dumps(record['parameters'], sort_keys=True)}",
        f"  from      {', '.join(str(each.path) for each in origin.inputs) or 'nothing'}",
    ]
    return "\n".join(lines) + "\n"


_NO_VERSIONS = ("platform", "commit", "processors", "threads")


def _other_config(origin: "Origin", paths: list[Path]) -> list[str]:
    """What the configs at ``paths`` would tell the simulations and trainings otherwise."""
    if not paths:
        return []
    from ckstudy.study.config import read_configs, read_study
    from ckstudy.study.lines import SPLITS, noise_levels

    study = read_study(read_configs(paths))
    levels = [None, *noise_levels(study.runs.values())]
    lines = [study.data.simulation(split, noise) for split in SPLITS for noise in levels]
    asked = {
        "simulate": [json.loads(json.dumps(spec.as_dict())) for spec in lines],
        "train": [spec.to_json() for spec in study.runs.values()],
    }
    return [
        f"{made.path}: the config asks for nothing that was made so"
        for made in _each(origin, {}).values()
        if made.record
        and made.record["step"] in asked
        and made.record["parameters"] not in asked[made.record["step"]]
    ]
