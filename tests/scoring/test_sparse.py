"""Sparse deconvolution against an active-set solver in float64."""

import numpy as np
import pytest
from scipy.linalg import toeplitz
from scipy.optimize import nnls

from ckstudy.scoring.linear import unit_rms
from ckstudy.scoring.sparse import SparseDeconvolution

LAG = np.arange(30)
ECHO = np.exp(-(((LAG - 9) / 5) ** 2)) * np.sin(2 * np.pi * LAG / 7)


def line_of(bubbles, samples=120):
    z = np.zeros(samples)
    for place, amplitude in bubbles.items():
        z[place] = amplitude
    return np.convolve(z, ECHO)[:samples]


def convolution_matrix(samples):
    """What an amplitude at each sample adds to the line, cut at its end."""
    return toeplitz(np.pad(ECHO, (0, samples - len(ECHO))), np.zeros(samples))


@pytest.mark.parametrize("fraction", [0.3, 0.01])
def test_it_solves_the_penalised_problem(fraction):
    rng = np.random.default_rng(0)
    rf = line_of({10: 1.0, 14: 0.5, 60: 2.0, 115: 1.0}) + 0.05 * rng.normal(size=120)
    x = unit_rms(rf[None])[0]
    matrix = convolution_matrix(120)
    penalty = fraction * (matrix.T @ x).max()
    # min |Az - x|²/2 + λ Σz over z ≥ 0 is non-negative least squares with a row √ε that asks for
    # Σz = -λ/ε, up to a term ε (Σz)²/2.
    weight = 1e-7
    rows = np.vstack([matrix, np.full(120, np.sqrt(weight))])
    expected, _ = nnls(rows, np.append(x, -penalty / np.sqrt(weight)), maxiter=10_000)

    def objective(z):
        return 0.5 * ((matrix @ z - x) ** 2).sum() + penalty * z.sum()

    found = SparseDeconvolution(ECHO, fraction, iterations=3000)(rf[None])[0].astype(float)
    assert (found >= 0).all()
    assert objective(found) == pytest.approx(objective(expected), rel=1e-4)
    np.testing.assert_allclose(matrix @ found, matrix @ expected, atol=0.02)


def test_bubbles_of_clean_lines_are_found_at_the_end_of_a_line_too():
    bubbles = {10: 1.0, 50: 0.7, 117: 1.3}  # the last is heard for three samples
    (z,) = SparseDeconvolution(ECHO, 1e-4, iterations=5000)(line_of(bubbles)[None] * 1e-3)
    scale = unit_rms(line_of(bubbles)[None]).max() / line_of(bubbles).max()
    assert np.flatnonzero(z > 0.3 * scale)[:2].tolist() == [10, 50]
    assert z[10] == pytest.approx(scale, rel=0.02)
    assert z[50] == pytest.approx(0.7 * scale, rel=0.02)
    assert z[112:].sum() > 0.3 * scale


def test_nothing_is_explained_by_nothing():
    rf = np.stack([np.zeros(100), -line_of({20: 1.0}, 100), line_of({20: 1.0}, 100)])
    found = SparseDeconvolution(np.abs(ECHO), 0.5)(np.stack([rf[0], -np.abs(rf[1]), rf[2]]))
    assert not found[0].any()
    assert found[1].max() < 1e-6  # no sum of non-negative echoes of one sign is negative
    assert SparseDeconvolution(ECHO, 1.0)(rf[2:])[0].max() < 1e-6
    assert SparseDeconvolution(ECHO, 0.5)(rf[2:])[0].any()


def test_lines_do_not_depend_on_their_neighbours():
    rng = np.random.default_rng(1)
    rf = rng.normal(size=(70, 90))
    method = SparseDeconvolution(ECHO, 0.01, iterations=20)
    together = method(rf)
    np.testing.assert_array_equal(method(rf[69:])[0], together[69])
    assert together.dtype == np.float32
