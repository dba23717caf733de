# In: code, lines, scores. Out: RESULTS/figures/*.{png,svg}. One job draws all the figures of a
# kind: starting a process costs more than drawing.

DIAGRAMS = ["figure1_siren", "figure2_ckconv", "figure3_dilated_cnn", "figure4_ckcnn"]
LINE_FIGURES = ["figure5_dual_loss", "figure6_scoring", "simulated_line", "population"]
SCORE_FIGURES = [
    "figure7_dilated",
    "figure8_omega_0",
    "kernel_size",
    "kernel_size_noise",
    "learning_curves",
]
LONG_KERNEL_FIGURES = ["long_kernels"] if HAS_LONG_KERNELS else []
FULL_GRID_FIGURES = ["kernel_size_omega_0"] if HAS_FULL_GRID else []
IMAGING_FIGURES = ["imaging"] if IMAGING else []
NETWORK_FIGURES = ["kernel_band", "inside"]
ANALYSIS_FIGURES = [
    "failures",
    "detections",
    "instability",
    "instability_example",
    "receptive_fields",
    "cost",
    "noise_levels",
    "other_bubbles",
]
FORMATS = ["png", "svg"]
# What was found, then what explains it, then how it was done.
FIGURE_NAMES = [
    *SCORE_FIGURES,
    *IMAGING_FIGURES,
    *ANALYSIS_FIGURES,
    *LONG_KERNEL_FIGURES,
    *FULL_GRID_FIGURES,
    *NETWORK_FIGURES,
    *LINE_FIGURES,
    *DIAGRAMS,
]
FIGURES = expand(
    f"{RESULTS}/figures/{{name}}.{{format}}", name=FIGURE_NAMES, format=FORMATS
)


def picture(name):
    """The PNG of a figure, with its caption in the report."""
    return report(
        f"{RESULTS}/figures/{name}.png",
        caption=f"../report/{name}.rst",
        category="Figures",
        labels={"figure": name},
    )


def pictures(names):
    """The PNG and the SVG of each figure."""
    return [*map(picture, names), *(f"{RESULTS}/figures/{name}.svg" for name in names)]


rule diagrams:
    output:
        pictures(DIAGRAMS),
    log:
        f"{RESULTS}/logs/figures/diagrams.log",
    params:
        kind="diagrams",
        results=RESULTS,
        code=code_of("diagrams"),
    script:
        "../scripts/draw_figures.py"


rule line_figures:
    input:
        f"{RESULTS}/summary.csv",
        expand(f"{RESULTS}/data/{{split}}.h5", split=SPLITS),
    output:
        pictures(LINE_FIGURES),
    log:
        f"{RESULTS}/logs/figures/lines.log",
    params:
        kind="lines",
        results=RESULTS,
        code=code_of("line_figures"),
    script:
        "../scripts/draw_figures.py"


rule score_figures:
    input:
        f"{RESULTS}/summary.csv",
        expand(f"{RESULTS}/baselines{{level}}.csv", level=BASELINES),
    output:
        pictures(SCORE_FIGURES),
    log:
        f"{RESULTS}/logs/figures/scores.log",
    params:
        kind="scores",
        results=RESULTS,
        code=code_of("score_figures"),
    script:
        "../scripts/draw_figures.py"


rule network_figures:
    input:
        f"{RESULTS}/summary.csv",
        f"{RESULTS}/baselines.csv",
        f"{RESULTS}/data/test.h5",
        expand(f"{RESULTS}/runs/{{run}}/model.safetensors", run=RUNS),
    output:
        pictures(NETWORK_FIGURES),
    log:
        f"{RESULTS}/logs/figures/networks.log",
    params:
        kind="networks",
        results=RESULTS,
        out=f"{RESULTS}/figures",
        code=code_of("network_figures"),
    script:
        "../scripts/draw_figures.py"


rule analysis_figures:
    input:
        ANALYSIS_FILES,
        f"{RESULTS}/study.json",
        f"{RESULTS}/summary.csv",
        f"{RESULTS}/baselines.csv",
    output:
        pictures(ANALYSIS_FIGURES),
    log:
        f"{RESULTS}/logs/figures/analyses.log",
    params:
        kind="analyses",
        results=RESULTS,
        out=f"{RESULTS}/figures",
        code=code_of("analysis_figures"),
    script:
        "../scripts/draw_figures.py"


if HAS_LONG_KERNELS:

    rule long_kernel_figures:
        input:
            f"{RESULTS}/summary.csv",
            f"{RESULTS}/baselines.csv",
        output:
            pictures(LONG_KERNEL_FIGURES),
        log:
            f"{RESULTS}/logs/figures/long_kernels.log",
        params:
            kind="long_kernels",
            results=RESULTS,
            out=f"{RESULTS}/figures",
            code=code_of("long_kernel_figures"),
        script:
            "../scripts/draw_figures.py"


if HAS_FULL_GRID:

    rule full_grid_figures:
        input:
            f"{RESULTS}/summary.csv",
            f"{RESULTS}/baselines.csv",
        output:
            pictures(FULL_GRID_FIGURES),
        log:
            f"{RESULTS}/logs/figures/full_grid.log",
        params:
            kind="full_grid",
            results=RESULTS,
            out=f"{RESULTS}/figures",
            code=code_of("full_grid_figures"),
        script:
            "../scripts/draw_figures.py"


if IMAGING:

    rule imaging_figures:
        input:
            IMAGING_TABLES,
        output:
            pictures(IMAGING_FIGURES),
        log:
            f"{RESULTS}/logs/figures/imaging.log",
        params:
            kind="imaging",
            results=RESULTS,
            out=f"{RESULTS}/figures",
            code=code_of("imaging_figures"),
        script:
            "../scripts/draw_figures.py"
