"""Tell what became of every bubble of the test lines, for all networks."""

from pathlib import Path

from _step import logged, recorded_job

with logged(snakemake.log[0]), recorded_job(snakemake):
    from ckstudy.analysis.analysis_files import write_analysis
    from ckstudy.analysis.failures import find_failures
    from ckstudy.dataset import read_lines

    found = find_failures(
        Path(snakemake.params.runs),
        snakemake.params.names,
        read_lines(snakemake.input.test),
        **snakemake.params.settings,
    )
    for path, table in zip(snakemake.output, found, strict=True):
        write_analysis(path, table)
