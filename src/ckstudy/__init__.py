"""Continuous-kernel convolutional networks that localise micro-bubbles in ultrasound RF lines.

The names below are the public API. They are imported on first use, so that ``import ckstudy``
stays quick: torch alone takes seconds to load.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0.dev0"

_HOME = {
    "CKConv": "ckstudy.networks",
    "build_network": "ckstudy.networks",
    "load_model": "ckstudy.networks.release",
    "conv1d": "ckstudy.convolution",
    "read_lines": "ckstudy.dataset",
    "localise": "ckstudy.localisation.localise",
    "predict": "ckstudy.localisation.localise",
}
__all__ = [
    "CKConv",
    "__version__",
    "build_network",
    "conv1d",
    "load_model",
    "localise",
    "predict",
    "read_lines",
]

if TYPE_CHECKING:
    from ckstudy.convolution import conv1d
    from ckstudy.dataset import read_lines
    from ckstudy.localisation.localise import localise, predict
    from ckstudy.networks import CKConv, build_network
    from ckstudy.networks.release import load_model


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ckstudy' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
