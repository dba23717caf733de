"""Pages for a browser: a table by itself, an executed notebook, and the index of a study.

Each is one file that needs no network. Pages link to the pictures and notebooks beside them.
"""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from ckstudy.files import write_text

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; margin: 2rem auto; padding: 0 1rem;
       max-width: 70rem; }
h1, h2, h3 { line-height: 1.2; margin-top: 2rem; }
table { border-collapse: collapse; font-size: 0.85rem; margin: 1rem 0; }
.wide { overflow-x: auto; }
th, td { padding: 0.3rem 0.6rem; text-align: left; vertical-align: top;
         border-bottom: 1px solid #ddd; font-variant-numeric: tabular-nums; }
th { border-bottom: 2px solid #444; }
th button { all: unset; cursor: pointer; font-weight: bold; }
th button:focus-visible { outline: 2px solid #0072b2; }
th[aria-sort=ascending] button::after { content: " \\25b2"; }
th[aria-sort=descending] button::after { content: " \\25bc"; }
figure { margin: 1.5rem 0; } figure img { max-width: 100%; }
figcaption, .caption { color: #444; font-size: 0.9rem; max-width: 60rem; }
nav a { margin-right: 1rem; }
"""

# A click on a heading sorts by that column: by numbers where its cells begin with one.
_SORT = """
addEventListener("load", () => {
  for (const image of document.images)
    if (!image.naturalWidth)
      image.replaceWith(`${image.getAttribute("src")} is missing: run the study again.`);
});
for (const table of document.querySelectorAll("table"))
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.onclick = () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      table.querySelectorAll("thead th").forEach(each => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = row => row.cells[column].textContent.trim().replace(/^\\u2212/, "-");
      const number = row => parseFloat(key(row).replace(/,(?=\\d{3})/g, ""));
      const body = table.tBodies[0];
      const rows = [...body.rows].sort((a, b) => {
        const [p, q] = [number(a), number(b)];
        if (isNaN(p) !== isNaN(q)) return isNaN(p) ? 1 : -1;
        const order = isNaN(p) ? key(a).localeCompare(key(b)) : p - q;
        return up ? order : -order;
      });
      body.append(...rows);
    };
  });
"""


class Figure(NamedTuple):
    """A picture of the index.

    Attributes
    ----------
    name : str
        Of the file, without suffix.
    caption : str
        In reStructuredText.
    """

    name: str
    caption: str


def page(title: str, body: str) -> str:
    """A whole HTML page with the house's style, its tables sortable by their headings."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"{body}\n<script>{_SORT}</script>\n</body>\n</html>\n"
    )


def from_markdown(text: str) -> str:
    """Markdown with tables, as HTML; raw HTML in it is shown as text."""
    from markdown_it import MarkdownIt

    found = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    return found.replace("<table>", '<div class="wide"><table>').replace(
        "</table>", "</table></div>"
    )


def from_rst(text: str) -> str:
    """ReStructuredText, as HTML; nothing that it names is read from the disk."""
    from docutils.core import publish_parts

    settings = {"report_level": 5, "file_insertion_enabled": False, "raw_enabled": False}
    return publish_parts(text, writer="html5", settings_overrides=settings)["body"]


def notebook_page(source: Path, out: Path) -> None:
    """The executed notebook as a page, with what its cells show and without their code."""
    import nbformat
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(
        exclude_input=True, exclude_output_prompt=True, embed_images=True, mathjax_url=""
    )
    exporter.require_js_url = exporter.jquery_url = ""
    html, _ = exporter.from_notebook_node(
        nbformat.read(source, as_version=4), {"metadata": {"name": source.stem}}
    )
    write_text(out, html)


def front_page(results: Path, about: str, tables: Iterable[str]) -> str:
    """The first page of the report: what the study is, and what its tables say.

    Parameters
    ----------
    results : Path
        Folder of the study; ``tables/*.md`` are read.
    about : str
        What the study is, in reStructuredText.
    tables : iterable of str
        Names without suffix, in order.

    Returns
    -------
    str
        ReStructuredText.
    """
    parts = [about, "What it found\n-------------"]
    for name in tables:
        title, said = _said(results, name)
        if said:
            parts += [f"**{title}**", said.replace("`", "``")]
    return "\n\n".join(parts) + "\n"


def _said(results: Path, table: str) -> tuple[str, str]:
    """Title of a table, and the sentences at its head as a list in Markdown; perhaps none."""
    path = results / "tables" / f"{table}.md"
    title, _, text = path.read_text(encoding="utf-8").partition("\n")
    # They stand before its first heading or row.
    head = text.partition("\n|")[0].partition("\n#")[0]
    return title.lstrip("# "), "\n".join(
        line for line in head.splitlines() if line.startswith("* ")
    )


def index_page(
    results: Path,
    title: str,
    about: str,
    tables: Sequence[str],
    figures: Iterable[Figure],
    notebooks: Sequence[str],
) -> str:
    """The page of a study: its findings, every table, every figure, links to its notebooks.

    Parameters
    ----------
    results : Path
        Folder of the study; ``tables/*.md`` are read.
    title : str
    about : str
        What the study is, in reStructuredText.
    tables, notebooks : sequence of str
        Names without suffix, in order. The first table has the verdicts: it stands among the
        findings, after what the others say in words.
    figures : iterable of Figure

    Returns
    -------
    str
        HTML for a file in ``results``.
    """
    parts = [f"<h1>{escape(title)}</h1>", from_rst(about)]
    sections = ("findings", "tables", "figures", "notebooks")
    links = "".join(f'<a href="#{name}">{name.capitalize()}</a>' for name in sections)
    parts.append(f"<nav>{links}</nav>")

    def table(name: str) -> str:
        text = (results / "tables" / f"{name}.md").read_text(encoding="utf-8")
        file = f'<p class="caption"><a href="tables/{name}.csv">{name}.csv</a></p>'
        return from_markdown("#" + text.replace("\n#", "\n##")) + file

    parts.append('<h2 id="findings">Findings</h2>')
    # In words first: the verdicts weigh all that follows, and are long.
    for each, said in (_said(results, name) for name in tables[1:]):
        if said:
            parts.append(from_markdown(f"**{each}**\n\n{said}"))
    parts.append(table(tables[0]))
    parts.append('<h2 id="tables">Tables</h2>')
    parts += [table(name) for name in tables[1:]]
    parts.append('<h2 id="figures">Figures</h2>')
    for figure in figures:
        parts.append(
            f'<figure id="{figure.name}"><img src="figures/{figure.name}.png" '
            f'alt="{figure.name.replace("_", " ")}"><figcaption>{from_rst(figure.caption)}'
            "</figcaption></figure>"
        )
    parts.append('<h2 id="notebooks">Notebooks</h2><ul>')
    parts += [
        f'<li><a href="notebooks/{name}.html">{name}</a> '
        f'(<a href="notebooks/{name}.ipynb">with its code</a>)</li>'
        for name in notebooks
    ]
    parts.append("</ul>")
    return page(title, "\n".join(parts))
