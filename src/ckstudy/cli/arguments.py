"""Arguments that several sub-commands read in the same way."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from ckstudy.errors import StudyError

# The groups of the help.
STUDY = "A whole study"
STEPS = "One step of it"
KNOW = "What there is"
OWN = "Your own data"
SRML1D = "Against SRML-1D, published lines and networks"

# Choices that the help shows. They stand in full here, and not where they are defined, so that
# the help does not wait for torch or scipy; a test compares them.
DeviceName = Literal["auto", "cpu", "cuda"]
PopulationName = Literal["monodisperse", "polydisperse"]
MixedPopulationName = Literal["monodisperse", "polydisperse", "mixed"]
PresetName = Literal["thesis-text", "thesis-counts", "upstream"]
ShellName = Literal["segers", "marmottant"]
SceneName = Literal["field", "points", "pairs", "vessels"]
DirectionName = Literal["axial", "lateral"]

Configs = Annotated[
    list[Path],
    typer.Option(metavar="FILE", help="Config; repeatable, each overlays those before it."),
]
Device = Annotated[DeviceName, typer.Option(help="Where to compute.")]
Model = Annotated[
    str, typer.Option(metavar="NAME|FILE", help="A shipped network, or a model.safetensors.")
]
Variable = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The array inside the file, where it holds several."),
]
HalfSamples = Annotated[
    bool,
    typer.Option(
        "--half-samples",
        help="Ask the network between its samples too, for twice the work: peaks nearer together.",
    ),
]
Threads = Annotated[int, typer.Option(min=0, help="CPU threads; 0 takes torch's choice.")]


def read_spec(text: str) -> dict:
    """A spec given as JSON, or as the path of a file that holds it.

    Raises
    ------
    StudyError
        Where it is neither, or no JSON object.
    """
    origin = "the spec"
    if not text.lstrip().startswith("{"):
        origin = f"the spec {text}"
        try:
            text = Path(text).read_text(encoding="utf-8")
        except OSError as error:
            raise StudyError(f"{origin} cannot be read: {error.strerror}") from None
        except ValueError:  # a path that cannot be, or no text
            raise StudyError(
                f"the spec {text[:60]!r} is neither JSON in braces nor the path of a text file "
                "in UTF-8"
            ) from None
    try:
        spec = json.loads(text)
    except json.JSONDecodeError as error:
        raise StudyError(f"{origin} is not valid JSON: {error}") from None
    if not isinstance(spec, dict):
        raise StudyError(f"{origin} must be a JSON object, in braces")
    return spec


def check_picture(path: Path) -> None:
    """Raise a StudyError for a picture that could not be written: its type, or no matplotlib."""
    try:
        from ckstudy.localisation.figure import check_suffix
    except ModuleNotFoundError as error:
        raise StudyError(
            f"{error.name} is not installed; pictures need pip install 'ckstudy[workflow]'"
        ) from None
    check_suffix(path)
