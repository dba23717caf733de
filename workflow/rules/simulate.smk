# In: the config. Out: RESULTS/data/{train,validation,test}.h5, the RF lines with their bubbles.

# Splits share a seed and differ in their line numbers: no line is in two of them.
FIRST_LINE = {"train": 0, "validation": 1_000_000, "test": 2_000_000}


def simulation_spec(wildcards):
    spec = {key: value for key, value in config["data"].items() if key != "lines"}
    spec["split"] = wildcards.split
    spec["lines"] = config["data"]["lines"][wildcards.split]
    spec["first_line"] = FIRST_LINE[wildcards.split]
    return as_json(spec)


rule simulate:
    output:
        f"{RESULTS}/data/{{split}}.h5",
    log:
        f"{RESULTS}/logs/simulate/{{split}}.log",
    threads: 16
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        spec=simulation_spec,
        code=source_digest("ckstudy.acoustics.production"),
    shell:
        "ckstudy simulate --spec {params.spec:q} --out {output} --processes {threads}"
        " > {log} 2>&1"
