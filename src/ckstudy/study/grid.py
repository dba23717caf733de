"""The experiment grid: from the axes in a config to one spec for every network to train.

Plain Python, no torch: the workflow expands the grid each time it plans.

An experiment is a mapping of axes to lists, and trains every combination; or a list of such
mappings, for members that are not all combined alike. An axis is an option of the networks
(``kernel_size``, ``omega_0``, ``channels``, ``kernel_init``, ...), a training setting
(``learning_rate``, ``optimizer_step``, ``input_scaling``, ...), ``noise_percent`` of the lines,
``preset`` or ``seed``. An axis that does not apply to a network (ω0 of a conventional CNN)
collapses, and a network that two experiments ask for is trained once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from ckstudy.errors import StudyError
from ckstudy.study.checks import Choice, Whole, field_checks
from ckstudy.study.presets import NETWORKS, OPTIONS, PRESETS, network_options, preset
from ckstudy.study.spec import (
    LossSpec,
    NetworkSpec,
    RunSpec,
    TrainingSpec,
    check_noise_percent,
)

if TYPE_CHECKING:
    from ckstudy.study.config import Study

# What a run's name spells out, in order: axis, prefix. Any other axis appears under its own name.
_SHORT = {"kernel_size": "k", "omega_0": "w", "noise_percent": "noise"}
_ALWAYS_NAMED = ("kernel_size", "omega_0")
_TRAINING = {name: check for name, check in field_checks(TrainingSpec).items() if name != "seed"}
# Each axis with what a single value of it may be.
AXES: dict[str, Callable[[object, str], Any]] = {
    **OPTIONS,
    **_TRAINING,
    "networks": Choice(NETWORKS),
    "preset": Choice(tuple(PRESETS)),
    "seed": Whole(0),
    "noise_percent": lambda value, name: check_noise_percent(value),
}


def check_axis(axis: str, values: object) -> tuple:
    """The values of an axis, each as it may be.

    Raises
    ------
    StudyError
        For an empty axis, or a value that cannot be.
    """
    if not isinstance(values, list | tuple) or not values:
        raise StudyError(f"axis {axis!r} is empty: it needs a list of at least one value")
    return tuple(AXES[axis](value, axis) for value in values)


def expand_grid(study: Study) -> tuple[dict[str, RunSpec], dict[str, list[str]]]:
    """The specs of all runs by name, and the names of each experiment's runs.

    Parameters
    ----------
    study : Study
        Two studies that share a member share its spec.

    Raises
    ------
    StudyError
        For an empty grid, and where settings that are right by themselves do not go together.

    Examples
    --------
    With ``checkout``, the folder of this repository:

    >>> from ckstudy.study.config import read_configs, read_study
    >>> from ckstudy.study.grid import expand_grid
    >>> config = read_configs([checkout / "config/config.yaml", checkout / "config/quick.yaml"])
    >>> runs, experiments = expand_grid(read_study(config))
    >>> runs[experiments["dilated"][0]].network.name
    'cnn_dilated'
    """
    if not study.experiments:
        raise StudyError("the grid is empty: 'experiments' in the config lists none")
    runs: dict[str, RunSpec] = {}
    experiments: dict[str, list[str]] = {}
    for experiment, blocks in study.experiments.items():
        try:
            members = [spec for axes in blocks for spec in _members(study, axes)]
        except StudyError as error:
            raise StudyError(f"experiment {experiment!r}: {error}") from None
        experiments[experiment] = list(dict.fromkeys(spec.run for spec in members))
        for spec in members:
            if runs.setdefault(spec.run, spec) != spec:
                raise StudyError(
                    f"experiment {experiment!r}: two different networks would both be called "
                    f"{spec.run!r}"
                )
    return runs, experiments


def _members(study: Study, axes: Mapping[str, Sequence]) -> Iterator[RunSpec]:
    axes = {"preset": (study.preset,), "seed": (study.seed,), **axes}
    names = axes.pop("networks")
    for name in names:
        for values in product(*axes.values()):
            yield _spec(study, name, dict(zip(axes, values, strict=True)))


def _spec(study: Study, name: str, point: dict[str, Any]) -> RunSpec:
    """The member of network ``name`` at one ``point`` of the axes."""
    reading = preset(point["preset"])
    chosen = {axis: at for axis, at in point.items() if axis in reading["networks"][name]}
    options = network_options(name, point["preset"], **{**study.networks.get(name, {}), **chosen})
    given = {key: value for key, value in study.training.items() if value is not None}
    varied = {axis: at for axis, at in point.items() if axis in _TRAINING}
    settings = {**reading["training"], **given, **varied, "seed": point["seed"]}
    chosen |= varied
    if point["preset"] != study.preset:
        chosen["preset"] = point["preset"]
    noise = point.get("noise_percent")
    if noise == study.data.noise_percent:
        noise = None
    if noise is not None:
        chosen["noise_percent"] = noise
    weights = {key: value for key, value in study.loss.items() if value is not None}
    if missing := [key for key in ("epochs", "batch_size") if key not in settings]:
        raise StudyError(f"training lacks {', '.join(missing)}; start from config/config.yaml")
    return RunSpec(
        run=_name(study, name, chosen, options, point["seed"]),
        preset=point["preset"],
        network=NetworkSpec(name, options),
        training=TrainingSpec(**settings),
        loss=LossSpec(**{**reading["loss"], **weights}),
        noise=noise,
    )


def _name(study: Study, name: str, chosen: dict, options: dict, seed: int) -> str:
    """A readable name, such as ``ckcnn-k131-w30-s0``: unlike the study's usual, so named."""
    parts = [name]
    parts += [f"{_SHORT[key]}{_text(options[key])}" for key in _ALWAYS_NAMED if key in options]
    usual = {
        **network_options(name, study.preset, **study.networks.get(name, {})),
        **preset(study.preset)["training"],
        **{key: value for key, value in study.training.items() if value is not None},
    }
    for axis in sorted(chosen):
        if axis not in _ALWAYS_NAMED and chosen[axis] != usual.get(axis):
            parts.append(f"{_SHORT.get(axis, f'{axis}_')}{_text(chosen[axis])}")
    return "-".join([*parts, f"s{seed}"])


def _text(value: object) -> str:
    """A value as a name spells it: whole numbers whole, others by their shortest digits."""
    if isinstance(value, tuple):
        return "_".join(map(_text, value)) or "none"
    if value is None:
        return "none"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return re.sub(r"[^A-Za-z0-9_.+-]", "_", str(value))  # a path, say
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)
