"""The widths that the windows of long kernels learned, by layer."""

from typing import NamedTuple

import numpy as np
import safetensors

from ckstudy.analysis.results import Results
from ckstudy.errors import StudyError
from ckstudy.report.tables import findings
from ckstudy.report.tables.captions import scale, unfinished
from ckstudy.report.tables.table import Column, Table, code, number, tabulate, whole

ABSENT = "The study has no network with learnable windows."
_KEY = ".log_sigma"


class _Row(NamedTuple):
    run: str
    network: str
    kernel_size: float
    start: float
    layer: int
    sigma: float


def windows_table(results: Results, rate_mhz: float) -> Table:
    """Learned σ of every layer of every windowed network, in samples and in µs.

    Parameters
    ----------
    results : Results
        With the released models in its runs.
    rate_mhz : float
        Sampling rate of the lines.

    Raises
    ------
    StudyError
        Where a model is missing or damaged.
    """
    cells = results.cells()
    started = {run: results.spec(run)["network"].get("window") for run in results.runs().index}
    rows = [
        _Row(run, cell.network, cell.kernel_size, started[run], layer, sigma)
        for cell in cells.itertuples()
        for run in cell.runs
        if started[run] is not None
        for layer, sigma in enumerate(learned_sigmas(results, run), 1)
    ]
    columns = [
        Column("run", lambda row: row.run, "network", code),
        Column("kernel_size", lambda row: row.kernel_size, "K", whole),
        Column("layer", lambda row: row.layer, "layer"),
        Column("start", lambda row: row.start, "σ at the start (samples)", number("{:g}")),
        Column("sigma", lambda row: row.sigma, "σ learned (samples)", number("{:.1f}")),
        Column("sigma_us", lambda row: row.sigma / rate_mhz, "(µs)", number("{:.2f}")),
    ]
    data, text = tabulate(rows, columns)
    if not rows:
        return Table("windows", "Learned windows", ABSENT, data, ())
    windowed = cells[[any(started[run] is not None for run in runs) for runs in cells["runs"]]]
    caption = (
        "Learned windows: standard deviation σ of the Gaussian over the kernels of each layer. "
        f"{scale(results, windowed)} {unfinished(results)}"
    ).strip()
    return Table("windows", "Learned windows", caption, data, (("", text),), findings.windows(data))


def learned_sigmas(results: Results, run: str) -> list[float]:
    """σ of each layer in samples, from the released model; torch is not needed."""
    path = results.directory / "runs" / run / "model.safetensors"
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            keys = [key for key in file.keys() if key.endswith(_KEY)]  # noqa: SIM118
            found = {key: float(np.exp(file.get_tensor(key).astype(np.float64))) for key in keys}
    except FileNotFoundError:
        raise StudyError(f"there is no model file {path}; train the run") from None
    except (OSError, safetensors.SafetensorError) as error:
        raise StudyError(f"{path} is no readable safetensors file: {error}") from None
    # "model.10" comes after "model.7".
    return [found[key] for key in sorted(found, key=_places)]


def _places(key: str) -> list[int]:
    return [int(part) for part in key.split(".") if part.isdigit()]
