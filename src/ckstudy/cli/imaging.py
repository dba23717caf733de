"""``ckstudy simulate-frame``, ``image``, ``calibrate-image``: two dimensions."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ckstudy.cli.arguments import (
    OWN,
    STEPS,
    Device,
    DirectionName,
    Model,
    PopulationName,
    SceneName,
    Threads,
    Variable,
    check_picture,
    read_spec,
)
from ckstudy.errors import StudyError
from ckstudy.files import cannot_write


def register(app: typer.Typer) -> None:
    """Add this module's sub-commands to ``app``."""
    app.command("image", rich_help_panel=OWN)(image)
    app.command("simulate-frame", rich_help_panel=STEPS)(simulate_frame)
    app.command("calibrate-image", rich_help_panel=STEPS)(calibrate_image)
    app.command("measure-images", rich_help_panel=STEPS)(measure_images)


# As in `ckstudy simulate`: None leaves a choice to --spec, or to the simulator's own default.
def simulate_frame(
    out: Annotated[Path, typer.Option(metavar="FILE", help="HDF5 file to write.")],
    spec: Annotated[
        str | None,
        typer.Option(
            metavar="JSON",
            help="Any of the choices below and of docs/imaging.md: JSON, or a file of it.",
        ),
    ] = None,
    scene: Annotated[
        SceneName | None,
        typer.Option(
            help="Bubbles at random, points, pairs, or two crossing vessels with flow.",
            show_default="field",
        ),
    ] = None,
    frames: Annotated[int | None, typer.Option(help="How many.", show_default="1")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of all randomness.", show_default="2023")
    ] = None,
    bubbles: Annotated[int | None, typer.Option(help="In each frame.", show_default="500")] = None,
    pressure_kpa: Annotated[
        float | None, typer.Option(help="Peak of the plane wave.", show_default="200")
    ] = None,
    elements: Annotated[int | None, typer.Option(help="Of the array.", show_default="96")] = None,
    pitch_mm: Annotated[
        float | None, typer.Option(help="From element to element.", show_default="0.295")
    ] = None,
    depth_mm: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LOW HIGH", help="Of the field or vessels.", show_default="5 95"),
    ] = None,
    width_mm: Annotated[
        float | None, typer.Option(help="Of the field or vessels.", show_default="28")
    ] = None,
    depths_mm: Annotated[
        list[float] | None,
        typer.Option(help="Of points and pairs; repeatable.", show_default="20 50 80"),
    ] = None,
    distances_um: Annotated[
        list[float] | None,
        typer.Option(help="Of pairs; repeatable.", show_default="100 200 400 800"),
    ] = None,
    direction: Annotated[
        DirectionName | None, typer.Option(help="Of pairs.", show_default="axial")
    ] = None,
    speed_mm_s: Annotated[
        float | None, typer.Option(help="Of the flow in vessels.", show_default="20")
    ] = None,
    frame_rate_hz: Annotated[float | None, typer.Option(show_default="100")] = None,
    population: Annotated[
        PopulationName | None,
        typer.Option(help="Sizes of the bubbles.", show_default="monodisperse"),
    ] = None,
    noise_percent: Annotated[
        float | None, typer.Option(help="Noise in percent of 9.65 V.", show_default="0")
    ] = None,
    threads: Threads = 0,
) -> None:
    """Simulate what an array hears of micro-bubbles after a plane wave.

    The file holds channel data, the elements' positions and where the bubbles are.
    """
    from ckstudy.imaging.frame_file import write_frames
    from ckstudy.imaging.specification import FrameSpec

    chosen = {} if spec is None else read_spec(spec)
    flags = {
        "scene": scene,
        "frames": frames,
        "seed": seed,
        "bubbles": bubbles,
        "pressure_kpa": pressure_kpa,
        "elements": elements,
        "pitch_mm": pitch_mm,
        "depth_mm": depth_mm,
        "width_mm": width_mm,
        "depths_mm": depths_mm or None,
        "distances_um": distances_um or None,
        "direction": direction,
        "speed_mm_s": speed_mm_s,
        "frame_rate_hz": frame_rate_hz,
        "population": population,
        "noise_percent": noise_percent,
    }
    chosen |= {key: value for key, value in flags.items() if value is not None}
    checked = FrameSpec.from_dict(chosen, "the options" if spec is None else "--spec")
    many = write_frames(checked, out, threads or None)
    print(f"{checked.frames} frames of {checked.elements} elements, {many} bubbles: {out}")


