"""What a study looks into beyond the thesis: the keys of the config's section ``analyses``.

Each analysis has its own settings, and is left out where it is null.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

from ckstudy.errors import StudyError
from ckstudy.study.checks import ListOf, Name, Number, Whole, check_fields
from ckstudy.study.spec import NOISE_PERCENT, from_mapping


@dataclass(frozen=True)
class FailuresSpec:
    """Where networks fail: scores of the test lines by what is hard about a bubble.

    Attributes
    ----------
    bins : int
        Groups of equally many bubbles, or lines, in which recall and F1 are told.
    """

    bins: Annotated[int, Whole(2, 100)]

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class InstabilitySpec:
    """How stable networks are; see :mod:`ckstudy.probing.perturbations`.

    Attributes
    ----------
    experiments : tuple of str
        Those whose networks are perturbed.
    lines : int
        Test lines that are perturbed, the first ones.
    norms : tuple of float
        Norms of the perturbations over that of the line, ascending.
    steps : int
        Steps of the ascent for each norm.
    step_size : float
        Length of a step over the norm.
    penalty : float
        λ, on the squared norm.
    bubbles : int
        Bubbles that are put into each line, one at a time, and as many that are taken out.
    """

    experiments: Annotated[tuple[str, ...], ListOf(Name())]
    lines: Annotated[int, Whole(1, 1_000_000)]
    norms: Annotated[tuple[float, ...], ListOf(Number(above=0, most=10))]
    steps: Annotated[int, Whole(1, 1_000_000)]
    step_size: Annotated[float, Number(above=0, most=1)]
    penalty: Annotated[float, Number(least=0)]
    bubbles: Annotated[int, Whole(1, 10_000)]

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.norms or list(self.norms) != sorted(set(self.norms)):
            raise StudyError(f"norms must be ascending numbers, not {list(self.norms)}")


@dataclass(frozen=True)
class AnatomySpec:
    """What networks see and cost; see :mod:`ckstudy.probing.effective_field`.

    Attributes
    ----------
    lines : int
        Test lines at which gradients are taken, the first ones.
    places : int
        Onsets of echoes in each of them.
    repeats : int
        Of each time that is measured.
    """

    lines: Annotated[int, Whole(1, 1_000_000)]
    places: Annotated[int, Whole(1, 10_000)]
    repeats: Annotated[int, Whole(1, 10_000)]

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class NoiseLevelsSpec:
    """What noise does to networks; see :mod:`ckstudy.probing.noise_levels`.

    Attributes
    ----------
    experiments : tuple of str
        Those whose networks are tested at all levels, where they were trained without noise, and
        at their own where they were not.
    lines : int
        Lines of each split, the first ones.
    percent : tuple of float
        Standard deviations of the noise in percent of 9.65 V, ascending.
    """

    experiments: Annotated[tuple[str, ...], ListOf(Name())]
    lines: Annotated[int, Whole(1, 1_000_000)]
    percent: Annotated[tuple[float, ...], ListOf(NOISE_PERCENT)]

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.percent or list(self.percent) != sorted(set(self.percent)):
            raise StudyError(f"percent must be ascending numbers, not {list(self.percent)}")


@dataclass(frozen=True)
class OtherBubblesSpec:
    """What networks make of other bubbles; see :mod:`ckstudy.probing.other_bubbles`.

    Attributes
    ----------
    experiments : tuple of str
        Those whose networks are tested, where they were trained on the study's own lines.
    lines : int
        Lines of each split, the first ones.
    """

    experiments: Annotated[tuple[str, ...], ListOf(Name())]
    lines: Annotated[int, Whole(1, 1_000_000)]

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class AnalysesSpec:
    """The keys of the config's section ``analyses``, each None where it is left out."""

    failures: FailuresSpec | None
    instability: InstabilitySpec | None
    anatomy: AnatomySpec | None
    noise_levels: NoiseLevelsSpec | None
    other_bubbles: OtherBubblesSpec | None

    @property
    def wanted(self) -> list[str]:
        """Names of the analyses that the study makes."""
        return [each.name for each in fields(self) if getattr(self, each.name) is not None]


SPECS = {
    "failures": FailuresSpec,
    "instability": InstabilitySpec,
    "anatomy": AnatomySpec,
    "noise_levels": NoiseLevelsSpec,
    "other_bubbles": OtherBubblesSpec,
}


def read_analyses(values: Mapping) -> AnalysesSpec:
    """The section as its spec.

    Raises
    ------
    StudyError
        For a key that is missing or unknown, or a value that cannot be, naming it.
    """
    if unknown := [key for key in values if key not in SPECS]:
        raise StudyError(f"analyses has no key {unknown[0]!r}; it has {', '.join(SPECS)}")
    if missing := [key for key in SPECS if key not in values]:
        raise StudyError(
            f"analyses lacks {', '.join(missing)}; null leaves one out, config/config.yaml has all"
        )
    found: dict[str, Any] = {}
    for name, given in values.items():
        if given is not None and not isinstance(given, Mapping):
            raise StudyError(f"analyses.{name} must be a mapping of keys to values, or null")
        where = f"analyses.{name}"
        found[name] = None if given is None else from_mapping(SPECS[name], given, where)
    return AnalysesSpec(**found)
