"""Networks: what there is, which ones the study trains, and the training of one."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ckstudy.cli.arguments import (
    KNOW,
    STEPS,
    STUDY,
    Configs,
    Device,
    DeviceName,
    PresetName,
    Threads,
    read_spec,
)

if TYPE_CHECKING:
    from ckstudy.study.config import Study

_Results = Annotated[
    Path | None,
    typer.Option("--out", metavar="FOLDER", help="The results.", show_default="the config's"),
]
_Only = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="An experiment, or a pattern of runs such as 'ckcnn-k131-*'; repeatable.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add this module's sub-commands to ``app``."""
    app.command("grid", rich_help_panel=STUDY)(grid)
    app.command("train-grid", rich_help_panel=STUDY)(train_grid)
    app.command("status", rich_help_panel=STUDY)(status)
    app.command("train", rich_help_panel=STEPS)(train)
    app.command("learning-curve", rich_help_panel=STEPS)(learning_curve)
    app.command("models", rich_help_panel=KNOW)(models)
    app.command("check-device", rich_help_panel=KNOW)(check_device)


def models(
    preset: Annotated[
        PresetName | None,
        typer.Option(help="Reading of the thesis that sets the options.", show_default="all"),
    ] = None,
) -> None:
    """Print each network's name, trainable parameters and receptive field."""
    from ckstudy.networks import build_network, count_parameters, receptive_field
    from ckstudy.study.presets import NETWORKS, PRESETS, network_options

    print(f"{'preset':<14} {'network':<15} {'parameters':>10} {'receptive field':>16}  options")
    for chosen in [preset] if preset else PRESETS:
        for name in NETWORKS:
            network = build_network(name, preset=chosen)
            options = network_options(name, chosen)
            text = ", ".join(f"{key}={value}" for key, value in options.items())
            print(
                f"{chosen:<14} {name:<15} {count_parameters(network):>10,} "
                f"{receptive_field(network):>16,}  {text}"
            )


def grid(config: Configs) -> None:
    """Print the runs that a config asks for, and the experiments they serve."""
    study = _study(config, None)
    for run in study.runs:
        serves = [name for name, runs in study.run_names.items() if run in runs]
        print(f"{run:<40} {', '.join(serves)}")
    print(f"{len(study.runs)} networks to train", file=sys.stderr)


def check_device(device: Device = "auto") -> None:
    """Say on what the trainings would run, or why they cannot."""
    from ckstudy.devices.torch_device import resolve_device

    print(resolve_device(device))


