"""Networks: the kernel network (SIREN), the convolutions, the architectures."""

from ckstudy.networks.architectures import Localiser, build_network, count_parameters
from ckstudy.networks.ckconv import CKConv
from ckstudy.networks.free_conv import FreeConv
from ckstudy.networks.receptive_field import Field, receptive_field
from ckstudy.networks.siren import SIREN
from ckstudy.networks.windowed_conv import WindowedConv

__all__ = [
    "SIREN",
    "CKConv",
    "Field",
    "FreeConv",
    "Localiser",
    "WindowedConv",
    "build_network",
    "count_parameters",
    "receptive_field",
]
