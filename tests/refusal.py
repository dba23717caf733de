"""A command that must be refused: in one message, without a traceback, nothing overwritten."""

import io
import os
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from ckstudy import cli

LONGEST = 1200  # characters of a message


def said(*arguments: object) -> tuple[int, str]:
    """Exit status and standard error of the command, run in this process."""
    error, status = io.StringIO(), 0
    words = ["ckstudy", *map(str, arguments)]
    with (
        patch.object(sys, "argv", words),
        patch.dict(os.environ, {"COLUMNS": "4000"}),
        redirect_stderr(error),
        redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        try:
            cli.main()
        except SystemExit as end:
            status = end.code or 0
    return status, error.getvalue()


def refused(*arguments: object, names: tuple[str, ...] = (), kept: Path | None = None) -> str:
    """The message of a command that must be refused.

    Parameters
    ----------
    *arguments
        The command line.
    names : tuple of str
        What the message must name: file, key, value.
    kept : Path, optional
        A folder in which nothing may change.
    """
    before = _content(kept)
    status, text = said(*arguments)
    assert status not in (0, None), f"accepted: {arguments}"
    assert "Traceback" not in text
    assert status in (1, 2), (status, text)
    messages = [line for line in text.splitlines() if line.startswith("ckstudy: error: ")]
    usage = "Usage:" in text
    assert len(messages) == (0 if usage else 1), text
    assert usage or len(messages[0]) < LONGEST, messages[0]
    for name in names:
        assert name in text, f"{name!r} is not in {text}"
    assert _content(kept) == before
    return text


def _content(folder: Path | None) -> dict[Path, bytes]:
    """The files below a folder, but for locks, which may stay."""
    if folder is None:
        return {}
    return {
        path: path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "lock" not in path.name
    }
