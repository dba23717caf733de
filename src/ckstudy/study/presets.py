"""Three readings of the thesis, where it contradicts itself or the code it built upon.

``thesis-text``
    What the thesis says in words: a kernel network of 32 hidden units, 22 channels,
    equations 1-2 as printed (sin(ω0·Wx + b)), SIREN initialisation, Adam at 0.001 with one step
    a batch.
``thesis-counts``
    The same, with the two widths that the printed parameter counts demand: 12 hidden units in
    the dilated CKCNN (636,497 parameters) and 15 channels in the large-kernel one (28,392).
``upstream``
    What the published codes do that the thesis started from (SRML-1D for the training, CKConv
    for the kernels): sin(ω0·(Wx + b)), the initialisation that the released CKConv really has,
    Adam at 0.01 with one step an epoch.

A preset only fills in what a config or a caller leaves open. This module needs no torch.
"""

from typing import Any

from ckstudy.errors import StudyError
from ckstudy.study.checks import Choice, Flag, Number, Optional, Whole

DEFAULT = "thesis-counts"

# What the options of the networks may be.
OPTIONS = {
    "channels": Whole(1, 4096),
    "layers": Whole(1, 64),
    "blocks": Whole(1, 64),
    # Odd, so that every output sample sits under the middle of its kernel.
    "kernel_size": Whole(3, 1_000_001, odd=True),
    "omega_0": Number(above=0),
    # The factor of the kernel network's second layer, where it is not that of its first.
    "hidden_omega_0": Optional(Number(above=0)),
    "hidden": Whole(1, 4096),
    "kernel_init": Choice(("siren", "released", "balanced")),
    "omega_scales_bias": Flag(),
    # Samples: where the width of a learnable Gaussian starts.
    "window": Optional(Number(above=0)),
    "dropout": Number(least=0, below=1),
    # Whether each block of a residual network ends with a ReLU; null is no.
    "final_relu": Optional(Flag()),
}

# Options that networks got after some had been archived without them.
LATER = ("window", "hidden_omega_0", "final_relu")

_TEXT_KERNEL = {
    "hidden": 32,
    "kernel_init": "siren",
    "omega_scales_bias": False,
    "hidden_omega_0": None,
    "window": None,
}
_UPSTREAM_KERNEL = {**_TEXT_KERNEL, "kernel_init": "released", "omega_scales_bias": True}
_DUAL_LOSS = {"epsilon_1": 1.0, "epsilon_2": 1.6, "alpha": 0.1}
_TEXT_TRAINING = {"learning_rate": 0.001, "optimizer_step": "batch", "input_scaling": "volts"}


def _networks(kernel: dict, *, dilated_hidden: int, channels: int) -> dict[str, dict]:
    large = {"channels": channels, "omega_0": 30.0, "kernel_size": 131, **kernel}
    return {
        "cnn_dilated": {"channels": 64, "layers": 12},
        "ckcnn_dilated": {
            "channels": 64,
            "layers": 12,
            "omega_0": 8.0,
            **kernel,
            "hidden": dilated_hidden,
        },
        "ckcnn": {"layers": 4, **large},
        "ckcnn_residual": {"blocks": 2, "dropout": 0.0, "final_relu": None, **large},
        # As ckcnn, with a free weight for every tap: no network of the thesis's.
        "cnn_free": {"channels": channels, "layers": 4, "kernel_size": 131, "window": None},
    }


PRESETS: dict[str, dict] = {
    "thesis-text": {
        "networks": _networks(_TEXT_KERNEL, dilated_hidden=32, channels=22),
        "training": _TEXT_TRAINING,
        "loss": _DUAL_LOSS,
    },
    "thesis-counts": {
        "networks": _networks(_TEXT_KERNEL, dilated_hidden=12, channels=15),
        "training": _TEXT_TRAINING,
        "loss": _DUAL_LOSS,
    },
    "upstream": {
        "networks": _networks(_UPSTREAM_KERNEL, dilated_hidden=12, channels=22),
        "training": {
            "learning_rate": 0.01,
            "optimizer_step": "epoch",
            "input_scaling": "volts",
        },
        "loss": _DUAL_LOSS,
    },
}
NETWORKS = tuple(PRESETS[DEFAULT]["networks"])


def preset(name: str) -> dict:
    """The preset of that name; :class:`StudyError` names the known ones where there is none."""
    if name not in tuple(PRESETS):
        raise StudyError(f"unknown preset {name!r}; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]


def network_options(name: str, preset_name: str = DEFAULT, **overrides: Any) -> dict:
    """All options of network ``name``: those of the preset, then ``overrides``.

    Options of :data:`LATER` are left out where they are None: a network without windows has the
    options that it had before there were any, so that its spec is that of archived ones.

    Raises
    ------
    StudyError
        For an unknown network or preset, for an option that the network does not have, or for
        a value it cannot take (an even kernel size, for one).

    Examples
    --------
    >>> from ckstudy.study.presets import network_options
    >>> options = network_options("ckcnn", "thesis-text", kernel_size=263)
    >>> options["kernel_size"], options["channels"]
    (263, 22)
    """
    known = preset(preset_name)["networks"]
    if name not in tuple(known):  # a tuple: what a file says may have no hash
        raise StudyError(f"unknown network {name!r}; choose one of {', '.join(known)}")
    options = dict(known[name])
    for option, value in overrides.items():
        if option not in options:
            raise StudyError(
                f"network {name!r} has no option {option!r}; it has {', '.join(sorted(options))}"
            )
        options[option] = OPTIONS[option](value, f"network {name!r}: {option}")
    return {name: at for name, at in options.items() if at is not None or name not in LATER}
