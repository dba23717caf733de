"""Write the page of the study, the first page of its report, and its notebooks as pages."""

from pathlib import Path

from _step import logged, recorded_job

with logged(snakemake.log[0]), recorded_job(snakemake):
    from jinja2 import Template

    from ckstudy.files import write_text
    from ckstudy.report.page import Figure, front_page, index_page, notebook_page

    def caption(path):
        """A caption as the report shows it: a template that may ask for the config."""
        return Template(Path(path).read_text(encoding="utf-8")).render(snakemake=snakemake)

    results = Path(snakemake.params.results)
    for notebook in (results / "notebooks" / name for name in snakemake.params.notebooks):
        notebook_page(notebook.with_suffix(".ipynb"), notebook.with_suffix(".html"))
    about, tables = caption(snakemake.input.about), snakemake.params.tables
    write_text(Path(snakemake.output.front), front_page(results, about, tables))
    page = index_page(
        results,
        f"ckstudy: {snakemake.config['study']}",
        about,
        tables,
        map(Figure, snakemake.params.figures, map(caption, snakemake.input.captions)),
        snakemake.params.notebooks,
    )
    write_text(Path(snakemake.output.index), page)
