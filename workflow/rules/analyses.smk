# In: test lines, trained networks, and what these put out for the test lines.
# Out: RESULTS/analyses/*.csv, the tables of the analyses beyond the thesis (config: analyses).
# Only networks on the study's own lines are looked into: on noisier ones a score is another score.
# But for noise_levels, which holds those against networks that were trained on noisier lines.

OWN_RUNS = [name for name, spec in RUNS.items() if spec.noise is None]
DISSECTED = [*OWN_RUNS, *OTHERS]
ANALYSIS_TABLES = {
    "failures": ["bins", "correlations", "errors", "precision_recall"],
    "instability": ["perturbations", "bubbles", "example"],
    # Times are of the machine, and other each time: no table or figure is made of them.
    "anatomy": ["networks", "profiles", "times"],
    "noise_levels": ["scores"],
    "other_bubbles": ["scores"],
}


def serving(experiments):
    """The runs that serve any of these experiments, in the study's order."""
    wanted = {
        name for experiment in experiments for name in EXPERIMENTS.get(experiment, [])
    }
    return [name for name in RUNS if name in wanted]


# Networks of each analysis. One that has none is not made.
ANALYSED = dict.fromkeys(ANALYSIS_TABLES, OWN_RUNS)
if STUDY.analyses.instability:
    wanted = serving(STUDY.analyses.instability.experiments)
    ANALYSED["instability"] = [name for name in wanted if name in OWN_RUNS]
TESTED = {}
# Noise is added to the study's own lines, where these have none.
if STUDY.analyses.noise_levels and STUDY.data.noise_percent == 0:
    # By the noise that a network was trained with; one without is tested at all levels.
    TESTED = {
        name: RUNS[name].noise
        for name in serving(STUDY.analyses.noise_levels.experiments)
        if RUNS[name].noise in (None, *STUDY.analyses.noise_levels.percent)
    } | dict.fromkeys(OTHERS)
ANALYSED["noise_levels"] = list(TESTED)
if STUDY.analyses.other_bubbles:
    wanted = serving(STUDY.analyses.other_bubbles.experiments)
    ANALYSED["other_bubbles"] = [
        *(name for name in wanted if name in OWN_RUNS),
        *OTHERS,
    ]
ANALYSES = [name for name in STUDY.analyses.wanted if ANALYSED[name]]


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


rule instability:
    input:
        test=f"{RESULTS}/data/test.h5",
        models=expand(
            f"{RESULTS}/runs/{{run}}/model.safetensors", run=ANALYSED["instability"]
        ),
        thresholds=expand(
            f"{RESULTS}/runs/{{run}}/thresholds.csv", run=ANALYSED["instability"]
        ),
    output:
        analysis_files("instability"),
    log:
        f"{RESULTS}/logs/analyses/instability.log",
    threads: 1
    resources:
        gpu=0 if TRAINS_ON_CPU else 1,
        mem_mb=8000,
        runtime=600,
    params:
        runs=f"{RESULTS}/runs",
        names=ANALYSED["instability"],
        settings=config["analyses"]["instability"],
        device=config["device"],
        # What is done so far, for the next attempt; deleted at the end.
        parts=f"{RESULTS}/checkpoints/instability",
        code=code_of("instability"),
    script:
        "../scripts/measure_instability.py"


rule anatomy:
    input:
        test=f"{RESULTS}/data/test.h5",
        models=expand(f"{RESULTS}/runs/{{run}}/model.safetensors", run=DISSECTED),
    output:
        analysis_files("anatomy"),
    log:
        f"{RESULTS}/logs/analyses/anatomy.log",
    threads: 1
    resources:
        gpu=0 if TRAINS_ON_CPU else 1,
        mem_mb=8000,
        runtime=120,
    params:
        runs=f"{RESULTS}/runs",
        names=DISSECTED,
        settings=config["analyses"]["anatomy"],
        device=config["device"],
        code=code_of("anatomy"),
    script:
        "../scripts/dissect_networks.py"


if TESTED:

    rule noise_levels:
        input:
            **{split: f"{RESULTS}/data/{split}.h5" for split in SPLITS},
            models=expand(f"{RESULTS}/runs/{{run}}/model.safetensors", run=TESTED),
            thresholds=expand(f"{RESULTS}/runs/{{run}}/thresholds.csv", run=TESTED),
        output:
            analysis_files("noise_levels"),
        log:
            f"{RESULTS}/logs/analyses/noise_levels.log",
        threads: 1
        resources:
            gpu=0 if TRAINS_ON_CPU else 1,
            mem_mb=8000,
            runtime=600,
        params:
            runs=f"{RESULTS}/runs",
            names=TESTED,
            settings=config["analyses"]["noise_levels"],
            device=config["device"],
            # What is done so far, for the next attempt; deleted at the end.
            parts=f"{RESULTS}/checkpoints/noise_levels",
            code=code_of("noise_levels"),
        script:
            "../scripts/measure_noise_levels.py"


if STUDY.analyses.other_bubbles:
    WITH_OTHERS = ANALYSED["other_bubbles"]

    rule other_bubbles:
        input:
            **{split: f"{RESULTS}/data/{split}.h5" for split in SPLITS},
            models=expand(f"{RESULTS}/runs/{{run}}/model.safetensors", run=WITH_OTHERS),
            thresholds=expand(f"{RESULTS}/runs/{{run}}/thresholds.csv", run=WITH_OTHERS),
        output:
            analysis_files("other_bubbles"),
        log:
            f"{RESULTS}/logs/analyses/other_bubbles.log",
        threads: 1
        resources:
            gpu=0 if TRAINS_ON_CPU else 1,
            mem_mb=8000,
            runtime=600,
        params:
            runs=f"{RESULTS}/runs",
            names=WITH_OTHERS,
            settings=config["analyses"]["other_bubbles"],
            device=config["device"],
            # What is done so far, for the next attempt; deleted at the end.
            parts=f"{RESULTS}/checkpoints/other_bubbles",
            code=code_of("other_bubbles"),
        script:
            "../scripts/measure_other_bubbles.py"
