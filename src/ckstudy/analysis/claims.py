"""The thesis's claims that the study tests, each with the rule of its verdict.

The rules look only at 95 % intervals, over lines and over training seeds where a cell of the grid
has several, and their margins are those of the config (section ``claims``). They were written
down before the networks that they judge were trained. One demand was added when a quick study
had been seen, in which a network had not left the plateau that every training starts on: networks
count only where they beat the comb, line by line. One that does not has not learned, and says
nothing about its kernels. In C1 to C4 it leaves the verdict undecided, whatever the others say.

Verdicts hold for the networks that were trained: where a cell has one seed, whether another would
change one is not decided here. All scores are the thesis's F1 at its tolerance.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from ckstudy.analysis import noise as noise_experiment
from ckstudy.analysis.ablation import settings
from ckstudy.analysis.estimates import (
    NONE,
    Estimate,
    line_f1,
    mean_f1,
    paired_difference,
    train_minus_test,
)
from ckstudy.analysis.results import Results
from ckstudy.errors import StudyError
from ckstudy.report.tables.table import (
    DASH,
    Table,
    as_text,
    flat,
    format_cells,
    interval,
    listing,
    provenance,
)
from ckstudy.report.tables.thesis_tables import above_comb

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"


class Margins(NamedTuple):
    """What the rules of C1, C2 and C4 compare with; from the section ``claims`` of the config.

    Attributes
    ----------
    equal_f1 : float
        Two networks localise equally well where their mean F1 differs by less than this.
    large_gap : float
        A network over-fits where training lines score better than test lines by more than this.
    """

    equal_f1: float
    large_gap: float


class Claim(NamedTuple):
    """A claim of the thesis, the rule of its verdict, and what the study says.

    Attributes
    ----------
    name, statement, rule : str
    verdict : str
        ``supported``, ``contradicted`` or ``undecided``.
    evidence : tuple of (str, Estimate)
        What was measured.
    effect : int
        Place in the evidence of the size of the effect: of several differences, the one that is
        least favourable to the claim.
    note : str
        What is missing, or does not count.
    """

    name: str
    statement: str
    rule: str
    verdict: str = UNDECIDED
    evidence: tuple[tuple[str, Estimate], ...] = ()
    effect: int = 0
    note: str = ""


def margins(results: Results) -> Margins:
    """The margins that the study was run with.

    Raises
    ------
    StudyError
        Where it names others than :class:`Margins` has.
    """
    found = results.study["claims"]
    if set(found) != set(Margins._fields):
        raise StudyError(
            f"the study's claims have the margins {', '.join(sorted(found)) or 'none'} instead of "
            f"{', '.join(Margins._fields)}; run the study again"
        )
    return Margins(**found)


def dilated_matches(results: Results) -> Claim:
    """C1: the dilated CKCNN matches the conventional CNN."""
    equal = margins(results).equal_f1
    claim = Claim(
        "C1",
        "The dilated CKCNN matches the conventional CNN.",
        "Line by line, the mean test F1 of the CKCNN minus that of the CNN: supported where its "
        f"interval lies within ±{equal:g}, contradicted where it lies wholly outside, for every "
        "CKCNN of the experiment.",
    )
    cells, note = _learned(results, results.cells("dilated"))
    conventional = cells[cells["network"] == "cnn_dilated"]
    continuous = cells[cells["network"] == "ckcnn_dilated"]
    if conventional.empty or continuous.empty:
        return _without_verdict(
            claim, "One of the two networks is not there or has not learned.", note
        )
    evidence = _differences(results, continuous, conventional.iloc[0])
    verdict = _unanimous([(_equal(each, equal), _unequal(each, equal)) for _, each in evidence])
    return _decide(claim, evidence, verdict, note, effect=_largest(evidence))


def dilated_insensitive(results: Results) -> Claim:
    """C2: the dilated CKCNN is not sensitive to ω0."""
    equal = margins(results).equal_f1
    claim = Claim(
        "C2",
        "The dilated CKCNN is not sensitive to ω0.",
        "Line by line, the mean test F1 at each ω0 minus that at the lowest: supported where "
        f"every interval lies within ±{equal:g}, contradicted where one lies wholly outside.",
    )
    cells, note = _learned(results, _at_every_omega_0(results))
    if cells["omega_0"].nunique() < 2:
        return _without_verdict(
            claim, "This network is there, and has learned, at fewer than two ω0.", note
        )
    evidence = _differences(results, cells.iloc[1:], cells.iloc[0])
    if any(_unequal(each, equal) for _, each in evidence):
        verdict = CONTRADICTED
    elif all(_equal(each, equal) for _, each in evidence):
        verdict = SUPPORTED
    else:
        verdict = UNDECIDED
    return _decide(claim, evidence, verdict, note, effect=_largest(evidence))


def larger_kernels_worse(results: Results) -> Claim:
    """C3: larger kernels localise worse."""
    claim = Claim(
        "C3",
        "Larger kernels localise worse.",
        "Line by line, the mean test F1 of the largest kernel minus that of the smallest: "
        "supported where its interval lies below 0, contradicted where it lies above 0.",
    )
    cells, note = _learned(results, results.cells("kernel_size"))
    cells = cells.sort_values("kernel_size")
    if cells["kernel_size"].nunique() < 2:
        return _without_verdict(
            claim, "Fewer than two kernel sizes are there and have learned.", note
        )
    evidence = _differences(results, cells.iloc[-1:], cells.iloc[0])
    ((_, difference),) = evidence
    return _decide(claim, evidence, _unanimous([(difference.high < 0, difference.low > 0)]), note)


def large_kernels_under_fit(results: Results) -> Claim:
    """C4: the large-kernel networks under-fit."""
    large_gap = margins(results).large_gap
    claim = Claim(
        "C4",
        "The large-kernel networks under-fit.",
        "Under-fitting shows on the training lines. For each kernel size: supported where the "
        "training F1 is below that of the conventional dilated CNN (the interval of the "
        "difference, line by line, lies below 0) and exceeds the test F1 by less than "
        f"{large_gap:g} (upper end); contradicted where either lies wholly on the other side. "
        "The verdict is that of all kernel sizes, where they agree.",
    )
    cells, note = _learned(results, results.cells("kernel_size"))
    dilated, _ = _learned(results, results.cells("dilated"))
    conventional = dilated[dilated["network"] == "cnn_dilated"]
    if cells.empty or conventional.empty:
        return _without_verdict(
            claim,
            "The large kernels or the conventional CNN are not there or have not learned.",
            note,
        )
    on_training = {"split": "train", "calibration": "train"}
    against = conventional.iloc[0]
    evidence, votes = [], []
    for cell in cells.sort_values("kernel_size").itertuples():
        behind = paired_difference(
            line_f1(results, cell.runs, **on_training),
            line_f1(results, against.runs, **on_training),
        )
        gap = train_minus_test(results, cell.runs)
        evidence += [
            (f"`{cell.Index}`, training F1", mean_f1(results, cell.runs, **on_training)),
            (f"`{cell.Index}`, training F1 minus that of `{against.name}`", behind),
            (f"`{cell.Index}`, training F1 minus test F1", gap),
        ]
        votes.append(
            (behind.high < 0 and gap.high < large_gap, behind.low > 0 or gap.low > large_gap)
        )
    effect = max(range(1, len(evidence), 3), key=lambda place: evidence[place][1].value)
    return _decide(claim, tuple(evidence), _unanimous(votes), note, effect=effect)


def long_context_helps(results: Results) -> Claim:
    """C5: long context may help against noise that spans the signal."""
    claim = Claim(
        "C5",
        "Long context may help against noise that spans the signal.",
        "For each kernel larger than the smallest, line by line: (a) its mean test F1 minus that "
        "of the smallest, both trained and tested with noise, and (b) that difference minus the "
        "same without noise. Supported where for every larger kernel both intervals lie above 0, "
        "contradicted where for every one (a) lies below 0. Kernels of which a network has not "
        "learned are left out; without the smallest there is no verdict.",
    )
    every = noise_experiment.noise_cells(results)
    levels = sorted(every["noise_percent"].unique())
    cells, note = _learned(results, every, "Left out")
    if len(levels) < 2:
        return _without_verdict(claim, "The study has no two levels of noise.", note)
    smallest, least = every["kernel_size"].min(), levels[0]
    trained, learned = (_sizes_at_all(each, levels) for each in (every, cells))
    if part := sorted(set(every["kernel_size"]) - set(trained)):
        note = f"Not trained at every level of noise: K = {listing(part)}. {note}".strip()
    if smallest not in learned or len(learned) < 2:
        return _without_verdict(
            claim,
            "Fewer than two kernels, the smallest among them, have learned at every level.",
            note,
        )
    evidence, votes = [], []
    for size in learned[1:]:
        for percent in levels[1:]:
            found = noise_experiment.advantage(results, cells, size, smallest, percent)
            name = f"K = {size:.0f} minus K = {smallest:.0f} at {percent:g} % noise"
            evidence += [
                (f"(a) {name}", found.difference),
                (f"(b) {name}, minus the same at {least:g} %", found.gain),
            ]
            votes.append(
                (found.difference.low > 0 and found.gain.low > 0, found.difference.high < 0)
            )
    return claim._replace(
        evidence=tuple(evidence),
        verdict=_unanimous(votes),
        effect=min(range(0, len(evidence), 2), key=lambda place: evidence[place][1].value),
        note=note,
    )


CLAIMS = (
    dilated_matches,
    dilated_insensitive,
    larger_kernels_worse,
    large_kernels_under_fit,
    long_context_helps,
)


def claims_table(results: Results) -> Table:
    """Every claim with its verdict, the size of the effect and the rule."""
    found = [test(results) for test in CLAIMS]
    rows = []
    for claim in found:
        measured = claim.evidence or ((DASH, NONE),)
        for place, (what, estimate) in enumerate(measured):
            rows.append(
                {
                    "claim": claim.name,
                    "statement": claim.statement,
                    "verdict": claim.verdict,
                    "is_effect": place == claim.effect,
                    "measured": what,
                    **flat("estimate", estimate),
                    "rule": claim.rule,
                    "note": claim.note,
                }
            )
    data = pd.DataFrame(rows)
    effect = {
        "measured": lambda row: row.measured,
        "estimate": lambda row: interval(row, "estimate", signed=" minus " in row.measured),
    }
    of_claim = {"claim": lambda row: row.claim}
    verdicts = format_cells(
        data[data["is_effect"]],
        {
            "claim": lambda row: f"{row.claim}. {row.statement}",
            "verdict": lambda row: f"**{row.verdict}**",
            "effect": effect["estimate"],
            "of": effect["measured"],
            "rule": lambda row: row.rule,
            "note": lambda row: row.note or DASH,
        },
    )
    evidence = data[data["measured"] != DASH]
    caption = (
        "The thesis's claims, with the verdict at the scale of this study. Effect: what the rule "
        "compares; where it compares several, the one that is least favourable to the claim. All "
        f"F1 are the thesis's at its tolerance. {provenance(results, results.cells(noisy=True))}"
    )
    blocks = [("Verdicts", verdicts)]
    if len(evidence):
        blocks.append(("All that the rules compare", format_cells(evidence, of_claim | effect)))
    return Table("claims", "Claims", caption, data, tuple(blocks))


def as_markdown(claim: Claim) -> str:
    """The claim, its rule, the evidence and the verdict, for a notebook."""
    lines = [f"**{claim.name}. {claim.statement}**", "", f"Rule: {claim.rule}"]
    if claim.note:
        lines += ["", claim.note]
    if claim.evidence:
        lines += ["", "| measured | mean [95 % interval] |", "| --- | --- |"]
        lines += [f"| {what} | {as_text(estimate)} |" for what, estimate in claim.evidence]
    lines += ["", f"At the scale of this study: **{claim.verdict}**."]
    return "\n".join(lines)


def _learned(
    results: Results, cells: pd.DataFrame, consequence: str = "Undecided"
) -> tuple[pd.DataFrame, str]:
    """The cells that beat the comb on the test lines, and a sentence about the others."""
    # An array, since an empty list would select columns.
    beats = np.array([above_comb(results, runs).low > 0 for runs in cells["runs"]], dtype=bool)
    others = [f"`{cell}`" for cell, beat in zip(cells.index, beats, strict=True) if not beat]
    note = f"{consequence}, because it does not beat the comb: {', '.join(others)}."
    return cells[beats], note if others else ""


def _at_every_omega_0(results: Results) -> pd.DataFrame:
    """The dilated CKCNN, and the cells that differ from it in nothing but ω0, by ω0."""

    def fixed(cell) -> dict:
        return {key: value for key, value in settings(results.spec(cell)).items() if key != axis}

    axis = "omega_0"
    cells = results.cells()
    cells = cells[cells["network"] == "ckcnn_dilated"]
    usual = [fixed(runs[0]) for runs in cells["runs"]]
    alike = np.array([each == usual[0] for each in usual], dtype=bool)
    return cells[alike].sort_values(axis)


def _sizes_at_all(cells: pd.DataFrame, levels: list[float]) -> list[float]:
    """Kernel sizes that the cells have at every level of noise, in order."""
    counts = cells.groupby("kernel_size")["noise_percent"].nunique()
    return sorted(counts.index[counts == len(levels)])


def _differences(
    results: Results, cells: pd.DataFrame, reference: pd.Series
) -> tuple[tuple[str, Estimate], ...]:
    """Test F1 of each cell minus that of the reference, line by line."""
    against = line_f1(results, reference.runs)
    return tuple(
        (
            f"`{cell.Index}` minus `{reference.name}`",
            paired_difference(line_f1(results, cell.runs), against),
        )
        for cell in cells.itertuples()
    )


def _largest(evidence: tuple[tuple[str, Estimate], ...]) -> int:
    return max(range(len(evidence)), key=lambda place: abs(evidence[place][1].value))


def _decide(claim: Claim, evidence: tuple, verdict: str, note: str, effect: int = 0) -> Claim:
    """The claim with its verdict, unless a network did not count."""
    return claim._replace(
        evidence=evidence, effect=effect, note=note, verdict=UNDECIDED if note else verdict
    )


def _without_verdict(claim: Claim, why: str, note: str) -> Claim:
    return claim._replace(note=f"{why} {note}".strip())


def _equal(difference: Estimate, margin: float) -> bool:
    return difference.low > -margin and difference.high < margin


def _unequal(difference: Estimate, margin: float) -> bool:
    return difference.low > margin or difference.high < -margin


def _unanimous(votes: list[tuple[bool, bool]]) -> str:
    """The verdict of (supports, contradicts) votes: undecided unless all agree."""
    if all(supports for supports, _ in votes):
        return SUPPORTED
    if all(contradicts for _, contradicts in votes):
        return CONTRADICTED
    return UNDECIDED
