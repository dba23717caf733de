"""What a network computes in evaluation, with less to do.

A convolution and the batch norm behind it are one linear map, so that the norm disappears into
kernel and bias (Jacob et al., CVPR 2018, section 3.2):

    γ (w * x + b - μ) / s + β = (γ / s) w * x + (γ / s) (b - μ) + β,    s² = σ² + ε.
"""

from collections.abc import Callable, Iterable

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ckstudy.networks.architectures import Localiser
from ckstudy.networks.windowed_conv import WindowedConv

Map = Callable[[Tensor], Tensor]


def folded(network: Localiser) -> Map:
    """What ``network`` makes of whole lines, (N, 1, L) to (N, 1, L), with its weights of now.

    Equal to calling the network in evaluation mode but for rounding, in less time and memory.
    What cannot be folded, such as a residual block, is called as it is.
    """
    layers = _folded_layers(list(network.model.children())[1:])  # behind the padding

    def of_lines(x: Tensor) -> Tensor:
        x = network.seen(network.padded(x))
        for layer in layers:
            x = layer(x)
        return x

    return of_lines


def _folded_layers(modules: Iterable[nn.Module]) -> list[Map]:
    layers: list[Map] = []
    for module in modules:
        if isinstance(module, nn.BatchNorm1d):
            layers[-1] = _with_norm(layers[-1], module)
        else:
            layers.append(module)
    return layers


def _with_norm(layer: Map, norm: nn.BatchNorm1d) -> Map:
    if isinstance(layer, nn.Conv1d):
        return fuse_conv_bn_eval(layer, norm)
    if not isinstance(layer, WindowedConv):
        raise TypeError(f"batch norm stands behind {layer}")
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    return layer.rescaled(scale, norm.bias - scale * norm.running_mean)
