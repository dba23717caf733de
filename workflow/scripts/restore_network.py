"""Put an archived network where its training would have put it."""

from pathlib import Path

from _step import logged

with logged(snakemake.log[0]):
    from ckstudy.archive.contents import restore_run

    run = snakemake.wildcards.run
    restore_run(snakemake.params.archive, run, Path(snakemake.output.model).parent)
