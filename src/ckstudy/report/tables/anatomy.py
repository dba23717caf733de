"""What networks see, and what they cost, each beside their scores."""

import math
from typing import NamedTuple

import pandas as pd

from ckstudy.analysis import thesis
from ckstudy.analysis.comparisons import baseline_f1
from ckstudy.analysis.estimates import mean_f1
from ckstudy.analysis.results import Results
from ckstudy.report.tables import findings
from ckstudy.report.tables.captions import provenance
from ckstudy.report.tables.table import (
    Column,
    EstimateColumn,
    Table,
    code,
    number,
    tabulate,
    thousands,
    whole,
)
from ckstudy.scoring.filter_lengths import ECHO_SAMPLES, RIDGE_TAPS
from ckstudy.scoring.intervals import Estimate, mean_interval

ABSENT = "The study leaves this analysis out (analyses.anatomy)."
FILTER_TAPS = {
    "matched_filter": ECHO_SAMPLES,
    "wiener": 8 * ECHO_SAMPLES,
    **{f"ridge_fir_{taps}": taps for taps in RIDGE_TAPS},
}
"""Taps of the linear filters among the baselines."""


class Member(NamedTuple):
    """A network or a baseline, with what the analysis says of it."""

    name: str
    kind: str
    values: dict[str, float]
    f1: Estimate
    matched_f1: Estimate


def receptive_fields_table(results: Results) -> Table:
    """Nominal and effective receptive field of every network, and its F1."""
    members = networks(results)
    columns = [
        Column("network", lambda row: row.name, "network", code),
        _column("nominal", "nominal field (samples)", whole),
        _column("cut", "cut by windows", whole),
        _column("width", "effective: 95 %", whole),
        _column("sigma", "σ", number("{:.1f}")),
        _column("centre", "centre", number("{:+.1f}")),
        EstimateColumn("upstream_f1", lambda row: row.f1, "F1"),
        EstimateColumn("matched_f1", lambda row: row.matched_f1, "matched F1"),
    ]
    title = "Receptive fields"
    if members is None:
        return Table("receptive_fields", title, ABSENT, pd.DataFrame(), ())
    data, text = tabulate(members, columns)
    caption = (
        "Nominal: samples of the line that one sample of the output depends on; cut: those that "
        "windows leave above a millionth of their peak. Effective: the energy of the gradient of "
        "one output sample for the line, at onsets of test lines, 95 % of which lies within so "
        "many samples; σ is its spread and centre its mean lag, positive for samples that come "
        f"later. Of several seeds: the mean. {provenance(results, results.cells())}"
    )
    return Table(
        "receptive_fields", title, caption, data, (("", text),), findings.receptive_fields(data)
    )


def cost_table(results: Results) -> Table:
    """Parameters, arithmetic and memory of every network and linear filter, and its F1."""
    members = networks(results)
    columns = [
        Column("predictor", lambda row: row.name, "predictor", code),
        Column("kind", lambda row: row.kind, "kind"),
        _column("parameters", "parameters", thousands),
        _column("flops", "10⁶ operations a line", lambda value: thousands(value / 1e6)),
        _column("kernel_flops", "of these for kernels", lambda value: thousands(value / 1e6)),
        _column("memory_mb", "memory a line (MB)", number("{:.1f}")),
        EstimateColumn("upstream_f1", lambda row: row.f1, "F1"),
        EstimateColumn("matched_f1", lambda row: row.matched_f1, "matched F1"),
    ]
    if members is None:
        return Table("cost", "Cost", ABSENT, pd.DataFrame(), ())
    rows = sorted(
        [*members, *others(results), *filters(results, members[0].values["samples"])],
        key=lambda member: member.values["flops"],
    )
    data, text = tabulate(rows, columns)
    caption = (
        "Operations: multiplications and additions of direct convolution, windows cutting kernels "
        "where they may; long kernels are in fact convolved by transforms, in fewer. Of these for "
        "kernels: to sample continuous kernels, once for any number of lines. Memory: what a "
        "training keeps of a line between forward and backward pass. All are counts, the same on "
        "every machine; the times that were measured are in `analyses/anatomy_times.csv`. Trained "
        "elsewhere: with whatever lines and recipe; thresholds from this study's validation lines. "
        f"{provenance(results, results.cells())}"
    )
    return Table("cost", "Cost", caption, data, (("", text),), findings.cost(data))


def others(results: Results) -> list[Member]:
    """The networks that were trained elsewhere and scored beside the study's own."""
    found = results.analysis("anatomy", "networks")
    if found is None:
        return []
    values = found.set_index("run")
    return [
        Member(
            str(name),
            "trained elsewhere",
            values.loc[name].to_dict(),
            *(
                mean_interval(results.line_scores(str(name), score=score)["f1"])
                for score in ("upstream", "matched")
            ),
        )
        for name in values.index.difference(results.runs().index, sort=False)
    ]


def networks(results: Results) -> list[Member] | None:
    """Every cell with the mean of what the analysis says of its runs; None without it."""
    found = results.analysis("anatomy", "networks")
    if found is None:
        return None
    values = found.set_index("run")
    return [
        Member(
            str(cell.Index),
            "network",
            values.loc[list(cell.runs)].mean().to_dict(),
            mean_f1(results, cell.runs),
            mean_f1(results, cell.runs, score="matched"),
        )
        for cell in results.cells().itertuples()
    ]


def filters(results: Results, samples: float) -> list[Member]:
    """The linear filters among the baselines, on lines of ``samples``: a parameter a tap."""
    scored = results.baselines[results.baselines["tolerance"] == thesis.TOLERANCE]
    there = set(scored["baseline"])
    return [
        Member(
            name,
            "baseline",
            {
                "parameters": taps,
                "flops": 2.0 * taps * samples,
                "kernel_flops": math.nan,
                "memory_mb": math.nan,
            },
            baseline_f1(scored, name, "upstream"),
            baseline_f1(scored, name, "matched"),
        )
        for name, taps in FILTER_TAPS.items()
        if name in there
    ]


def _column(name: str, heading: str, show: object) -> Column:
    return Column(name, lambda row: row.values[name], heading, show)  # type: ignore[arg-type]
