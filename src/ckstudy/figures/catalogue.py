"""All figures by name, and what each is drawn from."""

from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path

from ckstudy.errors import StudyError
from ckstudy.figures import style
from ckstudy.results import Results

# Name: module and function. The modules are imported when a figure of theirs is drawn: those of
# the diagrams and of a line need torch, those of the scores do not.
_DIAGRAMS = {
    "figure1_siren": "siren",
    "figure2_ckconv": "ckconv",
    "figure3_dilated_cnn": "dilated_cnn",
    "figure4_ckcnn": "ckcnn",
}
_LINES = {
    "figure5_dual_loss": "dual_loss",
    "figure6_scoring": "scoring",
    "simulated_line": "simulated_line",
    "population": "population",
}
_SCORES = {
    "figure7_dilated": "dilated_scatter",
    "figure8_omega_0": "omega_0_violins",
    "kernel_size": "kernel_size_scores",
    "learning_curves": "learning_curves",
}
FIGURES: dict[str, str] = {
    **dict.fromkeys(_DIAGRAMS, "diagrams"),
    **dict.fromkeys(_LINES, "lines"),
    **dict.fromkeys(_SCORES, "scores"),
}
"""Name to kind: ``diagrams`` need no results, ``lines`` the test lines and a trained network,
``scores`` the tables of scores."""


def draw(names: Iterable[str], results: str | Path, out: str | Path) -> list[Path]:
    """Draw figures and write each as ``out/name.png`` and ``out/name.svg``.

    Parameters
    ----------
    names : iterable of str
        Keys of :data:`FIGURES`, or kinds, each of which stands for all its figures.
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
    wanted = list(dict.fromkeys(name for given in names for name in _expand(given)))
    source = Results(results)
    stems = []
    with style.house_style():
        for name in wanted:
            stem = Path(out) / name
            style.save(_function(name)(source), stem)
            stems.append(stem)
    return stems


def _expand(name: str) -> list[str]:
    if name in FIGURES:
        return [name]
    members = [figure for figure, kind in FIGURES.items() if kind == name]
    if not members:
        known = [*dict.fromkeys(FIGURES.values()), *FIGURES]
        raise StudyError(f"unknown figure {name!r}; choose from {', '.join(known)}")
    return members


def _function(name: str) -> Callable:
    module = import_module(f"ckstudy.figures.{FIGURES[name]}")
    return getattr(module, {**_DIAGRAMS, **_LINES, **_SCORES}[name])
