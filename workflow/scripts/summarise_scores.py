"""Put the scores of all runs into one table, with means, medians and intervals."""

from _step import logged, recorded_job

with logged(snakemake.log[0]), recorded_job(snakemake):
    from ckstudy.scoring.score_files import write_table
    from ckstudy.scoring.summary import summarise_runs

    table = summarise_runs(
        snakemake.params.folder,
        snakemake.params.runs,
        snakemake.params.experiments,
        resamples=snakemake.params.resamples,
        noise_percent=snakemake.params.noise_percent,
    )
    write_table(snakemake.output[0], table)
