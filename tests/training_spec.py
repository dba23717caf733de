"""The spec of a small training."""

from ckstudy.study.spec import RunSpec


def make_spec(**training) -> RunSpec:
    settings = {
        "epochs": 3,
        "batch_size": 4,
        "crop": 40,
        "learning_rate": 0.01,
        "decay_epochs": [2],
        "decay_factor": 0.1,
        "optimizer_step": "batch",
        "input_scaling": "volts",
        "validation_every": 2,
        "seed": 5,
    }
    network = {"name": "ckcnn", "layers": 2, "channels": 3, "kernel_size": 9, "hidden": 4}
    return RunSpec.from_json(
        {
            "run": "test",
            "network": {**network, "omega_0": 10.0},
            "training": {**settings, **training},
            "loss": {"epsilon_1": 1.0, "epsilon_2": 1.6, "alpha": 0.1},
        }
    )
