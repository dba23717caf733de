"""Where the study differs from the thesis, and what its own networks say about why.

The thesis leaves choices open, and a study may be of another scale. Whether one of these choices
matters shows in two networks of the study that differ in it and in nothing else.
"""

from typing import NamedTuple

import pandas as pd

from ckstudy.analysis import thesis
from ckstudy.analysis.estimates import NONE, Estimate, line_f1, mean_f1, paired_difference
from ckstudy.analysis.results import Results
from ckstudy.report.tables.table import (
    DASH,
    Table,
    flat,
    format_cells,
    interval,
    optimiser_steps,
    provenance,
    scale,
    unfinished,
)
from ckstudy.study.presets import PRESETS

# Compared in tables of their own.
_ELSEWHERE = frozenset({"name", "kernel_size", "omega_0", "noise_percent", "seed"})
_THESIS_EXPERIMENTS = ("kernel_size", "omega_0")  # Tables 1 and 2


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
    return {**spec["network"], **training, **spec["loss"], **spec.get("data", {})}


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


def ablation_table(results: Results) -> Table:
    """What a single setting changes, with everything else equal."""
    cells = results.cells(noisy=True)
    rows = []
    for pair in pairs(results):
        runs = {side: cells.runs[getattr(pair, side)] for side in ("reference", "other")}
        row = {
            "setting": pair.setting,
            "from": _value(pair.from_value),
            "to": _value(pair.to_value),
            "reference": pair.reference,
            "other": pair.other,
            "reference_seeds": len(runs["reference"]),
            "other_seeds": len(runs["other"]),
        }
        for score in ("upstream", "matched"):
            ours = {side: line_f1(results, members, score=score) for side, members in runs.items()}
            row |= flat(f"{score}_f1", mean_f1(results, runs["reference"], score=score))
            row |= flat(f"{score}_difference", paired_difference(ours["other"], ours["reference"]))
        for side, members in runs.items():
            row |= flat(f"{side}_minus_thesis", minus_thesis(results, members))
        rows.append(row)
    columns = ["setting", "from", "to", "reference", "other", "reference_seeds", "other_seeds"]
    for quantity in ("upstream_f1", "upstream_difference", "matched_f1", "matched_difference"):
        columns += flat(quantity, NONE)
    for side in ("reference", "other"):
        columns += flat(f"{side}_minus_thesis", NONE)
    data = pd.DataFrame(rows, columns=columns)
    text = format_cells(
        data.rename(columns={"from": "before"}),
        {
            "setting": lambda row: f"`{row.setting}`",
            "from → to": lambda row: f"{row.before} → {row.to}",
            "network": lambda row: f"`{row.reference}` → `{row.other}`",
            "seeds": lambda row: f"{row.reference_seeds} → {row.other_seeds}",
            "F1 before": lambda row: interval(row, "upstream_f1"),
            "change of F1": lambda row: interval(row, "upstream_difference", signed=True),
            "change of matched F1": lambda row: interval(row, "matched_difference", signed=True),
            "ours − thesis, before": lambda row: interval(
                row, "reference_minus_thesis", signed=True
            ),
            "ours − thesis, after": lambda row: interval(row, "other_minus_thesis", signed=True),
        },
    )
    if data.empty:
        caption = (
            "No two networks of this study differ in a single setting other than kernel size, ω0, "
            f"noise and seed: it says nothing about the others. {provenance(results, cells)}"
        )
        return Table("ablation", "One setting at a time", caption, data, ())
    caption = (
        "Pairs of networks that differ in one setting and in nothing else: mean F1 of the test "
        f"lines at a tolerance of {thesis.TOLERANCE} samples, thresholds from the validation "
        "lines, and its change line by line. The last columns: Table 1 for its networks (training "
        "F1, thresholds from the training lines), else Table 2 (mean test F1, thresholds from the "
        f"training lines), before and after the change. {provenance(results, cells)}"
    )
    return Table("ablation", "One setting at a time", caption, data, (("", text),))


def explanations_table(results: Results) -> Table:
    """What could explain a difference from the thesis, and whether the study can tell."""
    cells = results.cells()
    serving = [results.cells(experiment) for experiment in _THESIS_EXPERIMENTS]
    serving = pd.concat(serving) if any(map(len, serving)) else cells
    specs = [results.spec(runs[0]) for runs in serving[~serving.index.duplicated()]["runs"]]
    compared = {pair.setting for pair in pairs(results)}
    rows = []
    for reading in thesis.READINGS:
        tested = reading.setting in compared
        if reading.setting == "seed":
            tested = bool((cells["seeds"] > 1).any())
        rows.append(
            {
                "setting": reading.setting,
                "thesis": reading.printed,
                "study": _of_study(results, reading.setting, serving, specs),
                "tested": tested,
            }
        )
    data = pd.DataFrame(rows)
    text = format_cells(
        data,
        {
            "setting": lambda row: f"`{row.setting}`",
            "the thesis": lambda row: row.thesis,
            "this study": lambda row: row.study,
            "ablation": lambda row: "in this study" if row.tested else "none in this study",
        },
    )
    caption = (
        "What could explain a difference between Tables 1 and 2 of the thesis and ours. Where the "
        "study has no ablation of a setting, it cannot say whether the setting explains anything. "
        f"{scale(results, serving)} {unfinished(results)}"
    ).strip()
    return Table("explanations", "Candidate explanations", caption, data, (("", text),))


def minus_thesis(results: Results, runs: tuple[str, ...]) -> Estimate:
    """F1 of a cell minus what the thesis prints for it; NaN where it prints nothing.

    For the networks of Table 1 it is the training F1, for the others of Table 2 the mean test
    F1, both with thresholds from the training lines, as in the thesis.
    """
    network = results.spec(runs[0])["network"]
    if network["name"] != "ckcnn":
        return NONE
    size, omega_0 = network["kernel_size"], network["omega_0"]
    if omega_0 == thesis.TABLE_1_OMEGA_0:
        for row in thesis.TABLE_1:
            if row.kernel_size == size:
                ours = mean_f1(results, runs, split="train", calibration="train")
                return ours - row.mean_f1
    for row in thesis.TABLE_2:
        if (row.kernel_size, row.omega_0) == (size, omega_0):
            return mean_f1(results, runs, calibration="train") - row.mean_f1
    return NONE


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


def _of_study(results: Results, setting: str, cells: pd.DataFrame, specs: list[dict]) -> str:
    """The values of a setting in the study's networks, in words."""
    lines = int(results.scores(split="train")["lines"].max())
    if setting == "lines":
        return str(lines)
    if setting == "seed":
        return " or ".join(str(count) for count in sorted(set(cells["seeds"]))) + " a cell"
    every = [{**settings(spec), "preset": spec["preset"]} for spec in specs]
    values = [_value(each[setting]) for each in every if setting in each]
    text = " or ".join(dict.fromkeys(values)) or DASH
    if setting == "epochs":
        steps = dict.fromkeys(str(optimiser_steps(spec["training"], lines)) for spec in specs)
        text += f" ({' or '.join(steps)} optimiser steps)"
    return text


def _value(value: object) -> str:
    if value is None:
        return "all"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, int | float) else str(value)
