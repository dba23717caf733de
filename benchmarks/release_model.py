"""Make a trained network one that the package ships, by name.

    python benchmarks/release_model.py best --run results/best/runs/RUN \
        --train results/best/data/train.h5 --validation results/best/data/validation.h5

The run has to be calibrated (``ckstudy calibrate``): its folder holds ``model.safetensors`` and
``thresholds.csv``.
"""

import argparse
import sys
from pathlib import Path

from ckstudy.errors import StudyError
from ckstudy.localisation.release import release
from ckstudy.networks.shipped import FOLDER


def main() -> None:
    """Write the model file into the package."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", help="such as best")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run")
    parser.add_argument("--train", type=Path, required=True, help="its training lines")
    parser.add_argument("--validation", type=Path, required=True, help="its validation lines")
    options = parser.parse_args()
    out = FOLDER / f"{options.name}.safetensors"
    try:
        release(options.run, options.train, options.validation, out)
    except StudyError as error:
        sys.exit(f"error: {error}")
    print(f"{out}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
