"""Draw all figures of a kind as PNG and SVG, the same bytes each time."""

from pathlib import Path

from _step import logged, recorded_job

with logged(snakemake.log[0]), recorded_job(snakemake):
    from ckstudy.report.figures.catalogue import draw

    folder = Path(snakemake.output[0]).parent
    draw([snakemake.params.kind], snakemake.params.results, folder)
