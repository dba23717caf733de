"""Put an archived network where its training would have put it."""

import json
from pathlib import Path

from _step import logged, recorded_job

with logged(snakemake.log[0]), recorded_job(snakemake):
    from ckstudy.archive.contents import restore_run
    from ckstudy.study.spec import RunSpec

    restore_run(
        snakemake.params.archive,
        RunSpec.from_json(json.loads(snakemake.params.spec)),
        train=Path(snakemake.input.train),
        out=Path(snakemake.output.model).parent,
    )