def image(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="Channel data, elements x samples or frames x elements x samples: .npy, .npz, "
            ".mat or HDF5.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="The picture to draw (.png, .svg, .pdf).")
    ],
    bubbles_out: Annotated[
        Path, typer.Option(metavar="FILE", help="Where to write the detections (CSV).")
    ],
    sampling_rate_mhz: Annotated[
        float | None, typer.Option(help="Of the lines; needed where the file does not say it.")
    ] = None,
    pitch_mm: Annotated[
        float | None,
        typer.Option(help="From element to element; needed where the file does not say it."),
    ] = None,
    start_us: Annotated[
        float | None,
        typer.Option(
            help="Time of the first sample, after the plane wave left the array.",
            show_default="the file's, or 0",
        ),
    ] = None,
    speed_of_sound: Annotated[
        float | None, typer.Option(help="In m/s.", show_default="the file's, or 1480")
    ] = None,
    variable: Variable = None,
    samples_axis: Annotated[
        int | None, typer.Option(help="Axis of the samples, from 0.", show_default="the last")
    ] = None,
    elements_axis: Annotated[
        int | None,
        typer.Option(help="Axis of the elements, from 0.", show_default="the last but that"),
    ] = None,
    depth_mm: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LOW HIGH", help="Of the image.", show_default="all that was heard"),
    ] = None,
    lateral_mm: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LOW HIGH", help="Of the image.", show_default="below the array"),
    ] = None,
    pixel_um: Annotated[
        tuple[float, float], typer.Option(metavar="AXIAL LATERAL", help="Size of a pixel.")
    ] = (20.0, 50.0),
    model: Model = "robust",
    threshold: Annotated[
        float | None,
        typer.Option(help="Of a detection.", show_default="that of ckstudy calibrate-image"),
    ] = None,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Make a super-resolved image of channel data, and find its bubbles.

    Draws B-mode and the image of localised lines side by side; of many frames how many bubbles
    were found where. Writes a row a detection: frame, axial_mm, lateral_mm, score.
    docs/imaging.md tells what to mind.
    """
    from ckstudy.devices.gpu_slots import own_card
    from ckstudy.imaging.channel_data import open_channel_data
    from ckstudy.imaging.render import check_lines, render, usual_grid

    check_picture(out)
    for written in (out, bubbles_out):
        if written.resolve() == source.resolve():
            raise StudyError(f"{written} is the input: choose another file to write")
    if bubbles_out.resolve() == out.resolve():
        raise StudyError(f"{out} cannot hold both the picture and the bubbles")
    with (
        open_channel_data(
            source,
            variable=variable,
            samples_axis=samples_axis,
            elements_axis=elements_axis,
            sampling_rate_hz=None if sampling_rate_mhz is None else 1e6 * sampling_rate_mhz,
            pitch_mm=pitch_mm,
            start_us=start_us,
            speed_of_sound=speed_of_sound,
        ) as data,
        own_card(device),
    ):
        import torch

        from ckstudy.devices.torch_device import resolve_device
        from ckstudy.imaging.calibration import calibrated_threshold
        from ckstudy.imaging.figure import draw_images
        from ckstudy.localisation.figure import save_picture
        from ckstudy.localisation.likeness import unlike_training
        from ckstudy.localisation.resample import Grid
        from ckstudy.networks.release import load_model
        from ckstudy.networks.shipped import model_path

        if threads:
            torch.set_num_threads(threads)
        network = load_model(model).to(resolve_device(device))
        if threshold is None:
            threshold = calibrated_threshold(model_path(model))
        check_lines(network, data)
        rate = data.geometry.sampling_rate_hz
        grid = usual_grid(
            data.geometry,
            data.recording.samples,
            depth_mm=depth_mm,
            width_mm=lateral_mm,
            pixel_um=pixel_um,
        )
        first = data.frame(0)
        own = Grid.between(rate, network.sampling_rate_hz, data.recording.samples)
        for sentence in unlike_training(network, own.resample(first), rate):
            print(f"warning: unlike the training lines in {sentence}", file=sys.stderr)
        pictures, found = render(network, data, grid, threshold, bubbles_out, threads or None)
        try:
            save_picture(draw_images(pictures), out)
        except OSError as error:
            raise StudyError(cannot_write(error, out)) from None
    print(
        f"{found} bubbles above {threshold:g} in {data.frames} frames of {data.elements} elements, "
        f"{grid.lateral.size} x {grid.axial.size} pixels: {bubbles_out}, {out}"
    )


def calibrate_image(
    model: Model = "robust",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON to write.", show_default="beside the network"),
    ] = None,
    frames: Annotated[int, typer.Option(min=1, help="Simulated frames of each density.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated frames.")] = 77,
    noise_percent: Annotated[
        list[float] | None,
        typer.Option(
            help="Noise of the frames in percent of 9.65 V; may stand several times.",
            show_default="0",
        ),
    ] = None,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Choose above which score a network's images have a bubble, on simulated frames."""
    from ckstudy.devices.gpu_slots import own_card

    with own_card(device):
        from ckstudy.devices.torch_device import resolve_device
        from ckstudy.imaging.calibration import (
            calibrate,
            calibration_path,
            calibration_specs,
            write_calibration,
        )
        from ckstudy.networks.release import load_model
        from ckstudy.networks.shipped import model_path

        path = model_path(model)
        network = load_model(model).to(resolve_device(device))
        specs = calibration_specs(frames, seed, noise_percent or [0.0])
        found = calibrate(network, specs, path, threads or None)
        where = calibration_path(path) if out is None else out
        write_calibration(where, found)
    print(f"threshold {found['threshold']:g}, F1 {found['f1']:.4f} of these frames: {where}")


