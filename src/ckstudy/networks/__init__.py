"""Networks: the kernel network (SIREN), the continuous convolution, the architectures."""

from ckstudy.networks.architectures import Localiser, build_network, count_parameters
from ckstudy.networks.ckconv import CKConv
from ckstudy.networks.receptive_field import Field, receptive_field
from ckstudy.networks.siren import SIREN

__all__ = [
    "SIREN",
    "CKConv",
    "Field",
    "Localiser",
    "build_network",
    "count_parameters",
    "receptive_field",
]
