"""The study: its config, grid, specs and folders. Plain Python, no torch."""