def train(
    spec: Annotated[
        str, typer.Option(metavar="JSON", help="The run's spec: JSON, or a file that holds it.")
    ],
    train: Annotated[Path, typer.Option(metavar="FILE", help="Training lines (HDF5).")],
    validation: Annotated[Path, typer.Option(metavar="FILE", help="Validation lines (HDF5).")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of the run.")],
    checkpoints: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder for the progress of this run.")
    ],
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Train one network and release its weights; goes on from its checkpoint if there is one."""
    from ckstudy.devices.gpu_slots import own_card
    from ckstudy.records import recorded
    from ckstudy.study.folder import RUN_FILES
    from ckstudy.study.lines import check_noise_of_lines
    from ckstudy.study.spec import RunSpec

    wanted = RunSpec.from_json(read_spec(spec))
    check_noise_of_lines(wanted, train, validation)
    with own_card(device):
        import torch

        from ckstudy.devices.torch_device import resolve_device
        from ckstudy.training.identity import start_files
        from ckstudy.training.stopping import Stopped
        from ckstudy.training.trainer import train as train_network

        if threads:
            torch.set_num_threads(threads)
        place = resolve_device(device)
        try:
            with recorded(
                "train",
                entries=["ckstudy.cli.train:train"],
                inputs=[train, validation, *start_files(wanted)],
                outputs=[out / name for name in RUN_FILES],
                parameters=wanted.to_json(),
                device=str(place),
            ):
                train_network(
                    wanted,
                    train_path=train,
                    validation_path=validation,
                    out=out,
                    checkpoint_folder=checkpoints,
                    device=place,
                )
        except Stopped as stopped:
            print(f"ckstudy: {stopped}", file=sys.stderr)
            sys.exit(stopped.exit_status)


def train_grid(
    config: Configs,
    out: _Results = None,
    minutes: Annotated[
        float | None, typer.Option(help="Budget of time.", show_default="to the end")
    ] = None,
    only: _Only = None,
    device: Annotated[
        DeviceName | None, typer.Option(help="Where to compute.", show_default="the config's")
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=1, help="Networks at a time, each in its own process.")
    ] = 1,
    threads: Annotated[
        int, typer.Option(min=0, help="CPU threads of each job; 0 shares out torch's choice.")
    ] = 0,
) -> None:
    """Train a study's networks, most valuable first, inside a budget of time.

    Goes on where it stopped when the same command is run again. Writes the files that the
    workflow would: snakemake then finds these networks trained.
    """
    began = time.monotonic()
    from ckstudy.campaign.progress import members as chosen_members
    from ckstudy.campaign.run import deadline_after, simulate_missing, train_members
    from ckstudy.devices.gpu_slots import own_card

    study = _study(config, out)
    members = chosen_members(study, only)
    deadline = deadline_after(minutes, began)
    place, folder = device or study.device, study.folder
    if not simulate_missing(study, members, folder, deadline):
        print("the time is up; the lines are not all simulated yet", file=sys.stderr)
        return
    with own_card(place, deadline):
        from ckstudy.training.stopping import Stopped

        try:
            unfinished = train_members(
                members, folder, device=place, deadline=deadline, jobs=jobs, threads=threads
            )
        except Stopped as stopped:
            print(f"ckstudy: {stopped}", file=sys.stderr)
            sys.exit(stopped.exit_status)
    print(f"{len(members) - len(unfinished)} of {len(members)} networks are done", file=sys.stderr)


def status(
    config: Configs,
    out: _Results = None,
    only: _Only = None,
    every: Annotated[
        bool,
        typer.Option("--all", help="Every network; else those of a large study by experiment."),
    ] = False,
) -> None:
    """Print how far a study's networks are, and how long the rest would take."""
    from ckstudy.campaign.overview import lines
    from ckstudy.campaign.progress import members as chosen_members
    from ckstudy.campaign.progress import progress
    from ckstudy.campaign.run import SPLITS, missing_lines
    from ckstudy.study.lines import noise_levels
    from ckstudy.training.identity import code_digest, data_hashes

    study = _study(config, out)
    members = chosen_members(study, only)
    folder = study.folder
    data = {}
    for noise in noise_levels(members.values()):
        paths = [folder.data(split, noise) for split in SPLITS]
        data[noise] = None if missing_lines(study, noise, folder) else data_hashes(*paths)
    digest = code_digest()
    found = {run: progress(folder, spec, digest, data[spec.noise]) for run, spec in members.items()}
    for line in lines(members, found, study.run_names, every=every):
        print(line)


def learning_curve(
    run: Annotated[
        list[Path], typer.Option(metavar="FOLDER", help="Folder of a trained run; repeatable.")
    ],
    out: Annotated[Path, typer.Option(metavar="STEM", help="Writes STEM.png and STEM.svg.")],
    published: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="CSV of a published curve: epoch,train_loss,validation_loss"
        ),
    ] = None,
) -> None:
    """Draw the learning curves of runs, beside a published one."""
    from ckstudy.report.figures.learning import draw_learning_curve

    draw_learning_curve(run, published, out)
    print(f"{out}.png\n{out}.svg")


def _study(config: list[Path], out: Path | None) -> "Study":
    from ckstudy.study.config import read_configs, read_study

    merged = read_configs(config)
    return read_study(merged if out is None else {**merged, "results": str(out)})
