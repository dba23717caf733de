# In: what everything else wrote. Out: RESULTS/index.html, a page with all of it, and the notebooks
# as pages, without their code; and the first page of the report of `snakemake --report`, which has
# tables, figures and notebooks too.

NOTEBOOK_NAMES = ["01_data", *TABLE_NAMES]
# The verdicts come first; then the thesis's tables, what else was found, and what explains it.
FINDINGS = "claims"
TABLE_ORDER = [FINDINGS] + [
    name for names in TABLE_NAMES.values() for name in names if name != FINDINGS
]
FRONT_PAGE = f"{RESULTS}/report.rst"
PAGES = [
    f"{RESULTS}/index.html",
    FRONT_PAGE,
    *expand(f"{RESULTS}/notebooks/{{name}}.html", name=NOTEBOOK_NAMES),
]


rule index:
    input:
        TABLES,
        NOTEBOOKS,
        pictures=expand(f"{RESULTS}/figures/{{name}}.png", name=FIGURE_NAMES),
        captions=expand(f"{WORKFLOW}/report/{{name}}.rst", name=FIGURE_NAMES),
        about=f"{WORKFLOW}/report/workflow.rst",
    output:
        report(
            expand(f"{RESULTS}/notebooks/{{name}}.html", name=NOTEBOOK_NAMES),
            caption="../report/notebook.rst",
            category="Notebooks",
        ),
        index=f"{RESULTS}/index.html",
        front=FRONT_PAGE,
    log:
        f"{RESULTS}/logs/index.log",
    params:
        results=RESULTS,
        tables=TABLE_ORDER,
        figures=FIGURE_NAMES,
        notebooks=NOTEBOOK_NAMES,
        code=code_of("index"),
    script:
        "../scripts/write_index.py"
