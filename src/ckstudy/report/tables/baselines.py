"""Every network beside predictors that learn little or do not look at the input at all."""

import math
from typing import NamedTuple

from ckstudy.analysis import thesis
from ckstudy.analysis.comparisons import above_comb, baseline_f1, best_run
from ckstudy.analysis.estimates import mean_f1, paired_difference
from ckstudy.analysis.results import Results
from ckstudy.report.tables import findings
from ckstudy.report.tables.captions import provenance
from ckstudy.report.tables.table import (
    Column,
    EstimateColumn,
    Table,
    as_text,
    code,
    seeds,
    tabulate,
    thousands,
)
from ckstudy.scoring.intervals import NONE, Estimate


class _Row(NamedTuple):
    predictor: str
    kind: str
    seeds: int
    parameters: float
    f1: Estimate
    above_comb: Estimate
    matched_f1: Estimate


def baselines_table(results: Results) -> Table:
    """Networks and baselines, the best first, and what each has over the comb."""
    cells = results.cells()
    rows = sorted(
        [*_baselines(results), *_networks(results)], key=lambda row: row.f1.value, reverse=True
    )
    columns = [
        Column("predictor", lambda row: row.predictor, "predictor", code),
        Column("kind", lambda row: row.kind, "kind"),
        Column("seeds", lambda row: row.seeds, "seeds", seeds),
        Column("parameters", lambda row: row.parameters, "parameters", thousands),
        EstimateColumn("upstream_f1", lambda row: row.f1, "F1"),
        EstimateColumn("above_comb", lambda row: row.above_comb, "F1 − comb", signed=True),
        EstimateColumn("matched_f1", lambda row: row.matched_f1, "matched F1"),
    ]
    data, text = tabulate(rows, columns)
    caption = (
        f"{best_against_comb(results)} Mean F1 of the test lines at a tolerance of "
        f"{thesis.TOLERANCE} samples, thresholds from the validation lines. The comb fires at "
        f"every {2 * thesis.TOLERANCE + 1}th sample whatever the input; the difference from it is "
        f"taken line by line. {provenance(results, cells)}"
    )
    return Table(
        "baselines",
        "Networks and baselines",
        caption,
        data,
        (("", text),),
        findings.baselines(data),
    )


def best_against_comb(results: Results) -> str:
    """One sentence: does the best network beat the comb on the test lines?"""
    run = best_run(results)
    above = above_comb(results, [run])
    rows = results.baselines[results.baselines["tolerance"] == thesis.TOLERANCE]
    if above.low > 0:
        verdict = "beats"
    elif above.high < 0:
        verdict = "does not reach"
    else:
        verdict = "cannot be told from"
    return (
        f"The best network by its validation F1, `{run}`, {verdict} the comb: mean test F1 "
        f"{as_text(mean_f1(results, [run]))} against "
        f"{as_text(baseline_f1(rows, 'comb', 'upstream'))}, a difference of "
        f"{as_text(above, signed=True)}."
    )


def _baselines(results: Results) -> list[_Row]:
    scored = results.baselines[results.baselines["tolerance"] == thesis.TOLERANCE]
    comb = results.baseline_lines("comb")[["f1"]]
    rows = []
    for name in scored["baseline"].unique():
        above = NONE
        if name != "comb":
            above = paired_difference(results.baseline_lines(name)[["f1"]], comb)
        f1, matched = (baseline_f1(scored, name, score) for score in ("upstream", "matched"))
        rows.append(_Row(name, "baseline", 0, math.nan, f1, above, matched))
    return rows


def _networks(results: Results) -> list[_Row]:
    return [
        _Row(
            cell.Index,
            "network",
            cell.seeds,
            cell.parameters,
            mean_f1(results, cell.runs),
            above_comb(results, cell.runs),
            mean_f1(results, cell.runs, score="matched"),
        )
        for cell in results.cells().itertuples()
    ]
