# In: what the study wrote. Out: RESULTS/notebooks/*.ipynb, executed by papermill, and the tables
# that they write, RESULTS/tables/*.{csv,md}. The last rules.

IMAGING_TABLE_NAMES = ["imaging_point_spread", "imaging_pairs", "imaging_detections"]
TABLE_NAMES = {
    "02_dilated": ["dilated", "baselines"],
    "03_kernel_size": ["table1"],
    "04_omega_0": ["table2"],
    "05_noise": ["noise"],
    "06_claims": ["claims", "explanations", "ablation"],
    "08_beyond": [
        "failures",
        "instability",
        "receptive_fields",
        "cost",
        "noise_levels",
        "other_bubbles",
    ],
}
if HAS_LONG_KERNELS:
    TABLE_NAMES["07_long_kernels"] = ["long_kernels", "windows"]
if IMAGING:
    TABLE_NAMES["09_imaging"] = IMAGING_TABLE_NAMES
if HAS_FULL_GRID:
    TABLE_NAMES["10_full_grid"] = ["full_grid"]
TABLES = expand(
    f"{RESULTS}/tables/{{name}}.{{format}}",
    name=[name for names in TABLE_NAMES.values() for name in names],
    format=["csv", "md", "html"],
)
NOTEBOOKS = [f"{RESULTS}/notebooks/{name}.ipynb" for name in ["01_data", *TABLE_NAMES]]


def table(name):
    """The page of a table, which the report shows in place, with its caption."""
    return report(
        f"{RESULTS}/tables/{name}.html",
        caption=f"../report/{name}.rst",
        category="Tables",
        labels={"table": name},
    )


def tables_of(notebook):
    """The page, the Markdown and the CSV of each table that the notebook writes."""
    names = TABLE_NAMES[notebook]
    plain = expand(
        f"{RESULTS}/tables/{{name}}.{{format}}", name=names, format=["csv", "md"]
    )
    return [*map(table, names), *plain]


rule notebook_data:
    input:
        notebook=f"{WORKFLOW}/notebooks/01_data.ipynb",
        data=expand(f"{RESULTS}/data/{{split}}.h5", split=SPLITS),
        figures=expand(
            f"{RESULTS}/figures/{{name}}.png", name=["simulated_line", "population"]
        ),
    output:
        notebook=f"{RESULTS}/notebooks/01_data.ipynb",
    log:
        notebook=f"{RESULTS}/logs/notebooks/01_data.ipynb",
        text=f"{RESULTS}/logs/notebooks/01_data.log",
    params:
        results=RESULTS,
        code=code_of("notebook_data"),
    script:
        "../scripts/run_notebook.py"


# What the tables say of the study itself, and the margins of the verdicts on its claims.
rule describe_study:
    output:
        f"{RESULTS}/study.json",
    log:
        f"{RESULTS}/logs/describe_study.log",
    params:
        study={
            "study": config["study"],
            "claims": config["claims"],
            "missing": MISSING,
            "analyses": ANALYSES,
        },
        code=code_of("describe_study"),
    script:
        "../scripts/describe_study.py"


# The notebooks of scores differ in the figures they show and the tables they write.
FIGURES_SHOWN = {
    "02_dilated": ["figure7_dilated"],
    "03_kernel_size": ["kernel_size", "learning_curves"],
    "04_omega_0": ["figure8_omega_0"],
    "05_noise": ["kernel_size_noise"],
    "06_claims": [],
    "08_beyond": [*ANALYSIS_FIGURES, "inside"],
    "07_long_kernels": ["long_kernels", "kernel_band"],
    "09_imaging": IMAGING_FIGURES,
    "10_full_grid": FULL_GRID_FIGURES,
}
# What else they read.
ALSO_READ = {
    "08_beyond": ANALYSIS_FILES,
    "07_long_kernels": [
        f"{RESULTS}/data/test.h5",
        *expand(f"{RESULTS}/runs/{{run}}/model.safetensors", run=RUNS),
    ],
    "09_imaging": IMAGING_TABLES,
}
for name in TABLE_NAMES:

    rule:
        name:
            f"notebook_{name.split('_', 1)[1]}"
        input:
            notebook=f"{WORKFLOW}/notebooks/{name}.ipynb",
            also=ALSO_READ.get(name, []),
            study=f"{RESULTS}/study.json",
            summary=f"{RESULTS}/summary.csv",
            baselines=expand(f"{RESULTS}/baselines{{level}}.csv", level=BASELINES),
            baseline_lines=expand(
                f"{RESULTS}/baseline_lines{{level}}.csv", level=BASELINES
            ),
            figures=expand(
                f"{RESULTS}/figures/{{figure}}.png", figure=FIGURES_SHOWN[name]
            ),
        output:
            tables_of(name),
            notebook=f"{RESULTS}/notebooks/{name}.ipynb",
        log:
            notebook=f"{RESULTS}/logs/notebooks/{name}.ipynb",
            text=f"{RESULTS}/logs/notebooks/{name}.log",
        params:
            results=RESULTS,
            code=code_of(f"notebook_{name.split('_', 1)[1]}"),
        script:
            "../scripts/run_notebook.py"
