"""Many trainings inside a budget of time."""
