"""The parts of the simulator before the bubble: transducer, pulse, propagation, heat, shell."""

import numpy as np
import pytest
from scipy import fft, integrate

from ckstudy.acoustics import reference, specification, transducer
from ckstudy.acoustics.constants import (
    AMBIENT_PRESSURE,
    GAS_CONSTANT,
    GAS_DENSITY,
    GAS_MOLAR_MASS,
    LINE_SAMPLES,
    SIMULATION_RATE,
    TEMPERATURE,
    TIME_STEP,
)
from ckstudy.acoustics.propagation import (
    DepthNodes,
    attenuation,
    harmonic_growth,
    incident_harmonics,
    oversample,
)
from ckstudy.acoustics.pulse import PULSE_SAMPLES, transmit_pulse
from ckstudy.acoustics.shell import SHELLS, dilatational_viscosity, shell
from ckstudy.acoustics.thermal import polytropic
from ckstudy.errors import StudyError


def half_gain_band(response):
    frequency = np.arange(0.5e6, 6e6, 1e3)
    gain = np.abs(response(frequency))
    inside = frequency[gain >= gain.max() / 2] / 1e6
    return inside[0], inside[-1]


def test_the_bands_of_the_transducer_are_the_measured_ones():
    assert half_gain_band(transducer.transmit_response) == pytest.approx((1.785, 3.595), abs=0.01)
    assert half_gain_band(transducer.receive_response) == pytest.approx((1.425, 3.58), abs=0.01)


@pytest.mark.parametrize("direction", ["transmit", "receive"])
@pytest.mark.parametrize("frequency", [0.3, 0.9, 1.7, 3.1, 4.9, 9.0])
def test_the_phase_is_the_minimum_phase_of_the_gain(direction, frequency):
    """Bode's integral, by adaptive quadrature straight from its definition."""
    gain = transducer._LOG_GAIN[direction]
    low, high = transducer.FIT_BAND
    x = np.log(frequency)

    def integrand(u):
        def slope(v):
            return gain.deriv()(np.clip(v, low, high))

        return (slope(x + u) + slope(x - u)) * np.log(1 / np.tanh(u / 2))

    bends = sorted({abs(x - low), abs(x - high)})
    expected, _ = integrate.quad(integrand, 0, 40, points=bends, limit=400)
    assert transducer._minimum_phase(direction)(x) == pytest.approx(expected / np.pi, abs=1e-5)


def test_outside_the_fit_the_gain_is_a_power_law():
    frequency = np.array([8e6, 16e6]) - transducer.BIN_WIDTH
    for response, slope in (
        (transducer.transmit_response, -14.31117),
        (transducer.receive_response, -9.43763),
    ):
        first, second = np.abs(response(frequency))
        assert np.log2(second / first) == pytest.approx(slope, abs=1e-4)


def test_the_pulse_has_its_length_and_its_peak():
    pulse = transmit_pulse()
    assert PULSE_SAMPLES == 1424
    assert LINE_SAMPLES == 33784
    assert pulse.pressure.shape == pulse.derivative.shape == (PULSE_SAMPLES,)
    assert np.argmax(np.abs(pulse.pressure)) * TIME_STEP == pytest.approx(0.828e-6, abs=1e-9)
    assert np.abs(pulse.pressure).max() == pytest.approx(1, abs=1e-3)
    assert pulse.pressure[0] == pulse.pressure[-1] == 0


def test_the_derivative_of_the_pulse_is_its_derivative():
    pulse = transmit_pulse()
    differences = (pulse.pressure[2:] - pulse.pressure[:-2]) / (2 * TIME_STEP)
    error = np.abs(differences - pulse.derivative[1:-1]).max()
    assert error < 5e-3 * np.abs(pulse.derivative).max()


def test_attenuation_in_decibels():
    # 0.002 dB/cm/MHz² over 10 cm at 5 MHz: 0.5 dB.
    assert 20 * np.log10(np.exp(attenuation(5e6) * 0.1)) == pytest.approx(0.5)


def test_harmonic_growth_has_its_limit_and_its_closed_form():
    source = 2 * attenuation(1.7e6)
    depth = 0.05
    where_equal = 1.7e6 * np.sqrt(2)
    expected = depth * np.exp(-source * depth)
    assert harmonic_growth(where_equal, depth) == pytest.approx(expected, rel=1e-9)
    for frequency in (1e6, 2.4e6, 3.4e6, 20e6):
        alpha = attenuation(frequency)
        expected = (np.exp(-source * depth) - np.exp(-alpha * depth)) / (alpha - source)
        assert harmonic_growth(frequency, depth) == pytest.approx(expected, rel=1e-9)


