"""A network in evaluation with its norms folded: the same signals."""

import numpy as np
import pytest
import torch
from torch import nn

from ckstudy.networks import build_network
from ckstudy.networks.folding import folded
from ckstudy.networks.predict import predict_lines

NETWORKS = {
    "cnn_dilated": {"layers": 3, "channels": 4},
    "ckcnn_dilated": {"layers": 3, "channels": 4, "hidden": 5},
    "ckcnn": {"layers": 3, "channels": 4, "hidden": 5, "kernel_size": 17},
    "cnn_free": {"layers": 3, "channels": 4, "kernel_size": 17},
    "ckcnn_residual": {"blocks": 2, "channels": 4, "hidden": 5, "kernel_size": 17},
}
WINDOWED = {**NETWORKS["ckcnn"], "kernel_size": 131, "kernel_init": "balanced", "window": 3}


def trained(name, **options):
    """A network whose norms have statistics, weights and biases of their own."""
    network = build_network(name, seed=1, **options)
    torch.manual_seed(2)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.uniform_(module.weight, -2, 2)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.1, 3)
    return network.eval()


@pytest.mark.parametrize(
    ("name", "options"),
    [*NETWORKS.items(), ("ckcnn", WINDOWED), ("cnn_free", {**NETWORKS["cnn_free"], "window": 2})],
)
def test_the_folded_network_computes_what_the_network_computes_in_float64(name, options):
    network = trained(name, **options).double()
    x = torch.randn(2, 1, 600, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(folded(network)(x), network(x), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("name", "options"), NETWORKS.items())
def test_neither_the_network_nor_its_input_changes(name, options):
    network = trained(name, **options)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    x = torch.randn(2, 1, 600)
    kept = x.clone()
    with torch.no_grad():
        y = folded(network)(x)
        torch.testing.assert_close(network(x), y, rtol=1e-4, atol=1e-4)
    assert torch.equal(x, kept)
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_weights_that_changed_are_taken_as_they_are_at_the_next_prediction():
    network = trained("ckcnn", **NETWORKS["ckcnn"])
    rf = np.random.default_rng(3).normal(size=(1, 600)).astype(np.float32)
    before = predict_lines(network, rf)
    with torch.no_grad():
        network.model[1].siren.last.set_weight(2 * network.model[1].siren.last.weight)
    assert not np.allclose(predict_lines(network, rf), before)
