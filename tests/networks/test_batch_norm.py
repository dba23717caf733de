"""Population statistics of batch norm against float64 averages by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from ckstudy.networks import build_network
from ckstudy.networks.batch_norm import take_population_statistics
from ckstudy.networks.predict import predict_lines

LINES = np.random.default_rng(0).normal(0.5, 2.0, (6, 400)).astype(np.float32)


def network_of(scaling):
    torch.manual_seed(0)
    network = build_network("ckcnn", kernel_size=9, channels=3, omega_0=8.0)
    network.input_scaling = scaling
    return network


@pytest.mark.parametrize("scaling", ["volts", "line_rms"])
def test_first_layer_has_the_averages_of_its_batches(scaling):
    network = network_of(scaling)
    seen = []
    norm = next(module for module in network.modules() if isinstance(module, nn.BatchNorm1d))
    handle = norm.register_forward_pre_hook(lambda _, args: seen.append(args[0].double()))
    take_population_statistics(network, LINES, batch_size=2)
    handle.remove()
    assert [len(batch) for batch in seen] == [2, 2, 2]
    means = np.array([batch.numpy().mean((0, 2)) for batch in seen])
    variances = np.array([batch.numpy().var((0, 2), ddof=1) for batch in seen])
    np.testing.assert_allclose(norm.running_mean, means.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(norm.running_var, variances.mean(0), rtol=1e-4)


def test_nothing_of_the_former_statistics_is_left_and_nothing_else_changes():
    one, two = network_of("volts"), network_of("volts")
    norms = [module for module in two.modules() if isinstance(module, nn.BatchNorm1d)]
    for norm in norms:
        norm.running_mean.fill_(7.0)
        norm.running_var.fill_(0.01)
    for network in (one, two):
        assert take_population_statistics(network, LINES) is network
        assert not network.training
    assert not any(module.training for module in two.modules())
    assert [norm.momentum for norm in norms] == [nn.BatchNorm1d(1).momentum] * len(norms)
    for first, second in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(first, second)
    assert np.array_equal(predict_lines(one, LINES), predict_lines(two, LINES))


def test_one_batch_of_all_lines_predicts_as_training_does():
    # In training a layer is normalised by the statistics of the batch; taken from that batch
    # alone, the population's differ from them by m / (m - 1) in the variance.
    network = network_of("volts")
    take_population_statistics(network, LINES, batch_size=len(LINES))
    predicted = predict_lines(network, LINES)
    network.train()
    with torch.no_grad():
        trained = network(torch.from_numpy(LINES).unsqueeze(1)).squeeze(1).numpy()
    np.testing.assert_allclose(predicted, trained, rtol=0, atol=2e-3 * np.abs(trained).max())
