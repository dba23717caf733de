"""Build the documentation site: the pages of this repository and the reference from docstrings.

    make docs        # build/site/html/index.html

Pages keep their places, so that the links between them lead where they lead on disk. Nothing is
fetched; formulas are set by MathJax in the reader's browser, which fetches that.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import ckstudy

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "site"

# By part of the site, its pages in order.
PARTS = {
    "Start": ["README", "docs/own-data", "results/README"],
    "How to": ["docs/imaging", "config/README", "profiles/README", "docs/training", "CONTRIBUTING"],
    "Explanation": [
        "docs/long-kernels",
        "docs/beyond",
        "docs/thesis",
        "docs/scoring",
        "docs/simulator",
        "docs/convolution",
        "docs/learning",
        "docs/architecture",
        "docs/reliability",
    ],
    "Reference": [
        "api",
        "docs/models/robust",
        "docs/models/best",
        "docs/models/best-1",
        "docs/models/best-2",
        "docs/troubleshooting",
        "CHANGELOG",
    ],
}
# What a user of the library works with, beside the public names.
MODULES = [
    "ckstudy.acoustics.specification",
    "ckstudy.acoustics.line",
    "ckstudy.dataset",
    "ckstudy.networks.ckconv",
    "ckstudy.networks.free_conv",
    "ckstudy.networks.siren",
    "ckstudy.networks.receptive_field",
    "ckstudy.networks.resampling",
    "ckstudy.convolution",
    "ckstudy.training.loss",
    "ckstudy.scoring.upstream",
    "ckstudy.scoring.matched",
    "ckstudy.study.presets",
    "ckstudy.study.grid",
    "ckstudy.study.spec",
]


def main() -> None:
    """Gather the sources and run Sphinx on them; a warning is an error."""
    source = BUILD / "source"
    shutil.rmtree(BUILD, ignore_errors=True)
    source.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("conf.py"), source)
    for path in [page for pages in PARTS.values() for page in pages if page != "api"]:
        copy(Path(f"{path}.md"), source)
    for folder in ("docs/figures", "docs/tables", "benchmarks/results"):
        for path in sorted((ROOT / folder).iterdir()):
            if path.suffix in (".png", ".csv"):
                copy(path.relative_to(ROOT), source)
    for path in sorted((ROOT / "docs" / "tables").glob("*.md")):
        # Of no table of contents: pages link to them.
        page = source / path.relative_to(ROOT)
        page.write_text("---\norphan: true\n---\n\n" + path.read_text(encoding="utf-8"), "utf-8")
    (source / "index.rst").write_text(index(), encoding="utf-8")
    (source / "api.rst").write_text(api(), encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    answer = subprocess.run([*command, str(source), str(BUILD / "html")], check=False)
    if answer.returncode == 0:
        print((BUILD / "html" / "index.html").relative_to(ROOT))
    sys.exit(answer.returncode)


def copy(path: Path, source: Path) -> None:
    """Copy a file of the repository to its place among the sources."""
    (source / path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / path, source / path)


def index() -> str:
    """The first page: the parts of the site."""
    parts = ["ckstudy", "=======", "", "Continuous kernels that localise micro-bubbles.", ""]
    for part, pages in PARTS.items():
        parts += [".. toctree::", "   :maxdepth: 1", f"   :caption: {part}", ""]
        parts += [f"   {page}" for page in pages] + [""]
    return "\n".join(parts)


def api() -> str:
    """The reference: public names first, then modules."""
    lines = ["Library", "=======", "", "Public names", "------------", ""]
    for name in ckstudy.__all__:
        if not name.startswith("_"):
            kind = "autoclass" if isinstance(getattr(ckstudy, name), type) else "autofunction"
            lines += [f".. {kind}:: ckstudy.{name}", "   :no-index:", ""]
    for module in MODULES:
        lines += [module, "-" * len(module), "", f".. automodule:: {module}", "   :members:", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
