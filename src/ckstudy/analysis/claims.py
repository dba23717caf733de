"""The thesis's claims that the study tests, each with the rule of its verdict.

The rules look only at 95 % intervals, over lines and over training seeds where a cell of the grid
has several, and their margins are those of the config (section ``claims``). They were written
down before the networks that they judge were trained. Three demands were added when networks had
been seen. After a quick study, in which a network
had not left the plateau that every training starts on: networks count only where they beat the
comb, line by line. One that does not has not learned, and says nothing about its kernels. In C1
to C4 it leaves the verdict undecided, whatever the others say; in C5 its kernel size is left out,
which may turn the verdict either way. After the laptop's study: C1 and
C2 compare with a margin of the order of what another training seed changes, so that they need
several seeds of every network that they compare. When two networks of Table 1 had been trained at
the thesis's schedule: where a network of its experiments is still to be trained, a claim has no
verdict, since the largest kernel that is there need not be the largest.

In C3 to C5 a cell with one seed stands for the network that was trained: whether another seed
would change the verdict is not decided here. All scores are the thesis's F1 at its tolerance.
"""

from dataclasses import fields, replace

import numpy as np
import pandas as pd

from ckstudy.analysis import noise as noise_experiment
from ckstudy.analysis.ablation import settings
from ckstudy.analysis.comparisons import above_comb
from ckstudy.analysis.estimates import line_f1, mean_f1, paired_difference, train_minus_test
from ckstudy.analysis.results import Results, experiment_names
from ckstudy.analysis.verdicts import (
    Claim,
    Evidence,
    Verdict,
    Vote,
    lies_outside,
    lies_within,
    unanimous,
    verdict_of,
)
from ckstudy.errors import StudyError
from ckstudy.scoring.intervals import LEVEL, Estimate
from ckstudy.study.config import ClaimMargins

EQUIVALENCE_LEVEL = 0.9
"""Coverage of the interval that an equivalence test at 5 % looks at (Schuirmann, 1987)."""


def margins(results: Results) -> ClaimMargins:
    """The margins that the study was run with.

    Raises
    ------
    StudyError
        Where it names others than :class:`~ckstudy.study.config.ClaimMargins` has.
    """
    found = results.study["claims"]
    known = [each.name for each in fields(ClaimMargins)]
    if set(found) != set(known):
        raise StudyError(
            f"the study's claims have the margins {', '.join(sorted(found)) or 'none'} instead of "
            f"{', '.join(known)}; run the study again"
        )
    return ClaimMargins(**found)


def dilated_matches(results: Results) -> Claim:
    """C1: the dilated CKCNN matches the conventional CNN."""
    equal = margins(results).equal_f1
    claim = Claim(
        "C1",
        "The dilated CKCNN matches the conventional CNN.",
        "Line by line, the mean test F1 of the CKCNN minus that of the CNN: supported where its "
        f"95 % interval lies within ±{equal:g}, contradicted where it lies wholly outside, for "
        "every CKCNN of the experiment. Undecided where one of the networks has a single training "
        "seed. (The 90 % interval beside it is that of an equivalence test at 5 %; the rule does "
        "not look at it.)",
    )
    cells, unlearned = _learned(results, results.cells("dilated"))
    conventional = cells[cells["network"] == "cnn_dilated"]
    continuous = cells[cells["network"] == "ckcnn_dilated"]
    if conventional.empty or continuous.empty:
        return replace(claim, unlearned=unlearned).without_verdict(
            "One of the two networks is not there or has not learned."
        )
    reference = conventional.iloc[0]
    decisive = _differences(results, continuous, reference)
    beside = _differences(results, continuous, reference, level=EQUIVALENCE_LEVEL)
    votes = _votes(continuous, decisive, equal)
    return claim.decided(
        unanimous(votes),
        evidence=decisive + beside,
        effect=_largest(decisive),
        votes=votes,
        reference=str(reference.name),
        held_against=tuple(continuous.index),
        untrained=results.missing(["dilated"]),
        unlearned=unlearned,
        single_seeds=_single_seeds(pd.concat([conventional.iloc[:1], continuous])),
    )


