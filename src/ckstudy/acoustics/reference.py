"""The simulation, plain: one bubble after the other, in double precision, without shortcuts.

Slow, and easy to compare with the equations. The tests and the benchmark measure the fast path
(:mod:`.bubble`, :mod:`.line`) against it.
"""

import numba
import numpy as np
from scipy import fft

from ckstudy.acoustics.constants import (
    AMBIENT_PRESSURE,
    LINE_SAMPLES,
    REFERENCE_DISTANCE,
    SIMULATION_RATE,
    SOUND_SPEED,
    SURFACE_TENSION_AT_REST,
    SURFACE_TENSION_WATER,
    TIME_STEP,
    WATER_DENSITY,
    WATER_VISCOSITY,
)
from ckstudy.acoustics.propagation import attenuation, incident_harmonics
from ckstudy.acoustics.pulse import transmit_pulse
from ckstudy.acoustics.scene import Scene
from ckstudy.acoustics.shell import dilatational_viscosity, shell
from ckstudy.acoustics.thermal import polytropic
from ckstudy.acoustics.transducer import receive_response

_MARGIN = 64  # samples of silence around an echo


def incident_pressure(peak: float, depth: float, oversampling: int) -> np.ndarray:
    """Pressure (Pa) at ``depth`` (m) of a pulse of ``peak`` (Pa), on 250 MHz · ``oversampling``."""
    first, second = incident_harmonics(transmit_pulse(), depth, oversampling)
    return peak * first + peak**2 * second


def oscillation(
    radius: float, pressure: np.ndarray, shell_name: str = "segers", steps: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Radius (m) and wall velocity (m/s) at the samples of the 250 MHz grid.

    Parameters
    ----------
    radius : float
        Radius at rest R0 in m.
    pressure : (2 * steps * samples,) float64
        Incident pressure in Pa at the beginning and the middle of every step.
    steps : int
        Runge-Kutta steps per sample of 4 ns.
    """
    kappa, thermal = polytropic(radius)
    kind = shell(shell_name)
    root = np.sqrt(WATER_DENSITY * AMBIENT_PRESSURE)
    time_scale = radius * np.sqrt(WATER_DENSITY / AMBIENT_PRESSURE)
    terms = np.array(
        [
            1 + 2 * SURFACE_TENSION_AT_REST / (radius * AMBIENT_PRESSURE),
            3 * kappa,
            3 * kappa / SOUND_SPEED * np.sqrt(AMBIENT_PRESSURE / WATER_DENSITY),
            2 / (radius * AMBIENT_PRESSURE),
            4 * (WATER_VISCOSITY + thermal) / (radius * root),
            4 * dilatational_viscosity(radius) / (radius**2 * root),
        ]
    )
    limits = np.array([kind.area_at_rest, kind.buckled, kind.ruptured, SURFACE_TENSION_WATER])
    stretch, velocity = _runge_kutta(
        terms,
        limits,
        kind.elastic.coef,
        pressure / AMBIENT_PRESSURE,
        TIME_STEP / steps / time_scale,
        steps,
    )
    return radius * stretch, velocity * radius / time_scale


@numba.njit(cache=True)
def _surface_tension(stretch, limits, series):
    area = limits[0] * stretch * stretch
    if area < limits[1]:
        return 0.0
    if area > limits[2]:
        return limits[3]
    t = 2 * (area - limits[1]) / (limits[2] - limits[1]) - 1
    # Clenshaw's recurrence.
    later = latest = 0.0
    for k in range(series.size - 1, 0, -1):
        later, latest = series[k] + 2 * t * later - latest, later
    return series[0] + t * later - latest


@numba.njit(cache=True)
def _acceleration(x, v, p, terms, limits, series):
    u = 1 + x
    tension = _surface_tension(u, limits, series)
    return (
        -1.5 * v * v
        + terms[0] * u ** (-terms[1]) * (1 - terms[2] * v)
        - 1
        - terms[3] * tension / u
        - terms[4] * v / u
        - terms[5] * v / (u * u)
        - p
    ) / u


@numba.njit(cache=True)
def _runge_kutta(terms, limits, series, pressure, h, steps):
    samples = pressure.size // (2 * steps)
    stretch, velocity = np.empty(samples), np.empty(samples)
    x = v = 0.0
    for n in range(samples * steps):
        if n % steps == 0:
            stretch[n // steps], velocity[n // steps] = 1 + x, v
        begin, middle = pressure[2 * n], pressure[2 * n + 1]
        end = pressure[(2 * n + 2) % pressure.size]
        a1 = _acceleration(x, v, begin, terms, limits, series)
        v2 = v + h / 2 * a1
        a2 = _acceleration(x + h / 2 * v, v2, middle, terms, limits, series)
        v3 = v + h / 2 * a2
        a3 = _acceleration(x + h / 2 * v2, v3, middle, terms, limits, series)
        v4 = v + h * a3
        a4 = _acceleration(x + h * v3, v4, end, terms, limits, series)
        x += h / 6 * (v + 2 * v2 + 2 * v3 + v4)
        v += h / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
    return stretch, velocity


def scattered_pressure(radius: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Echo in Pa at the reference distance of 1 mm: ρ (R/r0)(2R'² + R R'').

    R'' is the mean of the two one-sided differences of R' (one of them, at the ends).
    """
    acceleration = np.gradient(velocity, TIME_STEP)
    return WATER_DENSITY * radius / REFERENCE_DISTANCE * (2 * velocity**2 + radius * acceleration)


def echo(
    peak: float, depth: float, radius: float, shell_name: str = "segers", steps: int = 1
) -> np.ndarray:
    """Echo in Pa at 1 mm, (PULSE_SAMPLES,), of a bubble of ``radius`` at ``depth`` (m)."""
    pressure = incident_pressure(peak, depth, 2 * steps)
    return scattered_pressure(*oscillation(radius, pressure, shell_name, steps))


def receive(pressure: np.ndarray, every: int) -> np.ndarray:
    """Voltage of the element for the ``pressure`` (Pa) of a whole line, every n-th sample."""
    frequency = fft.rfftfreq(pressure.size, 1 / SIMULATION_RATE)
    return fft.irfft(fft.rfft(pressure) * receive_response(frequency), pressure.size)[::every]


def simulate_rf(
    scene: Scene, shell_name: str = "segers", steps: int = 1, every: int = 4
) -> np.ndarray:
    """RF line in V, float64, of all bubbles of ``scene``, without noise."""
    line = np.zeros(LINE_SAMPLES)
    for depth, distance, radius in zip(scene.axial, scene.distance, scene.radius, strict=True):
        signal = echo(scene.pressure, depth, radius, shell_name, steps)
        # Attenuation smears by a few samples, in both directions.
        signal = np.pad(signal, _MARGIN)
        frequency = fft.rfftfreq(signal.size, 1 / SIMULATION_RATE)
        back = np.exp(-attenuation(frequency) * distance) * REFERENCE_DISTANCE / distance
        signal = fft.irfft(fft.rfft(signal) * back, signal.size)
        start = (depth + distance) / SOUND_SPEED * SIMULATION_RATE - _MARGIN
        grid = np.arange(int(np.ceil(start)), min(int(start) + signal.size, LINE_SAMPLES))
        line[grid] += np.interp(grid - start, np.arange(signal.size), signal)
    return receive(line, every)
