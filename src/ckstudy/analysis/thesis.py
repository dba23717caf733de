"""The numbers that the thesis prints, as data, to stand beside the study's own.

Source: S. Jonker, "Continuous representation of kernels used in convolutional neural networks",
BSc thesis Applied Mathematics, University of Twente, January 2023. All its scores are the F1 of
:mod:`ckstudy.scoring` called ``upstream``, at a tolerance of 4 samples, printed to three digits
and without an uncertainty.
"""

from typing import NamedTuple

from ckstudy.scoring.counts import TOLERANCE as TOLERANCE


class KernelSizeScore(NamedTuple):
    """A row of Table 1: large-kernel CKCNN at ω0 = 30, scored on its training lines."""

    kernel_size: int
    threshold: float
    mean_f1: float


class Omega0Score(NamedTuple):
    """A cell of Table 2: large-kernel CKCNN scored on 960 test lines."""

    kernel_size: int
    omega_0: float
    median_f1: float
    mean_f1: float


TEST_LINES = 960
EPOCHS = 1250

TABLE_1 = (
    KernelSizeScore(65, 0.15, 0.866),
    KernelSizeScore(131, 0.15, 0.835),
    KernelSizeScore(263, 0.15, 0.828),
    KernelSizeScore(527, 0.15, 0.809),
    KernelSizeScore(1055, 0.15, 0.676),
    KernelSizeScore(2111, 0.10, 0.364),
)
"""Table 1 (section 4.2.1): best threshold and mean F1 on the training lines."""

TABLE_1_OMEGA_0 = 30.0

TABLE_2 = (
    Omega0Score(131, 10.0, 0.912, 0.869),
    Omega0Score(131, 20.0, 0.917, 0.870),
    Omega0Score(131, 30.0, 0.871, 0.821),
    Omega0Score(131, 40.0, 0.902, 0.842),
    Omega0Score(131, 50.0, 0.911, 0.847),
    Omega0Score(131, 60.0, 0.886, 0.826),
    Omega0Score(131, 70.0, 0.868, 0.822),
    Omega0Score(131, 80.0, 0.870, 0.803),
    Omega0Score(527, 10.0, 0.748, 0.723),
    Omega0Score(527, 20.0, 0.843, 0.822),
    Omega0Score(527, 30.0, 0.861, 0.829),
    Omega0Score(527, 40.0, 0.733, 0.686),
    Omega0Score(527, 50.0, 0.781, 0.737),
    Omega0Score(527, 60.0, 0.796, 0.746),
    Omega0Score(527, 70.0, 0.001, 0.007),
    Omega0Score(527, 80.0, 0.262, 0.247),
)
"""Table 2 (section 4.2.1): median and mean of the F1 of the test lines."""

PARAMETERS = {"cnn_dilated": 137_729, "ckcnn_dilated": 636_497, "ckcnn": 28_392}
"""Trainable parameters (sections 3.4.2 and 3.4.3)."""

DILATED_THRESHOLD = 0.1
"""Threshold of the dilated CKCNN at a tolerance of 4 samples (section 4.1)."""


class Reading(NamedTuple):
    """A choice on which a study may differ from the thesis, and what the thesis says of it."""

    setting: str
    printed: str


READINGS = (
    Reading("lines", "training lines: not stated (1024 in the data of SRML-1D)"),
    Reading("epochs", "1250 epochs"),
    Reading("batch_size", "not stated (64 in SRML-1D)"),
    Reading("optimizer_step", "not stated; SRML-1D steps once an epoch"),
    Reading("learning_rate", "0.001; SRML-1D has 0.01"),
    Reading("crop", "whole lines"),
    Reading("input_scaling", "none: volts"),
    Reading("kernel_init", "SIREN; the released CKConv starts from another one"),
    Reading("omega_scales_bias", "no; the released CKConv multiplies the bias too"),
    Reading("channels", "22 in the text, 15 by the printed parameters"),
    Reading("preset", "see docs/thesis.md"),
    Reading("seed", "one network a cell, seed not stated"),
)
"""What could explain a difference from Tables 1 and 2, by the names of the config's settings.

SRML-1D and CKConv are the published codes that the thesis built upon (docs/thesis.md).
"""
