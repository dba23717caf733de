"""How stable a network is: what it makes of small perturbations, and of one bubble more or less.

The lines are the first test lines. Detections are those above the threshold from the validation
lines; none is chosen here.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from ckstudy.acoustics.specification import SimulationSpec
from ckstudy.dataset import Lines
from ckstudy.devices.torch_device import computing_on, resolve_device
from ckstudy.errors import StudyError
from ckstudy.networks import Localiser
from ckstudy.networks.predict import predict_lines
from ckstudy.networks.release import load_model
from ckstudy.probing.calibrated import own_thresholds
from ckstudy.probing.changed_lines import ChangedLine, changed_lines
from ckstudy.probing.frozen import frozen
from ckstudy.probing.parts import part_by_part, run_key
from ckstudy.probing.perturbations import (
    Predict,
    in_band,
    predictor,
    random_directions,
    unit_lines,
    with_norm,
    worst_cases,
)
from ckstudy.scoring.counts import TOLERANCE
from ckstudy.scoring.evaluation import f1_at
from ckstudy.scoring.matched import find_maxima, match
from ckstudy.study.analyses import InstabilitySpec

EXAMPLE = 400
"""Samples of the first line that are kept for drawing, from its middle on."""


class Instability(NamedTuple):
    """The tables of the analysis: a row for each line, and an example.

    Attributes
    ----------
    perturbations : DataFrame
        kind (``none``, ``random`` or ``worst``), band (``full`` or ``pulse``), relative_norm (as
        asked for), line (its number), norm (‖r‖/‖y‖ as it is), output_change
        (‖f(y + r) - f(y)‖/‖f(y)‖), upstream_f1, matched_f1.
    bubbles : DataFrame
        kind (``inserted`` or ``removed``), line, onset, input_change and output_change (relative
        norms), follows (whether there is one more, or one less, detection within the tolerance),
        elsewhere (detections that came or went farther away; one that moved by no more than the
        tolerance did neither).
    example : DataFrame
        A part of the first line: kind, relative_norm, sample, signal (y + r over the root mean
        square of y), output, truth (bubbles), all of the full band.
    """

    perturbations: pd.DataFrame
    bubbles: pd.DataFrame
    example: pd.DataFrame


def instability_of_runs(
    runs: Path,
    names: Iterable[str],
    lines: Lines,
    settings: InstabilitySpec,
    *,
    device: str,
    progress: tuple[Path, str],
) -> Instability:
    """The tables of several runs, with a column ``run`` in front; goes on where it was cut off.

    Parameters
    ----------
    runs : Path
        Folder of the runs.
    names : iterable of str
    lines : ckstudy.dataset.Lines
        Those to perturb.
    settings : InstabilitySpec
    device : str
        As of :func:`ckstudy.devices.torch_device.resolve_device`. One thread computes: an ascent
        makes much of the last bit.
    progress : (Path, str)
        Folder for what is done so far, and a digest of the code that does it.
    """
    torch.set_num_threads(1)
    place = resolve_device(device)
    folder, code = progress
    changed = one_bubble_changes(lines, settings.bubbles)
    same = f"{settings}{code}{place.type}{lines.line_number.tolist()}{lines.attributes}"

    def key_of(name: str) -> str:
        return run_key(same, runs / name)

    def make(name: str) -> Instability:
        return measure_instability(runs / name, lines, changed, settings, place)

    parts = part_by_part(folder, names, key_of, make, "instability")
    return Instability(
        *(
            pd.concat({name: tables[at] for name, tables in parts}, names=["run", None])
            .reset_index("run")
            .reset_index(drop=True)
            for at in range(len(Instability._fields))
        )
    )


def measure_instability(
    run: Path,
    lines: Lines,
    changed: list[list[ChangedLine]],
    settings: InstabilitySpec,
    device: torch.device,
) -> Instability:
    """Perturb the ``lines`` of a run.

    Parameters
    ----------
    run : Path
        Folder of the run: its model and thresholds.
    lines : ckstudy.dataset.Lines
    changed : list of list of ChangedLine
        For each line, what :func:`one_bubble_changes` gives.
    settings : InstabilitySpec
    device : torch.device
    """
    thresholds = own_thresholds(run)
    network = load_model(run / "model.safetensors").to(device)
    bubbles = [
        _follow(network, lines, place, own, thresholds["matched"], device)
        for place, own in enumerate(changed)
    ]
    with computing_on(device), frozen(network):
        y, rms = unit_lines(torch.from_numpy(lines.rf).to(device))
        rows, example = _perturb(predictor(network, rms), y, lines, thresholds, settings)
    return Instability(rows, pd.concat(bubbles, ignore_index=True), example)


def one_bubble_changes(lines: Lines, count: int) -> list[list[ChangedLine]]:
    """For each line, versions of it that differ by one bubble; the same for every network.

    Raises
    ------
    StudyError
        Where the lines do not say what they were simulated from.
    """
    parameters = lines.attributes.get("parameters", {})
    if "seed" not in parameters:
        raise StudyError(
            "the test lines do not say what they were simulated from, so that no bubble can be "
            "put into them; leave the analysis out (analyses.instability: null)"
        )
    spec = SimulationSpec.from_dict(parameters, "the test lines")
    return [changed_lines(spec, int(number), count) for number in lines.line_number]


def _perturb(
    predict: Predict,
    y: torch.Tensor,
    lines: Lines,
    thresholds: dict[str, float],
    settings: InstabilitySpec,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    with torch.no_grad():
        clean = predict(y)
    size = y.norm(dim=-1, keepdim=True)
    tables, examples = [], []
    part = slice(y.shape[-1] // 2, y.shape[-1] // 2 + EXAMPLE)

    def note(kind: str, band: str, relative: float, r: torch.Tensor) -> None:
        with torch.no_grad():
            output = predict(y + r)
        change = (output - clean).norm(dim=-1) / clean.norm(dim=-1).clamp_min(1e-30)
        tables.append(
            pd.DataFrame(
                {
                    "kind": kind,
                    "band": band,
                    "relative_norm": relative,
                    "line": lines.line_number,
                    "norm": (r.norm(dim=-1, keepdim=True) / size).squeeze(1).cpu().numpy(),
                    "output_change": change.cpu().numpy(),
                    **_f1(output.cpu().numpy(), lines, thresholds),
                }
            )
        )
        if band == "full":
            examples.append(
                pd.DataFrame(
                    {
                        "kind": kind,
                        "relative_norm": relative,
                        "sample": np.arange(part.start, part.start + output[0, part].numel()),
                        "signal": (y + r)[0, part].cpu().numpy(),
                        "output": output[0, part].cpu().numpy(),
                        "truth": lines.bubble_count[0, part],
                    }
                )
            )

    note("none", "full", 0.0, torch.zeros_like(y))
    noise = random_directions((len(y), y.shape[-1]), lines.line_number).to(y.device)
    rate_mhz = lines.sampling_rate_hz / 1e6
    for band in ("full", "pulse"):

        def project(r: torch.Tensor, band: str = band) -> torch.Tensor:
            return r if band == "full" else in_band(r, rate_mhz)

        series = worst_cases(
            predict,
            y,
            settings.norms,
            noise,
            steps=settings.steps,
            step_size=settings.step_size,
            penalty=settings.penalty,
            project=project,
        )
        for relative, r in zip(settings.norms, series, strict=True):
            note("worst", band, relative, r)
            # As large as the worst case is, which a penalty may have kept below what is allowed.
            note("random", band, relative, with_norm(project(noise), r.norm(dim=-1, keepdim=True)))
    return pd.concat(tables, ignore_index=True), pd.concat(examples, ignore_index=True)


def _f1(output: np.ndarray, lines: Lines, thresholds: dict[str, float]) -> dict[str, np.ndarray]:
    return {
        f"{score}_f1": f1_at(score, output, lines.bubble_count, threshold)
        for score, threshold in thresholds.items()
    }


def _follow(
    network: Localiser,
    lines: Lines,
    place: int,
    changed: list[ChangedLine],
    threshold: float,
    device: torch.device,
) -> pd.DataFrame:
    before = lines.rf[place]
    rf = np.stack([before, *(each.rf for each in changed)])
    clean, *outputs = predict_lines(network, rf, device=device, progress=False)
    known = _detections(clean, threshold)
    rows = []
    for each, output in zip(changed, outputs, strict=True):
        now = _detections(output, threshold)
        near = [np.abs(some - each.onset) <= TOLERANCE for some in (known, now)]
        stayed = match(known, now, TOLERANCE).T
        more = int(near[1].sum()) - int(near[0].sum())
        unmatched = [np.delete(~close, kept) for close, kept in zip(near, stayed, strict=True)]
        rows.append(
            {
                "kind": each.kind,
                "line": lines.line_number[place],
                "onset": each.onset,
                "input_change": _relative(each.rf, before),
                "output_change": _relative(output, clean),
                "follows": more == (1 if each.kind == "inserted" else -1),
                "elsewhere": int(np.concatenate(unmatched).sum()),
            }
        )
    return pd.DataFrame(rows)


def _detections(output: np.ndarray, threshold: float) -> np.ndarray:
    peaks = find_maxima(output)
    return peaks[output[peaks] > threshold]


def _relative(new: np.ndarray, old: np.ndarray) -> float:
    norm = np.linalg.norm(old.astype(np.float64))
    return float(np.linalg.norm(new.astype(np.float64) - old) / norm) if norm else np.nan
