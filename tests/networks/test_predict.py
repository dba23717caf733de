"""Predictions do not depend on how the lines are shared out."""

import numpy as np
import pytest
import torch

from ckstudy.networks import build_network, predict
from ckstudy.networks.predict import predict_lines


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_lines_computed_side_by_side_are_those_computed_one_after_the_other(threads):
    network = build_network("ckcnn", kernel_size=17, channels=4, hidden=5, seed=1)
    rf = np.random.default_rng(2).normal(size=(67, 600)).astype(np.float32)
    threads(1)
    alone = {size: predict_lines(network, rf, batch_size=size) for size in (1, 7, 32, 64)}
    for size, signals in alone.items():
        np.testing.assert_allclose(signals, alone[1], rtol=1e-5, atol=1e-5)
        for number in (2, 3, 4):
            threads(number)
            together = predict_lines(network, rf, batch_size=size)
            np.testing.assert_array_equal(together, signals)
            assert torch.get_num_threads() == number


def test_a_wide_network_takes_fewer_lines_at_a_time(threads, monkeypatch):
    """No layer puts out more than 12 MiB: glibc would map larger blocks anew each time."""
    taken = []
    scaled = predict.network_input

    def note(network, rf):
        taken.append(len(rf))
        return scaled(network, rf)

    monkeypatch.setattr(predict, "network_input", note)
    threads(1)
    rf = np.random.default_rng(2).normal(size=(9, 3000)).astype(np.float32)
    for channels, most in ((4, 9), (256, 4)):
        network = build_network("cnn_dilated", channels=channels, layers=2, seed=1)
        assert 4 * channels * most * (3000 + 2 * network.padding) <= predict.LAYER_BYTES
        taken.clear()
        predict_lines(network, rf, batch_size=16)
        assert (max(taken), sum(taken)) == (most, 9)


def test_an_error_in_a_part_of_a_batch_is_said_and_the_threads_stay(threads):
    network = build_network("ckcnn", kernel_size=17, channels=4, hidden=5, seed=1)
    threads(2)
    with pytest.raises(ValueError, match="a line of 20 samples cannot be reflected"):
        predict_lines(network, np.zeros((16, 20), np.float32), batch_size=16)
    assert torch.get_num_threads() == 2
