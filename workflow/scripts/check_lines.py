"""Compare the simulated lines with those that the archived networks were trained on."""

from pathlib import Path

from _step import logged, recorded_job

with logged(snakemake.log[0]) as screen, recorded_job(snakemake):
    from ckstudy.archive.contents import archived_lines
    from ckstudy.archive.lines import check_lines, warnings
    from ckstudy.files import write_json

    known = archived_lines(snakemake.params.archive, snakemake.params.lines)
    found = check_lines(Path(snakemake.params.data), known)
    write_json(snakemake.output[0], found)
    for warning in warnings(found):
        print(f"warning: {warning}")
        print(f"warning: {warning}", file=screen, flush=True)
