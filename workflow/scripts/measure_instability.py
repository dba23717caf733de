"""Perturb the test lines of networks, worst case and at random, and change single bubbles."""

import shutil
from pathlib import Path

from _step import logged, recorded_job

with logged(snakemake.log[0]), recorded_job(snakemake):
    from ckstudy.analysis.analysis_files import write_analysis
    from ckstudy.dataset import read_lines
    from ckstudy.devices.gpu_slots import own_card
    from ckstudy.probing.instability import instability_of_runs
    from ckstudy.study.analyses import InstabilitySpec

    settings = InstabilitySpec(**snakemake.params.settings)
    with own_card(snakemake.params.device):
        found = instability_of_runs(
            Path(snakemake.params.runs),
            snakemake.params.names,
            read_lines(snakemake.input.test, slice(0, settings.lines)),
            settings,
            device=snakemake.params.device,
            progress=(Path(snakemake.params.parts), snakemake.params.code),
        )
    for path, table in zip(snakemake.output, found, strict=True):
        write_analysis(path, table)
    shutil.rmtree(snakemake.params.parts)
