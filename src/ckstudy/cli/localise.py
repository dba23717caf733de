"""``ckstudy localise``: bubbles in RF lines of one's own."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ckstudy.cli.arguments import (
    OWN,
    Device,
    HalfSamples,
    Model,
    Threads,
    Variable,
    check_picture,
)
from ckstudy.errors import StudyError


def register(app: typer.Typer) -> None:
    """Add this module's sub-commands to ``app``."""
    app.command("localise", rich_help_panel=OWN)(localise)


def localise(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT", help="RF lines: .npy, .npz, .mat, HDF5, or numbers as text."
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write the detections (CSV).")],
    sampling_rate_mhz: Annotated[
        float | None,
        typer.Option(help="Of the lines, 15 to 250; needed where the file does not say it."),
    ] = None,
    variable: Variable = None,
    samples_axis: Annotated[
        int | None,
        typer.Option(
            help="Axis that holds the samples, from 0; the others count lines.",
            show_default="the last of two",
        ),
    ] = None,
    model: Model = "robust",
    tolerance: Annotated[
        int,
        typer.Option(
            min=0, max=9, help="Samples of error that the calibrated threshold is meant for."
        ),
    ] = 4,
    threshold: Annotated[
        float | None,
        typer.Option(help="Take another one.", show_default="the model's calibration"),
    ] = None,
    speed_of_sound: Annotated[float, typer.Option(help="In m/s, for depths.")] = 1480.0,
    start_us: Annotated[
        float, typer.Option(help="Time after transmission of a line's first sample, in µs.")
    ] = 0.0,
    half_samples: HalfSamples = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw some lines with detections (.png, .svg, .pdf)."),
    ] = None,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Lines that a thread takes at a time.")
    ] = 16,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Find the bubbles in RF lines of your own, with a trained network.

    Writes a row a detection: line, sample, time_us, depth_mm, score. docs/own-data.md tells what
    to mind.
    """
    from ckstudy.devices.gpu_slots import own_card
    from ckstudy.localisation.readers import open_recording

    if plot is not None:
        check_picture(plot)
    for written in (out, plot):
        if written is not None and written.resolve() == source.resolve():
            raise StudyError(f"{written} is the input: choose another file to write")
    if plot is not None and plot.resolve() == out.resolve():
        raise StudyError(f"{out} cannot hold both the detections and the picture")

    with (
        open_recording(source, variable=variable, samples_axis=samples_axis) as recording,
        own_card(device),
    ):
        import torch

        from ckstudy.devices.torch_device import resolve_device
        from ckstudy.localisation.calibration import calibrated_threshold
        from ckstudy.localisation.localise import Localisation, look_at, prepare
        from ckstudy.localisation.write import localise_file
        from ckstudy.networks.release import load_model

        if threads:
            torch.set_num_threads(threads)
        network = load_model(model).to(resolve_device(device))
        if threshold is None:
            threshold = calibrated_threshold(network, tolerance, half_samples=half_samples)
        how = Localisation(network, threshold, speed_of_sound, start_us, half_samples)
        rate = None if sampling_rate_mhz is None else 1e6 * sampling_rate_mhz
        grid = prepare(network, recording, rate)
        if recording.integers:
            _say(f"note: whole numbers ({recording.array.dtype}) are taken as they are, as counts")
        if grid.ratio != 1:
            _say(
                f"note: lines of {grid.sampling_rate_hz / 1e6:g} MHz are resampled to the "
                f"network's {network.sampling_rate_hz / 1e6:g} MHz"
            )
        for sentence in look_at(network, recording, grid):
            _say(f"warning: unlike the training lines in {sentence}")
        found = localise_file(how, recording, grid, out, picture=plot, batch_size=batch_size)
    print(
        f"{found} detections above {threshold:g} in {recording.lines} lines of "
        f"{recording.samples} samples: {out}"
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr)
