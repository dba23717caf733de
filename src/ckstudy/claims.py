"""The thesis's claims that its own grid can test, each with the rule of its verdict.

The rules look only at 95 % intervals over lines, and were written down before the full study was
run. One demand was added when a quick study had been seen, in which a network had not left the
plateau that every training starts on: networks count only where they beat the comb, line by
line. One that does not has not learned, says nothing about its kernels, and leaves the verdict
undecided, whatever the others say.

Verdicts hold for the networks that were trained, one for each cell: whether another seed would
change one is not decided here. All scores are the thesis's F1 at its tolerance.
"""

from typing import NamedTuple

import pandas as pd

from ckstudy.estimates import Estimate, mean_f1, paired_difference, train_minus_test
from ckstudy.results import Results
from ckstudy.tables import as_text

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"

EQUAL_F1 = 0.02
"""Two networks localise equally well where their mean F1 differs by less than this."""

LARGE_GAP = 0.05
"""A network over-fits where training lines score better than test lines by more than this."""


class Claim(NamedTuple):
    """A claim of the thesis, the rule of its verdict, and what the study says.

    Attributes
    ----------
    name, statement, rule : str
    verdict : str
        ``supported``, ``contradicted`` or ``undecided``.
    evidence : tuple of (str, Estimate)
        What was measured.
    note : str
        What is missing, or does not count.
    """

    name: str
    statement: str
    rule: str
    verdict: str = UNDECIDED
    evidence: tuple[tuple[str, Estimate], ...] = ()
    note: str = ""


def dilated_matches(results: Results) -> Claim:
    """C1: the dilated CKCNN matches the conventional CNN."""
    claim = Claim(
        "C1",
        "The dilated CKCNN matches the conventional CNN.",
        "Line by line, the mean test F1 of the CKCNN minus that of the CNN: supported where its "
        f"interval lies within ±{EQUAL_F1}, contradicted where it lies wholly outside, for every "
        "CKCNN of the experiment.",
    )
    runs, note = _learned(results, results.runs("dilated"))
    conventional = runs.index[runs["network"] == "cnn_dilated"]
    continuous = runs.index[runs["network"] == "ckcnn_dilated"]
    if conventional.empty or continuous.empty:
        return claim._replace(note=f"The study lacks one of the two networks. {note}".strip())
    against = results.line_scores(conventional[0])
    evidence = tuple(
        (f"`{run}` minus `{conventional[0]}`", paired_difference(results.line_scores(run), against))
        for run in continuous
    )
    verdict = _unanimous([(_equal(each), _unequal(each)) for _, each in evidence])
    return _decide(claim, evidence, verdict, note)


def dilated_insensitive(results: Results) -> Claim:
    """C2: the dilated CKCNN is not sensitive to ω0."""
    claim = Claim(
        "C2",
        "The dilated CKCNN is not sensitive to ω0.",
        "Line by line, the mean test F1 at each ω0 minus that at the lowest: supported where "
        f"every interval lies within ±{EQUAL_F1}, contradicted where one lies wholly outside.",
    )
    every = results.runs()
    runs, note = _learned(results, every[every["network"] == "ckcnn_dilated"])
    runs = runs.sort_values("omega_0")
    if runs["omega_0"].nunique() < 2:
        return claim._replace(
            note=f"The study has this network at fewer than two ω0. {note}".strip()
        )
    lowest = runs.index[0]
    against = results.line_scores(lowest)
    evidence = tuple(
        (f"`{run}` minus `{lowest}`", paired_difference(results.line_scores(run), against))
        for run in runs.index[1:]
    )
    if any(_unequal(each) for _, each in evidence):
        verdict = CONTRADICTED
    elif all(_equal(each) for _, each in evidence):
        verdict = SUPPORTED
    else:
        verdict = UNDECIDED
    return _decide(claim, evidence, verdict, note)


