"""Speed and error of the simulator.

    python benchmarks/simulator.py [--lines 256] [--processes 1 2] [--checked 12]

Prints the microseconds of a core for each bubble by stage, the lines a minute and the memory of
whole data sets made with different numbers of processes, and the error of the fast path: the
largest deviation from the plain float64 simulation, with the same step and with a quarter of it,
relative to the peak of the line.
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from ckstudy.acoustics import bubble, line, reference
from ckstudy.acoustics.constants import LINE_SAMPLES, REFERENCE_DISTANCE, SIMULATION_RATE
from ckstudy.acoustics.propagation import lagrange_weights
from ckstudy.acoustics.scene import draw_scene
from ckstudy.acoustics.simulate_dataset import available_cores, simulate_dataset
from ckstudy.acoustics.specification import SimulationSpec
from ckstudy.dataset import read_lines

TYPICAL = 505  # bubbles, the mean of 10 to 1000
THESIS_LINES = 2944


def best(work, repeats: int = 15) -> float:
    """Shortest time in s that ``work()`` takes: the one that least else disturbed."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def stages(population: str) -> dict[str, float]:
    """Seconds of one line of ``TYPICAL`` bubbles, by stage."""
    spec = SimulationSpec(bubbles=(TYPICAL, TYPICAL), population=population)
    line.simulate_line(spec, 0)
    scene, steps = draw_scene(spec, 0), spec.steps
    nodes = line.depth_nodes(steps)
    numbers = line.shell_numbers(spec.shell, np.float32)
    waveforms = nodes.waveforms(scene.pressure)
    starts = scene.arrival * SIMULATION_RATE
    parts = [
        slice(k, k + line.BUBBLES_AT_A_TIME) for k in range(0, TYPICAL, line.BUBBLES_AT_A_TIME)
    ]
    fields = np.zeros((line.DISTANCE_NODES, LINE_SAMPLES))

    def coefficients():
        return bubble.bubble_table(scene.radius, nodes.weights(scene.axial), steps)

    def back():
        return lagrange_weights(line.distance_nodes(), scene.distance) * REFERENCE_DISTANCE

    table, weights = coefficients(), back()

    def oscillation():
        return [bubble.echoes(table[:, part], numbers, waveforms, steps) for part in parts]

    echoes = oscillation()

    def superposition():
        for part, some in zip(parts, echoes, strict=True):
            line._superpose(some, starts[part], weights[:, part], fields)

    return {
        "scene": best(lambda: draw_scene(spec, 0)),
        "incident waveforms": best(lambda: nodes.waveforms(scene.pressure)),
        "coefficients": best(coefficients) + best(back),
        "oscillation": best(oscillation),
        "superposition": best(superposition),
        "reception": best(lambda: line._receive(fields, spec.every)),
        "whole line": best(lambda: line.simulate_line(spec, 0)),
    }


def errors(population: str, checked: int) -> tuple[float, float]:
    """Largest error of ``checked`` lines relative to each one's peak: same step, quarter step."""
    spec = SimulationSpec(population=population, bubbles=(10, 200))
    worst = np.zeros(2)
    for number in range(checked):
        scene = draw_scene(spec, number)
        fast = line.simulate_rf(scene, spec.shell, spec.steps)
        for k, steps in enumerate((spec.steps, 4 * spec.steps)):
            plain = reference.simulate_rf(scene, spec.shell, steps)
            worst[k] = max(worst[k], np.abs(fast - plain).max() / np.abs(plain).max())
    return tuple(worst)


def data_set(lines: int, processes: int) -> tuple[float, float, int]:
    """Seconds on the clock and of all cores, and bubbles, of a whole data set with its start."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.h5"
        before = os.times()
        simulate_dataset(SimulationSpec(lines=lines), path, processes)
        after = os.times()
        spent = sum(after[:4]) - sum(before[:4])
        return after.elapsed - before.elapsed, spent, int(read_lines(path).bubbles.offset[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=256, help="lines of the timed data sets")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--checked", type=int, default=12, help="lines whose error is measured")
    options = parser.parse_args()

    print(f"{available_cores()} cores\n")
    populations = ("monodisperse", "polydisperse")
    times = {population: stages(population) for population in populations}
    print("| µs of a core for each bubble | monodisperse | polydisperse |\n|---|---|---|")
    for stage in times["monodisperse"]:
        values = " | ".join(f"{1e6 * times[name][stage] / TYPICAL:.2f}" for name in populations)
        print(f"| {stage} | {values} |")

    print("\n| largest error, of the line's peak | monodisperse | polydisperse |\n|---|---|---|")
    found = [errors(population, options.checked) for population in populations]
    for k, name in enumerate(("shortcuts and single precision", "and the time step")):
        print(f"| {name} | {found[0][k]:.1e} | {found[1][k]:.1e} |")

    print("\n| processes | lines a minute | 2,944 lines | µs of processor time for each bubble |")
    print("|---|---|---|---|")
    for processes in options.processes:
        seconds, spent, bubbles = data_set(options.lines, processes)
        print(
            f"| {processes} | {60 * options.lines / seconds:.0f} "
            f"| {seconds * THESIS_LINES / options.lines:.0f} s | {1e6 * spent / bubbles:.1f} |"
        )
    peaks = [
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    print(
        f"\nPeak memory: parent {peaks[0] / 1024:.0f} MiB, largest worker {peaks[1] / 1024:.0f} MiB"
    )


if __name__ == "__main__":
    main()
