"""``ckstudy archive``: keeping what a study has trained."""

from pathlib import Path
from typing import Annotated

import typer

from ckstudy.cli.arguments import STUDY, Configs


def register(app: typer.Typer) -> None:
    """Add this module's sub-commands to ``app``."""
    app.command("archive", rich_help_panel=STUDY)(archive)


def archive(
    config: Configs,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="The archive, such as archive/laptop.")
    ],
) -> None:
    """Keep the finished networks of a study, with their scores and provenance."""
    from ckstudy.archive.contents import make_archive
    from ckstudy.study.config import read_configs

    manifest = make_archive(read_configs(config), out)
    print(f"{out}: {len(manifest['runs'])} networks, {len(manifest['missing'])} missing")
