# In: test lines, trained networks, and what these put out for the test lines.
# Out: RESULTS/analyses/*.csv, the tables of the analyses beyond the thesis (config: analyses).
# Only networks on the study's own lines are looked into: on noisier ones a score is another score.

OWN_RUNS = [name for name, spec in RUNS.items() if spec.noise is None]
ANALYSIS_TABLES = {
    "failures": ["bins", "correlations", "errors", "precision_recall"],
}


def analysis_files(name):
    return expand(
        f"{RESULTS}/analyses/{name}_{{table}}.csv", table=ANALYSIS_TABLES[name]
    )


ANALYSIS_FILES = [path for name in ANALYSES for path in analysis_files(name)]


rule failures:
    input:
        test=f"{RESULTS}/data/test.h5",
        outputs=expand(f"{RESULTS}/runs/{{run}}/test_outputs.h5", run=OWN_RUNS),
        thresholds=expand(f"{RESULTS}/runs/{{run}}/thresholds.csv", run=OWN_RUNS),
    output:
        analysis_files("failures"),
    log:
        f"{RESULTS}/logs/analyses/failures.log",
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        runs=f"{RESULTS}/runs",
        names=OWN_RUNS,
        settings=config["analyses"]["failures"],
        code=code_of("failures"),
    script:
        "../scripts/find_failures.py"
