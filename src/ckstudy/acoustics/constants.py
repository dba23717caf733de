"""Physical constants and sampling of the simulation, in SI units.

Values after Blanken et al., "Super-Resolved Microbubble Localization in Single-Channel
Ultrasound RF Signals Using Deep Learning", IEEE Trans. Med. Imaging 41(9), 2022.
"""

import math

# Sampling.
SIMULATION_RATE = 250e6  # Hz
TIME_STEP = 1 / SIMULATION_RATE  # s
MAXIMUM_DEPTH = 0.1  # m, the depth whose echo ends the line

# Water at room temperature, and the sound in it.
WATER_CONDUCTIVITY = 0.6  # W/m/K
WATER_DENSITY = 998.0  # kg/m³
WATER_HEAT_CAPACITY = 4186.0  # J/kg/K
WATER_VISCOSITY = 1e-3  # Pa·s
SOUND_SPEED = 1480.0  # m/s
TEMPERATURE = 293.0  # K
AMBIENT_PRESSURE = 1.013e5  # Pa
ATTENUATION = 0.002  # dB/cm/MHz²
NONLINEARITY = 3.6  # β = 1 + B/(2A)

# Perfluorobutane (C4F10) inside the bubble.
GAS_CONDUCTIVITY = 0.0138  # W/m/K
GAS_DENSITY = 10.1  # kg/m³ at ambient pressure
GAS_MOLAR_MASS = 0.238  # kg/mol
GAS_HEAT_RATIO = 1.07  # γ
GAS_HEAT_CAPACITY = 809.0  # J/kg/K at constant pressure
GAS_CONSTANT = 8.314  # J/mol/K

# The lipid shell.
SURFACE_TENSION_AT_REST = 0.010  # N/m
SURFACE_TENSION_WATER = 0.072  # N/m

# Transmission.
DRIVE_FREQUENCY = 1.7e6  # Hz
DRIVE_ANGULAR_FREQUENCY = 2 * math.pi * DRIVE_FREQUENCY  # rad/s

# Distance at which the echo of a bubble is stated.
REFERENCE_DISTANCE = 1e-3  # m

# Samples of a line at the simulation rate: the travel time to the maximum depth and back.
LINE_SAMPLES = math.ceil(2 * MAXIMUM_DEPTH / SOUND_SPEED * SIMULATION_RATE)
