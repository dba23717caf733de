"""Networks of a study that differ in one setting and in nothing else.

The thesis leaves choices open, and a study may be of another scale. Whether one of these choices
matters shows in such a pair.
"""

from typing import NamedTuple

from ckstudy.analysis.results import Results
from ckstudy.study.presets import PRESETS

# Compared in tables of their own.
_ELSEWHERE = frozenset({"name", "kernel_size", "omega_0", "noise_percent", "seed"})


class Pair(NamedTuple):
    """Two cells that differ in one setting: names of cells, and both values of the setting."""

    setting: str
    reference: str
    other: str
    from_value: object
    to_value: object


def settings(spec: dict) -> dict:
    """All that decides the network that a run trains, apart from its seed, on one level."""
    training = {key: value for key, value in spec["training"].items() if key != "seed"}
    training["batch_norm_statistics"] = batch_norm_statistics(spec)
    return {**spec["network"], **training, **spec["loss"], **spec.get("data", {})}


def batch_norm_statistics(spec: dict) -> str:
    """``running`` or ``population``; specs of networks older than the choice do not name it."""
    return spec["training"].get("batch_norm_statistics", "running")


def pairs(results: Results) -> list[Pair]:
    """Cells that differ in one setting, apart from those that the thesis's own tables vary.

    Of several values of a setting, each is held against the first in the study's order. Two
    presets count as one setting where all that differs is as either of them says.
    """
    cells = results.cells(noisy=True)
    specs = {cell: results.spec(runs[0]) for cell, runs in cells["runs"].items()}
    found: dict[tuple[str, str], Pair] = {}
    for place, other in enumerate(specs):
        for reference in list(specs)[:place]:
            setting = _only_difference(specs[reference], specs[other])
            if setting is None or setting in _ELSEWHERE:
                continue
            values = (
                {**settings(spec), "preset": spec["preset"]}.get(setting)
                for spec in (specs[reference], specs[other])
            )
            found.setdefault((setting, other), Pair(setting, reference, other, *values))
    return sorted(found.values(), key=lambda pair: pair.setting)


def _only_difference(first: dict, second: dict) -> str | None:
    """The one setting in which two specs differ; None where there is none or several."""
    one, two = settings(first), settings(second)
    keys = [key for key in {**one, **two} if one.get(key) != two.get(key)]
    if len(keys) == 1:
        return keys[0]
    if not keys or one["name"] != two["name"] or first["preset"] == second["preset"]:
        return None
    by_preset = all(
        values.get(key) == _of_preset(spec).get(key)
        for key in keys
        for spec, values in ((first, one), (second, two))
    )
    return "preset" if by_preset else None


def _of_preset(spec: dict) -> dict:
    usual = PRESETS[spec["preset"]]
    return {**usual["networks"][spec["network"]["name"]], **usual["training"], **usual["loss"]}
