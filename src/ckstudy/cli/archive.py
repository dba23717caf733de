"""Archiving a study, and taking its networks out again."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add this module's sub-commands to ``app``."""
    app.command("archive")(archive)
    app.command("restore")(restore)


def archive(
    config: Annotated[
        list[Path], typer.Option(help="Config file; a further one overlays those before it.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the archive, such as archive/laptop.")],
) -> None:
    """Keep the finished networks of a study, with their scores and provenance."""
    from ckstudy.archive import make_archive
    from ckstudy.cli.arguments import read_configs

    manifest = make_archive(read_configs(config), out)
    print(f"{out}: {len(manifest['runs'])} networks, {len(manifest['missing'])} missing")


def restore(
    archive: Annotated[Path, typer.Option(help="Folder of the archive.")],
    run: Annotated[str, typer.Option(help="Name of the run.")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
) -> None:
    """Put an archived network where its training would have put it."""
    from ckstudy.archive import restore_run

    restore_run(archive, run, out)
