"""Archiving a study, and taking its networks out again."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add this module's sub-commands to ``app``."""
    app.command("archive")(archive)
    app.command("restore")(restore)
    app.command("check-lines")(check_lines)


def archive(
    config: Annotated[
        list[Path], typer.Option(help="Config file; a further one overlays those before it.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the archive, such as archive/laptop.")],
) -> None:
    """Keep the finished networks of a study, with their scores and provenance."""
    from ckstudy.archive.contents import make_archive
    from ckstudy.study.config import read_configs

    manifest = make_archive(read_configs(config), out)
    print(f"{out}: {len(manifest['runs'])} networks, {len(manifest['missing'])} missing")


def restore(
    archive: Annotated[Path, typer.Option(help="Folder of the archive.")],
    spec: Annotated[str, typer.Option(help="The run's spec: JSON, or a file that holds it.")],
    train: Annotated[Path, typer.Option(help="The run's training lines (HDF5).")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
) -> None:
    """Put an archived network where its training would have put it."""
    from ckstudy.archive.contents import restore_run
    from ckstudy.cli.arguments import read_spec
    from ckstudy.study.spec import RunSpec

    restore_run(archive, RunSpec.from_json(read_spec(spec)), train, out)


def check_lines(
    archive: Annotated[Path, typer.Option(help="Folder of the archive.")],
    data: Annotated[Path, typer.Option(help="Folder of the lines, such as results/archive/data.")],
    out: Annotated[Path, typer.Option(help="Where to write what was found (JSON).")],
    lines: Annotated[
        list[str] | None,
        typer.Option(help="A set of lines, such as noise_32/test; repeatable; all by default."),
    ] = None,
) -> None:
    """Say whether lines that were simulated again are those of the archived networks."""
    from ckstudy.archive import lines as again
    from ckstudy.archive.contents import archived_lines
    from ckstudy.errors import StudyError
    from ckstudy.files import write_json

    wanted = archived_lines(archive)
    if unknown := [name for name in lines or () if name not in wanted]:
        raise StudyError(f"the archive {archive} knows no lines {', '.join(unknown)}")
    found = again.check_lines(data, {name: wanted[name] for name in lines or wanted})
    write_json(out, found)
    reasons = {
        again.ROUNDED: "by rounding, as they do on another kind of processor",
        again.CORRECTED: "a little, by a change of the simulator since",
    }
    for found_so, how in reasons.items():
        if names := [name for name, about in found.items() if about == found_so]:
            print(
                f"warning: the lines {', '.join(names)} differ from the archived ones {how}: by "
                f"less than {again.TOLERANCE:g} of a line's root mean square where they were "
                "probed; scores may differ from the archived ones in their last digits"
            )
