"""What a network costs: parameters, arithmetic, memory, and the time that it took here.

The arithmetic is that of direct convolution, two operations for a multiplication and its addition,
and of the kernel networks' linear layers. It is a count, and the same everywhere. Left out are
normalisation, rectifiers and sines, which are of a lower order. Long kernels are in fact convolved
by transforms, in fewer operations; what this saves depends on the machine, and shows in the time.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import nn

from ckstudy.devices.torch_device import computing_on
from ckstudy.networks import CKConv, Localiser, WindowedConv, count_parameters
from ckstudy.networks.siren import WeightNormLinear


class Cost(NamedTuple):
    """What a network costs for one line, by arithmetic.

    Attributes
    ----------
    parameters : int
    flops : int
        To run it, windows cutting kernels where they may.
    kernel_flops : int
        Of these, to sample its kernels, once for any number of lines.
    memory_mb : float
        What its training keeps of a line for the gradient, in 10^6 bytes, kernels included.
    """

    parameters: int
    flops: int
    kernel_flops: int
    memory_mb: float


class Times(NamedTuple):
    """Milliseconds for one line, medians of several runs on this machine.

    Attributes
    ----------
    forward_ms, step_ms : float
        To run the network, and to run it and take its gradient as a training does.
    """

    forward_ms: float
    step_ms: float


def cost(network: Localiser, samples: int) -> Cost:
    """Count what a line of ``samples`` costs. The network is left in evaluation mode."""
    device = next(network.parameters()).device
    line = torch.zeros(1, 1, samples, device=device)
    convolved, sampled = 0, 0

    def note(layer: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal convolved, sampled
        if isinstance(layer, WindowedConv):
            taps = layer.kernel_size - 2 * (layer.unused // layer.dilation)
            width = layer.in_channels // layer.groups
        else:
            taps, width = layer.kernel_size[0], layer.in_channels
        convolved += 2 * output.numel() * width * taps
        if isinstance(layer, CKConv):
            sampled += 2 * taps * _weights(layer.siren)

    layers = [each for each in network.modules() if isinstance(each, WindowedConv | nn.Conv1d)]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        network.eval()
        with computing_on(device), torch.no_grad():
            network(line)
    finally:
        for hook in hooks:
            hook.remove()
    return Cost(
        count_parameters(network), convolved + sampled, sampled, saved_bytes(network, line) / 1e6
    )


def _weights(kernel_network: nn.Module) -> int:
    """Products for one position: the elements of all weight matrices."""
    layers = [each for each in kernel_network.modules() if isinstance(each, WeightNormLinear)]
    return sum(layer.direction.numel() for layer in layers)


def saved_bytes(network: Localiser, line: torch.Tensor) -> int:
    """Bytes that autograd keeps between a training's forward and its backward pass.

    Each piece of memory counts once; parameters and the line itself do not.
    """
    known = {each.untyped_storage().data_ptr() for each in (*network.parameters(), line)}
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    state = {name: value.clone() for name, value in network.state_dict().items()}
    network.requires_grad_(True)
    network.train()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = network(line)
    found = sum(kept.values())
    del output
    network.load_state_dict(state)  # batch norm has moved its averages
    network.eval()
    return found


def times(network: Localiser, samples: int, repeats: int) -> Times:
    """Measure, on the device where the network is. The network is left in evaluation mode."""
    device = next(network.parameters()).device
    generator = torch.Generator().manual_seed(0)
    line = torch.randn(1, 1, samples, generator=generator).to(device)

    def forward() -> None:
        with torch.inference_mode():
            network(line)

    def step() -> None:
        network.zero_grad()
        network(line).square().mean().backward()

    state = {name: value.clone() for name, value in network.state_dict().items()}
    network.requires_grad_(True)
    with computing_on(device):
        network.eval()
        running = _median_ms(forward, repeats, device)
        network.train()
        training = _median_ms(step, repeats, device)
    network.load_state_dict(state)
    network.zero_grad()
    network.eval()
    return Times(running, training)


def _median_ms(work: Callable[[], None], repeats: int, device: torch.device) -> float:
    found = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        found.append(1e3 * (time.perf_counter() - begin))
    return median(found[1:])  # the first one also fills caches
