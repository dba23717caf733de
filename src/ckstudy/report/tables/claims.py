"""Every claim with its verdict, the size of the effect and the rule."""

from operator import attrgetter
from typing import NamedTuple

import pandas as pd

from ckstudy.analysis import thesis
from ckstudy.analysis.long_kernels import LEAST_SEEDS
from ckstudy.analysis.results import Results
from ckstudy.analysis.start_claims import claims_of
from ckstudy.analysis.verdicts import Claim, Evidence
from ckstudy.report.tables import findings
from ckstudy.report.tables.captions import optimiser_steps, provenance
from ckstudy.report.tables.table import (
    DASH,
    Column,
    Table,
    as_text,
    listing,
    tabulate,
)
from ckstudy.scoring.intervals import LEVEL, NONE


class _Row(NamedTuple):
    claim: Claim
    note: str
    evidence: Evidence
    is_effect: bool


def claims_table(results: Results) -> Table:
    """The claims of the thesis that the study tests, and all that their rules compare."""
    nothing = Evidence("", NONE)
    rows = [
        _Row(claim, note_on(results, claim), evidence, place == claim.effect)
        for claim in claims_of(results)
        for place, evidence in enumerate(claim.evidence or (nothing,))
    ]
    measured = [
        Column("measured", lambda row: row.evidence.what or DASH, "of"),
        Column("level", lambda row: row.evidence.level),
    ]
    ends = ("value", "low", "high")
    columns = [
        Column("claim", lambda row: row.claim.name, "claim"),
        Column("statement", lambda row: row.claim.statement),
        Column("verdict", lambda row: row.claim.verdict),
        Column("is_effect", lambda row: row.is_effect),
        *measured,
        *(
            Column(name, attrgetter(f"evidence.estimate.{end}"))
            for name, end in zip(("estimate", "estimate_low", "estimate_high"), ends, strict=True)
        ),
        Column("rule", lambda row: row.claim.rule),
        Column("note", lambda row: row.note),
    ]
    effect = Column("effect", lambda row: evidence_text(row.evidence), "effect")
    _, verdicts = tabulate(
        [row for row in rows if row.is_effect],
        [
            Column("", lambda row: f"{row.claim.name}. {row.claim.statement}", "claim"),
            Column("", lambda row: f"**{row.claim.verdict}**", "verdict"),
            effect,
            *measured,
            Column("", lambda row: row.claim.rule, "rule"),
            Column("", lambda row: row.note or DASH, "note"),
        ],
    )
    evidence = [row for row in rows if row.evidence.what]
    caption = (
        "The thesis's claims, with the verdict at the scale of this study. Effect: what the rule "
        "compares; where it compares several, the one that is least favourable to the claim. All "
        f"F1 are the thesis's at its tolerance. {provenance(results, results.cells(noisy=True))}"
    )
    blocks = [("Verdicts", verdicts)]
    if evidence:
        shown = [columns[0], *measured, effect]
        blocks.append(("All that the rules compare", tabulate(evidence, shown)[1]))
    data = tabulate(rows, columns)[0]
    return Table("claims", "Claims", caption, data, tuple(blocks), findings.claims(data))


def as_markdown(results: Results, claim: Claim) -> str:
    """The claim, its rule, the evidence and the verdict, for a notebook."""
    lines = [f"**{claim.name}. {claim.statement}**", "", f"Rule: {claim.rule}"]
    if note := note_on(results, claim):
        lines += ["", note]
    if claim.evidence:
        lines += ["", "| measured | mean [95 % interval] |", "| --- | --- |"]
        lines += [f"| {each.what} | {evidence_text(each)} |" for each in claim.evidence]
    lines += ["", f"At the scale of this study: **{claim.verdict}**."]
    return "\n".join(lines)


def evidence_text(evidence: Evidence) -> str:
    """The number with its interval, and the interval's level where it is not the usual one."""
    text = as_text(evidence.estimate, signed=evidence.is_difference)
    return text if evidence.level == LEVEL else f"{text} ({100 * evidence.level:.0f} %)"


def note_on(results: Results, claim: Claim) -> str:
    """What is missing or does not count, how single comparisons fall, and a shrunk reference."""
    notes = []
    if claim.lacking:
        notes.append(claim.lacking)
    if claim.untrained:
        notes.append(f"Not trained yet: {_names(claim.untrained)}.")
    if claim.incomplete:
        notes.append(f"Not trained at every level of noise: K = {listing(claim.incomplete)}.")
    if claim.unlearned:
        notes.append(f"Not learned, since it does not beat the comb: {_names(claim.unlearned)}.")
    if claim.single_seeds:
        notes.append(f"With a single training seed: {_names(claim.single_seeds)}.")
    if claim.few_seeds:
        notes.append(f"With fewer than {LEAST_SEEDS} training seeds: {_names(claim.few_seeds)}.")
    if len(claim.votes) > 1:
        votes = ", ".join(f"{vote.of} {vote.verdict}" for vote in claim.votes)
        notes.append(f"One by one: {votes}.")
    if claim.reference:
        notes.append(_reference(results, claim))
    return " ".join(note for note in notes if note)


def _names(cells: tuple[str, ...]) -> str:
    return ", ".join(f"`{cell}`" for cell in cells)


def _reference(results: Results, claim: Claim) -> str:
    """Where the conventional CNN is not of the thesis's size, or made fewer steps than others."""
    cells = results.cells()
    about = cells.loc[claim.reference]
    said = []
    printed = thesis.PARAMETERS[about["network"]]
    if about["parameters"] != printed:
        layers = results.spec(about["runs"][0])["network"].get("layers")
        # Kernels of three samples, dilated by 1, 2, 4, ...
        field = f" and a receptive field of {2 ** (layers + 1) - 1} samples" if layers else ""
        said.append(
            f"The reference `{claim.reference}` has {about['parameters']:,.0f} parameters{field}; "
            f"the thesis's has {printed:,}."
        )
    (own,) = _steps(results, cells.loc[[claim.reference]])
    others = _steps(results, cells.loc[list(claim.held_against)])
    if others != [own]:
        said.append(
            f"`{claim.reference}` made {own:,} optimiser steps, what is held against it "
            f"{' or '.join(f'{steps:,}' for steps in others)}."
        )
    return " ".join(said)


def _steps(results: Results, cells: pd.DataFrame) -> list[int]:
    """Numbers of optimiser steps of the trainings of these cells, each once."""
    lines = int(results.scores(split="train")["lines"].max())
    settings = (results.spec(runs[0])["training"] for runs in cells["runs"])
    return sorted({optimiser_steps(each, lines) for each in settings})
