"""Execute a notebook with papermill, in this interpreter."""

from _step import logged, recorded_job

with logged(snakemake.log.text), recorded_job(snakemake):
    from ckstudy.report.notebook import execute

    execute(
        snakemake.input.notebook,
        snakemake.output.notebook,
        {"results": snakemake.params.results},
        snakemake.log.notebook,
    )
