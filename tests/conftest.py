"""Shared fixtures."""

import os

# Tests run side by side on few cores: one thread each, set before torch is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")
