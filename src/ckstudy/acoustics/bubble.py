"""Radial oscillation of a coated bubble: Rayleigh-Plesset with a Marmottant-type shell.

With x = R/R0 - 1, u = 1 + x and dots by t/T, T = sqrt(ρ R0²/P0), from rest:

    u x'' = -3/2 x'² + (1 + 2σ0/(R0 P0)) u^(-3κ) (1 - (3κ/c) sqrt(P0/ρ) x') - 1
            - 2σ(R)/(R0 P0 u) - 4ν x'/(R0 sqrt(ρ P0) u) - 4κ_s x'/(R0² sqrt(ρ P0) u²) - p/P0

    ν = μ + ν_th

Marmottant et al., J. Acoust. Soc. Am. 118(6), 2005; thermal terms in :mod:`.thermal`.

How it is made fast. Bubbles are integrated ``LANES`` at a time, in single precision, by a loop
over lanes without branches or library calls, which the compiler turns into vector instructions:

* u^(-3κ) = u^-3 exp(-(3κ - 3) ln u). The gas is nearly isothermal, so that the exponent 3κ - 3
  is at most 0.21 and a short Taylor polynomial gives the exponential; ln u is integrated along
  with the radius, (ln u)' = x'/u, instead of being computed at every stage.
* The surface tension is one polynomial for all shells, and the limits are selections.
* The incident pressure is a smooth function of depth: a sum over few depths of one waveform
  each, which all bubbles of a line share (:mod:`.propagation`), weighted in the loop.
"""

import math

import numba
import numpy as np

from ckstudy.acoustics.constants import (
    AMBIENT_PRESSURE,
    REFERENCE_DISTANCE,
    SOUND_SPEED,
    SURFACE_TENSION_AT_REST,
    SURFACE_TENSION_WATER,
    TIME_STEP,
    WATER_DENSITY,
    WATER_VISCOSITY,
)
from ckstudy.acoustics.shell import Shell, dilatational_viscosity
from ckstudy.acoustics.thermal import polytropic

LANES = 32
DEPTH_NODES = 5
SHELL_TERMS = 11

# Rows of the table that a batch of bubbles is integrated in; each row has one value a lane.
# The state comes first, then what stays constant, then the weights of the depth nodes.
_X, _V, _LOG, _PRESSURE = range(4)
_GAS, _EXPONENT, _RADIATION, _TENSION, _VISCOSITY, _SHELL_VISCOSITY, _STEP, _ECHO = range(4, 12)
_WEIGHTS = 12
_ROWS = _WEIGHTS + DEPTH_NODES

# The equation's numbers that all bubbles share, in the precision of the integration:
# the exponential's and the tension's polynomial, then the limits, then plain factors (a literal
# would turn single precision into double).
_TENSION_AT = 7
_LIMITS_AT = _TENSION_AT + SHELL_TERMS
_FACTORS_AT = _LIMITS_AT + 3


def bubble_table(radius: np.ndarray, depth_weights: np.ndarray, steps: int) -> np.ndarray:
    """Coefficients of the equation for bubbles at rest.

    Parameters
    ----------
    radius : (bubbles,) float64
        Radius at rest in m.
    depth_weights : (DEPTH_NODES, bubbles) float64
        Weights of the waveforms at the depth nodes.
    steps : int
        Runge-Kutta steps per sample of 4 ns.

    Returns
    -------
    (rows, bubbles) float64
    """
    kappa, thermal = polytropic(radius)
    root = math.sqrt(WATER_DENSITY * AMBIENT_PRESSURE)
    speed = math.sqrt(AMBIENT_PRESSURE / WATER_DENSITY)
    table = np.zeros((_ROWS, radius.size))
    table[_GAS] = 1 + 2 * SURFACE_TENSION_AT_REST / (radius * AMBIENT_PRESSURE)
    table[_EXPONENT] = 3 * kappa - 3
    table[_RADIATION] = 3 * kappa / SOUND_SPEED * speed
    table[_TENSION] = 2 / (radius * AMBIENT_PRESSURE)
    table[_VISCOSITY] = 4 * (WATER_VISCOSITY + thermal) / (radius * root)
    table[_SHELL_VISCOSITY] = 4 * dilatational_viscosity(radius) / (radius**2 * root)
    table[_STEP] = TIME_STEP / steps * speed / radius
    # ρ (R/r0)(2R'² + R R'') = (P0 R0/r0) u (2x'² + u x'')
    table[_ECHO] = AMBIENT_PRESSURE * radius / REFERENCE_DISTANCE
    table[_WEIGHTS:] = depth_weights
    return table


