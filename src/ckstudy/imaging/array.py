"""A linear array: where its elements are."""

from dataclasses import dataclass

import numpy as np

from ckstudy.errors import StudyError

ELEMENTS = 96
PITCH_MM = 0.295
"""Of the P4-1, whose transfer functions the simulator has."""

MOST_ELEMENTS = 4096
PITCHES_MM = (0.01, 10.0)


@dataclass(frozen=True)
class LinearArray:
    """Elements on a line, all at depth 0.

    Attributes
    ----------
    position : (elements,) float64
        Lateral positions in m, ascending.
    """

    position: np.ndarray

    @classmethod
    def of_pitch(cls, elements: int = ELEMENTS, pitch_mm: float = PITCH_MM) -> "LinearArray":
        """Elements at equal distances, about the middle.

        Raises
        ------
        StudyError
            For no or more than 4096 elements, or a pitch outside 0.01 to 10 mm.
        """
        if not 1 <= elements <= MOST_ELEMENTS:
            raise StudyError(f"there are {elements} elements; give 1 to {MOST_ELEMENTS}")
        low, high = PITCHES_MM
        if not low <= pitch_mm <= high:
            raise StudyError(f"the pitch is {pitch_mm:g} mm; give {low:g} to {high:g} mm")
        return cls(1e-3 * pitch_mm * (np.arange(elements) - (elements - 1) / 2))

    @classmethod
    def at(cls, position: np.ndarray, source: str) -> "LinearArray":
        """Elements at any ascending positions in m, which ``source`` gives.

        Raises
        ------
        StudyError
            For positions that are not finite, do not ascend, or lie more than 10 mm apart.
        """
        position = np.asarray(position, dtype=np.float64).reshape(-1)
        steps = np.diff(position)
        good = (
            1 <= position.size <= MOST_ELEMENTS
            and np.isfinite(position).all()
            and np.all(steps > 0)
            and np.all(steps <= 1e-3 * PITCHES_MM[1])
        )
        if not good:
            raise StudyError(
                f"{source}: the positions of the elements must be finite, in m, ascending, and at "
                f"most {PITCHES_MM[1]:g} mm apart"
            )
        return cls(position)

    def __len__(self) -> int:
        return self.position.size
