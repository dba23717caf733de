"""The ``ckstudy`` command: one sub-command for each step of the study.

The modules of this package only read arguments and report results; what computes lives outside
and is imported when a sub-command runs, so that ``ckstudy --help`` does not wait for torch.
"""

import sys

import typer

from ckstudy.cli import archive, check, evaluate, localise, results, simulate, train
from ckstudy.errors import StudyError

app = typer.Typer(
    name="ckstudy",
    help="Continuous-kernel networks that localise micro-bubbles in ultrasound RF lines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for module in (localise, simulate, train, evaluate, results, check, archive):
    module.register(app)


def main() -> None:
    """Run the command line; a :class:`StudyError` becomes one message and exit status 2."""
    try:
        app()
    except StudyError as error:
        print(f"ckstudy: error: {error}", file=sys.stderr)
        sys.exit(2)