def shell_numbers(shell: Shell) -> np.ndarray:
    """Numbers of the equation that all bubbles with this ``shell`` share, (n,) float64."""
    span = shell.ruptured - shell.buckled
    exponential = [(-1) ** k / math.factorial(k) for k in range(_TENSION_AT)]
    tension = np.zeros(SHELL_TERMS)
    tension[: shell.monomials.size] = shell.monomials
    # t = slope u² + offset is -1 where the shell buckles and 1 where it ruptures.
    slope, offset = 2 * shell.area_at_rest / span, -2 * shell.buckled / span - 1
    return np.concatenate(
        [exponential, tension, [slope, offset, SURFACE_TENSION_WATER], [1.0, 1.5, 0.5, 2.0, 1 / 6]]
    )


def echoes(
    table: np.ndarray, numbers: np.ndarray, waveforms: np.ndarray, steps: int, precision=np.float32
) -> np.ndarray:
    """Echoes at 1 mm of all bubbles of ``table``.

    Parameters
    ----------
    table : (rows, bubbles) float64
        From :func:`bubble_table`.
    numbers : (n,) float64
        From :func:`shell_numbers`.
    waveforms : (2 * steps * samples, DEPTH_NODES) float64
        Incident pressure in Pa at each depth node, at every step's beginning and middle.
    steps : int
        Runge-Kutta steps per sample of 4 ns.
    precision : numpy dtype
        float32, or float64 to measure what single precision costs.

    Returns
    -------
    (batches, samples, LANES) of ``precision``
        Echo of bubble ``LANES * batch + lane`` in Pa; the lanes after the last bubble repeat it.
        So every bubble takes the same path through the arithmetic, wherever it stands.
    """
    samples = waveforms.shape[0] // (2 * steps)
    batches = -(-table.shape[1] // LANES)
    lanes = np.minimum(np.arange(batches * LANES), table.shape[1] - 1)
    packed = table[:, lanes].reshape(_ROWS, batches, LANES).transpose(1, 0, 2)
    result = np.empty((batches, samples * LANES), precision)
    _integrate(
        np.ascontiguousarray(packed, dtype=precision).reshape(batches, -1),
        numbers.astype(precision),
        np.ascontiguousarray(waveforms / AMBIENT_PRESSURE, dtype=precision),
        steps,
        result,
    )
    return result.reshape(batches, samples, LANES)


# Fused multiply-add and divisions by multiplication are allowed; reordering of sums is not.
_FAST = {"contract", "arcp", "nsz"}


@numba.njit(inline="always")
def _value(s, row, lane):
    return s[row * LANES + lane]


@numba.njit(inline="always")
def _acceleration(s, lane, x, v, logarithm, p, c):
    """x'' and (ln u)' of one lane."""
    one = c[_FACTORS_AT]
    u = one + x
    inverse = one / u
    q = _value(s, _EXPONENT, lane) * logarithm
    power = c[5] + q * c[6]
    power = c[4] + q * power
    power = c[3] + q * power
    power = c[2] + q * power
    power = c[1] + q * power
    power = c[0] + q * power
    t = c[_LIMITS_AT + 1] + c[_LIMITS_AT] * (u * u)
    z = min(max(t, -one), one)
    tension = c[_TENSION_AT + 9] + z * c[_TENSION_AT + 10]
    tension = c[_TENSION_AT + 8] + z * tension
    tension = c[_TENSION_AT + 7] + z * tension
    tension = c[_TENSION_AT + 6] + z * tension
    tension = c[_TENSION_AT + 5] + z * tension
    tension = c[_TENSION_AT + 4] + z * tension
    tension = c[_TENSION_AT + 3] + z * tension
    tension = c[_TENSION_AT + 2] + z * tension
    tension = c[_TENSION_AT + 1] + z * tension
    tension = c[_TENSION_AT + 0] + z * tension
    tension = tension if t >= -one else one - one
    tension = tension if t <= one else c[_LIMITS_AT + 2]
    friction = v * (_value(s, _VISCOSITY, lane) + _value(s, _SHELL_VISCOSITY, lane) * inverse)
    squared = inverse * inverse
    gas = _value(s, _GAS, lane) * power * (squared * inverse)
    gas = gas * (one - _value(s, _RADIATION, lane) * v)
    elastic = (_value(s, _TENSION, lane) * tension + friction) * inverse
    return (gas - (one + p) - elastic - c[_FACTORS_AT + 1] * (v * v)) * inverse, v * inverse


@numba.njit(inline="always")
def _incident(s, lane, waveforms, at):
    """Pressure, in units of the ambient one, of one lane: the sum over DEPTH_NODES depths."""
    return (
        _value(s, _WEIGHTS, lane) * waveforms[at, 0]
        + _value(s, _WEIGHTS + 1, lane) * waveforms[at, 1]
        + _value(s, _WEIGHTS + 2, lane) * waveforms[at, 2]
        + _value(s, _WEIGHTS + 3, lane) * waveforms[at, 3]
        + _value(s, _WEIGHTS + 4, lane) * waveforms[at, 4]
    )


@numba.njit(cache=True, fastmath=_FAST, error_model="numpy")
def _step(s, c, waveforms, at):
    """One Runge-Kutta step of all lanes; ``waveforms[at]`` is its beginning."""
    half, two, sixth = c[_FACTORS_AT + 2], c[_FACTORS_AT + 3], c[_FACTORS_AT + 4]
    for lane in range(LANES):
        x, v, y = _value(s, _X, lane), _value(s, _V, lane), _value(s, _LOG, lane)
        begin = _value(s, _PRESSURE, lane)
        middle = _incident(s, lane, waveforms, at + 1)
        end = _incident(s, lane, waveforms, at + 2)
        h = _value(s, _STEP, lane)
        h2 = half * h
        a1, y1 = _acceleration(s, lane, x, v, y, begin, c)
        v2 = v + h2 * a1
        a2, y2 = _acceleration(s, lane, x + h2 * v, v2, y + h2 * y1, middle, c)
        v3 = v + h2 * a2
        a3, y3 = _acceleration(s, lane, x + h2 * v2, v3, y + h2 * y2, middle, c)
        v4 = v + h * a3
        a4, y4 = _acceleration(s, lane, x + h * v3, v4, y + h * y3, end, c)
        h6 = sixth * h
        s[_X * LANES + lane] = x + h6 * ((v + v4) + two * (v2 + v3))
        s[_V * LANES + lane] = v + h6 * ((a1 + a4) + two * (a2 + a3))
        s[_LOG * LANES + lane] = y + h6 * ((y1 + y4) + two * (y2 + y3))
        s[_PRESSURE * LANES + lane] = end


@numba.njit(cache=True, fastmath=_FAST, error_model="numpy")
def _integrate(tables, c, waveforms, steps, result):
    samples = waveforms.shape[0] // (2 * steps)
    velocity = np.empty(samples * LANES, result.dtype)
    one = c[_FACTORS_AT]
    for batch in range(tables.shape[0]):
        s, stretch = tables[batch], result[batch]
        for lane in range(LANES):
            s[_PRESSURE * LANES + lane] = _incident(s, lane, waveforms, 0)
        for n in range(samples):
            for lane in range(LANES):
                stretch[n * LANES + lane] = one + _value(s, _X, lane)
                velocity[n * LANES + lane] = _value(s, _V, lane)
            if n < samples - 1:
                for k in range(n * steps, (n + 1) * steps):
                    _step(s, c, waveforms, 2 * k)
        _echo(s, c, stretch, velocity, steps, samples)


@numba.njit(cache=True, fastmath=_FAST, error_model="numpy")
def _echo(s, c, stretch, velocity, steps, samples):
    """Turn the ``stretch`` R/R0 into the echo, in place."""
    two, interval = c[_FACTORS_AT + 3], c[_FACTORS_AT] - c[_FACTORS_AT]
    for _ in range(steps):
        interval += c[_FACTORS_AT]
    for n in range(samples):
        before, after = max(n - 1, 0), min(n + 1, samples - 1)
        spacing = interval if after - before == 1 else two * interval
        for lane in range(LANES):
            u, v = stretch[n * LANES + lane], velocity[n * LANES + lane]
            change = velocity[after * LANES + lane] - velocity[before * LANES + lane]
            slope = change / (spacing * _value(s, _STEP, lane))
            stretch[n * LANES + lane] = _value(s, _ECHO, lane) * u * (two * v * v + u * slope)
