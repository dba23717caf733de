"""Test networks, and a linear filter, on lines with noise of several levels."""

import shutil
from pathlib import Path

from _step import logged, recorded_job

with logged(snakemake.log[0]), recorded_job(snakemake):
    from ckstudy.analysis.analysis_files import write_analysis
    from ckstudy.dataset import read_lines
    from ckstudy.devices.gpu_slots import own_card
    from ckstudy.probing.noise_levels import Splits, noise_levels_of_runs
    from ckstudy.study.analyses import NoiseLevelsSpec

    settings = NoiseLevelsSpec(**snakemake.params.settings)
    first = slice(0, settings.lines)
    with own_card(snakemake.params.device):
        found = noise_levels_of_runs(
            Path(snakemake.params.runs),
            snakemake.params.names,
            Splits(*(read_lines(snakemake.input[split], first) for split in Splits._fields)),
            settings,
            device=snakemake.params.device,
            progress=(Path(snakemake.params.parts), snakemake.params.code),
        )
    write_analysis(snakemake.output[0], found)
    shutil.rmtree(snakemake.params.parts)
