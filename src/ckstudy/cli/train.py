"""Networks: what there is, which ones the study trains, and the training of one."""

import sys
import time
from collections import Counter
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
        from ckstudy.training.stopping import Stopped
        from ckstudy.training.trainer import train as train_network

        if threads:
            torch.set_num_threads(threads)
        place = resolve_device(device)
        try:
            with recorded(
                "train",
                entries=["ckstudy.cli.train:train"],
                inputs=[train, validation],
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


def status(config: Configs, out: _Results = None, only: _Only = None) -> None:
    """Print how far each network of a study is, and how long the rest would take."""
    from ckstudy.campaign.progress import expected_seconds, progress
    from ckstudy.campaign.progress import members as chosen_members
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
    expected = expected_seconds(members, found)
    wide = max(map(len, found))
    print(f"{'run':<{wide}}  {'state':<11} {'epoch':>11} {'s/epoch':>8} {'left':>10}  on")
    for run, member in found.items():
        speed = "" if member.epoch_seconds is None else f"{member.epoch_seconds:.3g}"
        left = expected[run]
        time_left = "?" if left is None else f"{'' if left[1] else '~'}{_duration(left[0])}"
        text = (
            f"{run:<{wide}}  {member.state:<11} {member.epoch:>5}/{member.epochs:<5} {speed:>8} "
            f"{time_left:>10}  {member.device or ''}  {member.note}"
        )
        print(text.rstrip())
    states = Counter(member.state for member in found.values())
    known = [left[0] for left in expected.values() if left is not None]
    unknown = len(expected) - len(known)
    more = f", and {unknown} networks of which no epoch was timed" if unknown else ""
    print(
        f"{len(found)} networks: {', '.join(f'{n} {state}' for state, n in states.items())}; "
        f"left: {_duration(sum(known))}{more}"
    )


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


def _duration(seconds: float) -> str:
    """Seconds as a person says them: 42 s, 7.5 min, 12 h."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.0f} s"
