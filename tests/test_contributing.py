"""The walk-throughs of CONTRIBUTING.md, followed to the letter in a copy of the checkout."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import ROOT, copy_checkout
from synthetic_results import write_results

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
WALKS = {
    section.partition("\n")[0]: section
    for section in TEXT.partition("## Walk-throughs")[2].split("\n### ")[1:]
}
STEP = re.compile(
    r"(?:In\s`(?P<file>[^`]+)`,\s(?P<where>above|below|instead\sof)\s(?P<ticks>`+)(?P<line>.+?)(?P=ticks)"
    r"|A\snew\sfile\s`(?P<new>[^`]+)`):\n\n```\w+\n(?P<text>.*?)^```"
    r"|^```console\n(?P<commands>.*?)^```",
    re.M | re.S,
)


def insert(path: Path, where: str, line: str, text: str) -> None:
    """Put ``text`` above, below or instead of the one line of a file that begins with ``line``."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    places = [place for place, each in enumerate(lines) if each.strip().startswith(line)]
    assert len(places) == 1, f"{path.name} has {len(places)} lines that begin with {line!r}"
    first, last = {"above": (0, 0), "below": (1, 1)}.get(where, (0, 1))
    lines[places[0] + first : places[0] + last] = [text]
    path.write_text("".join(lines), encoding="utf-8")


def command(folder: Path, line: str) -> str:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "src"),
    }
    answer = subprocess.run(
        line, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert answer.returncode == 0, f"$ {line}\n{answer.stdout}{answer.stderr}"
    return answer.stdout


def follow(walk: str, folder: Path) -> str:
    """Do all the steps of a walk-through; returns what its commands print."""
    copy_checkout(folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for part in ("docs", "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    printed = []
    for step in STEP.finditer(WALKS[walk]):
        if step["commands"]:
            lines = re.findall(r"^\$ (.+)$", step["commands"], re.M)
            printed += [command(folder, line) for line in lines]
        elif step["new"]:
            assert not (folder / step["new"]).exists()
            (folder / step["new"]).write_text(step["text"], encoding="utf-8")
        else:
            insert(folder / step["file"], step["where"], step["line"], step["text"])
    # What comes of it is as tidy as the rest.
    command(folder, "ruff check . && ruff format --check .")
    return "\n".join(printed)


def test_every_code_block_of_a_walk_through_is_a_step():
    for walk in WALKS.values():
        assert len(STEP.findall(walk)) == len(re.findall(r"^```\w+$", walk, re.M)) > 0


@pytest.mark.slow
def test_add_a_network(tmp_path):
    printed = follow("Add a network", tmp_path)
    # Kernels; a bias and batch norm's two numbers for each channel; the last layer.
    parameters = (1 + 3 * 22) * 22 * 131 + 3 * 4 * 22 + 22 + 1
    assert re.search(rf"cnn_large +{parameters:,} +{4 * 130 + 1} ", printed)
    assert re.search(r"^cnn_large-k65-s0 +cnn_large$", printed, re.M)


@pytest.mark.slow
def test_add_an_axis(tmp_path):
    printed = follow("Add an axis", tmp_path)
    served = dict(re.findall(r"^(ckcnn-k131-w30-\S*s0) .*\b(weight_decay)$", printed, re.M))
    assert set(served) == {"ckcnn-k131-w30-s0", "ckcnn-k131-w30-weight_decay_0.01-s0"}
    overlay = tmp_path / "config/weight_decay.yaml"
    overlay.write_text(overlay.read_text().replace("0.01", "-0.01"))
    with pytest.raises(AssertionError, match=r"weight_decay must be a finite number of at least 0"):
        command(tmp_path, f"ckstudy grid --config config/config.yaml --config {overlay}")


@pytest.mark.slow
def test_add_a_figure(tmp_path):
    printed = follow("Add a figure", tmp_path)
    assert re.search(r"^score_figures +1$", printed, re.M)
    write_results(tmp_path / "results/quick")
    command(tmp_path, "ckstudy figures tolerance --results results/quick --out .")
    drawn = (tmp_path / "tolerance.svg").read_text(encoding="utf-8")
    assert "tolerance (samples)" in drawn


@pytest.mark.slow
def test_add_a_claim(tmp_path):
    follow("Add a claim", tmp_path)
    write_results(tmp_path / "results")
    code = (
        "from ckstudy.analysis.results import Results; from ckstudy.report import tables; "
        "print(tables.claims_table(Results('results')).markdown())"
    )
    table = command(tmp_path, f'python -c "{code}"')
    # These made-up networks have not learned, which leaves every claim undecided.
    assert re.search(r"^\| C7\. Thresholds .*\| \*\*undecided\*\* \|", table, re.M)
