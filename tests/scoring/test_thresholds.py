"""The threshold list, and the choice of the best one."""

import numpy as np
import pytest

from ckstudy.scoring.thresholds import THRESHOLDS, calibrate


def test_the_studys_thresholds():
    assert len(THRESHOLDS) == 25
    np.testing.assert_allclose(np.log10(THRESHOLDS[:8]), np.arange(-5, -1.4, 0.5), atol=1e-12)
    np.testing.assert_allclose(THRESHOLDS[8:], np.arange(10, 95, 5) / 100, rtol=1e-15)
    assert np.all(np.diff(THRESHOLDS) > 0)


def test_the_best_mean_is_chosen_for_each_tolerance():
    f1 = np.zeros((2, 3, 4))
    f1[0, 0] = [0.9, 0.2, 0.5, 0.0]
    f1[1, 0] = [0.0, 0.2, 0.5, 0.0]  # the best mean is not the best single line
    f1[:, 1] = [0.1, 0.1, 0.1, 0.8]
    best = calibrate(f1, [0.1, 0.2, 0.3, 0.4])
    assert best.index.tolist() == [2, 3, 0]
    assert best.threshold.tolist() == [0.3, 0.4, 0.1]  # of equals, the smallest
    np.testing.assert_allclose(best.mean_f1, [0.5, 0.8, 0.0])


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="thresholds"):
        calibrate(np.zeros((2, 3, 4)), [0.1, 0.2])
    with pytest.raises(ValueError, match="lines"):
        calibrate(np.zeros((0, 3, 2)), [0.1, 0.2])
