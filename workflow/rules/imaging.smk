# In: the networks that the config names, none of the study's own. Out: RESULTS/imaging/*.csv, what
# images of simulated frames are like. Thresholds come from frames that are not tested.

IMAGING_TABLES = expand(
    f"{RESULTS}/imaging/{{name}}.csv",
    name=["thresholds", "point_spread", "pairs", "detections"] if IMAGING else [],
)

if IMAGING:

    rule measure_images:
        input:
            IMAGING_MODELS,
        output:
            IMAGING_TABLES,
        log:
            f"{RESULTS}/logs/measure_images.log",
        threads: 1  # trainings and scorings are there for the other cores
        resources:
            gpu=0 if TRAINS_ON_CPU else 1,
            mem_mb=4000,
            runtime=120,
        params:
            spec=as_json(IMAGING),
            out=f"{RESULTS}/imaging",
            code=code_of("measure_images"),
        shell:
            "ckstudy measure-images --spec {params.spec:q} --out {params.out}"
            " --device {config[device]} --threads {threads} > {log} 2>&1"
