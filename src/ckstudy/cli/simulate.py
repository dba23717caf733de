"""``ckstudy simulate``: data sets of RF lines."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ckstudy.cli.arguments import STEPS, MixedPopulationName, ShellName, read_spec


def register(app: typer.Typer) -> None:
    """Add this module's sub-commands to ``app``."""
    app.command("simulate", rich_help_panel=STEPS)(simulate)


# Without a flag and without the key in --spec, the simulator's own default holds, which the help
# names: hence None here.
def simulate(
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="HDF5 file to write, such as data/train.h5.")
    ],
    spec: Annotated[
        str | None,
        typer.Option(
            metavar="JSON",
            help="Any of the choices below (underscores for hyphens): JSON, or a file of it.",
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="A label for the lines.", show_default="train")
    ] = None,
    lines: Annotated[int | None, typer.Option(help="How many lines.", show_default="1024")] = None,
    first_line: Annotated[
        int | None, typer.Option(help="Number of the first line.", show_default="0")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of all randomness.", show_default="2023")
    ] = None,
    bubbles: Annotated[
        tuple[int, int] | None,
        typer.Option(
            metavar="LOW HIGH", help="Fewest and most bubbles a line.", show_default="10 1000"
        ),
    ] = None,
    pressure_kpa: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="LOW HIGH",
            help="Lowest and highest peak pressure in kPa, within 1 to 300.",
            show_default="5 250",
        ),
    ] = None,
    population: Annotated[
        MixedPopulationName | None,
        typer.Option(
            help="Sizes of the bubbles; mixed is one or the other for each line.",
            show_default="monodisperse",
        ),
    ] = None,
    radius_um: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="LOW HIGH",
            help="Smallest and largest radius in µm.",
            show_default="the population's own",
        ),
    ] = None,
    shell: Annotated[
        ShellName | None, typer.Option(help="Model of the shell.", show_default="segers")
    ] = None,
    noise_percent: Annotated[
        float | None,
        typer.Option(
            help="Noise in percent of 9.65 V, 0 to 256. In --spec also [LOW, HIGH]: another level "
            "for each line.",
            show_default="0",
        ),
    ] = None,
    sampling_rate_mhz: Annotated[
        float | None, typer.Option(help="31.25, 62.5 or 125.", show_default="62.5")
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            help="Worker processes; the file does not depend on it.", show_default="all cores"
        ),
    ] = None,
) -> None:
    """Simulate RF lines of micro-bubbles. A flag overrides the same key of --spec.

    An interrupted simulation goes on where it was when the same command is run again.
    """
    from ckstudy.acoustics.simulate_dataset import simulate_dataset
    from ckstudy.acoustics.specification import SimulationSpec
    from ckstudy.records import recorded

    chosen = {} if spec is None else read_spec(spec)
    flags = {
        "split": split,
        "lines": lines,
        "first_line": first_line,
        "seed": seed,
        "bubbles": bubbles,
        "pressure_kpa": pressure_kpa,
        "population": population,
        "radius_um": radius_um,
        "shell": shell,
        "noise_percent": noise_percent,
        "sampling_rate_mhz": sampling_rate_mhz,
    }
    chosen |= {key: value for key, value in flags.items() if value is not None}
    source = "the options" if spec is None else "--spec"
    if spec is not None and not spec.lstrip().startswith("{"):
        source = f"the spec {spec}"
    wanted = SimulationSpec.from_dict(chosen, source)
    code, told = ["ckstudy.cli.simulate:simulate"], wanted.as_dict()
    try:
        with recorded("simulate", entries=code, inputs=[], outputs=[out], parameters=told):
            simulate_dataset(wanted, out, processes)
    except KeyboardInterrupt:
        print("interrupted: run the same command again to go on", file=sys.stderr)
        raise typer.Exit(130) from None
