"""Draw all figures of a kind as PNG and SVG, the same bytes each time."""

from _step import logged

with logged(snakemake.log[0]):
    from ckstudy.report.figures.catalogue import draw

    draw([snakemake.params.kind], snakemake.params.results, snakemake.params.out)
