"""What a training depends on: its spec, the code and the data. One that differs is another one."""

import json
from hashlib import sha256
from pathlib import Path

from ckstudy.dataset import data_hash
from ckstudy.errors import StudyError
from ckstudy.files import file_sha256
from ckstudy.networks.shipped import model_path
from ckstudy.provenance import source_digest
from ckstudy.study.spec import RunSpec


def code_digest() -> str:
    """Digest of all code that decides the trained weights."""
    return source_digest("ckstudy.training.trainer")


def data_hashes(train_path: Path, validation_path: Path) -> dict[str, str]:
    """Hashes of the lines that are trained on, and of those that the history looks at."""
    return {"train": data_hash(train_path), "validation": data_hash(validation_path)}


def start_files(spec: RunSpec) -> list[Path]:
    """The file of the weights that the training starts from, where it starts from trained ones.

    Raises
    ------
    StudyError
        Where there is no such network.
    """
    start = spec.training.start_from
    return [] if start is None else [model_path(start)]


def start_digest(spec: RunSpec) -> str | None:
    """Digest of that file; None without one."""
    return next((file_sha256(path) for path in start_files(spec)), None)


def fingerprint(spec: RunSpec, digest: str, data: dict[str, str]) -> str:
    """One string for all of it: the mark on a checkpoint."""
    parts = [spec.to_json(), digest, data, start_digest(spec)]
    text = json.dumps(parts, sort_keys=True)
    return sha256(text.encode()).hexdigest()


def differences(about: dict, spec: RunSpec, digest: str, data: dict[str, str]) -> list[str]:
    """In which of settings, code, data and start a released model's metadata ``about`` differs."""
    try:
        settings = RunSpec.from_json(about.get("spec"))
    except StudyError:
        settings = None
    pairs = {
        "settings": (settings, spec),
        "code": (about.get("source_digest"), digest),
        "data": (about.get("data"), data),
        "start": (about.get("start"), start_digest(spec)),
    }
    return [what for what, (found, wanted) in pairs.items() if found != wanted]
