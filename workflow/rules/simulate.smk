# In: the config. Out: RESULTS/data/{train,validation,test}.h5, the RF lines with their bubbles.


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
        spec=lambda wildcards: as_json(simulation_spec(config, wildcards.split)),
        code=source_digest("ckstudy.acoustics.production"),
    shell:
        "ckstudy simulate --spec {params.spec:q} --out {output} --processes {threads}"
        " > {log} 2>&1"
