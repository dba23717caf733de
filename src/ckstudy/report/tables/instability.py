"""How stable networks are: F1 and output under perturbations, and one bubble more or less."""

import math
from typing import NamedTuple

import pandas as pd

from ckstudy.analysis.results import Results
from ckstudy.report.tables import findings
from ckstudy.report.tables.captions import scale, unfinished
from ckstudy.report.tables.table import Column, Table, code, number, score, tabulate

ABSENT = "The study leaves this analysis out (analyses.instability), or has no network for it."
BANDS = {"full": "all frequencies", "pulse": "the pulse's band"}
_KINDS = ("random", "worst")


class _Row(NamedTuple):
    cell: str
    band: str
    values: dict[str, float]


def instability_table(results: Results) -> Table:
    """Matched F1 and change of the output by size and kind of a perturbation."""
    found = results.analysis("instability", "perturbations")
    bubbles = results.analysis("instability", "bubbles")
    if found is None or bubbles is None:
        return Table("instability", "Stability", ABSENT, pd.DataFrame(), ())
    cells = perturbed_cells(results, found)
    norms = sorted(norm for norm in found["relative_norm"].unique() if norm)
    rows = [
        _Row(str(cell.Index), band, _values(found[found["run"].isin(cell.runs)], band, norms))
        for band in BANDS
        for cell in cells.itertuples()
    ]
    columns = [
        Column("network", lambda row: row.cell, "network", code),
        Column("band", lambda row: row.band),
        _column("upstream_f1_clean", None),
        _column("matched_f1_clean", "unperturbed", score),
        *(
            _column(f"matched_f1_{kind}_{norm:g}", f"{kind} {100 * norm:g} %", score)
            for norm in norms
            for kind in _KINDS
        ),
        *(
            _column(f"{name}_{kind}_{norm:g}", None)
            for name in ("upstream_f1", "output_change")
            for norm in norms
            for kind in _KINDS
        ),
        *(_column(f"gain_{kind}", f"gain, {kind}", number("{:.1f}")) for kind in _KINDS),
    ]
    data, text = tabulate(rows, columns)
    blocks = [
        (f"Perturbations of {name}", text[[row.band == band for row in rows]])
        for band, name in BANDS.items()
    ]
    follows, follows_text = _followed(bubbles, cells)
    caption = (
        f"Matched F1 of {found['line'].nunique()} test lines, perturbed: the norm of the "
        "perturbation is told in percent of the line's. Random: white Gaussian noise; worst: the "
        "largest change of the output that gradient ascent has found, which is a lower bound of "
        "the worst case and does not aim at F1. Gain: relative change of the output over that of "
        "the line, at the smallest norm. One bubble: it follows where there is one detection more "
        "(inserted) or less (removed) within the tolerance; elsewhere: detections that came or "
        "went farther away, on average; one that moved within the tolerance did neither. "
        f"{scale(results, cells)} {unfinished(results)}"
    ).strip()
    return Table(
        "instability",
        "Stability",
        caption,
        data.merge(follows, on="network"),
        (*blocks, ("One bubble more or less", follows_text)),
        findings.instability(data),
    )


def perturbed_cells(results: Results, found: pd.DataFrame) -> pd.DataFrame:
    """The cells of which a run was perturbed, each with those runs alone."""
    there = set(found["run"])
    cells = results.cells()
    kept = [tuple(run for run in runs if run in there) for runs in cells["runs"]]
    return cells.assign(runs=kept)[[bool(runs) for runs in kept]]


def _column(name: str, heading: str | None, show: object = str) -> Column:
    return Column(name, lambda row: row.values[name], heading, show)  # type: ignore[arg-type]


def _values(own: pd.DataFrame, band: str, norms: list[float]) -> dict[str, float]:
    clean = own[own["kind"] == "none"].mean(numeric_only=True)
    values = {f"{name}_f1_clean": clean[f"{name}_f1"] for name in ("upstream", "matched")}
    for kind in _KINDS:
        rows = own[(own["kind"] == kind) & (own["band"] == band)]
        for norm in norms:
            at = rows[rows["relative_norm"] == norm].mean(numeric_only=True)
            for name in ("upstream_f1", "matched_f1", "output_change"):
                values[f"{name}_{kind}_{norm:g}"] = at.get(name, math.nan)
        least = rows[rows["relative_norm"] == norms[0]]
        values[f"gain_{kind}"] = (least["output_change"] / least["norm"]).mean()
    return values


def _followed(bubbles: pd.DataFrame, cells: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = [
        (str(cell.Index), bubbles[bubbles["run"].isin(cell.runs)]) for cell in cells.itertuples()
    ]

    def mean(kind: str, what: str) -> Column:
        names = {"follows": f"{kind}: follows", "elsewhere": "elsewhere"}
        return Column(
            f"{kind}_{what}",
            lambda row: float(row[1].loc[row[1]["kind"] == kind, what].mean()),
            names[what] if what == "follows" else f"{kind}: elsewhere",
            number("{:.2f}"),
        )

    columns = [
        Column("network", lambda row: row[0], "network", code),
        *(
            mean(kind, what)
            for kind in ("inserted", "removed")
            for what in ("follows", "elsewhere")
        ),
    ]
    return tabulate(rows, columns)
