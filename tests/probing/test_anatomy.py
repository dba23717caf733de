"""What networks see and cost, against closed forms and torch's own counter."""

import numpy as np
import pytest
import torch
from synthetic_lines import make_lines
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ckstudy import build_network
from ckstudy.networks import CKConv, count_parameters
from ckstudy.networks.predict import predict_lines
from ckstudy.probing.cost import cost, saved_bytes, times
from ckstudy.probing.effective_field import effective_field, gradient_profile
from ckstudy.report.figures.anatomy import pareto_front


def open_network(seed=0):
    """A dilated CNN of one channel whose rectifiers never shut: a linear filter."""
    network = build_network("cnn_dilated", layers=3, channels=1, seed=seed).eval()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d):
            layer.bias.data.fill_(1e3)
    return network


def test_the_profile_of_a_linear_network_is_its_impulse_response():
    network = open_network()
    response = np.ones(1)
    dilation = 1
    for layer in network.model[1:]:
        if isinstance(layer, nn.Conv1d) and layer.kernel_size[0] == 3:
            taps = np.zeros(2 * dilation + 1)
            taps[::dilation] = layer.weight.detach().double().numpy().ravel()
            response = np.convolve(response, taps)
            dilation *= 2
    profile = gradient_profile(network, make_lines(2, 200, seed=1), places=3)
    np.testing.assert_allclose(profile, response**2 / (response**2).sum(), rtol=1e-4)
    field = effective_field(profile)
    lags = np.arange(-7, 8)
    centre = (profile * lags).sum()
    assert field.centre == pytest.approx(centre)
    assert field.sigma == pytest.approx(np.sqrt((profile * lags**2).sum() - centre**2))


def test_a_positive_centre_is_later():
    network = open_network()
    with torch.no_grad():
        for layer in network.model[1:]:
            if isinstance(layer, nn.Conv1d):
                layer.weight.zero_()
                layer.weight[..., -1] = 1.0  # each layer takes the last of its taps
    profile = gradient_profile(network, make_lines(1, 200, seed=1), places=1)
    assert effective_field(profile) == (1.0, 0.0, 1 + 2 + 4)
    rf = make_lines(1, 200, seed=1).rf
    shifted = np.roll(rf, -7, axis=1)[:, 10:100]
    output = predict_lines(network, rf)[:, 10:100]
    slope = np.polyfit(shifted.ravel(), output.ravel(), 1)[0]
    np.testing.assert_allclose(
        output - output.mean(), slope * (shifted - shifted.mean()), atol=1e-3
    )


def test_the_width_holds_95_percent():
    field = effective_field(np.full(1001, 1 / 1001))
    assert field.width == pytest.approx(0.95 * 1001, abs=2)
    assert field.sigma == pytest.approx(np.sqrt((1001**2 - 1) / 12))
    assert field.centre == pytest.approx(0, abs=1e-9)


def test_a_network_that_sees_nothing_has_no_field():
    network = open_network()
    with torch.no_grad():
        network.model[-1].weight.zero_()
    profile = gradient_profile(network, make_lines(1, 200, seed=1), places=2)
    assert np.isnan(profile).all()
    assert np.isnan(effective_field(profile)).all()


def counted_by_torch(work) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        work()
    return counter.get_total_flops()


def test_operations_of_ordinary_convolutions_are_those_that_torch_counts():
    network = build_network("cnn_dilated", layers=4, channels=5, seed=0).eval()
    line = torch.zeros(1, 1, 400)
    found = cost(network, 400)
    assert found.flops == counted_by_torch(lambda: network(line))
    assert found.kernel_flops == 0
    assert found.parameters == count_parameters(network)


@pytest.mark.parametrize("window", [None, 2.0])
def test_operations_of_continuous_kernels_are_those_of_their_parts(window):
    options = {"kernel_size": 201, "channels": 3, "layers": 2, "hidden": 4, "window": window}
    network = build_network("ckcnn", **options, seed=0).eval()
    found = cost(network, 700)
    taps = 201 if window is None else 2 * 32 + 1  # the cut is a multiple of 32
    plain = nn.Sequential(nn.Conv1d(1, 3, taps), nn.Conv1d(3, 3, taps), nn.Conv1d(3, 1, 1))
    line = torch.zeros(1, 1, 700 + 2 * (taps - 1))
    kernels = sum(
        counted_by_torch(lambda layer=layer: layer.siren(torch.linspace(-1, 1, taps)))
        for layer in network.modules()
        if isinstance(layer, CKConv)
    )
    assert found.kernel_flops == kernels
    assert found.flops == kernels + counted_by_torch(lambda: plain(line))


def test_memory_is_what_the_layers_need_for_their_gradients():
    # A convolution keeps its input, batch norm its input, a rectifier its output.
    network = build_network("cnn_dilated", layers=3, channels=16, seed=0)
    samples, padding = 5000, 7
    expected = samples + 2 * padding
    length = expected
    for layer in range(3):
        length -= 2 * 2**layer
        expected += 2 * 16 * length
    found = saved_bytes(network, torch.randn(1, 1, samples))
    assert found == pytest.approx(4 * expected, rel=0.01)


def test_measuring_leaves_a_network_as_it_was():
    network = build_network("ckcnn", kernel_size=9, channels=2, layers=2, hidden=4, seed=0).eval()
    rf = make_lines(2, 200, seed=0).rf
    before = predict_lines(network, rf)
    parameters = count_parameters(network)
    gradient_profile(network, make_lines(1, 200, seed=0), places=1)
    cost(network, 200)
    measured = times(network, 200, repeats=1)
    assert min(measured) > 0
    np.testing.assert_array_equal(predict_lines(network, rf), before)
    assert count_parameters(network) == parameters


def test_the_front_is_of_those_that_none_cheaper_beats():
    costs = [1, 2, 2, 3, 5, 4]
    scores = [0.5, 0.4, 0.7, 0.6, 0.9, float("nan")]
    assert pareto_front(costs, scores) == [0, 2, 4]
