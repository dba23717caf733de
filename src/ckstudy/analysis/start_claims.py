"""Verdicts on long kernels, for each start of the kernels; the rules of config/long_kernels.yaml.

They were written down there before any of the networks that they judge was trained. C3 and C4 are
the thesis's claims by their own rules, once for each start, and so is C5 for the mended one. C6 and
"size or start" compare trends over all kernel sizes (:mod:`ckstudy.analysis.long_kernels`). Every
verdict needs all kernel sizes of Table 1, C5 those of its experiment, and three training seeds of
every network that it rests on; without, the evidence is there and the verdict is "undecided".
"""

from dataclasses import replace

import pandas as pd

from ckstudy.analysis.claims import (
    CLAIMS,
    large_kernels_under_fit,
    larger_kernels_worse,
    long_context_helps,
    margins,
)
from ckstudy.analysis.long_kernels import (
    LEAST_SEEDS,
    MENDED,
    THESIS,
    Arm,
    arm_cells,
    arms_of,
    change,
    difference_of_changes,
    few_seeds,
    has_learned,
    untrained,
)
from ckstudy.analysis.noise import MENDED as MENDED_IN_NOISE
from ckstudy.analysis.noise import noise_cells
from ckstudy.analysis.results import Results
from ckstudy.analysis.verdicts import Claim, Evidence, Verdict, verdict_of

STARTS = {"thesis's start": THESIS, "mended start": MENDED}
_DEMAND = (
    f" A verdict needs every kernel size of Table 1 and {LEAST_SEEDS} training seeds of every "
    "network that it rests on."
)


def claims_of(results: Results) -> list[Claim]:
    """All claims, those on the kernels' start only where the study has networks for them."""
    found = [test(results) for test in CLAIMS]
    return [*found, *start_claims(results)] if arms_of(results) else found


def start_claims(results: Results) -> list[Claim]:
    """C3 and C4 for each start, C5 for the mended one where the study has it, C6, size or start."""
    in_noise = len(noise_cells(results, MENDED_IN_NOISE)) > 0
    return [
        *(larger_kernels_worse_from(results, start) for start in STARTS),
        *(large_kernels_under_fit_from(results, start) for start in STARTS),
        *([long_context_helps_mended(results)] if in_noise else []),
        size_does_not_matter(results),
        size_or_start(results),
    ]


def larger_kernels_worse_from(results: Results, start: str) -> Claim:
    """C3 for one of :data:`STARTS`."""
    arm = STARTS[start]
    return _for_start(results, larger_kernels_worse(results, arm.experiment), start)


def large_kernels_under_fit_from(results: Results, start: str) -> Claim:
    """C4 for one of :data:`STARTS`."""
    arm = STARTS[start]
    claim = large_kernels_under_fit(results, arm.experiment)
    reference = results.cells().loc[[claim.reference]] if claim.reference else None
    return _for_start(results, claim, start, reference)


def long_context_helps_mended(results: Results) -> Claim:
    """C5 for the mended start."""
    claim = long_context_helps(results, MENDED_IN_NOISE)
    claim = replace(
        _named_for(claim, "mended start"),
        rule=f"{claim.rule} A verdict needs {LEAST_SEEDS} training seeds of every network.",
    )
    return _with_seeds(claim, noise_cells(results, MENDED_IN_NOISE))


def size_does_not_matter(results: Results) -> Claim:
    """C6: with the mended start F1 does not fall with K."""
    equal = margins(results).equal_f1
    claim = Claim(
        "C6",
        "With the mended start, balanced and under a window, F1 does not fall with K.",
        "The least-squares line of mean test F1 over log2 K, mended start: its change from the "
        f"smallest to the largest K. Supported where its interval lies above −{equal:g}, "
        f"contradicted where it lies below.{_DEMAND} A network that has not learned counts.",
    )
    cells = arm_cells(results, MENDED)
    if cells["kernel_size"].nunique() < 2:
        return _demanding(claim, cells, MENDED)
    found = change(results, cells)
    claim = replace(
        claim,
        verdict=verdict_of(found.low > -equal, found.high < -equal),
        evidence=(Evidence(f"change of F1, {_span(cells)}, {MENDED.name}", found),),
        unlearned=_unlearned(results, cells),
    )
    return _demanding(claim, cells, MENDED)


def size_or_start(results: Results) -> Claim:
    """Whether the start, window included, has a part in how F1 falls with K.

    A rule of differences of trends: it says nothing of how much of the fall is left.
    """
    claim = Claim(
        "Size or start",
        "At least part of the fall of F1 with K is the work of the start, window included.",
        "The change of C6 minus the same of the thesis's start: supported where its interval "
        f"lies above 0; otherwise it is not shown.{_DEMAND} A network that has not learned counts.",
    )
    mended, as_thesis = (arm_cells(results, arm) for arm in (MENDED, THESIS))
    difference, common = difference_of_changes(results, mended, as_thesis)
    if len(common) > 1:
        measured = [
            Evidence("change of the mended start minus that of the thesis's start", difference)
        ]
        for arm, cells in ((MENDED, mended), (THESIS, as_thesis)):
            shared = cells[cells["kernel_size"].isin(common)]
            what = f"change of F1, {_span(shared)}, {arm.name}"
            measured.append(Evidence(what, change(results, shared)))
        claim = replace(
            claim,
            verdict=verdict_of(difference.low > 0, contradicts=False),
            evidence=tuple(measured),
            unlearned=_unlearned(results, mended) + _unlearned(results, as_thesis),
        )
    return _demanding(_demanding(claim, mended, MENDED), as_thesis, THESIS)


def _for_start(
    results: Results, claim: Claim, start: str, reference: pd.DataFrame | None = None
) -> Claim:
    claim = replace(_named_for(claim, start), rule=claim.rule + _DEMAND)
    claim = _demanding(claim, arm_cells(results, STARTS[start]), STARTS[start])
    return claim if reference is None else _with_seeds(claim, reference)


def _named_for(claim: Claim, start: str) -> Claim:
    statement = f"{claim.statement.removesuffix('.')} ({start})."
    return replace(claim, name=f"{claim.name}, {start}", statement=statement)


def _with_seeds(claim: Claim, cells: pd.DataFrame) -> Claim:
    """The claim undecided, unless the cells have enough training seeds."""
    few = claim.few_seeds + few_seeds(cells)
    return replace(claim, verdict=Verdict.UNDECIDED, few_seeds=few) if few else claim


def _demanding(claim: Claim, cells: pd.DataFrame, arm: Arm) -> Claim:
    """The claim undecided, unless all kernel sizes are there with enough training seeds."""
    claim = _with_seeds(claim, cells)
    if absent := untrained(cells):
        sizes = ", ".join(str(size) for size in absent)
        lacking = f"Not trained, {arm.name}: K = {sizes}."
        claim = claim.without_verdict(" ".join(filter(None, (claim.lacking, lacking))))
    return claim


def _unlearned(results: Results, cells: pd.DataFrame) -> tuple[str, ...]:
    learned = has_learned(results, cells)
    return tuple(cell for cell, well in zip(cells.index, learned, strict=True) if not well)


def _span(cells: pd.DataFrame) -> str:
    return f"K = {cells['kernel_size'].min():.0f} to {cells['kernel_size'].max():.0f}"
