"""What the documents point to is there: modules, names, files, and each other's sections."""

import importlib.util
import re
from importlib import import_module
from pathlib import Path

import pytest
from checkout import ROOT

FOLDERS_OF_PAGES = (
    "docs",
    "docs/models",
    "config",
    "profiles",
    "results",
    "archive/laptop",
    "archive/full_grid",
    "archive/schedule",
    "archive/best",
)
DOCUMENTS = sorted(
    path
    for folder in (ROOT, *(ROOT / name for name in FOLDERS_OF_PAGES))
    for path in folder.glob("*.md")
    if path.name != "CHANGELOG.md"  # it speaks of what was, too
)
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
FOLDERS = "src|tests|workflow|config|docs|profiles|benchmarks"


def prose(document: Path) -> str:
    return FENCE.sub("", document.read_text(encoding="utf-8"))


def test_every_page_of_the_documentation_is_on_the_site():
    spec = importlib.util.spec_from_file_location("build_site", ROOT / "docs/site/build.py")
    site = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(site)
    there = {page for pages in site.PARTS.values() for page in pages}
    pages = [*ROOT.glob("docs/*.md"), *ROOT.glob("docs/models/*.md")]
    assert {str(page.relative_to(ROOT).with_suffix("")) for page in pages} <= there


def resolve(name: str) -> object:
    """The module, or the attribute of one, that a dotted name stands for."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[length:]:
            found = getattr(found, attribute)
        return found
    raise AttributeError(name)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_names_and_files_in_prose_exist(document):
    names = CODE.findall(prose(document))
    for name in names:
        if re.fullmatch(r"ckstudy(\.\w+)+", name):
            resolve(name)
    paths = {name for name in names if re.fullmatch(rf"({FOLDERS})/[\w./-]+", name)}
    to_come = set(re.findall(r"A new file\s`([^`]+)`", prose(document)))
    assert [path for path in paths - to_come if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document):
    links = re.findall(r"\]\((?!https?:)([^)\s]+)\)", prose(document))
    for link in links:
        target, _, section = link.partition("#")
        path = document.parent / target if target else document
        assert path.exists(), f"{document.name}: {link}"
        if section:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.M)
            anchors = {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}
            assert section in anchors, f"{document.name}: {link}"
