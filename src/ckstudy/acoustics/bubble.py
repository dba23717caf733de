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
* The large terms that cancel at rest (gas pressure, ambient pressure, tension) are combined
  before they are rounded, so that weak oscillations keep their relative precision.
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


def shell_numbers(
    shell: Shell, precision: type[np.floating] = np.float32
) -> tuple[tuple, tuple, tuple]:
    """What the equation needs besides the table, as scalars of ``precision``.

    Tuples rather than arrays: the compiled loop then holds them in registers.

    Returns
    -------
    exponential : Taylor coefficients of exp(-q), from q on
    tension : SHELL_TERMS coefficients of the tension in powers of t, N/m
    limits : slope and offset of t in u², tension when ruptured, tension at rest
    """
    exponential = [(-1) ** k / math.factorial(k) for k in range(1, 7)]
    tension = np.zeros(SHELL_TERMS)
    tension[: shell.monomials.size] = shell.monomials
    # t is -1 where the shell buckles and 1 where it ruptures.
    span = shell.ruptured - shell.buckled
    limits = [
        2 * shell.area_at_rest / span,
        -2 * shell.buckled / span - 1,
        SURFACE_TENSION_WATER,
        SURFACE_TENSION_AT_REST,
    ]
    return (
        tuple(map(precision, exponential)),
        tuple(map(precision, tension)),
        tuple(map(precision, limits)),
    )


