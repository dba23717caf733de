"""The study, from simulated RF lines to the thesis's tables. Start with README.md."""

from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.basedir}/config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/restore.smk" if config["archive"] else "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/imaging.smk"
include: "workflow/rules/analyses.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/notebooks.smk"
include: "workflow/rules/pages.smk"


report: os.path.abspath(FRONT_PAGE)


rule all:
    default_target: True
    input:
        FIGURES,
        TABLES,
        NOTEBOOKS,
        PAGES,
        # Snakemake does not miss a file between two that are there: named here, it is made again.
        SCORES,
