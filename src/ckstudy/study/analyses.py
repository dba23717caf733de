"""What a study looks into beyond the thesis: the keys of the config's section ``analyses``.

Each analysis has its own settings, and is left out where it is null.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated

from ckstudy.errors import StudyError
from ckstudy.study.checks import Whole, check_fields
from ckstudy.study.spec import from_mapping


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
class AnalysesSpec:
    """The keys of the config's section ``analyses``, each None where it is left out."""

    failures: FailuresSpec | None

    @property
    def wanted(self) -> list[str]:
        """Names of the analyses that the study makes."""
        return [each.name for each in fields(self) if getattr(self, each.name) is not None]


SPECS = {"failures": FailuresSpec}


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
    found = {}
    for name, given in values.items():
        if given is not None and not isinstance(given, Mapping):
            raise StudyError(f"analyses.{name} must be a mapping of keys to values, or null")
        where = f"analyses.{name}"
        found[name] = None if given is None else from_mapping(SPECS[name], given, where)
    return AnalysesSpec(**found)
