"""The ``ckstudy`` command: what a person types; what only the workflow does is in its scripts.

The modules of this package only read arguments and report results; what computes lives outside
and is imported when a sub-command runs, so that ``ckstudy --help`` does not wait for torch.
"""

import gc
import sys
from typing import Annotated

import typer

from ckstudy import __version__
from ckstudy.cli import (
    archive,
    check,
    evaluate,
    figures,
    imaging,
    localise,
    provenance,
    simulate,
    train,
)
from ckstudy.errors import StudyError, lacks_memory
from ckstudy.files import WriteError, cannot_write, is_of_writing

app = typer.Typer(
    name="ckstudy",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# In the order of the help.
for module in (localise, imaging, train, archive, simulate, evaluate, figures, provenance, check):
    module.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"ckstudy {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Continuous-kernel networks that localise micro-bubbles in ultrasound RF lines."""


def main() -> None:
    """Run the command line; what the user can mend becomes one message and exit status 2."""
    # Little of what modules make while they load is garbage; to look for it as often as Python
    # does by itself is a tenth of the start.
    gc.set_threshold(100_000)
    try:
        app()
    except (StudyError, WriteError) as error:
        print(f"ckstudy: error: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if not is_of_writing(error):
            raise
        said = cannot_write(error, error.filename or "a file")
        print(f"ckstudy: error: {said}", file=sys.stderr)
        sys.exit(2)
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        print(
            "ckstudy: error: there is not enough memory for this; choose less at a time, such as "
            f"a smaller batch, or a larger machine ({' '.join(str(error).split())[:200]})",
            file=sys.stderr,
        )
        sys.exit(2)