def test_the_second_harmonic_grows_with_depth_and_with_pressure_squared():
    """Fubini: near the source the second harmonic is proportional to both."""
    near = incident_harmonics(transmit_pulse(), 0.01, 1)[1]
    far = incident_harmonics(transmit_pulse(), 0.02, 1)[1]
    assert np.abs(far).max() / np.abs(near).max() == pytest.approx(2, rel=0.02)

    low, high = (reference.incident_pressure(peak, 0.05, 1) for peak in (1e5, 2e5))
    first, second = incident_harmonics(transmit_pulse(), 0.05, 1)
    np.testing.assert_allclose(high - 2 * low, 2 * 1e5**2 * second, atol=1e-6 * 1e5)
    # It really is a second harmonic: its spectrum peaks at about twice the first's frequency.
    peaks = [np.argmax(np.abs(fft.rfft(part, 2**16))) for part in (first, second)]
    assert peaks[1] / peaks[0] == pytest.approx(2, rel=0.15)


def test_the_first_harmonic_loses_energy_with_depth():
    energy = [
        np.sum(incident_harmonics(transmit_pulse(), depth, 1)[0] ** 2)
        for depth in (0, 0.02, 0.05, 0.1)
    ]
    assert np.all(np.diff(energy) < 0)
    assert energy[0] == pytest.approx(np.sum(transmit_pulse().pressure ** 2))


@pytest.mark.parametrize("samples", [64, 65])
def test_oversampling_is_band_limited_interpolation(samples):
    time = np.arange(samples)
    fine = np.arange(3 * samples) / 3

    def signal(t):
        return 0.3 + np.sin(2 * np.pi * 5 * t / samples) + np.cos(2 * np.pi * 31 * t / samples)

    np.testing.assert_allclose(oversample(fft.rfft(signal(time)), samples, 3), signal(fine))


def test_depth_nodes_interpolate_the_incident_pressure():
    nodes = DepthNodes(transmit_pulse(), 5, 2)
    depths = np.array([0.0037, 0.021, 0.0498, 0.077, 0.0963])
    interpolated = nodes.waveforms(2.5e5) @ nodes.weights(depths)
    for k, depth in enumerate(depths):
        exact = reference.incident_pressure(2.5e5, depth, 2)
        assert np.abs(interpolated[:, k] - exact).max() < 1e-6 * np.abs(exact).max()


def test_golden_values_of_the_bubble_at_rest():
    exponent, viscosity = polytropic(2.4e-6)
    assert exponent == pytest.approx(1.062306, abs=1e-6)
    assert viscosity == pytest.approx(1.4625e-4, rel=1e-4)
    assert dilatational_viscosity(2.4e-6) == pytest.approx(1.02314e-8, rel=1e-5)


def test_the_polytropic_exponent_lies_between_isothermal_and_adiabatic():
    exponents = polytropic(np.linspace(0.05e-6, 6e-6, 200))[0]
    # The gas is 2 % denser than an ideal gas of its molar mass; the isothermal limit shows it.
    ideal = AMBIENT_PRESSURE * GAS_MOLAR_MASS / (GAS_CONSTANT * TEMPERATURE)
    assert exponents[0] == pytest.approx(GAS_DENSITY / ideal, abs=1e-4)
    assert exponents.min() == exponents[0]
    assert exponents.max() < 1.07 * GAS_DENSITY / ideal


def test_a_specification_offers_the_shells_that_there_are():
    assert tuple(SHELLS) == specification.SHELLS


@pytest.mark.parametrize("name", SHELLS)
def test_a_shell_goes_from_none_to_the_tension_of_water(name):
    tension = shell(name).surface_tension(np.linspace(0.5, 2, 3001))
    assert tension[0] == 0
    assert tension[-1] == 0.072
    assert np.all(np.diff(tension) > -1e-4)  # the fitted series may be a little uneven
    assert np.abs(np.diff(tension)).max() < 2e-3
    assert shell(name).surface_tension(1.0) == pytest.approx(0.010, abs=6e-5)


def test_the_linear_shell_is_linear_in_area():
    stretch = np.linspace(1.0, 1.05, 20)
    linear = shell("marmottant")
    area = linear.area_at_rest * stretch**2
    np.testing.assert_allclose(linear.surface_tension(stretch), 0.55 * (area - 1), rtol=1e-9)


@pytest.mark.parametrize("name", SHELLS)
def test_the_monomials_of_a_shell_are_its_series(name):
    t = np.linspace(-1, 1, 101)
    powers = np.polynomial.Polynomial(shell(name).monomials)(t)
    np.testing.assert_allclose(powers, shell(name).elastic(t), atol=1e-15)


def test_an_unknown_shell_is_named():
    with pytest.raises(StudyError, match="unknown shell 'glass': choose one of segers"):
        shell("glass")


def test_simulation_rate_divides_into_the_line():
    assert SIMULATION_RATE * TIME_STEP == 1
    assert LINE_SAMPLES % 8 == 0