def echoes(
    table: np.ndarray,
    numbers: tuple,
    waveforms: np.ndarray,
    steps: int,
    precision: type[np.floating] = np.float32,
) -> np.ndarray:
    """Echoes at 1 mm of all bubbles of ``table``.

    Parameters
    ----------
    table : (rows, bubbles) float64
        From :func:`bubble_table`.
    numbers : tuple
        From :func:`shell_numbers`, in the same precision.
    waveforms : (2 * steps * samples, DEPTH_NODES) float64
        Incident pressure in Pa at each depth node, at every step's beginning and middle.
    steps : int
        Runge-Kutta steps per sample of 4 ns.
    precision : numpy dtype
        float32, or float64 to measure what single precision costs.

    Returns
    -------
    (bubbles, samples) of ``precision``
        Echoes in Pa.
    """
    samples = waveforms.shape[0] // (2 * steps)
    bubbles = table.shape[1]
    batches = -(-bubbles // LANES)
    # The last batch is filled up with its last bubble: every bubble takes the same path through
    # the arithmetic, wherever it stands.
    lanes = np.minimum(np.arange(batches * LANES), bubbles - 1)
    packed = table[:, lanes].reshape(_ROWS, batches, LANES).transpose(1, 0, 2)
    result = np.empty((batches, LANES, samples), precision)
    _integrate(
        np.ascontiguousarray(packed, dtype=precision).reshape(batches, -1),
        numbers,
        np.ascontiguousarray(waveforms / AMBIENT_PRESSURE, dtype=precision),
        steps,
        result,
    )
    return result.reshape(batches * LANES, samples)[:bubbles]


# Fused multiply-add and divisions by multiplication are allowed; reordering of sums is not.
_FAST = {"contract", "arcp", "nsz"}


@numba.njit(inline="always")
def _value(s, row, lane):
    return s[row * LANES + lane]


@numba.njit(inline="always")
def _acceleration(s, lane, x, v, logarithm, p, numbers):
    """Of one lane, x'' and (ln u)'."""
    # A bare literal would turn single precision into double.
    number = s.dtype.type
    zero, one, three = number(0.0), number(1.0), number(3.0)
    e, a, (slope, offset, ruptured, at_rest) = numbers
    u = one + x
    inverse = one / u
    # Estrin's scheme for both polynomials: Horner's would be one long chain of dependent steps.
    q = _value(s, _EXPONENT, lane) * logarithm
    q2 = q * q
    power = q * ((e[0] + q * e[1]) + q2 * ((e[2] + q * e[3]) + q2 * (e[4] + q * e[5])))
    # u^(-3κ) - 1, without the cancellation
    excess = (inverse * inverse * inverse) * (power - x * (three + x * (three + x)))
    t = offset + slope * (u * u)
    z = t if t > -one else -one
    z = z if z < one else one
    z2 = z * z
    z4 = z2 * z2
    lowest = (a[0] + z * a[1]) + z2 * (a[2] + z * a[3])
    middle = (a[4] + z * a[5]) + z2 * (a[6] + z * a[7])
    highest = (a[8] + z * a[9]) + z2 * a[10]
    tension = lowest + z4 * (middle + z4 * highest)
    tension = tension if t >= -one else zero
    tension = tension if t <= one else ruptured
    friction = v * (_value(s, _VISCOSITY, lane) + _value(s, _SHELL_VISCOSITY, lane) * inverse)
    gas = _value(s, _GAS, lane)
    gained = gas * excess
    static = gained + _value(s, _TENSION, lane) * (at_rest - tension * inverse)
    radiated = (gas + gained) * (_value(s, _RADIATION, lane) * v)
    total = static - p - radiated - friction * inverse - number(1.5) * (v * v)
    return total * inverse, v * inverse


@numba.njit(inline="always")
def _waveform(waveforms, at):
    """The values of all DEPTH_NODES waveforms at one time."""
    w = waveforms[at]
    return w[0], w[1], w[2], w[3], w[4]


@numba.njit(inline="always")
def _incident(s, lane, w):
    """Pressure, in units of the ambient one, of one lane: interpolated in depth."""
    return (
        _value(s, _WEIGHTS, lane) * w[0]
        + _value(s, _WEIGHTS + 1, lane) * w[1]
        + _value(s, _WEIGHTS + 2, lane) * w[2]
        + _value(s, _WEIGHTS + 3, lane) * w[3]
        + _value(s, _WEIGHTS + 4, lane) * w[4]
    )


@numba.njit(cache=True, fastmath=_FAST, error_model="numpy")
def _step(s, numbers, middles, ends):
    """One Runge-Kutta step of all lanes, with the waveforms at its middle and its end.

    The compiler turns this loop into vector instructions as long as ``s`` is its only array (it
    need not ask whether arrays overlap) and no tuple is indexed by an expression.
    """
    number = s.dtype.type
    half, two, sixth = number(0.5), number(2.0), number(1 / 6)
    for lane in range(LANES):
        x, v, y = _value(s, _X, lane), _value(s, _V, lane), _value(s, _LOG, lane)
        begin = _value(s, _PRESSURE, lane)
        middle = _incident(s, lane, middles)
        end = _incident(s, lane, ends)
        h = _value(s, _STEP, lane)
        h2 = half * h
        a1, y1 = _acceleration(s, lane, x, v, y, begin, numbers)
        v2 = v + h2 * a1
        a2, y2 = _acceleration(s, lane, x + h2 * v, v2, y + h2 * y1, middle, numbers)
        v3 = v + h2 * a2
        a3, y3 = _acceleration(s, lane, x + h2 * v2, v3, y + h2 * y2, middle, numbers)
        v4 = v + h * a3
        a4, y4 = _acceleration(s, lane, x + h * v3, v4, y + h * y3, end, numbers)
        h6 = sixth * h
        s[_X * LANES + lane] = x + h6 * ((v + v4) + two * (v2 + v3))
        s[_V * LANES + lane] = v + h6 * ((a1 + a4) + two * (a2 + a3))
        s[_LOG * LANES + lane] = y + h6 * ((y1 + y4) + two * (y2 + y3))
        s[_PRESSURE * LANES + lane] = end


@numba.njit(cache=True, fastmath=_FAST, error_model="numpy")
def _integrate(tables, numbers, waveforms, steps, result):
    samples = result.shape[2]
    one = tables.dtype.type(1.0)
    stretch = np.empty(samples * LANES, result.dtype)
    velocity = np.empty(samples * LANES, result.dtype)
    for batch in range(tables.shape[0]):
        s = tables[batch]
        begin = _waveform(waveforms, 0)
        for lane in range(LANES):
            s[_PRESSURE * LANES + lane] = _incident(s, lane, begin)
        for n in range(samples):
            for lane in range(LANES):
                stretch[n * LANES + lane] = one + _value(s, _X, lane)
                velocity[n * LANES + lane] = _value(s, _V, lane)
            if n < samples - 1:
                for k in range(n * steps, (n + 1) * steps):
                    middles, ends = _waveform(waveforms, 2 * k + 1), _waveform(waveforms, 2 * k + 2)
                    _step(s, numbers, middles, ends)
        _echo(s, stretch, velocity, steps)
        _transpose(stretch, result[batch])


@numba.njit(cache=True, fastmath=_FAST, error_model="numpy")
def _echo(s, stretch, velocity, steps):
    """Turn the ``stretch`` R/R0 into the echo, in place."""
    samples = stretch.size // LANES
    two = s.dtype.type(2.0)
    for n in range(samples):
        before, after = max(n - 1, 0), min(n + 1, samples - 1)
        spacing = s.dtype.type((after - before) * steps)
        for lane in range(LANES):
            u, v = stretch[n * LANES + lane], velocity[n * LANES + lane]
            change = velocity[after * LANES + lane] - velocity[before * LANES + lane]
            slope = change / (spacing * _value(s, _STEP, lane))
            stretch[n * LANES + lane] = _value(s, _ECHO, lane) * u * (two * v * v + u * slope)


@numba.njit(cache=True)
def _transpose(lanes_last, lanes_first):
    """Copy in tiles that stay in the fastest cache."""
    samples = lanes_first.shape[1]
    for tile in range(0, samples, LANES):
        for lane in range(LANES):
            for n in range(tile, min(tile + LANES, samples)):
                lanes_first[lane, n] = lanes_last[n * LANES + lane]
