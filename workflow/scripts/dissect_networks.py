"""Tell what every network sees, by gradients, and what it costs."""

from pathlib import Path

from _step import logged, recorded_job

with logged(snakemake.log[0]), recorded_job(snakemake):
    import torch

    from ckstudy.analysis.analysis_files import write_analysis
    from ckstudy.dataset import read_lines
    from ckstudy.devices.gpu_slots import own_card
    from ckstudy.devices.torch_device import resolve_device
    from ckstudy.probing.anatomy import dissect
    from ckstudy.study.analyses import AnatomySpec

    settings = AnatomySpec(**snakemake.params.settings)
    torch.set_num_threads(1)
    with own_card(snakemake.params.device):
        found = dissect(
            Path(snakemake.params.runs),
            snakemake.params.names,
            read_lines(snakemake.input.test, slice(0, settings.lines)),
            settings,
            resolve_device(snakemake.params.device),
        )
    for path, table in zip(snakemake.output, found, strict=True):
        write_analysis(path, table)
