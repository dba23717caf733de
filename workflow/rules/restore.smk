# Takes the place of train.smk where the networks come from an archive.
# In: archive/NAME/{manifest.json,runs/{run}}, and the lines that were simulated again.
# Out: RESULTS/runs/{run}/{spec.json,model.safetensors,history.csv}, RESULTS/lines.json.


# No network is taken before the lines are known to be those it was trained on.
rule check_lines:
    input:
        manifest=f"{config['archive']}/manifest.json",
        lines=expand(f"{RESULTS}/data/{{lines}}.h5", lines=LINES),
    output:
        f"{RESULTS}/lines.json",
    log:
        f"{RESULTS}/logs/check_lines.log",
    params:
        archive=config["archive"],
        data=f"{RESULTS}/data",
        lines=list(LINES),
        code=code_of("check_lines"),
    script:
        "../scripts/check_lines.py"


rule restore_network:
    input:
        lines=f"{RESULTS}/lines.json",
        model=f"{config['archive']}/runs/{{run}}/model.safetensors",
        train=lines_of("train"),
    output:
        spec=f"{RESULTS}/runs/{{run}}/spec.json",
        model=f"{RESULTS}/runs/{{run}}/model.safetensors",
        history=f"{RESULTS}/runs/{{run}}/history.csv",
    log:
        f"{RESULTS}/logs/restore/{{run}}.log",
    wildcard_constraints:
        run=OWN_NAMES,
    params:
        archive=config["archive"],
        spec=lambda wildcards: as_json(RUNS[wildcards.run].to_json()),
        code=code_of("restore_network"),
    script:
        "../scripts/restore_network.py"
