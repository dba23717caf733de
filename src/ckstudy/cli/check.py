"""What others published: their lines and networks for ours, and ours held against theirs."""

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from ckstudy.cli.arguments import SRML1D, PopulationName


def register(app: typer.Typer) -> None:
    """Add this module's sub-commands to ``app``."""
    app.command("import-srml1d", rich_help_panel=SRML1D)(import_srml1d)
    app.command("import-srml1d-network", rich_help_panel=SRML1D)(import_srml1d_network)
    app.command("check-simulator", rich_help_panel=SRML1D)(check_simulator)


def import_srml1d(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of the .txt files.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="HDF5 file to write.")],
    sampling_rate_mhz: Annotated[float, typer.Option(min=1e-6, help="Rate of the samples.")] = 62.5,
) -> None:
    """Turn the original text files of SRML-1D into a data set of this study."""
    from ckstudy.srml1d.import_lines import import_folder

    print(f"{import_folder(folder, out, sampling_rate_mhz)} lines in {out}")


def import_srml1d_network(
    source: Annotated[
        Path, typer.Argument(metavar="FILE", help="A published SRML-1D network (state dict).")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The model.safetensors to write.")],
) -> None:
    """Turn a published SRML-1D network into a model that every other command takes.

    Before it localises it wants thresholds beside it, in thresholds.csv: see ckstudy calibrate.
    """
    from ckstudy.networks.release import save_model
    from ckstudy.scoring.score_files import model_digest
    from ckstudy.srml1d.load_network import load_srml1d

    network = load_srml1d(source)
    save_model(out, network, imported_from={"name": source.name, "digest": model_digest(source)})
    print(f"{network.name}: {out}")


def check_simulator(
    network: Annotated[
        Path, typer.Option(metavar="FILE", help="A published SRML-1D network (state dict).")
    ],
    thresholds: Annotated[
        Path, typer.Option(metavar="FILE", help="Its thresholds: CSV, tolerance,threshold.")
    ],
    published: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="Published F1: CSV, network,tolerance_0,...,tolerance_9."
        ),
    ],
    name: Annotated[str, typer.Option(help="The network's row in the published table.")],
    lines: Annotated[int, typer.Option(min=2, help="Test lines to simulate.")] = 256,
    noise: Annotated[float, typer.Option(help="Noise of the lines in percent.")] = 0.0,
    population: Annotated[
        PopulationName, typer.Option(help="Sizes of the bubbles.")
    ] = "monodisperse",
    seed: Annotated[int, typer.Option(help="Seed of the lines.")] = 2023,
    data: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Take these lines (HDF5) instead of simulating any."),
    ] = None,
    allowed: Annotated[float, typer.Option(help="Largest difference from tolerance 2 up.")] = 0.02,
    allowed_below_2: Annotated[
        float, typer.Option(help="Largest difference at tolerances 0 and 1.")
    ] = 0.03,
    figure: Annotated[
        Path | None,
        typer.Option(metavar="STEM", help="Draw F1 against bubbles and pressure: STEM.png, .svg."),
    ] = None,
) -> None:
    """Does a network that others trained score on our lines what they published?

    Exits with status 1 where a difference is larger than allowed.
    """
    from ckstudy.acoustics.simulate_dataset import simulate_dataset
    from ckstudy.acoustics.specification import SimulationSpec
    from ckstudy.dataset import read_lines
    from ckstudy.srml1d.check import as_text, check_network, read_published, read_thresholds
    from ckstudy.srml1d.load_network import load_srml1d

    known = read_thresholds(thresholds), read_published(published, name)
    judge = load_srml1d(network)
    if data is not None:
        chosen = read_lines(data)
    else:
        with tempfile.TemporaryDirectory(prefix="ckstudy-check-") as folder:
            path = Path(folder) / "lines.h5"
            asked = {
                "split": "test",
                "lines": lines,
                "first_line": 2_000_000,
                "seed": seed,
                "noise_percent": noise,
                "population": population,
            }
            simulate_dataset(SimulationSpec.from_dict(asked, "the options"), path)
            chosen = read_lines(path)
    check = check_network(judge, chosen, *known, allowed=allowed, allowed_below_2=allowed_below_2)
    print(as_text(check, name))
    print(f"\n{len(chosen)} lines: {'passed' if check.passed else 'FAILED'}")
    if figure is not None:
        from ckstudy.report.figures.style import house_style, save
        from ckstudy.srml1d.figure import scene_dependence

        with house_style():
            save(scene_dependence(chosen, check.f1[:, 4], name), figure)
    if not check.passed:
        sys.exit(1)
