"""Released models: weights and buffers as safetensors, with all that tells how they were made."""

import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import nn

from ckstudy.errors import StudyError
from ckstudy.files import atomic_path
from ckstudy.networks import Localiser, build_network
from ckstudy.study.spec import INPUT_SCALINGS

FORMAT = "ckstudy-model"


def save_model(path: str | Path, network: Localiser, **provenance: Any) -> None:
    """Write ``network`` to ``path`` atomically.

    ``provenance`` is any JSON-serialisable description (spec, data hash, digest, versions); it
    is kept as the file's metadata beside what :func:`load_model` needs.
    """
    about = {
        "format": FORMAT,
        "network": json.dumps({"name": network.name, **network.options}, sort_keys=True),
        "input_scaling": network.input_scaling,
    }
    about |= {key: json.dumps(value, sort_keys=True) for key, value in provenance.items()}
    weights = {key: value.cpu().contiguous() for key, value in network.state_dict().items()}
    with atomic_path(path) as temporary:
        safetensors.torch.save_file(weights, temporary, metadata=about)


def read_provenance(path: str | Path) -> dict:
    """The metadata of a released model, without its weights.

    Raises
    ------
    StudyError
        Where the file is missing, damaged or not a released model of this study.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
    except FileNotFoundError:
        raise StudyError(f"there is no model file {path}") from None
    except (OSError, safetensors.SafetensorError) as error:
        raise StudyError(f"{path} is no readable safetensors file: {error}") from None
    if about.get("format") != FORMAT:
        raise StudyError(f"{path} is a safetensors file, but not a model that ckstudy released")
    if about.get("input_scaling") not in INPUT_SCALINGS:
        raise StudyError(
            f"{path} says that its network takes input_scaling {about.get('input_scaling')!r}; "
            f"known are {', '.join(INPUT_SCALINGS)}"
        )
    kept = ("format", "input_scaling")
    try:
        found = {key: value if key in kept else json.loads(value) for key, value in about.items()}
    except ValueError as error:
        raise StudyError(f"{path} has metadata that is not JSON: {error}") from None
    if not isinstance(found.get("network"), dict) or "name" not in found["network"]:
        raise StudyError(f"{path} does not say which network its weights are of")
    return found


def load_model(path: str | Path) -> Localiser:
    """Load a released model, ready to predict (in evaluation mode, on the CPU).

    Parameters
    ----------
    path : str or Path
        A ``model.safetensors`` of this study.

    Returns
    -------
    Localiser
        Maps (N, 1, L) float32 to (N, 1, L). Its ``input_scaling`` says what it expects:
        :func:`ckstudy.networks.predict.predict_lines` applies it to RF lines in volts.

    Raises
    ------
    StudyError
        Where the file is missing, damaged, not a released model, or its weights do not fit
        the architecture it names.

    Examples
    --------
    >>> import torch
    >>> from ckstudy import build_network, load_model
    >>> from ckstudy.networks.release import save_model
    >>> network = build_network("ckcnn", kernel_size=9, channels=2, seed=0).eval()
    >>> save_model(folder / "model.safetensors", network)
    >>> loaded = load_model(folder / "model.safetensors")
    >>> x = torch.randn(1, 1, 200)
    >>> torch.equal(loaded(x), network(x))
    True
    """
    about = read_provenance(path)
    network = build_network(**about["network"])
    weights = safetensors.torch.load_file(path)
    bad = [name for name, value in weights.items() if not value.isfinite().all()]
    if bad:
        raise StudyError(f"{path} has weights that are not finite: {bad[0]}; train it again")
    load_weights(network, weights, str(path))
    network.input_scaling = about["input_scaling"]
    return network.eval()


def load_weights(network: nn.Module, weights: dict, origin: str) -> None:
    """Load a state dict, or say in one message which weights do not fit.

    Raises
    ------
    StudyError
        Where a key or a shape is not the network's.
    """
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        wrong = " ".join(str(error).split())
        raise StudyError(f"the weights of {origin} are of another architecture: {wrong}") from None
