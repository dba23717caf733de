"""Released models: weights and buffers as safetensors, with all that tells how they were made."""

import json
import math
import warnings
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from ckstudy.errors import StudyError
from ckstudy.files import atomic_path
from ckstudy.networks import Localiser, build_network
from ckstudy.networks.shipped import model_path
from ckstudy.networks.windowed_conv import values_can_be_seen
from ckstudy.study.spec import INPUT_SCALINGS

FORMAT = "ckstudy-model"


def save_model(path: str | Path, network: Localiser, **provenance: Any) -> None:
    """Write ``network`` to ``path`` atomically.

    ``provenance`` is any JSON-serialisable description (spec, data hash, digest, versions); it
    is kept as the file's metadata beside what :func:`load_model` needs.

    Raises
    ------
    StudyError
        For a resampled network, which its options do not make again.
    """
    if network.resampled:
        raise StudyError(
            f"{path}: a resampled {network.name} cannot be saved, since its options are those of "
            "the network that it was made of. Save that one, and resample what is loaded "
            "(ckstudy.networks.resampling.resampled)"
        )
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


def load_model(model: str | Path) -> Localiser:
    """Load a released network, ready to predict (in evaluation mode, on the CPU).

    Parameters
    ----------
    model : str or Path
        The name of a network that comes with the package, such as ``"best"``, or the path of a
        ``model.safetensors`` of this study.

    Returns
    -------
    Localiser
        For :func:`ckstudy.predict` and :func:`ckstudy.localise`, which take RF lines as they were
        recorded. Called by itself it maps (N, 1, L) float32 to (N, 1, L), and wants lines scaled
        as its ``input_scaling`` says; it warns where they are not.

    Raises
    ------
    StudyError
        Where there is no such name or file, the file is damaged or not a released model, or its
        weights do not fit the architecture it names.

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
    path = model_path(model)
    about = read_provenance(path)
    try:
        network = build_network(**about["network"])
    except StudyError as error:
        raise StudyError(f"{path} is of a network that cannot be built: {error}") from None
    weights = safetensors.torch.load_file(path)
    bad = [name for name, value in weights.items() if not value.isfinite().all()]
    if bad:
        raise StudyError(f"{path} has weights that are not finite: {bad[0]}; train it again")
    load_weights(network, weights, str(path))
    network.input_scaling = about["input_scaling"]
    network.about = about | {"path": str(path)}
    trained_on = about.get("training_data", {})
    if not isinstance(trained_on, dict):
        raise StudyError(f"{path} has training_data that are no JSON object")
    rate = trained_on.get("sampling_rate_hz", network.sampling_rate_hz)
    if not isinstance(rate, int | float) or not 0 < rate < math.inf:
        raise StudyError(f"{path} says that its network takes a sampling rate of {rate!r} Hz")
    network.sampling_rate_hz = float(rate)
    if network.input_scaling == "line_rms":
        network.register_forward_pre_hook(warn_where_unscaled)
    return network.eval()


# What is scaled has a root mean square of 1, but for rounding.
UNSCALED = 0.05


def warn_where_unscaled(network: Localiser, inputs: tuple[torch.Tensor, ...]) -> None:
    """Warn where a network that takes ``line_rms`` is called on lines that are not scaled so."""
    x = inputs[0]
    if not values_can_be_seen() or (x.is_cuda and torch.cuda.is_current_stream_capturing()):
        return  # no place to look at values
    power = x.detach().float().square().mean(-1)
    rms = power[power > 0].sqrt()  # a silent line stays silent
    wrong = (rms - 1).abs() > UNSCALED
    if bool(wrong.any()):
        warnings.warn(
            f"the {network.name} is called on a line with a root mean square of "
            f"{rms[wrong][0].item():.3g}, but it was trained on lines divided by theirs: what it "
            "gives here means nothing. Give RF lines to ckstudy.predict or ckstudy.localise, or "
            "scale them with ckstudy.networks.scaling.scale_lines(x, network.input_scaling)",
            stacklevel=4,
        )


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
