"""What could explain a difference from the thesis, and whether the study can tell."""

import pandas as pd

from ckstudy.analysis import thesis
from ckstudy.analysis.ablation import pairs, settings
from ckstudy.analysis.results import Results
from ckstudy.analysis.thesis import Reading
from ckstudy.report.tables.ablation import setting_text
from ckstudy.report.tables.captions import optimiser_steps, scale, unfinished
from ckstudy.report.tables.table import DASH, Column, Table, code, tabulate

_THESIS_EXPERIMENTS = ("kernel_size", "omega_0")  # Tables 1 and 2


def explanations_table(results: Results) -> Table:
    """Settings that the thesis leaves open or that differ, and whether two networks differ in it.

    Of the networks that serve the thesis's tables, where the study has any.
    """
    cells = results.cells()
    serving = [results.cells(experiment) for experiment in _THESIS_EXPERIMENTS]
    serving = pd.concat(serving) if any(map(len, serving)) else cells
    specs = [results.spec(runs[0]) for runs in serving[~serving.index.duplicated()]["runs"]]
    compared = {pair.setting for pair in pairs(results)}
    if (cells["seeds"] > 1).any():
        compared.add("seed")
    rows = thesis.READINGS

    def of_study(reading: Reading) -> str:
        return _of_study(results, reading.setting, serving, specs)

    columns = [
        Column("setting", lambda reading: reading.setting, "setting", code),
        Column("thesis", lambda reading: reading.printed, "the thesis"),
        Column("study", of_study, "this study"),
        Column(
            "tested",
            lambda reading: reading.setting in compared,
            "ablation",
            lambda tested: "in this study" if tested else "none in this study",
        ),
    ]
    data, text = tabulate(rows, columns)
    caption = (
        "What could explain a difference between Tables 1 and 2 of the thesis and ours. Where the "
        "study has no ablation of a setting, it cannot say whether the setting explains anything. "
        f"{scale(results, serving)} {unfinished(results)}"
    ).strip()
    return Table("explanations", "Candidate explanations", caption, data, (("", text),))


def _of_study(results: Results, setting: str, cells: pd.DataFrame, specs: list[dict]) -> str:
    """The values of a setting in the study's networks, in words."""
    lines = int(results.scores(split="train")["lines"].max())
    if setting == "lines":
        return str(lines)
    if setting == "seed":
        return " or ".join(str(count) for count in sorted(set(cells["seeds"]))) + " a cell"
    every = [{**settings(spec), "preset": spec["preset"]} for spec in specs]
    values = [setting_text(setting, each[setting]) for each in every if setting in each]
    text = " or ".join(dict.fromkeys(values)) or DASH
    if setting == "epochs":
        steps = dict.fromkeys(str(optimiser_steps(spec["training"], lines)) for spec in specs)
        text += f" ({' or '.join(steps)} optimiser steps)"
    return text
