"""Everything that is said of the shipped networks' images, measured anew: one command.

    python benchmarks/imaging.py                     # all of it, some minutes on two quiet cores
    python benchmarks/imaging.py tables              # one step: calibrate, measure, tables, picture
    python benchmarks/imaging.py speed               # or the times, on a machine that is idle

A published network, as `ckstudy import-srml1d-network` writes it, is measured beside ours with
`--published HS_01/model.safetensors`; tables call it by its folder.

Run it after a change of a shipped network. It writes the networks' thresholds for images, the
measurements (benchmarks/results/imaging), docs/tables/imaging.md and the README's picture.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from ckstudy.analysis.results import Results
from ckstudy.files import write_text
from ckstudy.report import tables

HERE = Path(__file__).parent
ROOT = HERE.parent
RESULTS = HERE / "results"
SPEC = RESULTS / "imaging_spec.json"
# Noise of the frames that the threshold of a shipped network is chosen on.
KNOWN_NOISE_PERCENT = {"best": [0], "robust": [0, 2, 8]}


def command(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "ckstudy", *map(str, arguments)], check=True)


def calibrate() -> None:
    for model in json.loads(SPEC.read_text())["models"]:
        noise = [f"--noise-percent={level}" for level in KNOWN_NOISE_PERCENT[model]]
        command("calibrate-image", "--model", model, "--frames", 2, *noise)


def measure(published: list[Path]) -> None:
    spec = json.loads(SPEC.read_text())
    spec["models"] += map(str, published)
    command("measure-images", "--spec", json.dumps(spec), "--out", RESULTS / "imaging")


def write_tables() -> None:
    measured = Results(RESULTS)
    parts = [
        make(measured).markdown(level=2)
        for make in (tables.point_spread_table, tables.pairs_table, tables.detections_table)
    ]
    head = "# Images: what was measured\n\nMade by `benchmarks/imaging.py`; do not edit.\n"
    write_text(ROOT / "docs/tables/imaging.md", "\n".join([head, *parts]))


def picture() -> None:
    subprocess.run([sys.executable, str(HERE / "imaging_picture.py")], check=True)


def speed() -> None:
    """Times of one frame, the best of several: wall seconds, and of all cores together."""
    from ckstudy.acoustics import bubble
    from ckstudy.acoustics.line import depth_nodes, shell_numbers
    from ckstudy.imaging.calibration import calibrated_threshold
    from ckstudy.imaging.channel_data import open_channel_data
    from ckstudy.imaging.figure import draw_images
    from ckstudy.imaging.frame_file import write_frames
    from ckstudy.imaging.render import render, usual_grid
    from ckstudy.imaging.scenes import draw_frames
    from ckstudy.imaging.simulate import simulate_frame
    from ckstudy.imaging.specification import FrameSpec
    from ckstudy.localisation.figure import save_picture
    from ckstudy.networks.release import load_model
    from ckstudy.networks.shipped import model_path

    def best(work, repeats: int = 5) -> tuple[float, float]:
        found = []
        for _ in range(repeats):
            wall, cores = time.perf_counter(), time.process_time()
            work()
            found.append((time.perf_counter() - wall, time.process_time() - cores))
        return tuple(np.min(found, axis=0))

    spec = FrameSpec(bubbles=1000)
    ((scene, _),) = draw_frames(spec)
    nodes, numbers = depth_nodes(1), shell_numbers("segers", np.float32)
    table = bubble.bubble_table(scene.radius, nodes.weights(scene.axial), 1)
    waveforms = nodes.waveforms(scene.pressure)
    _, ode = best(lambda: bubble.echoes(table, numbers, waveforms, 1))
    _, whole = best(lambda: simulate_frame(scene, spec.array.position))
    each = 1e6 * (whole - ode) / (spec.bubbles * spec.elements)
    print(f"simulation: {each:.2f} µs of a core a bubble and element besides the ODE")
    network, threshold = load_model("best"), calibrated_threshold(model_path("best"))
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "frame.h5", Path(folder)
        write_frames(spec, path)

        def image() -> None:
            with open_channel_data(path) as data:
                grid = usual_grid(data.geometry, data.recording.samples)
                pictures, _ = render(network, data, grid, threshold, out / "bubbles.csv")
                save_picture(draw_images(pictures), out / "image.png")

        wall, cores = best(image)
    print(f"one frame from file to picture: {wall:.2f} s, {cores:.2f} s of cores")


STEPS: dict[str, Callable] = {
    "calibrate": calibrate,
    "measure": measure,
    "tables": write_tables,
    "picture": picture,
    "speed": speed,
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", nargs="*", help="all but speed by default")
    parser.add_argument("--published", type=Path, nargs="+", default=[], metavar="FILE")
    told = parser.parse_args()
    STEPS["measure"] = partial(measure, told.published)
    asked = told.step or [name for name in STEPS if name != "speed"]
    if unknown := [name for name in asked if name not in STEPS]:
        parser.error(f"unknown step {unknown[0]}; there are {', '.join(STEPS)}")
    for name in asked:
        STEPS[name]()
