"""What a claim is, what speaks for or against it, and how votes become a verdict."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from ckstudy.scoring.intervals import LEVEL, Estimate


class Verdict(StrEnum):
    """What a study says of a claim, or one of its networks or kernel sizes."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Evidence:
    """A number that a rule looks at, or that stands beside one that it looks at.

    Attributes
    ----------
    what : str
        Which number, for a reader.
    estimate : Estimate
    level : float
        Coverage that its interval aims at.
    is_difference : bool
        Whether it is a difference of scores, and not a score.
    """

    what: str
    estimate: Estimate
    level: float = LEVEL
    is_difference: bool = True


@dataclass(frozen=True)
class Vote:
    """What one comparison says by itself, such as that of one kernel size."""

    of: str
    verdict: Verdict


@dataclass(frozen=True)
class Claim:
    """A claim of the thesis, the rule of its verdict, and what the study says.

    Attributes
    ----------
    name, statement, rule : str
    verdict : Verdict
    evidence : tuple of Evidence
        What was measured.
    effect : int
        Place in the evidence of the size of the effect: of several differences, the one that is
        least favourable to the claim.
    votes : tuple of Vote
        What each comparison says by itself, whether or not the rule lets it count.
    reference : str
        The conventional CNN that the rule compares with, a cell of the study.
    held_against : tuple of str
        The cells that are compared with the reference.
    lacking : str
        What the study has not that the rule needs: no verdict then.
    untrained : tuple of str
        Networks of the experiment that a partial study lacks: no verdict then.
    unlearned : tuple of str
        Cells that do not beat the comb.
    single_seeds : tuple of str
        Cells with one training seed where the rule demands several.
    few_seeds : tuple of str
        Cells with fewer than three training seeds where the rule demands as many.
    incomplete : tuple of float
        Kernel sizes that were not trained at every level of noise, and are left out.
    """

    name: str
    statement: str
    rule: str
    verdict: Verdict = Verdict.UNDECIDED
    evidence: tuple[Evidence, ...] = ()
    effect: int = 0
    votes: tuple[Vote, ...] = ()
    reference: str = ""
    held_against: tuple[str, ...] = ()
    lacking: str = ""
    untrained: tuple[str, ...] = ()
    unlearned: tuple[str, ...] = ()
    single_seeds: tuple[str, ...] = ()
    few_seeds: tuple[str, ...] = ()
    incomplete: tuple[float, ...] = ()

    def without_verdict(self, lacking: str) -> "Claim":
        """The claim undecided, because the study lacks something."""
        return replace(self, verdict=Verdict.UNDECIDED, lacking=lacking)

    def decided(self, verdict: Verdict, **measured: Any) -> "Claim":
        """The claim with what was measured, and its verdict if every network counts."""
        found = replace(self, verdict=verdict, **measured)
        if found.untrained or found.unlearned or found.single_seeds or found.few_seeds:
            return replace(found, verdict=Verdict.UNDECIDED)
        return found


def verdict_of(supports: bool, contradicts: bool) -> Verdict:
    """The verdict of one comparison."""
    if supports:
        return Verdict.SUPPORTED
    return Verdict.CONTRADICTED if contradicts else Verdict.UNDECIDED


def unanimous(votes: Iterable[Vote]) -> Verdict:
    """The verdict on which all votes agree; undecided where they do not, or there is none."""
    said = {vote.verdict for vote in votes}
    return said.pop() if len(said) == 1 else Verdict.UNDECIDED


def lies_within(difference: Estimate, margin: float) -> bool:
    """Whether the interval lies within ± margin."""
    return difference.low > -margin and difference.high < margin


def lies_outside(difference: Estimate, margin: float) -> bool:
    """Whether the interval lies wholly outside ± margin."""
    return difference.low > margin or difference.high < -margin
