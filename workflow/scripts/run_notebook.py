"""Execute a notebook with papermill, in this interpreter."""

from _step import logged

with logged(snakemake.log.text):
    from ckstudy.report.notebook import execute

    execute(
        snakemake.input.notebook,
        snakemake.output.notebook,
        {"results": snakemake.params.results},
        snakemake.log.notebook,
    )
