"""``ckstudy simulate`` and ``ckstudy import-srml1d``: data sets of RF lines."""

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add this module's sub-commands to ``app``."""

    @app.command("simulate")
    def simulate(
        out: Path = typer.Option(..., help="HDF5 file to write, such as data/train.h5."),
        spec: str | None = typer.Option(
            None, help="Any of the choices below (underscores for hyphens): JSON, or a file of it."
        ),
        split: str | None = typer.Option(None, help="A label for the lines.  [train]"),
        lines: int | None = typer.Option(None, help="How many lines.  [1024]"),
        first_line: int | None = typer.Option(None, help="Number of the first line.  [0]"),
        seed: int | None = typer.Option(None, help="Seed of all randomness.  [2023]"),
        bubbles: tuple[int, int] | None = typer.Option(
            None, help="Fewest and most bubbles a line.  [10 1000]"
        ),
        pressure_kpa: tuple[float, float] | None = typer.Option(
            None, help="Lowest and highest peak pressure in kPa, within 1 to 300.  [5 250]"
        ),
        population: str | None = typer.Option(
            None, help="monodisperse or polydisperse.  [monodisperse]"
        ),
        radius_um: tuple[float, float] | None = typer.Option(
            None, help="Smallest and largest radius in µm.  [the population's own]"
        ),
        shell: str | None = typer.Option(None, help="segers or marmottant.  [segers]"),
        noise_percent: float | None = typer.Option(
            None, help="Noise in percent of 9.65 V, 0 to 256.  [0]"
        ),
        sampling_rate_mhz: float | None = typer.Option(None, help="31.25, 62.5 or 125.  [62.5]"),
        processes: int | None = typer.Option(
            None, help="Worker processes; the file does not depend on it.  [all cores]"
        ),
    ) -> None:
        """Simulate RF lines of micro-bubbles. A flag overrides the same key of --spec.

        An interrupted simulation goes on where it was when the same command is run again.
        """
        from ckstudy.acoustics.simulate_dataset import simulate_dataset
        from ckstudy.acoustics.specification import SimulationSpec
        from ckstudy.cli.arguments import read_spec

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
        if isinstance(chosen, dict):
            chosen |= {key: value for key, value in flags.items() if value is not None}
        source = "the options" if spec is None else "--spec"
        if spec is not None and not spec.lstrip().startswith("{"):
            source = f"the spec {spec}"
        try:
            simulate_dataset(SimulationSpec.from_dict(chosen, source), out, processes)
        except KeyboardInterrupt:
            typer.echo("interrupted: run the same command again to go on", err=True)
            raise typer.Exit(130) from None

    @app.command("import-srml1d")
    def import_srml1d(
        folder: Path = typer.Argument(..., metavar="DIR", help="Folder of the .txt files."),
        out: Path = typer.Option(..., help="HDF5 file to write, such as data/test.h5."),
        sampling_rate_mhz: float = typer.Option(62.5, min=1e-6, help="Rate of the samples."),
    ) -> None:
        """Turn the original text files of SRML-1D into a data set of this study."""
        from ckstudy.srml1d.import_lines import import_folder

        typer.echo(f"{import_folder(folder, out, sampling_rate_mhz)} lines in {out}")
