# In: released models and lines. Thresholds come from training and validation lines alone; only
# `evaluate` and `baselines` see test lines.
# Out: RESULTS/runs/{run}/{thresholds,train,test}.csv, what each network put out for the test lines
# (test_outputs.h5, so that no analysis computes it again), RESULTS/{baselines,summary}.csv, and
# RESULTS/baselines_noise_{percent}.csv for each further noise.

SCORES = [
    *expand(
        f"{RESULTS}/runs/{{run}}/{{file}}",
        run=RUNS,
        file=["spec.json", "model.safetensors", "history.csv"]
        + ["thresholds.csv", "train.csv", "test.csv"],
    ),
    *expand(f"{RESULTS}/runs/{{other}}/test.csv", other=OTHERS),
    *expand(f"{RESULTS}/baselines{{level}}.csv", level=BASELINES),
    *expand(f"{RESULTS}/baseline_lines{{level}}.csv", level=BASELINES),
    f"{RESULTS}/summary.csv",
]


if OTHERS:

    rule take_other:
        input:
            lambda wildcards: OTHERS[wildcards.other],
        output:
            f"{RESULTS}/runs/{{other}}/model.safetensors",
        log:
            f"{RESULTS}/logs/others/{{other}}.log",
        wildcard_constraints:
            other="|".join(map(re.escape, OTHERS)),
        shell:
            "cp {input} {output} > {log} 2>&1"


rule calibrate:
    input:
        model=f"{RESULTS}/runs/{{run}}/model.safetensors",
        train=lines_of("train"),
        validation=lines_of("validation"),
    output:
        thresholds=f"{RESULTS}/runs/{{run}}/thresholds.csv",
        scores=f"{RESULTS}/runs/{{run}}/train.csv",
    log:
        f"{RESULTS}/logs/calibrate/{{run}}.log",
    threads: 1
    resources:
        gpu=0 if TRAINS_ON_CPU else 1,
        mem_mb=8000,
        runtime=60,
    params:
        code=code_of("calibrate"),
    shell:
        "ckstudy calibrate --model {input.model} --train {input.train}"
        " --validation {input.validation} --thresholds-out {output.thresholds}"
        " --scores-out {output.scores} --device {config[device]} --threads {threads}"
        " > {log} 2>&1"


rule evaluate:
    input:
        model=f"{RESULTS}/runs/{{run}}/model.safetensors",
        thresholds=f"{RESULTS}/runs/{{run}}/thresholds.csv",
        test=lines_of("test"),
    output:
        scores=f"{RESULTS}/runs/{{run}}/test.csv",
        outputs=f"{RESULTS}/runs/{{run}}/test_outputs.h5",
    log:
        f"{RESULTS}/logs/evaluate/{{run}}.log",
    threads: 1
    resources:
        gpu=0 if TRAINS_ON_CPU else 1,
        mem_mb=8000,
        runtime=60,
    params:
        code=code_of("evaluate"),
    shell:
        "ckstudy evaluate --model {input.model} --test {input.test}"
        " --thresholds {input.thresholds} --out {output.scores} --outputs {output.outputs}"
        " --device {config[device]} --threads {threads} > {log} 2>&1"


rule baselines:
    input:
        train=lambda wildcards: lines_file("train", BASELINES[wildcards.level]),
        validation=lambda wildcards: lines_file(
            "validation", BASELINES[wildcards.level]
        ),
        test=lambda wildcards: lines_file("test", BASELINES[wildcards.level]),
    output:
        means=report(
            f"{RESULTS}/baselines{{level}}.csv",
            caption="../report/baselines.rst",
            category="Scores",
        ),
        lines=f"{RESULTS}/baseline_lines{{level}}.csv",
    log:
        f"{RESULTS}/logs/baselines{{level}}.log",
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code_of("baselines"),
        resamples=config["evaluation"]["bootstrap"],
    shell:
        "ckstudy baselines --train {input.train} --validation {input.validation}"
        " --test {input.test} --resamples {params.resamples}"
        " --out {output.means} --lines-out {output.lines} > {log} 2>&1"


rule summarise_scores:
    input:
        expand(
            f"{RESULTS}/runs/{{run}}/{{file}}",
            run=RUNS,
            file=[
                "spec.json",
                "history.csv",
                "thresholds.csv",
                "train.csv",
                "test.csv",
            ],
        ),
    output:
        report(
            f"{RESULTS}/summary.csv",
            caption="../report/summary.rst",
            category="Scores",
        ),
    log:
        f"{RESULTS}/logs/summarise_scores.log",
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        folder=f"{RESULTS}/runs",
        runs=list(RUNS),
        experiments=EXPERIMENTS,
        resamples=config["evaluation"]["bootstrap"],
        noise_percent=config["data"]["noise_percent"],
        code=code_of("summarise_scores"),
    script:
        "../scripts/summarise_scores.py"
