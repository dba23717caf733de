"""The README's picture: two crossing vessels, as B-mode and below the resolution limit.

    python benchmarks/imaging_picture.py             # docs/figures/super_resolution.png, minutes

Simulates frames of flow (`ckstudy simulate-frame`), images them with the shipped network
(`ckstudy image`), scores the detections against the truth, and writes how well they fit to
benchmarks/results/imaging_picture.csv.
"""

import argparse
import tempfile
from pathlib import Path

import pandas as pd
import torch

from ckstudy.files import write_text
from ckstudy.imaging.calibration import calibrated_threshold, positions
from ckstudy.imaging.channel_data import open_channel_data
from ckstudy.imaging.figure import draw_images
from ckstudy.imaging.frame_file import read_truth, write_frames
from ckstudy.imaging.render import render, usual_grid
from ckstudy.imaging.score import count, total
from ckstudy.imaging.specification import FrameSpec
from ckstudy.localisation.figure import save_picture
from ckstudy.networks.release import load_model
from ckstudy.networks.shipped import model_path
from ckstudy.provenance import commit
from ckstudy.scoring.score_files import model_digest

ROOT = Path(__file__).parents[1]
DEPTH_MM, WIDTH_MM = (35.0, 65.0), 26.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--bubbles", type=int, default=150)
    parser.add_argument("--model", default="best")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/figures/super_resolution.png")
    parser.add_argument(
        "--table", type=Path, default=ROOT / "benchmarks/results/imaging_picture.csv"
    )
    asked = parser.parse_args()
    spec = FrameSpec(
        scene="vessels",
        frames=asked.frames,
        bubbles=asked.bubbles,
        depth_mm=(DEPTH_MM[0] + 1, DEPTH_MM[1] - 1),
        width_mm=WIDTH_MM - 2,
        diameter_mm=0.8,
        speed_mm_s=30.0,
        lifetime_frames=12,
        seed=5,
    )
    network = load_model(asked.model)
    threshold = calibrated_threshold(model_path(asked.model))
    with tempfile.TemporaryDirectory() as folder:
        path, bubbles = Path(folder) / "frames.h5", Path(folder) / "bubbles.csv"
        write_frames(spec, path)
        with open_channel_data(path) as data:
            half = WIDTH_MM / 2
            grid = usual_grid(
                data.geometry,
                data.recording.samples,
                depth_mm=DEPTH_MM,
                width_mm=(-half, half),
            )
            pictures, _ = render(network, data, grid, threshold, bubbles)
        truth, found = read_truth(path), pd.read_csv(bubbles)
    counts = total(
        [
            count(truth.of_frame(frame), positions(found[found["frame"] == frame]))
            for frame in range(spec.frames)
        ]
    )
    save_picture(draw_images(pictures), asked.out)
    row = {
        "model": model_digest(model_path(asked.model)),
        "commit": commit(),
        "torch": torch.__version__,
        "frames": spec.frames,
        "bubbles": counts.bubbles,
        "detections": counts.detections,
        "pairs": counts.pairs,
        "f1": round(counts.f1, 4),
    }
    write_text(asked.table, pd.DataFrame([row]).to_csv(index=False, lineterminator="\n"))
    print(row)


if __name__ == "__main__":
    main()
