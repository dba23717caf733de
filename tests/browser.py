"""A headless browser, for what only a browser can tell. Tests skip where there is none."""

import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
# Headless, and without a word to anyone.
_QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def shown(page: Path, profile: Path, milliseconds: int = 2000) -> str:
    """The document that the browser has made of ``page``, its scripts done or out of time."""
    answer = subprocess.run(
        [
            str(CHROMIUM),
            *_QUIET,
            f"--user-data-dir={profile}",
            f"--virtual-time-budget={milliseconds}",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout
