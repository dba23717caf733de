"""Jobs call `ckstudy`: the one installed beside this Snakemake, activated or not."""

import os
import sys
from pathlib import Path


def prefer_own_commands() -> None:
    """Let what is installed beside this interpreter come first on the path."""
    own = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([own, os.environ.get("PATH", os.defpath)])