def larger_kernels_worse(results: Results) -> Claim:
    """C3: larger kernels localise worse."""
    claim = Claim(
        "C3",
        "Larger kernels localise worse.",
        "Line by line, the mean test F1 of the largest kernel minus that of the smallest: "
        "supported where its interval lies below 0, contradicted where it lies above 0.",
    )
    runs, note = _learned(results, results.runs("kernel_size"))
    runs = runs.sort_values("kernel_size")
    if runs["kernel_size"].nunique() < 2:
        return claim._replace(note=f"The study has fewer than two kernel sizes. {note}".strip())
    smallest, largest = runs.index[0], runs.index[-1]
    difference = paired_difference(results.line_scores(largest), results.line_scores(smallest))
    evidence = ((f"`{largest}` minus `{smallest}`", difference),)
    return _decide(claim, evidence, _unanimous([(difference.high < 0, difference.low > 0)]), note)


def large_kernels_under_fit(results: Results) -> Claim:
    """C4: the large-kernel networks under-fit."""
    claim = Claim(
        "C4",
        "The large-kernel networks under-fit.",
        "Under-fitting shows on the training lines. For each kernel size: supported where the "
        "training F1 is below that of the conventional dilated CNN (the interval of the "
        "difference, line by line, lies below 0) and exceeds the test F1 by less than "
        f"{LARGE_GAP} (upper end); contradicted where either lies wholly on the other side. The "
        "verdict is that of all kernel sizes, where they agree.",
    )
    runs, note = _learned(results, results.runs("kernel_size"))
    every, _ = _learned(results, results.runs())
    conventional = every.index[every["network"] == "cnn_dilated"]
    if runs.empty or conventional.empty:
        missing = "The study lacks the large kernels or the conventional CNN."
        return claim._replace(note=f"{missing} {note}".strip())
    on_training = {"split": "train", "calibration": "train"}
    against = results.line_scores(conventional[0], **on_training)
    evidence, verdicts = [], []
    for run in runs.sort_values("kernel_size").index:
        behind = paired_difference(results.line_scores(run, **on_training), against)
        gap = train_minus_test(results, run)
        evidence += [
            (f"`{run}`, training F1", mean_f1(results, run, score="upstream", **on_training)),
            (f"`{run}`, training F1 minus that of `{conventional[0]}`", behind),
            (f"`{run}`, training F1 minus test F1", gap),
        ]
        verdicts.append(
            (behind.high < 0 and gap.high < LARGE_GAP, behind.low > 0 or gap.low > LARGE_GAP)
        )
    return _decide(claim, tuple(evidence), _unanimous(verdicts), note)


def _learned(results: Results, runs: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The runs that beat the comb on the test lines, and a sentence about the others."""
    comb = results.baseline_lines("comb")
    beats = [paired_difference(results.line_scores(run), comb).low > 0 for run in runs.index]
    others = [f"`{run}`" for run, beat in zip(runs.index, beats, strict=True) if not beat]
    note = f"Undecided, because it does not beat the comb: {', '.join(others)}." if others else ""
    return runs[beats], note


def _decide(claim: Claim, evidence: tuple, verdict: str, note: str) -> Claim:
    """The claim with its verdict, unless a network did not count."""
    return claim._replace(evidence=evidence, note=note, verdict=UNDECIDED if note else verdict)


def _equal(difference: Estimate) -> bool:
    return difference.low > -EQUAL_F1 and difference.high < EQUAL_F1


def _unequal(difference: Estimate) -> bool:
    return difference.low > EQUAL_F1 or difference.high < -EQUAL_F1


def _unanimous(votes: list[tuple[bool, bool]]) -> str:
    """The verdict of (supports, contradicts) votes: undecided unless all agree."""
    if all(supports for supports, _ in votes):
        return SUPPORTED
    if all(contradicts for _, contradicts in votes):
        return CONTRADICTED
    return UNDECIDED


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
