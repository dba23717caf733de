"""The lipid shell: surface tension against area, and dilatational viscosity."""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from numpy.typing import ArrayLike

from ckstudy.acoustics.constants import SURFACE_TENSION_AT_REST, SURFACE_TENSION_WATER
from ckstudy.errors import StudyError

ELASTICITY = 0.55  # N/m, of the linear shell


@dataclass(frozen=True)
class Shell:
    """Surface tension as a function of the shell's area, elastic between two limits.

    With the area ratio A = ``area_at_rest``·(R/R0)² the tension is 0 below ``buckled`` and that
    of water above ``ruptured``; between them it is ``elastic``, a series in t from -1 to 1.
    """

    area_at_rest: float
    buckled: float
    ruptured: float
    elastic: Chebyshev

    def surface_tension(self, stretch: np.ndarray) -> np.ndarray:
        """Surface tension in N/m at the ``stretch`` R/R0 (1), same shape."""
        area = self.area_at_rest * np.asarray(stretch, dtype=float) ** 2
        t = 2 * (area - self.buckled) / (self.ruptured - self.buckled) - 1
        tension = self.elastic(np.clip(t, -1, 1))
        tension = np.where(area < self.buckled, 0.0, tension)
        return np.where(area > self.ruptured, SURFACE_TENSION_WATER, tension)

    @property
    def monomials(self) -> np.ndarray:
        """Coefficients of ``elastic`` in powers of t, lowest first (N/m).

        In t, within [-1, 1], powers lose nothing that matters (the coefficients stay below
        0.2 N/m); in the area itself they would lose all precision.
        """
        return self.elastic.convert(kind=Polynomial).coef


# T. Segers et al., "High-precision acoustic measurements of the nonlinear dilatational
# elasticity of phospholipid coated monodisperse microbubbles", Soft Matter 14, 2018.
_SEGERS = Shell(
    area_at_rest=0.9464854418,
    buckled=0.9207151899,
    ruptured=1.1149420423,
    elastic=Chebyshev(
        1e-3
        * np.array(
            [
                41.38978,
                38.67461,
                -6.29629,
                -1.97474,
                0.54657,
                -0.72244,
                0.37132,
                -0.02758,
                0.05996,
                0.03006,
                -0.04753,
            ]
        )
    ),
)

# P. Marmottant et al., "A model for large amplitude oscillations of coated bubbles accounting
# for buckling and rupture", J. Acoust. Soc. Am. 118(6), 2005: σ = χ(A - 1), A = (R/R_buckled)².
_MARMOTTANT = Shell(
    area_at_rest=1 + SURFACE_TENSION_AT_REST / ELASTICITY,
    buckled=1.0,
    ruptured=1 + SURFACE_TENSION_WATER / ELASTICITY,
    elastic=Chebyshev([SURFACE_TENSION_WATER / 2, SURFACE_TENSION_WATER / 2]),
)

SHELLS = {"segers": _SEGERS, "marmottant": _MARMOTTANT}


def shell(name: str) -> Shell:
    """The shell called ``name``; a StudyError lists the names where there is none."""
    if name not in SHELLS:
        raise StudyError(f"unknown shell {name!r}: choose one of {', '.join(SHELLS)}")
    return SHELLS[name]


def dilatational_viscosity(radius: ArrayLike) -> np.ndarray:
    """Dilatational surface viscosity κ_s in kg/s of the shell of a bubble of ``radius`` (m)."""
    return 1.5e-9 * np.exp(8e5 * np.asarray(radius, dtype=float))
