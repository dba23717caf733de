"""Heat exchange of an oscillating gas bubble: polytropic exponent and thermal viscosity.

A. Prosperetti, "Thermal effects and damping mechanisms in the forced radial oscillations of gas
bubbles in liquids", J. Acoust. Soc. Am. 61(1), 1977.
"""

import numpy as np
from numpy.typing import ArrayLike

from ckstudy.acoustics.constants import (
    AMBIENT_PRESSURE,
    DRIVE_ANGULAR_FREQUENCY,
    GAS_CONDUCTIVITY,
    GAS_CONSTANT,
    GAS_DENSITY,
    GAS_HEAT_CAPACITY,
    GAS_HEAT_RATIO,
    GAS_MOLAR_MASS,
    SURFACE_TENSION_AT_REST,
    TEMPERATURE,
    WATER_CONDUCTIVITY,
    WATER_DENSITY,
    WATER_HEAT_CAPACITY,
)


def polytropic(radius: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Polytropic exponent κ (1) and thermal viscosity ν_th (Pa·s) of bubbles of ``radius`` (m).

    At the drive frequency of 1.7 MHz; both arrays have the shape of ``radius``.
    """
    radius = np.asarray(radius, dtype=float)
    omega, gamma = DRIVE_ANGULAR_FREQUENCY, GAS_HEAT_RATIO
    pressure = AMBIENT_PRESSURE + 2 * SURFACE_TENSION_AT_REST / radius
    density = GAS_DENSITY * pressure / AMBIENT_PRESSURE
    # Thermal diffusivities. The liquid's heat capacity is the same at constant volume.
    gas = GAS_CONDUCTIVITY / (density * GAS_HEAT_CAPACITY / gamma)
    liquid = WATER_CONDUCTIVITY / (WATER_DENSITY * WATER_HEAT_CAPACITY)
    g1 = GAS_MOLAR_MASS * gas * omega / (gamma * GAS_CONSTANT * TEMPERATURE)
    g2 = omega * radius**2 / gas
    g3 = omega * radius**2 / liquid

    root = np.sqrt((1j - g1) ** 2 + 4j * g1 / gamma)
    beta1 = np.sqrt(gamma * g2 / 2 * (1j - g1 + root))
    beta2 = np.sqrt(gamma * g2 / 2 * (1j - g1 - root))
    lambda1 = beta1 / np.tanh(beta1) - 1
    lambda2 = beta2 / np.tanh(beta2) - 1
    gamma1, gamma2 = 1j + g1 + root, 1j + g1 - root
    kf = WATER_CONDUCTIVITY / GAS_CONDUCTIVITY * (1 + (1 + 1j) * np.sqrt(g3 / 2))
    phi = (kf * (gamma2 - gamma1) + lambda2 * gamma2 - lambda1 * gamma1) / (
        kf * (lambda2 * gamma1 - lambda1 * gamma2) - lambda1 * lambda2 * (gamma2 - gamma1)
    )
    viscosity = omega * density * radius**2 * phi.imag / 4
    exponent = omega**2 * density * radius**2 / pressure * phi.real / 3
    return exponent, viscosity
