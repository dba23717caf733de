"""What every network sees and costs, gathered into tables."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from ckstudy.dataset import Lines
from ckstudy.networks import receptive_field
from ckstudy.networks.release import load_model
from ckstudy.probing.cost import cost, times
from ckstudy.probing.effective_field import effective_field, gradient_profile
from ckstudy.study.analyses import AnatomySpec

PROFILE_POINTS = 201
"""At most so many groups of lags make the profile that is kept for drawing."""


class Anatomy(NamedTuple):
    """The three tables of the analysis; each has a column ``run``.

    Attributes
    ----------
    networks : DataFrame
        samples (of a line), nominal (receptive field in samples), cut (where windows leave less),
        width, sigma, centre (the effective field, in samples:
        :class:`~ckstudy.probing.effective_field.EffectiveField`), and parameters, flops,
        kernel_flops, memory_mb (:class:`~ckstudy.probing.cost.Cost`).
    profiles : DataFrame
        lag (samples) and density (share of the gradient's energy, a sample).
    times : DataFrame
        device, threads, forward_ms, step_ms: of this machine, and other each time.
    """

    networks: pd.DataFrame
    profiles: pd.DataFrame
    times: pd.DataFrame


def dissect(
    runs: Path, names: Iterable[str], lines: Lines, settings: AnatomySpec, device: torch.device
) -> Anatomy:
    """Look into all networks of a study.

    Parameters
    ----------
    runs : Path
        Folder of the runs.
    names : iterable of str
    lines : ckstudy.dataset.Lines
        Test lines.
    settings : AnatomySpec
    device : torch.device
    """
    samples = lines.rf.shape[1]
    networks, profiles, measured = [], [], []
    for name in tqdm(list(names), desc="anatomy", unit="network", disable=None, leave=False):
        network = load_model(runs / name / "model.safetensors").to(device)
        profile = gradient_profile(network, lines, settings.places)
        networks.append(
            {
                "run": name,
                "samples": samples,
                "nominal": receptive_field(network),
                "cut": receptive_field(network, effective=True),
                **effective_field(profile)._asdict(),
                **cost(network, samples)._asdict(),
            }
        )
        profiles.append(_drawn(profile).assign(run=name))
        where = {"device": device.type, "threads": torch.get_num_threads()}
        measured.append(
            {"run": name, **where, **times(network, samples, settings.repeats)._asdict()}
        )
    return Anatomy(
        pd.DataFrame(networks),
        pd.concat(profiles, ignore_index=True)[["run", "lag", "density"]],
        pd.DataFrame(measured),
    )


def _drawn(profile: np.ndarray) -> pd.DataFrame:
    """The profile in groups of equally many lags, their mean for each."""
    lags = np.arange(profile.size) - profile.size // 2
    size = -(-profile.size // PROFILE_POINTS)
    group = lags // size
    return (
        pd.DataFrame({"lag": lags, "density": profile}).groupby(group).mean().reset_index(drop=True)
    )
