"""What a value of a config may be: each check gives the value back, or says what is wrong.

A check serves three readers: the specs call it on every value, the message it raises is what a
user reads, and :meth:`schema` is its part of the config's JSON schema.
"""

import math
import re
from dataclasses import dataclass
from functools import cache
from typing import Any, get_type_hints

from ckstudy.errors import StudyError

# YAML 1.1 takes 1e-3 for text: it wants a point and a sign, 1.0e-3.
_NUMBER_AS_TEXT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")


class Check:
    """What a value may be."""

    @property
    def wanted(self) -> str:
        """What it may be, for a message."""
        raise NotImplementedError

    def accepts(self, value: object) -> bool:
        """Whether ``value`` is right."""
        raise NotImplementedError

    def schema(self) -> dict:
        """The check in JSON Schema."""
        raise NotImplementedError

    def __call__(self, value: object, name: str) -> Any:
        """``value``, in the type it is meant in.

        Raises
        ------
        StudyError
            Naming ``name``, what it must be and what it is.
        """
        if not self.accepts(value):
            raise StudyError(f"{name} must be {self.wanted}, not {value!r}")
        return value


def _bounds(least: float | None, most: float | None) -> str:
    text = "" if least is None else f" of at least {least:g}"
    return text if most is None else f"{text} and at most {most:,}"


@dataclass(frozen=True)
class Whole(Check):
    """A whole number within bounds; an odd one where asked for."""

    least: int
    most: int = 2**63 - 1
    odd: bool = False

    @property
    def wanted(self) -> str:
        most = self.most if self.most < 2**63 - 1 else None
        return f"{'an odd' if self.odd else 'a'} whole number{_bounds(self.least, most)}"

    def accepts(self, value: object) -> bool:
        if not isinstance(value, int) or isinstance(value, bool):
            return False
        return self.least <= value <= self.most and not (self.odd and value % 2 == 0)

    def schema(self) -> dict:
        limits = {"minimum": self.least}
        if self.most < 2**63 - 1:
            limits["maximum"] = self.most
        odd = {"not": {"multipleOf": 2}} if self.odd else {}
        return {"type": "integer", **limits, **odd}


@dataclass(frozen=True)
class Number(Check):
    """A finite number: at least ``least`` or above ``above``; at most ``most`` or below ``below``.

    Text such as ``1e-3``, which YAML does not take for a number, counts as one.
    """

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None

    @property
    def wanted(self) -> str:
        bounds = {
            "of at least": self.least,
            "above": self.above,
            "at most": self.most,
            "below": self.below,
        }
        text = " and ".join(f"{how} {at:g}" for how, at in bounds.items() if at is not None)
        return f"a finite number {text}".rstrip()

    def accepts(self, value: object) -> bool:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        return (
            math.isfinite(value)
            and (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.most is None or value <= self.most)
            and (self.below is None or value < self.below)
        )

    def __call__(self, value: object, name: str) -> float:
        if isinstance(value, str) and _NUMBER_AS_TEXT.fullmatch(value):
            value = float(value)
        return float(super().__call__(value, name))

    def schema(self) -> dict:
        bounds = {
            "minimum": self.least,
            "exclusiveMinimum": self.above,
            "maximum": self.most,
            "exclusiveMaximum": self.below,
        }
        return {"type": "number", **{key: at for key, at in bounds.items() if at is not None}}


@dataclass(frozen=True)
class Choice(Check):
    """One of several names."""

    choices: tuple[str, ...]

    @property
    def wanted(self) -> str:
        return f"one of {', '.join(self.choices)}"

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and value in self.choices

    def schema(self) -> dict:
        return {"enum": list(self.choices)}


class ModelName(Check):
    """A shipped network, or a file: printable text."""

    wanted = "the name of a shipped network, or the path of a model.safetensors"

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and value.isprintable() and bool(value.strip())

    def schema(self) -> dict:
        return {"type": "string", "pattern": r"^[^\x00-\x1f]*\S[^\x00-\x1f]*$"}


class Flag(Check):
    """True or false."""

    wanted = "true or false"

    def accepts(self, value: object) -> bool:
        return isinstance(value, bool)

    def schema(self) -> dict:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Name(Check):
    """A word that can stand in file names and tables."""

    wanted = "a name of letters, digits, - and _"

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,100}", value) is not None

    def schema(self) -> dict:
        return {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,100}$"}


@dataclass(frozen=True)
class FolderPath(Check):
    """The path of a folder to write to, which is not the root of the disk."""

    wanted = "the path of a folder"

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and value.strip("/. ") != "" and "\0" not in value

    def schema(self) -> dict:
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True)
class Optional(Check):
    """What another check accepts, or null."""

    check: Check

    @property
    def wanted(self) -> str:
        return f"{self.check.wanted}, or null"

    def accepts(self, value: object) -> bool:
        return value is None or self.check.accepts(value)

    def __call__(self, value: object, name: str) -> Any:
        if value is None:
            return None
        try:
            return self.check(value, name)
        except StudyError:
            raise StudyError(f"{name} must be {self.wanted}, not {value!r}") from None

    def schema(self) -> dict:
        return {"anyOf": [self.check.schema(), {"type": "null"}]}


@dataclass(frozen=True)
class ListOf(Check):
    """A list, each of its items as another check says; of a certain length where given."""

    check: Check
    length: int | None = None

    @property
    def wanted(self) -> str:
        many = "" if self.length is None else f"{self.length} items, "
        return f"a list of {many}each {self.check.wanted}"

    def __call__(self, value: object, name: str) -> tuple:
        if not isinstance(value, list | tuple) or self.length not in (None, len(value)):
            raise StudyError(f"{name} must be {self.wanted}, not {value!r}")
        return tuple(self.check(item, name) for item in value)

    def schema(self) -> dict:
        length = {} if self.length is None else {"minItems": self.length, "maxItems": self.length}
        return {"type": "array", "items": self.check.schema(), **length}


@cache
def field_checks(spec: type) -> dict[str, Check]:
    """The checks of a dataclass's fields, by their names: ``lines: Annotated[int, Whole(1)]``."""
    return {
        name: check
        for name, hint in get_type_hints(spec, include_extras=True).items()
        for check in getattr(hint, "__metadata__", ())
        if isinstance(check, Check)
    }


def check_fields(spec: object) -> None:
    """Check every field of a frozen dataclass that has a check, and keep what it gives back."""
    kind: type = type(spec)
    for name, check in field_checks(kind).items():
        object.__setattr__(spec, name, check(getattr(spec, name), name))
