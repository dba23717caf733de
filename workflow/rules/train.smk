# In: training and validation lines; no rule here sees a test line.
# Out: RESULTS/runs/{run}/{spec.json,model.safetensors,history.csv}.


rule train:
    input:
        train=lines_of("train"),
        validation=lines_of("validation"),
        start=start_of,
    output:
        spec=f"{RESULTS}/runs/{{run}}/spec.json",
        model=f"{RESULTS}/runs/{{run}}/model.safetensors",
        history=f"{RESULTS}/runs/{{run}}/history.csv",
    log:
        f"{RESULTS}/logs/train/{{run}}.log",
    wildcard_constraints:
        run=OWN_NAMES,
    # The longest jobs come first: the short ones that follow fill what is left of the cores.
    priority: 1
    threads: 1
    resources:
        gpu=0 if TRAINS_ON_CPU else 1,
        mem_mb=8000,
        runtime=600,
    params:
        spec=lambda wildcards: as_json(RUNS[wildcards.run].to_json()),
        # Progress lies beside the outputs, not among them: Snakemake deletes the outputs of a
        # job that fails, and the next attempt goes on from here.
        out=f"{RESULTS}/runs/{{run}}",
        checkpoints=f"{RESULTS}/checkpoints/{{run}}",
        code=code_of("train"),
    shell:
        "ckstudy train --spec {params.spec:q} --train {input.train}"
        " --validation {input.validation} --out {params.out}"
        " --checkpoints {params.checkpoints} --device {config[device]} --threads {threads}"
        " > {log} 2>&1"
