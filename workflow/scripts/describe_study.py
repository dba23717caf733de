"""Write what the tables say of the study: its name, the margins of its verdicts, what it lacks."""

from _step import logged, recorded_job

with logged(snakemake.log[0]), recorded_job(snakemake):
    from ckstudy.files import write_json

    write_json(snakemake.output[0], snakemake.params.study)
