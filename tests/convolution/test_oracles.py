"""The convolution against other definitions of it: a matrix, polynomials, random variables.

The cross-correlation with a kernel is the convolution with the reversed kernel, so each oracle
passes its kernel reversed.
"""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import polynomial
from scipy.linalg import toeplitz
from torch.nn import functional

from ckstudy.convolution import conv1d

METHODS = pytest.mark.parametrize("method", ["direct", "overlap_save", "fft"])
coefficients = st.lists(st.integers(-9, 9).map(float), min_size=1, max_size=30)
MOVING_AVERAGE = [1 / 3, 1 / 3, 1 / 3]
SIGNAL = [1.0, 2, 3, 1, 2, 3, 1, 2, 3]


def convolve(signal, kernel, method, padding):
    """Convolve a sequence with ``padding`` zeros at both ends with a kernel."""
    x = functional.pad(torch.tensor(signal, dtype=torch.float64), (padding, padding))
    w = torch.tensor(kernel, dtype=torch.float64).flip(0)
    return conv1d(x[None], w[None, None], method=method)[0].numpy()


@METHODS
@settings(max_examples=60, deadline=None)
@given(a=coefficients, b=coefficients)
def test_the_product_of_polynomials(method, a, b):
    product = convolve(a, b, method, len(b) - 1)
    expected = polynomial.polymul(a, b)  # trims zeros of the highest powers
    np.testing.assert_allclose(product[: len(expected)], expected, atol=1e-10)
    np.testing.assert_allclose(product[len(expected) :], 0, atol=1e-10)


@METHODS
@settings(max_examples=60, deadline=None)
@given(signal=coefficients, kernel=coefficients)
def test_the_toeplitz_matrix_of_the_kernel(method, signal, kernel):
    rows = len(signal) + len(kernel) - 1
    column = np.r_[kernel, np.zeros(len(signal) - 1)]
    matrix = toeplitz(column, np.r_[kernel[0], np.zeros(len(signal) - 1)])
    assert matrix.shape == (rows, len(signal))
    y = convolve(signal, kernel, method, len(kernel) - 1)
    np.testing.assert_allclose(y, matrix @ signal, atol=1e-10)


@METHODS
def test_the_gradient_is_the_transposed_toeplitz_matrix(method):
    rng = np.random.default_rng(0)
    kernel, signal, g = rng.normal(size=5), rng.normal(size=12), rng.normal(size=8)
    x = torch.tensor(signal, requires_grad=True)
    y = conv1d(x[None], torch.tensor(kernel)[None, None], method=method)[0]
    y.backward(torch.tensor(g))
    matrix = toeplitz(np.r_[kernel[0], np.zeros(7)], np.r_[kernel, np.zeros(7)])
    np.testing.assert_allclose(y.detach(), matrix @ signal, atol=1e-12)
    np.testing.assert_allclose(x.grad, matrix.T @ g, atol=1e-12)


@METHODS
def test_the_distribution_of_the_sum_of_two_random_variables(method):
    """A payoff of 1, 2 or 3 (probabilities 1/4, 1/2, 1/4), added to a fair die."""
    payoff = {1: Fraction(1, 4), 2: Fraction(1, 2), 3: Fraction(1, 4)}
    total = dict.fromkeys(range(2, 10), Fraction(0))
    for value, probability in payoff.items():
        for face in range(1, 7):
            total[value + face] += probability / 6
    assert (total[2], total[4], total[9]) == (Fraction(1, 24), Fraction(1, 6), Fraction(1, 24))
    y = convolve([float(p) for p in payoff.values()], [1 / 6] * 6, method, 5)
    np.testing.assert_allclose(y, [float(p) for p in total.values()], atol=1e-14)


@METHODS
@pytest.mark.parametrize(
    ("padding", "stride", "expected"),
    [
        (2, 1, [1 / 3, 1, 2, 2, 2, 2, 2, 2, 2, 5 / 3, 1]),
        (0, 1, [2, 2, 2, 2, 2, 2, 2]),
        (1, 2, [1, 2, 2, 2, 5 / 3]),
    ],
)
def test_the_moving_average_of_nine_samples(method, padding, stride, expected):
    """(n + 2 P - K) / S + 1 outputs for n = 9, K = 3: 11, 7 and, every second one, 5."""
    y = convolve(SIGNAL, MOVING_AVERAGE, method, padding)[::stride]
    assert len(y) == (9 + 2 * padding - 3) // stride + 1
    np.testing.assert_allclose(y, expected, atol=1e-14)


@METHODS
def test_shifting_the_input_shifts_the_output(method):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 200, generator=generator, dtype=torch.float64)
    w = torch.randn(4, 3, 21, generator=generator, dtype=torch.float64)
    y = conv1d(x, w, method=method)
    np.testing.assert_allclose(conv1d(x[..., 7:], w, method=method), y[..., 7:], atol=1e-12)


@METHODS
def test_dilation_is_a_kernel_with_zeros_between_its_taps(method):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 101, generator=generator, dtype=torch.float64)
    w = torch.randn(4, 3, 6, generator=generator, dtype=torch.float64)
    spread = w.new_zeros(4, 3, 26)
    spread[..., ::5] = w
    y = conv1d(x, w, dilation=5, padding="same", method=method)
    assert y.shape == (2, 4, 101)
    # 25 samples of margin: 12 to the left, 13 to the right.
    expected = conv1d(functional.pad(x, (12, 13)), spread, method="direct")
    np.testing.assert_allclose(y, expected, atol=1e-12)
