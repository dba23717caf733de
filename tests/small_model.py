"""A small network with random weights in a file, as a released and calibrated one."""

from pathlib import Path

import torch

from ckstudy.localisation.likeness import training_data
from ckstudy.networks import build_network
from ckstudy.networks.release import save_model

THRESHOLD = 0.125


def write_model(path: Path, rf=None, *, input_scaling: str = "line_rms", rate=62.5e6) -> Path:
    """A network whose output is a short filter of the line; described by ``rf``."""
    network = build_network("ckcnn", kernel_size=9, layers=2, channels=4, hidden=8, seed=1)
    network.input_scaling = input_scaling
    with torch.no_grad():
        network.model[-1].bias.zero_()
    thresholds = [THRESHOLD + tolerance / 100 for tolerance in range(10)]
    about = {"thresholds": {"validation": {"matched": thresholds}}}
    if rf is not None:
        about["training_data"] = training_data(rf, rate, {})
    save_model(path, network, **about)
    return path
