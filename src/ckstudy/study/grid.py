"""The experiment grid: from the axes in a config to one spec for every network to train.

Plain Python, no torch: the workflow expands the grid each time it plans.

An experiment is a mapping of axes to lists. An axis is an option of the networks
(``kernel_size``, ``omega_0``, ``channels``, ``kernel_init``, ...), a training setting
(``learning_rate``, ``optimizer_step``, ``input_scaling``, ...), ``noise_percent`` of the lines,
``preset`` or ``seed``. An axis that does not apply to a network (ω0 of a conventional CNN)
collapses, and a network that two experiments ask for is trained once.
"""

from itertools import product
from math import isfinite

from ckstudy.errors import StudyError
from ckstudy.study.presets import NETWORKS, PRESETS, network_options, preset

# What a run's name spells out, in order: axis, prefix. Any other axis appears under its own name.
_SHORT = {"kernel_size": "k", "omega_0": "w", "noise_percent": "noise"}
_ALWAYS_NAMED = ("kernel_size", "omega_0")
_NETWORK_AXES = frozenset().union(
    *(options for text in PRESETS.values() for options in text["networks"].values())
)
_TRAINING_AXES = (
    "batch_size",
    "crop",
    "epochs",
    "input_scaling",
    "learning_rate",
    "optimizer_step",
)
_AXES = frozenset({*_NETWORK_AXES, *_TRAINING_AXES, "networks", "preset", "seed", "noise_percent"})


def expand_grid(config: dict) -> tuple[dict[str, dict], dict[str, list[str]]]:
    """The specs of all runs by name, and the names of each experiment's runs.

    Parameters
    ----------
    config : dict
        A whole study config, see ``config/README.md``.

    Returns
    -------
    runs : dict of dict
        ``{"run": name, "preset", "network": {"name", **options}, "training", "loss"}`` by name.
        A spec holds all that decides the trained weights, apart from the study's ``data``, and
        nothing else: two studies that share a member share its spec. A member of other lines
        than the study's own has ``"data": {"noise_percent"}`` too.
    experiments : dict of list of str

    Raises
    ------
    StudyError
        For an empty grid or axis, an unknown network, preset or axis, or a value that cannot
        work, naming the experiment.
    """
    if not config["experiments"]:
        raise StudyError("the grid is empty: 'experiments' in the config lists none")
    runs: dict[str, dict] = {}
    experiments: dict[str, list[str]] = {}
    for experiment, axes in config["experiments"].items():
        try:
            members = list(_members(config, axes))
        except StudyError as error:
            raise StudyError(f"experiment {experiment!r}: {error}") from None
        experiments[experiment] = list(dict.fromkeys(spec["run"] for spec in members))
        for spec in members:
            if runs.setdefault(spec["run"], spec) != spec:
                raise StudyError(
                    f"experiment {experiment!r}: two different networks would both be called "
                    f"{spec['run']!r}"
                )
    return runs, experiments


def _members(config: dict, axes: dict):
    axes = {"preset": [config["preset"]], "seed": [config["seed"]], **axes}
    names = axes.pop("networks", [])
    for axis, values in {"networks": names, **axes}.items():
        if not isinstance(values, list) or not values:
            raise StudyError(f"axis {axis!r} is empty: it needs a list of at least one value")
        if axis not in _AXES:
            raise StudyError(f"unknown axis {axis!r}; choose from {', '.join(sorted(_AXES))}")
    for percent in axes.get("noise_percent", []):
        _check_noise(percent)
    for name in names:
        if name not in NETWORKS:
            raise StudyError(f"unknown network {name!r}; choose one of {', '.join(NETWORKS)}")
        for values in product(*axes.values()):
            yield _spec(config, name, dict(zip(axes, values, strict=True)))


def _check_noise(percent: object) -> None:
    right = isinstance(percent, int | float) and not isinstance(percent, bool)
    if not right or not isfinite(percent) or percent < 0:
        raise StudyError(f"noise_percent must be a number of at least 0, not {percent!r}")
    if float(_text(percent)) != percent:
        raise StudyError(
            f"noise_percent {percent!r} has more digits than the six that names of files show"
        )


def _spec(config: dict, name: str, point: dict) -> dict:
    reading = preset(point["preset"])
    applicable = reading["networks"][name]
    here = {axis: value for axis, value in point.items() if axis in applicable}
    options = network_options(name, point["preset"], **{**config["networks"].get(name, {}), **here})
    settings = {key: value for key, value in config["training"].items() if value is not None}
    settings = {"crop": None, **reading["training"], **settings}
    here |= {axis: value for axis, value in point.items() if axis in _TRAINING_AXES}
    settings |= {axis: value for axis, value in here.items() if axis in _TRAINING_AXES}
    settings["seed"] = point["seed"]
    if point["preset"] != config["preset"]:
        here["preset"] = point["preset"]
    loss = {key: value for key, value in config["loss"].items() if value is not None}
    lines = {}
    noise, own = point.get("noise_percent"), config["data"]["noise_percent"]
    if noise is not None and noise != own:
        here["noise_percent"] = float(noise)
        lines = {"data": {"noise_percent": float(noise)}}
    return {
        "run": _name(config, name, here, options, point["seed"]),
        "preset": point["preset"],
        "network": {"name": name, **options},
        "training": settings,
        "loss": {**reading["loss"], **loss},
        **lines,
    }


def _name(config: dict, name: str, here: dict, options: dict, seed: int) -> str:
    """A readable name, such as ``ckcnn-k131-w30-s0``: unlike the study's usual, so named."""
    parts = [name]
    parts += [f"{_SHORT[key]}{_text(options[key])}" for key in _ALWAYS_NAMED if key in options]
    usual = {
        **network_options(name, config["preset"], **config["networks"].get(name, {})),
        **preset(config["preset"])["training"],
        **{key: value for key, value in config["training"].items() if value is not None},
    }
    for axis in sorted(here):
        if axis not in _ALWAYS_NAMED and here[axis] != usual.get(axis):
            parts.append(f"{_SHORT.get(axis, f'{axis}_')}{_text(here[axis])}")
    return "-".join([*parts, f"s{seed}"])


def _text(value) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)
