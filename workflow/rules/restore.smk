# Takes the place of train.smk where the networks come from an archive.
# In: archive/NAME/runs/{run}. Out: RESULTS/runs/{run}/{spec.json,model.safetensors,history.csv}.


rule restore:
    input:
        model=f"{config['archive']}/runs/{{run}}/model.safetensors",
    output:
        spec=f"{RESULTS}/runs/{{run}}/spec.json",
        model=f"{RESULTS}/runs/{{run}}/model.safetensors",
        history=f"{RESULTS}/runs/{{run}}/history.csv",
    log:
        f"{RESULTS}/logs/restore/{{run}}.log",
    params:
        archive=config["archive"],
        out=f"{RESULTS}/runs/{{run}}",
    shell:
        "ckstudy restore --archive {params.archive} --run {wildcards.run} --out {params.out}"
        " > {log} 2>&1"
