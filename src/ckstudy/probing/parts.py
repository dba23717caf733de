"""What an analysis has found of single networks, kept until it has found all: it can go on."""

import hashlib
import json
from collections.abc import Callable, Iterable
from io import StringIO
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from ckstudy.files import write_json
from ckstudy.scoring.score_files import model_digest


def part_key(same: str, *files: Path) -> str:
    """A word that differs where ``same`` does, or what one of the ``files`` holds."""
    text = "".join([same, *(model_digest(path) for path in files)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def run_key(same: str, run: Path) -> str:
    """:func:`part_key` of a run's network and thresholds."""
    return part_key(same, run / "model.safetensors", run / "thresholds.csv")


def part_by_part(
    folder: Path, names: Iterable[str], key_of: Callable[[str], str], make: Callable, what: str
) -> list[tuple[str, tuple[pd.DataFrame, ...]]]:
    """Tables of each network, made or, where an earlier attempt has made them, read.

    Parameters
    ----------
    folder : Path
        Where they are kept; whoever has all that it needs deletes it.
    names : iterable of str
        Networks.
    key_of : callable
        From a name to a word that differs where the tables would.
    make : callable
        From a name to its tables, a tuple of DataFrame.
    what : str
        For the progress bar.

    Returns
    -------
    list of (str, tuple of DataFrame)
    """
    found = []
    for name in tqdm(list(names), desc=what, unit="network", disable=None, leave=False):
        path = folder / f"{name}-{key_of(name)}.json"
        if not path.is_file():
            texts = [table.to_json(orient="split", double_precision=15) for table in make(name)]
            write_json(path, texts)
        # Read back even if just made: a table is the same whether or not an attempt was cut off.
        texts = json.loads(path.read_text(encoding="utf-8"))
        found.append((name, tuple(pd.read_json(StringIO(text), orient="split") for text in texts)))
    return found
