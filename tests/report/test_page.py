"""Pages for a browser: what they hold, and that a browser shows it."""

from pathlib import Path

import nbformat
import pytest
from browser import needs_browser, shown
from bs4 import BeautifulSoup
from PIL import Image
from synthetic_results import write_results

from ckstudy.analysis.results import Results
from ckstudy.report import tables
from ckstudy.report.page import (
    Figure,
    from_markdown,
    from_rst,
    front_page,
    index_page,
    notebook_page,
    page,
)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A study with two tables, a picture, a notebook and its index."""
    folder = tmp_path_factory.mktemp("results")
    write_results(folder)
    results = Results(folder)
    for make in (tables.claims_table, tables.kernel_size_table):
        make(results).write(folder / "tables")
    (folder / "figures").mkdir()
    Image.new("L", (40, 30)).save(folder / "figures" / "kernel_size.png")
    cells = [nbformat.v4.new_markdown_cell("# A question"), nbformat.v4.new_code_cell("6 * 7")]
    cells[1].outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "42"})]
    (folder / "notebooks").mkdir()
    source = folder / "notebooks" / "03_kernel_size.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), source)
    notebook_page(source, source.with_suffix(".html"))
    html = index_page(
        folder,
        "ckstudy: a & b",
        "What the study is.",
        ["claims", "table1"],
        [Figure("kernel_size", "F1 against *kernel size*.")],
        ["03_kernel_size"],
    )
    (folder / "index.html").write_text(html, encoding="utf-8")
    return folder


def read(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def cells_of(table) -> list[list[str]]:
    return [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in table("tr")]


def test_a_table_has_the_cells_of_its_markdown():
    html = from_markdown("| K | F1 |\n| --- | --- |\n| 65 | 0.9 [0.8, 1] |\n| `a<b` | – |\n")
    found = BeautifulSoup(html, "html.parser").table
    assert cells_of(found) == [["K", "F1"], ["65", "0.9 [0.8, 1]"], ["a<b", "–"]]


def test_what_comes_from_outside_is_text():
    assert "<script>" not in from_markdown("<script>alert(1)</script>")
    assert "<script>" not in page("<script>", "").replace("<script>\nad", "")
    assert "root:" not in from_rst(".. include:: /etc/passwd\n")


def test_the_index_has_every_table_figure_and_notebook_and_its_links_lead_somewhere(study):
    index = read(study / "index.html")
    assert index.title.get_text() == "ckstudy: a & b"
    headings = [heading.get_text() for heading in index("h2")]
    assert headings[0] == "Findings"
    assert {"Tables", "Figures", "Notebooks"} <= set(headings)
    written = (study / "tables" / "table1.md").read_text(encoding="utf-8")
    row = next(line for line in written.splitlines() if line.startswith("| 65 |"))
    assert [cell.strip() for cell in row.strip("|").split("|")] in [
        cells for table in index("table") for cells in cells_of(table)
    ]
    targets = [link["href"] for link in index("a") if not link["href"].startswith("#")]
    targets += [image["src"] for image in index("img")]
    assert len(targets) == 5
    for target in targets:
        assert (study / target).is_file(), target


def test_the_index_opens_with_what_the_tables_say(study):
    text = read(study / "index.html").get_text()
    before_the_verdicts = text[: text.index("C1. The dilated CKCNN matches")]
    for sentence in tables.kernel_size_table(Results(study)).findings:
        assert sentence in before_the_verdicts


def test_a_notebook_shows_its_outputs_and_not_its_code(study):
    html = (study / "notebooks" / "03_kernel_size.html").read_text(encoding="utf-8")
    text = BeautifulSoup(html, "html.parser").body.get_text()
    assert "A question" in text
    assert "42" in text
    assert "6 * 7" not in text
    assert "http" not in "".join(
        script.get("src", "") for script in BeautifulSoup(html, "html.parser")("script")
    )


@needs_browser
def test_a_browser_shows_the_findings_and_every_picture(study, tmp_path):
    html = shown(study / "index.html", tmp_path / "profile")
    index = BeautifulSoup(html, "html.parser")
    assert "C3. Larger kernels localise worse." in index.get_text()
    assert all(heading.button for heading in index("th"))  # the script has run
    assert len(index("img")) == 1
    assert "is missing" not in html.split("<script>")[0]
    picture = study / "figures" / "kernel_size.png"
    kept = picture.read_bytes()
    picture.unlink()
    again = shown(study / "index.html", tmp_path / "profile")
    assert "figures/kernel_size.png is missing" in again
    picture.write_bytes(kept)


def test_the_front_page_says_what_the_tables_say(study):
    results = Results(study)
    text = front_page(study, "What the study is.", ["claims", "table1"])
    assert text.startswith("What the study is.\n")
    for table in (tables.claims_table(results), tables.kernel_size_table(results)):
        assert table.findings
        for sentence in table.findings:
            assert sentence.replace("`", "``") in text
    html = BeautifulSoup(from_rst(text), "html.parser")
    assert [each.get_text() for each in html("strong")] == ["Claims", "Kernel size"]
