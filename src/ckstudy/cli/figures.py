"""``ckstudy figures``: pictures of what a study has found."""

from pathlib import Path
from typing import Annotated

import typer

from ckstudy.cli.arguments import STEPS


def register(app: typer.Typer) -> None:
    """Add this module's sub-commands to ``app``."""
    app.command("figures", rich_help_panel=STEPS)(figures)


def figures(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME", help="Figures, or kinds of figures: diagrams, lines, scores."
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where to put the pictures.")],
    results: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Results of a study, such as results/quick; only diagrams do without.",
        ),
    ] = None,
) -> None:
    """Draw figures as PNG and SVG, the same bytes each time."""
    from ckstudy.errors import StudyError
    from ckstudy.report.figures.catalogue import draw, needs_results

    if results is None and (drawn := needs_results(names)):
        raise StudyError(
            f"{', '.join(drawn)}: drawn from the results of a study; name them with --results, "
            "such as --results results/quick"
        )
    for stem in draw(names, results or Path(), out):
        print(f"{stem}.png")
        print(f"{stem}.svg")
