"""The networks of the study: RF line in, localisation signal of the same length out.

All of them reflect the line at its ends once, by half their receptive field, and are 'valid'
convolutions from there on. So a crop that brings its own context along goes through
:meth:`Localiser.valid` and gives the same samples as the whole line would.

Where kernels have windows, most of that context may be multiplied by nothing: the layers are cut
(see :class:`~ckstudy.networks.windowed_conv.WindowedConv`), and a network drops what none of them
sees from its input, so that it costs what its effective kernels cost. Training sees one
difference: batch norm takes its statistics over the samples that are computed, which are then
fewer.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from ckstudy.errors import StudyError
from ckstudy.networks.ckconv import CKConv
from ckstudy.networks.free_conv import FreeConv
from ckstudy.networks.windowed_conv import WindowedConv
from ckstudy.study.presets import DEFAULT, network_options


class Localiser(nn.Module):
    """A reflection pad followed by layers without padding, as ``model.0``, ``model.1``, ...

    The numbering of the layers is that of the published SRML-1D networks, so that their state
    dicts load into ``cnn_dilated`` as they are.

    Attributes
    ----------
    name : str
        The architecture's name, for :func:`build_network`.
    options : dict
        The architecture's options, for :func:`build_network`.
    input_scaling : {"volts", "line_rms"}
        What the network was trained on; :mod:`ckstudy.networks.predict` applies it.
    sampling_rate_hz : float
        Of the lines that it was trained on.
    resampled : bool
        Whether its kernels were sampled anew (:mod:`ckstudy.networks.resampling`), so that name
        and options do not make it again.
    about : dict
        What the file of a released network says of it, and the file's ``path``; see
        :mod:`ckstudy.networks.release`.

    Notes
    -----
    Calling the network does not scale what it is given: ``network(x)`` takes lines that are
    scaled already, and a network trained on ``line_rms`` gives something else, larger and with
    more detections, for volts. :func:`ckstudy.predict` and :func:`ckstudy.localise` take RF lines
    as they were recorded. A released network warns where it is called on lines that are not
    scaled.
    """

    def __init__(self, name: str, options: dict, padding: int, layers: list[nn.Module]) -> None:
        super().__init__()
        self.name = name
        self.options = options
        self.input_scaling = "volts"
        self.sampling_rate_hz = 62.5e6
        self.resampled = False
        self.about: dict = {}
        self.model = nn.Sequential(nn.ReflectionPad1d(padding), *layers)
        self._windowed = [
            layer
            for layer in self.modules()
            if isinstance(layer, WindowedConv) and layer.log_sigma is not None
        ]
        for layer in self._windowed:
            layer.crops = False

    @property
    def padding(self) -> int:
        """Samples of context that the network takes on either side of a sample.

        It does not depend on the windows, which learn.
        """
        return cast(nn.ReflectionPad1d, self.model[0]).padding[0]

    def seen(self, x: Tensor) -> Tensor:
        """Of ``x`` (N, 1, L + 2·padding), what is left between the cuts of all windows."""
        unused = sum(layer.unused for layer in self._windowed)
        return x[..., unused : x.shape[-1] - unused]

    def valid(self, x: Tensor) -> Tensor:
        """(N, 1, L + 2·padding) with its context, to (N, 1, L)."""
        return self.model[1:](self.seen(x))

    def forward(self, x: Tensor) -> Tensor:
        """Whole lines (N, 1, L), scaled and reflected at their ends, to (N, 1, L).

        ``x`` is what :func:`ckstudy.networks.scaling.scale_lines` makes of volts.

        Raises
        ------
        StudyError
            Where the line is too short to be reflected by the network's context.
        """
        return self.valid(self.padded(x))

    def padded(self, x: Tensor) -> Tensor:
        """Whole lines (N, 1, L) with their reflections, (N, 1, L + 2·padding)."""
        if x.shape[-1] <= self.padding:
            raise StudyError(
                f"{self.name}: a line of {x.shape[-1]} samples cannot be reflected by the "
                f"{self.padding} samples of context; at least {self.padding + 1} are needed"
            )
        return self.model[0](x)


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each sample of (N, C, L).

    The released CKConv normalises over channels and time together. Per sample, the receptive
    field stays finite, and a crop gives what the whole line gives.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.transpose(1, 2)).transpose(1, 2)


class CKBlock(nn.Module):
    """Twice [CKConv, layer norm, ReLU, dropout], and a residual skip around them.

    The skip drops the samples that the two 'valid' convolutions use up, and is a 1x1 projection
    where the widths differ (thesis, section 3.4.3; Romero et al., 2021). With ``final_relu`` the
    sum goes through a ReLU, as in the released CKConv; the thesis does not say so.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        dropout: float,
        final_relu: bool = False,
        **kernel: Any,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in (in_channels, out_channels):
            layers += [
                CKConv(width, out_channels, kernel_size, **kernel),
                ChannelNorm(out_channels),
                nn.ReLU(inplace=True),
                nn.Dropout(dropout),
            ]
        self.body = nn.Sequential(*layers)
        same = in_channels == out_channels
        self.skip = nn.Identity() if same else nn.Conv1d(in_channels, out_channels, 1)
        self.end = nn.ReLU() if final_relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, L) to (N, C_out, L - 2(K - 1)), or more where the kernels are cut."""
        y = self.body(x)
        crop = (x.shape[-1] - y.shape[-1]) // 2
        return self.end(y + self.skip(x[..., crop : x.shape[-1] - crop]))


def _cnn_dilated(channels: int, layers: int) -> tuple[int, list[nn.Module]]:
    modules: list[nn.Module] = []
    for layer in range(layers):
        width = channels if layer else 1
        modules += [
            nn.Conv1d(width, channels, 3, dilation=2**layer),
            nn.BatchNorm1d(channels),
            nn.ReLU(inplace=True),
        ]
    return 2**layers - 1, [*modules, nn.Conv1d(channels, 1, 1)]


def _ckcnn_dilated(channels: int, layers: int, **kernel: Any) -> tuple[int, list[nn.Module]]:
    modules: list[nn.Module] = []
    for layer in range(layers):
        width = channels if layer else 1
        modules += [
            CKConv(width, channels, 3, dilation=2**layer, reference_size=3, **kernel),
            nn.BatchNorm1d(channels),
            nn.ReLU(inplace=True),
        ]
    return 2**layers - 1, [*modules, nn.Conv1d(channels, 1, 1)]


def _ckcnn(
    channels: int, layers: int, kernel_size: int, **kernel: Any
) -> tuple[int, list[nn.Module]]:
    modules: list[nn.Module] = []
    for layer in range(layers):
        width = channels if layer else 1
        modules += [
            CKConv(width, channels, kernel_size, **kernel),
            nn.BatchNorm1d(channels),
            nn.ReLU(inplace=True),
        ]
    return layers * (kernel_size - 1) // 2, [*modules, nn.Conv1d(channels, 1, 1)]


def _ckcnn_residual(
    channels: int, blocks: int, kernel_size: int, final_relu: bool | None = None, **options: Any
) -> tuple[int, list[nn.Module]]:
    modules: list[nn.Module] = [
        CKBlock(
            channels if block else 1,
            channels,
            kernel_size,
            final_relu=bool(final_relu),
            **options,
        )
        for block in range(blocks)
    ]
    return blocks * (kernel_size - 1), [*modules, nn.Conv1d(channels, 1, 1)]


def _cnn_free(
    channels: int, layers: int, kernel_size: int, window: float | None = None
) -> tuple[int, list[nn.Module]]:
    modules: list[nn.Module] = []
    for layer in range(layers):
        width = channels if layer else 1
        modules += [
            FreeConv(width, channels, kernel_size, window=window),
            nn.BatchNorm1d(channels),
            nn.ReLU(inplace=True),
        ]
    return layers * (kernel_size - 1) // 2, [*modules, nn.Conv1d(channels, 1, 1)]


_BUILDERS: dict[str, Callable[..., tuple[int, list[nn.Module]]]] = {
    "cnn_dilated": _cnn_dilated,
    "ckcnn_dilated": _ckcnn_dilated,
    "ckcnn": _ckcnn,
    "ckcnn_residual": _ckcnn_residual,
    "cnn_free": _cnn_free,
}


def build_network(
    name: str, *, preset: str = DEFAULT, seed: int | None = None, **options: Any
) -> Localiser:
    """Build one of the study's networks, freshly initialised.

    Parameters
    ----------
    name : {"cnn_dilated", "ckcnn_dilated", "ckcnn", "ckcnn_residual", "cnn_free"}
    preset : str
        The reading of the thesis that fills in the options left open, see
        :mod:`ckstudy.study.presets`.
    seed : int, optional
        Seed of the initial weights; torch's global generator is used, and left untouched,
        where it is given.
    **options
        ``channels``, ``layers`` or ``blocks``, ``kernel_size``, ``omega_0``, ``hidden``,
        ``kernel_init``, ``omega_scales_bias``, ``window``, ``dropout``, ``final_relu``, as far as
        the network has them. In a balanced start ω0 is that of a kernel of 131 samples; in the
        dilated network, whose kernels have three taps at every size of its field, of three.

    Returns
    -------
    Localiser
        Maps (N, 1, L) float32 to (N, 1, L).

    Raises
    ------
    StudyError
        For an unknown network, preset or option, or a value that cannot work.

    Examples
    --------
    The parameters of a continuous-kernel network do not depend on the size of its kernels:

    >>> import torch
    >>> from ckstudy import build_network
    >>> from ckstudy.networks import count_parameters
    >>> network = build_network("ckcnn", kernel_size=65, seed=0)
    >>> network(torch.randn(2, 1, 400)).shape
    torch.Size([2, 1, 400])
    >>> count_parameters(network)
    28392
    >>> count_parameters(build_network("ckcnn", kernel_size=2111))
    28392
    """
    resolved = network_options(name, preset, **options)
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        padding, layers = _BUILDERS[name](**resolved)
        return Localiser(name, resolved, padding, layers)


def count_parameters(network: nn.Module) -> int:
    """The number of trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
