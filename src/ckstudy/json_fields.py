"""Dataclasses of what a user may choose, as JSON objects."""

from dataclasses import asdict, fields
from typing import Self

from ckstudy.errors import StudyError


class JsonFields:
    """A dataclass whose fields are JSON values, tuples standing for lists."""

    def as_dict(self) -> dict:
        """The fields as JSON values."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()  # type: ignore[call-overload]
        }

    @classmethod
    def from_dict(cls, values: dict, source: str = "the specification") -> Self:
        """An instance from JSON values.

        Raises
        ------
        StudyError
            For what is no object, an unknown key, and a value that the class refuses; it begins
            with ``source``.
        """
        known = [field.name for field in fields(cls)]  # type: ignore[arg-type]
        if not isinstance(values, dict):
            raise StudyError(f"{source} must be a JSON object with keys such as {known[0]}")
        for key in values:
            if key not in known:
                raise StudyError(f"{source}: unknown key {key!r}; known are {', '.join(known)}")
        try:
            return cls(**values)
        except StudyError as error:
            raise StudyError(f"{source}: {error}") from None


def bad(name: str, value: object, wanted: str) -> StudyError:
    """The refusal of one value."""
    return StudyError(f"{name} is {value!r}: it must be {wanted}")
