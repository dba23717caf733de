"""What code each rule runs, so that a change of it, and of nothing else, runs the rule again.

Snakemake does not follow what a command or a script imports. Each rule therefore has the digest
of its code as a parameter: of the entries below and of all that they use
(:func:`ckstudy.provenance.source_digest`). `tests/workflow/test_digests.py` runs every rule and
fails where one executes code that its digest does not cover.
"""

from functools import cache
from pathlib import Path

from ckstudy.provenance import source_digest

WORKFLOW = Path(__file__).parents[1]
_FIGURES = "ckstudy.report.figures"

# An entry is a function of the package (that of a command), a module, or a file of this folder.
# Figures are drawn by modules that the catalogue imports by name, which no digest can follow.
ENTRIES: dict[str, list[str]] = {
    "simulate": ["ckstudy.cli.simulate:simulate"],
    "train": ["ckstudy.cli.train:train"],
    "check_lines": ["scripts/check_lines.py"],
    "restore_network": ["scripts/restore_network.py"],
    "calibrate": ["ckstudy.cli.evaluate:calibrate"],
    "evaluate": ["ckstudy.cli.evaluate:evaluate"],
    "baselines": ["ckstudy.cli.evaluate:baselines"],
    "failures": ["scripts/find_failures.py"],
    "instability": ["scripts/measure_instability.py"],
    "anatomy": ["scripts/dissect_networks.py"],
    "noise_levels": ["scripts/measure_noise_levels.py"],
    "other_bubbles": ["scripts/measure_other_bubbles.py"],
    "summarise_scores": ["scripts/summarise_scores.py"],
    "describe_study": ["scripts/describe_study.py"],
    "diagrams": [
        "scripts/draw_figures.py",
        f"{_FIGURES}.kernel_diagrams",
        f"{_FIGURES}.architecture_diagrams",
    ],
    "line_figures": ["scripts/draw_figures.py", f"{_FIGURES}.prediction", f"{_FIGURES}.data"],
    "score_figures": [
        "scripts/draw_figures.py",
        f"{_FIGURES}.learning",
        f"{_FIGURES}.scores",
        f"{_FIGURES}.noise",
    ],
    "network_figures": [
        "scripts/draw_figures.py",
        f"{_FIGURES}.kernel_band",
        f"{_FIGURES}.inside",
    ],
    "long_kernel_figures": ["scripts/draw_figures.py", f"{_FIGURES}.long_kernels"],
    "full_grid_figures": ["scripts/draw_figures.py", f"{_FIGURES}.full_grid"],
    "measure_images": ["ckstudy.cli.imaging:measure_images"],
    "imaging_figures": ["scripts/draw_figures.py", f"{_FIGURES}.imaging"],
    "analysis_figures": [
        "scripts/draw_figures.py",
        f"{_FIGURES}.failures",
        f"{_FIGURES}.instability",
        f"{_FIGURES}.anatomy",
        f"{_FIGURES}.noise_levels",
        f"{_FIGURES}.other_bubbles",
    ],
    "index": ["scripts/write_index.py"],
    "notebook_data": ["scripts/run_notebook.py", "notebooks/01_data.ipynb"],
    "notebook_dilated": ["scripts/run_notebook.py", "notebooks/02_dilated.ipynb"],
    "notebook_kernel_size": ["scripts/run_notebook.py", "notebooks/03_kernel_size.ipynb"],
    "notebook_omega_0": ["scripts/run_notebook.py", "notebooks/04_omega_0.ipynb"],
    "notebook_noise": ["scripts/run_notebook.py", "notebooks/05_noise.ipynb"],
    "notebook_claims": ["scripts/run_notebook.py", "notebooks/06_claims.ipynb"],
    "notebook_beyond": ["scripts/run_notebook.py", "notebooks/08_beyond.ipynb"],
    "notebook_long_kernels": ["scripts/run_notebook.py", "notebooks/07_long_kernels.ipynb"],
    "notebook_full_grid": ["scripts/run_notebook.py", "notebooks/10_full_grid.ipynb"],
    "notebook_imaging": ["scripts/run_notebook.py", "notebooks/09_imaging.ipynb"],
}


def entries(rule: str) -> list[str | Path]:
    """The entries of a rule, with files as paths."""
    return [WORKFLOW / entry if "/" in entry else entry for entry in ENTRIES[rule]]


@cache
def code_of(rule: str) -> str:
    """Digest of the code that the rule runs."""
    return source_digest(*entries(rule))