def dilated_insensitive(results: Results) -> Claim:
    """C2: the dilated CKCNN is not sensitive to ω0."""
    equal = margins(results).equal_f1
    claim = Claim(
        "C2",
        "The dilated CKCNN is not sensitive to ω0.",
        "Line by line, the mean test F1 at each ω0 minus that at the lowest: supported where "
        f"every interval lies within ±{equal:g}, contradicted where one lies wholly outside. "
        "Undecided where one of the networks has a single training seed.",
    )
    cells, unlearned = _learned(results, _at_every_omega_0(results))
    if cells["omega_0"].nunique() < 2:
        return replace(claim, unlearned=unlearned).without_verdict(
            "This network is there, and has learned, at fewer than two ω0."
        )
    evidence = _differences(results, cells.iloc[1:], cells.iloc[0])
    votes = _votes(cells.iloc[1:], evidence, equal)
    one_outside = any(vote.verdict == Verdict.CONTRADICTED for vote in votes)
    return claim.decided(
        Verdict.CONTRADICTED if one_outside else unanimous(votes),
        evidence=evidence,
        effect=_largest(evidence),
        votes=votes,
        untrained=results.missing(_experiments(cells)),
        unlearned=unlearned,
        single_seeds=_single_seeds(cells),
    )


def larger_kernels_worse(results: Results, experiment: str = "kernel_size") -> Claim:
    """C3: larger kernels localise worse, among the networks of an experiment."""
    claim = Claim(
        "C3",
        "Larger kernels localise worse.",
        "Line by line, the mean test F1 of the largest kernel minus that of the smallest: "
        "supported where its interval lies below 0, contradicted where it lies above 0.",
    )
    cells, unlearned = _learned(results, results.cells(experiment))
    cells = cells[cells["kernel_size"].notna()].sort_values("kernel_size")
    if (twice := cells.index[cells["kernel_size"].duplicated(keep=False)]).size:
        return claim.without_verdict(
            f"Several networks of one kernel size, which differ in more: {', '.join(twice)}."
        )
    if cells["kernel_size"].nunique() < 2:
        return replace(claim, unlearned=unlearned).without_verdict(
            "Fewer than two kernel sizes are there and have learned."
        )
    evidence = _differences(results, cells.iloc[-1:], cells.iloc[0])
    difference = evidence[0].estimate
    return claim.decided(
        verdict_of(difference.high < 0, difference.low > 0),
        evidence=evidence,
        untrained=results.missing([experiment]),
        unlearned=unlearned,
    )


def large_kernels_under_fit(results: Results, experiment: str = "kernel_size") -> Claim:
    """C4: the large-kernel networks of an experiment under-fit."""
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
    cells, unlearned = _learned(results, results.cells(experiment))
    dilated, _ = _learned(results, results.cells("dilated"))
    conventional = dilated[dilated["network"] == "cnn_dilated"]
    if cells.empty or conventional.empty:
        return replace(claim, unlearned=unlearned).without_verdict(
            "The large kernels or the conventional CNN are not there or have not learned."
        )
    on_training = {"split": "train", "calibration": "train"}
    reference = conventional.iloc[0]
    evidence, votes = [], []
    for cell in cells.sort_values("kernel_size").itertuples():
        behind = paired_difference(
            line_f1(results, cell.runs, **on_training),
            line_f1(results, reference.runs, **on_training),
        )
        gap = train_minus_test(results, cell.runs)
        level = mean_f1(results, cell.runs, **on_training)
        evidence += [
            Evidence(f"`{cell.Index}`, training F1", level, is_difference=False),
            Evidence(f"`{cell.Index}`, training F1 minus that of `{reference.name}`", behind),
            Evidence(f"`{cell.Index}`, training F1 minus test F1", gap),
        ]
        vote = verdict_of(
            behind.high < 0 and gap.high < large_gap, behind.low > 0 or gap.low > large_gap
        )
        votes.append(Vote(f"K = {cell.kernel_size:.0f}", vote))
    return claim.decided(
        unanimous(votes),
        evidence=tuple(evidence),
        effect=max(range(1, len(evidence), 3), key=lambda place: evidence[place].estimate.value),
        votes=tuple(votes),
        reference=str(reference.name),
        held_against=tuple(cells.index),
        untrained=results.missing([experiment]),
        unlearned=unlearned,
    )


