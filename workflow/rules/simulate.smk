# In: the config. Out: RESULTS/data/{train,validation,test}.h5, the RF lines with their bubbles,
# and RESULTS/data/noise_{percent}/..., the same lines with noise, where a run asks for it.


rule simulate:
    output:
        f"{RESULTS}/data/{{lines}}.h5",
    log:
        f"{RESULTS}/logs/simulate/{{lines}}.log",
    # Everything waits for the lines, and a job that wants all cores waits for all of them.
    priority: 2
    threads: lambda wildcards: min(16, 1 + LINES[wildcards.lines].lines // 512)
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        spec=lambda wildcards: as_json(LINES[wildcards.lines].as_dict()),
        code=code_of("simulate"),
    shell:
        "ckstudy simulate --spec {params.spec:q} --out {output} --processes {threads}"
        " > {log} 2>&1"
