"""Several GPUs on one machine: each training takes a card of its own.

A slot is a lock on a small file that stands for a card. The kernel frees the lock when its
process ends, however it ends. This module does not load torch: a card has to be chosen, by
``CUDA_VISIBLE_DEVICES``, before CUDA comes up.
"""

import itertools
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from filelock import FileLock, Timeout

from ckstudy.errors import StudyError

_POLL_SECONDS = 0.5


def default_folder() -> Path:
    """Where this user's slots lie on this machine."""
    return Path(tempfile.gettempdir()) / f"ckstudy-slots-{os.getuid()}"


def list_cards(visible: str | None, listing: str, order: str | None = None) -> list[str]:
    """The cards that a process may use, by identifiers that mean the same to every process.

    Parameters
    ----------
    visible : str or None
        ``CUDA_VISIBLE_DEVICES``, where it is set: numbers, identifiers or their beginnings,
        comma-separated. As for CUDA, what follows a -1 does not count.
    listing : str
        What ``nvidia-smi -L`` prints, in the order of the bus.
    order : str or None
        ``CUDA_DEVICE_ORDER``, where it is set. Unless it is ``PCI_BUS_ID``, CUDA numbers the
        fastest card 0, so that numbers mean other cards than the listing's where these differ.

    Returns
    -------
    list of str
        UUIDs where they are known, else what was given. Two batch jobs may both call their card
        number 0, and have different ones. A card that is divided (MIG) is listed by its parts, of
        which a process can use one.
    """
    cards: dict[str, str] = {}
    parts: dict[str, list[str]] = {}
    kinds = set()
    for line in listing.splitlines():
        if card := re.match(r"GPU (\d+): (.*) \(UUID: ([\w-]+)\)", line):
            number, kind, uuid = card.groups()
            cards[number], parts[uuid] = uuid, []
            kinds.add(kind)
        elif part := re.match(r"\s+MIG .*\(UUID: ([\w/-]+)\)", line):
            parts[uuid].append(part[1])
    if visible is None:
        named = list(cards.values())
    else:
        given = [name.strip() for name in visible.split(",") if name.strip()]
        given = list(itertools.takewhile(lambda name: name != "-1", given))
        numbers = cards if len(kinds) <= 1 or order == "PCI_BUS_ID" else {}
        named = [numbers.get(name) or _in_full(name, cards.values()) for name in given]
    return [each for name in named for each in parts.get(name) or [name]]


def _in_full(beginning: str, identifiers: Iterable[str]) -> str:
    """The one identifier that begins so; what was given if there are none or several."""
    found = [each for each in identifiers if each.startswith(beginning)]
    return found[0] if len(found) == 1 else beginning


def cards(environment: Mapping[str, str] = os.environ) -> list[str]:
    """:func:`list_cards` of this machine; empty where there is no card."""
    try:
        answer = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60)
        listing = answer.stdout if answer.returncode == 0 else ""
    except (OSError, subprocess.SubprocessError):
        listing = ""
    visible, order = map(environment.get, ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"))
    return list_cards(visible, listing, order)


@contextmanager
def take_slot(
    names: list[str], folder: Path | None = None, deadline: float = math.inf
) -> Iterator[str]:
    """Hold one of the slots ``names`` alone; waits, and says so, until one is free.

    Parameters
    ----------
    names : list of str
        Identifiers of the cards.
    folder : Path, optional
        Where the lock files lie, :func:`default_folder` by default.
    deadline : float
        Give up at this time, by :func:`time.monotonic`.

    Raises
    ------
    StudyError
        Where none became free in time.
    """
    folder = default_folder() if folder is None else folder
    folder.mkdir(parents=True, exist_ok=True)
    waiting = False
    while True:
        for name in names:
            lock = FileLock(folder / f"{re.sub(r'[^A-Za-z0-9-]', '_', name)}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            try:
                yield name
            finally:
                lock.release()
            return
        if time.monotonic() >= deadline:
            raise StudyError(f"all {len(names)} cards are taken by other trainings of yours")
        if not waiting:
            print(f"waiting for one of {len(names)} cards to be free", file=sys.stderr, flush=True)
            waiting = True
        time.sleep(_POLL_SECONDS)


@contextmanager
def own_card(device: str, deadline: float = math.inf) -> Iterator[None]:
    """Hold a card, as the only one that this process sees, unless ``device`` is ``cpu``.

    To be entered before torch starts CUDA. Where there is no card, nothing happens:
    :func:`ckstudy.devices.torch_device.resolve_device` says then what is amiss.
    """
    names = [] if device == "cpu" or _built_without_cuda() else cards()
    if not names:
        yield
        return
    with take_slot(names, deadline=deadline) as name:
        os.environ["CUDA_VISIBLE_DEVICES"] = name
        yield


def _built_without_cuda() -> bool:
    """Whether the installed torch cannot use a card; told without loading it."""
    return metadata.version("torch").endswith("+cpu")
