"""Test networks, and a linear filter, on lines with bubbles of another population or shell."""

import shutil
from pathlib import Path

from _step import logged, recorded_job

with logged(snakemake.log[0]), recorded_job(snakemake):
    from ckstudy.analysis.analysis_files import write_analysis
    from ckstudy.dataset import read_lines
    from ckstudy.devices.gpu_slots import own_card
    from ckstudy.probing.other_bubbles import scores_with_other_bubbles
    from ckstudy.study.analyses import OtherBubblesSpec
    from ckstudy.study.lines import SPLITS

    settings = OtherBubblesSpec(**snakemake.params.settings)
    first = slice(0, settings.lines)
    with own_card(snakemake.params.device):
        found = scores_with_other_bubbles(
            Path(snakemake.params.runs),
            snakemake.params.names,
            {split: read_lines(snakemake.input[split], first) for split in SPLITS},
            settings,
            device=snakemake.params.device,
            progress=(Path(snakemake.params.parts), snakemake.params.code),
        )
    write_analysis(snakemake.output[0], found)
    shutil.rmtree(snakemake.params.parts)
