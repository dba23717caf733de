"""The workflow's table of what code each rule runs, which lies outside the package."""

import importlib.util
from pathlib import Path

_PATH = Path(__file__).parents[1] / "workflow" / "rules" / "digests.py"
_SPEC = importlib.util.spec_from_file_location("digests", _PATH)
digests = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(digests)