def long_context_helps(results: Results, experiment: str = noise_experiment.EXPERIMENT) -> Claim:
    """C5: long context may help against noise, in an experiment that has two levels of it."""
    claim = Claim(
        "C5",
        "Long context may help against noise that spans the signal.",
        "For each kernel larger than the smallest, line by line: (a) its mean test F1 minus that "
        "of the smallest, both trained and tested with noise, and (b) that difference minus the "
        "same without noise. Supported where for every larger kernel both intervals lie above 0, "
        "contradicted where for every one (a) lies below 0. Kernels of which a network has not "
        "learned are left out; without the smallest there is no verdict.",
    )
    every = noise_experiment.noise_cells(results, experiment)
    levels = sorted(every["noise_percent"].unique())
    cells, unlearned = _learned(results, every)
    if len(levels) < 2:
        return claim.without_verdict(
            "The study has no two levels of noise for it, or they are not trained."
        )
    smallest, least = every["kernel_size"].min(), levels[0]
    trained, learned = (_sizes_at_all(each, levels) for each in (every, cells))
    # Not ``decided``: a network that has not learned takes its kernel size out, nothing else.
    incomplete = tuple(sorted(set(every["kernel_size"]) - set(trained)))
    claim = replace(claim, unlearned=unlearned, incomplete=incomplete)
    if smallest not in learned or len(learned) < 2:
        return claim.without_verdict(
            "Fewer than two kernels, the smallest among them, have learned at every level."
        )
    evidence, votes = [], []
    for size in learned[1:]:
        for percent in levels[1:]:
            found = noise_experiment.advantage(results, cells, size, smallest, percent)
            name = f"K = {size:.0f} minus K = {smallest:.0f} at {percent:g} % noise"
            evidence += [
                Evidence(f"(a) {name}", found.difference),
                Evidence(f"(b) {name}, minus the same at {least:g} %", found.gain),
            ]
            vote = verdict_of(
                found.difference.low > 0 and found.gain.low > 0, found.difference.high < 0
            )
            votes.append(Vote(f"K = {size:.0f} at {percent:g} %", vote))
    untrained = results.missing([experiment])
    return replace(
        claim,
        verdict=Verdict.UNDECIDED if untrained else unanimous(votes),
        evidence=tuple(evidence),
        effect=min(range(0, len(evidence), 2), key=lambda place: evidence[place].estimate.value),
        votes=tuple(votes),
        untrained=untrained,
    )


CLAIMS = (
    dilated_matches,
    dilated_insensitive,
    larger_kernels_worse,
    large_kernels_under_fit,
    long_context_helps,
)


def _learned(results: Results, cells: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The cells that beat the comb on the test lines, and the names of the others."""
    # An array, since an empty list would select columns.
    beats = np.array([above_comb(results, runs).low > 0 for runs in cells["runs"]], dtype=bool)
    return cells[beats], tuple(cells.index[~beats])


def _single_seeds(cells: pd.DataFrame) -> tuple[str, ...]:
    return tuple(cells.index[cells["seeds"] == 1])


def _at_every_omega_0(results: Results) -> pd.DataFrame:
    """The dilated CKCNN, and the cells that differ from it in nothing but ω0, by ω0."""

    def fixed(run: str) -> dict:
        return {key: value for key, value in settings(results.spec(run)).items() if key != axis}

    axis = "omega_0"
    cells = results.cells()
    cells = cells[cells["network"] == "ckcnn_dilated"]
    usual = [fixed(runs[0]) for runs in cells["runs"]]
    alike = np.array([each == usual[0] for each in usual], dtype=bool)
    return cells[alike].sort_values(axis)


def _experiments(cells: pd.DataFrame) -> set[str]:
    """The experiments that these cells serve."""
    return {name for served in cells["experiments"] for name in experiment_names(served)}


def _sizes_at_all(cells: pd.DataFrame, levels: list[float]) -> list[float]:
    """Kernel sizes that the cells have at every level of noise, in order."""
    counts = cells.groupby("kernel_size")["noise_percent"].nunique()
    return sorted(counts.index[counts == len(levels)])


def _differences(
    results: Results, cells: pd.DataFrame, reference: pd.Series, level: float = LEVEL
) -> tuple[Evidence, ...]:
    """Test F1 of each cell minus that of the reference, line by line."""
    against = line_f1(results, reference.runs)
    return tuple(
        Evidence(
            f"`{cell.Index}` minus `{reference.name}`",
            paired_difference(line_f1(results, cell.runs), against, level=level),
            level,
        )
        for cell in cells.itertuples()
    )


def _votes(cells: pd.DataFrame, evidence: tuple[Evidence, ...], margin: float) -> tuple[Vote, ...]:
    """For each cell, whether its difference lies within the margin or wholly outside."""

    def vote(difference: Estimate) -> Verdict:
        return verdict_of(lies_within(difference, margin), lies_outside(difference, margin))

    return tuple(
        Vote(f"`{cell}`", vote(each.estimate))
        for cell, each in zip(cells.index, evidence, strict=True)
    )


def _largest(evidence: tuple[Evidence, ...]) -> int:
    return max(range(len(evidence)), key=lambda place: abs(evidence[place].estimate.value))
