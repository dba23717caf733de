"""The scripts in benchmarks/ as modules."""

import importlib.util
from pathlib import Path
from types import ModuleType

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def load(name: str) -> ModuleType:
    """The script ``benchmarks/NAME.py``, imported without being run."""
    description = importlib.util.spec_from_file_location(
        f"benchmark_{name}", BENCHMARKS / f"{name}.py"
    )
    module = importlib.util.module_from_spec(description)
    description.loader.exec_module(module)
    return module
