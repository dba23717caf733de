"""The trained networks that come with the package, by name."""

from pathlib import Path

from ckstudy.errors import StudyError

FOLDER = Path(__file__).parent / "weights"


def shipped_models() -> dict[str, Path]:
    """The model file of each shipped network, by its name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.safetensors"))}


def model_path(model: str | Path) -> Path:
    """The file of ``model``: a shipped network's name, or a path.

    A name comes first; ``./best`` is a file called ``best``.

    Raises
    ------
    StudyError
        Where it is neither; the message names the shipped networks.
    """
    known = shipped_models()
    if str(model) in known:
        return known[str(model)]
    path = Path(model)
    if not path.is_file():
        shipped = ", ".join(known) or "none in this copy"
        raise StudyError(
            f"there is no model file {path}, and no shipped model of that name (shipped: "
            f"{shipped}); give one of these names, or the path of a model.safetensors"
        )
    return path
