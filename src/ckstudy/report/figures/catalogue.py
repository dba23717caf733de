"""All figures by name, and what each is drawn from."""

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from ckstudy.analysis.results import Results
from ckstudy.errors import StudyError
from ckstudy.report.figures import style


class Entry(NamedTuple):
    """Where a figure is drawn.

    ``kind`` says what it is drawn from: ``diagrams`` from code alone, ``lines`` from the data
    set and a trained network, ``networks`` from all trained networks, ``scores`` from the tables
    of scores. Only the first three load torch, and only when one of them is drawn.
    ``long_kernels`` and ``full_grid`` are of scores too, for studies that have these experiments;
    ``analyses`` are of the tables of what is looked into beyond the thesis, and ``imaging`` of what
    a study measured of images.
    """

    kind: str
    module: str
    function: str


FIGURES: dict[str, Entry] = {
    "figure1_siren": Entry("diagrams", "kernel_diagrams", "siren"),
    "figure2_ckconv": Entry("diagrams", "kernel_diagrams", "ckconv"),
    "figure3_dilated_cnn": Entry("diagrams", "architecture_diagrams", "dilated_cnn"),
    "figure4_ckcnn": Entry("diagrams", "architecture_diagrams", "ckcnn"),
    "figure5_dual_loss": Entry("lines", "prediction", "dual_loss"),
    "figure6_scoring": Entry("lines", "prediction", "scoring"),
    "figure7_dilated": Entry("scores", "scores", "dilated_scatter"),
    "figure8_omega_0": Entry("scores", "scores", "omega_0_violins"),
    "simulated_line": Entry("lines", "data", "simulated_line"),
    "population": Entry("lines", "data", "population"),
    "kernel_size": Entry("scores", "scores", "kernel_size_scores"),
    "kernel_size_noise": Entry("scores", "noise", "noise_scores"),
    "inside": Entry("networks", "inside", "inside"),
    "kernel_band": Entry("networks", "kernel_band", "kernel_band"),
    "learning_curves": Entry("scores", "learning", "learning_curves"),
    "kernel_size_omega_0": Entry("full_grid", "full_grid", "kernel_size_by_omega_0"),
    "failures": Entry("analyses", "failures", "failures"),
    "detections": Entry("analyses", "failures", "detections"),
    "instability": Entry("analyses", "instability", "instability"),
    "instability_example": Entry("analyses", "instability", "instability_example"),
    "receptive_fields": Entry("analyses", "anatomy", "receptive_fields"),
    "cost": Entry("analyses", "anatomy", "cost"),
    "noise_levels": Entry("analyses", "noise_levels", "noise_levels"),
    "other_bubbles": Entry("analyses", "other_bubbles", "other_bubbles"),
    "long_kernels": Entry("long_kernels", "long_kernels", "long_kernel_scores"),
    "imaging": Entry("imaging", "imaging", "imaging_scores"),
}


def names(kind: str) -> list[str]:
    """Names of the figures of one kind."""
    return [name for name, entry in FIGURES.items() if entry.kind == kind]


def needs_results(wanted: Iterable[str]) -> list[str]:
    """Those of the figures in ``wanted`` (names or kinds) that are drawn from results."""
    chosen = dict.fromkeys(name for given in wanted for name in _expand(given))
    return [name for name in chosen if FIGURES[name].kind != "diagrams"]


def make(name: str, results: Results) -> Figure:
    """The figure of that name, in the house style, ready to be saved or looked at."""
    entry = FIGURES[name]
    module = import_module(f"ckstudy.report.figures.{entry.module}")
    with style.house_style():
        figure = getattr(module, entry.function)(results)
        style.fix_ticks(figure)
    return figure


def draw(wanted: Iterable[str], results: str | Path, out: str | Path) -> list[Path]:
    """Draw figures and write each as ``out/name.png`` and ``out/name.svg``.

    Parameters
    ----------
    wanted : iterable of str
        Names of figures, or kinds, each of which stands for all its figures.
    results : str or Path
        Results directory; diagrams do not look at it.
    out : str or Path
        Directory of the pictures, made where it does not exist.

    Returns
    -------
    list of Path
        The files written, without suffix.

    Raises
    ------
    StudyError
        For an unknown name, before anything is drawn, or where a needed file is missing.
    """
    chosen = list(dict.fromkeys(name for given in wanted for name in _expand(given)))
    source = Results(results)
    stems = [Path(out) / name for name in chosen]
    for name, stem in zip(chosen, stems, strict=True):
        style.save(make(name, source), stem)
    return stems


def _expand(name: str) -> list[str]:
    members = [name] if name in FIGURES else names(name)
    if not members:
        kinds = dict.fromkeys(entry.kind for entry in FIGURES.values())
        raise StudyError(f"unknown figure {name!r}; choose from {', '.join([*kinds, *FIGURES])}")
    return members
