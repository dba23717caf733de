"""Shared fixtures."""

import os

# Tests run side by side on few cores: one thread each, set before torch is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Minutes each: begun last, they would keep one process busy while the others wait.
LONGEST = ["test_study.py", "test_workflow.py", "test_train_grid.py", "test_processes.py"]


def pytest_collection_modifyitems(config, items):
    """Begin with the longest; what wants a SLURM of its own is for ``-m slurm`` alone."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))
    if "slurm" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("slurm")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
