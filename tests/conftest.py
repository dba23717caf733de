"""Shared fixtures."""

import os

# Tests run side by side on few cores: one thread each, set before torch is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(config, items):
    """Leave out what wants a SLURM of its own, but for ``-m slurm``: it takes minutes."""
    if "slurm" in (config.option.markexpr or ""):
        return
    kept = [item for item in items if not item.get_closest_marker("slurm")]
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
