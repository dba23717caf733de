"""``ckstudy describe``, ``figures`` and ``notebook``: from scores to pictures, tables and prose."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add this module's sub-commands to ``app``."""
    app.command("describe")(describe)
    app.command("figures")(figures)
    app.command("notebook")(notebook)


def describe(
    study: Annotated[
        str,
        typer.Argument(help="study, claims and missing: a JSON object, or a file that holds it."),
    ],
    out: Annotated[Path, typer.Option(help="Where to write it: study.json of the results.")],
) -> None:
    """Write what a study says of itself: its name, the margins of its verdicts, what it lacks."""
    from ckstudy.analysis.results import STUDY_KEYS
    from ckstudy.cli.arguments import read_spec
    from ckstudy.files import write_json

    write_json(out, read_spec(study, STUDY_KEYS))


def figures(
    names: Annotated[
        list[str],
        typer.Argument(help="Figures, or kinds of figures: diagrams, lines, scores."),
    ],
    out: Annotated[Path, typer.Option(help="Directory of the pictures.")],
    results: Annotated[
        Path, typer.Option(help="Results directory; diagrams do not need it.")
    ] = Path("results"),
) -> None:
    """Draw figures as PNG and SVG, the same bytes each time."""
    from ckstudy.report.figures import draw

    for stem in draw(names, results, out):
        print(f"{stem}.png")
        print(f"{stem}.svg")


def notebook(
    source: Annotated[Path, typer.Argument(help="Notebook to run.")],
    out: Annotated[Path, typer.Argument(help="Notebook to write, with its outputs.")],
    log: Annotated[
        Path, typer.Option(help="Where the notebook lies while it runs, and after a failure.")
    ],
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="NAME=VALUE of the notebook.")
    ] = None,
) -> None:
    """Execute a notebook with papermill, in this interpreter."""
    from ckstudy.errors import StudyError
    from ckstudy.report.notebook import execute

    values = {}
    for text in parameter or []:
        name, equals, value = text.partition("=")
        if not equals:
            raise StudyError(f"parameter {text!r} is not of the form NAME=VALUE")
        values[name] = value
    execute(source, out, values, log)
    print(out)
