"""Networks: what there is, which ones the study trains, and the training of one."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ckstudy.cli.arguments import read_configs, read_spec


def register(app: typer.Typer) -> None:
    """Add this module's sub-commands to ``app``."""
    app.command("models")(models)
    app.command("grid")(grid)
    app.command("check-device")(check_device)
    app.command("train")(train)


def models(
    preset: Annotated[str, typer.Option(help="Reading of the thesis that sets the options.")] = "",
) -> None:
    """Print each network's name, trainable parameters and receptive field."""
    from ckstudy.networks import build_network, count_parameters, receptive_field
    from ckstudy.presets import NETWORKS, PRESETS, network_options
    from ckstudy.presets import preset as reading

    if preset:
        reading(preset)
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


def grid(
    config: Annotated[
        list[Path], typer.Option(help="Config file; a further one overlays those before it.")
    ],
) -> None:
    """Print the runs that a config asks for, and the experiments they serve."""
    from ckstudy.grid import expand_grid

    runs, experiments = expand_grid(read_configs(config))
    for run in runs:
        print(f"{run:<40} {', '.join(name for name, of in experiments.items() if run in of)}")
    print(f"{len(runs)} networks to train", file=sys.stderr)


def check_device(
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")],
) -> None:
    """Say on what the trainings would run, or why they cannot."""
    from ckstudy.training.device import resolve_device

    print(resolve_device(device))


def train(
    spec: Annotated[str, typer.Option(help="The run's spec: JSON, or a file that holds it.")],
    train: Annotated[Path, typer.Option(help="Training lines (HDF5).")],
    validation: Annotated[Path, typer.Option(help="Validation lines (HDF5).")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    checkpoints: Annotated[Path, typer.Option(help="Folder for the progress of this run.")],
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads; 0 takes torch's choice.")] = 0,
) -> None:
    """Train one network and release its weights; goes on from its checkpoint if there is one."""
    import torch

    from ckstudy.training.device import resolve_device
    from ckstudy.training.stopping import Stopped
    from ckstudy.training.trainer import train as train_network

    members = read_spec(spec, needed=("run", "network", "training", "loss"))
    if threads:
        torch.set_num_threads(threads)
    try:
        train_network(
            members,
            train_path=train,
            validation_path=validation,
            out=out,
            checkpoint_folder=checkpoints,
            device=resolve_device(device),
        )
    except Stopped as stopped:
        print(f"ckstudy: {stopped}", file=sys.stderr)
        sys.exit(stopped.exit_status)