def measure_images(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the tables (CSV).")],
    spec: Annotated[
        str | None,
        typer.Option(
            metavar="JSON", help="The config's section imaging: JSON, or a file that holds it."
        ),
    ] = None,
    config: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Configs whose section imaging to take instead."),
    ] = None,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Measure images of simulated frames: point spread, pairs told apart, F1 of the bubbles."""
    from ckstudy.devices.gpu_slots import own_card
    from ckstudy.study.imaging import ImagingSpec
    from ckstudy.study.spec import from_mapping

    if (spec is None) == (not config):
        raise StudyError("give either --spec or --config")
    if spec is not None:
        wanted = from_mapping(ImagingSpec, read_spec(spec), "--spec")
    else:
        from ckstudy.study.config import read_configs, read_study

        found = read_study(read_configs(config or [])).imaging
        if found is None:
            raise StudyError("these configs leave images out: their section imaging is null")
        wanted = found
    with own_card(device):
        import torch

        from ckstudy.devices.torch_device import resolve_device
        from ckstudy.imaging.measure import FILES
        from ckstudy.imaging.measure import measure_images as measure
        from ckstudy.networks.shipped import model_path
        from ckstudy.records import recorded

        if threads:
            torch.set_num_threads(threads)
        outputs = [out / f"{name}.csv" for name in FILES]
        with recorded(
            "measure_images",
            entries=["ckstudy.cli.imaging:measure_images"],
            inputs=[model_path(model) for model in wanted.models],
            outputs=outputs,
            parameters=wanted.as_dict(),
            device=device,
        ):
            measure(wanted, out, device=resolve_device(device), threads=threads or None)
    print(f"{', '.join(path.name for path in outputs)}: {out}")
