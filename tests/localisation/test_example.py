"""The example notebook, and the page that it goes with."""

import re

import nbformat
import numpy as np
import pytest
from checkout import ROOT
from synthetic_lines import make_lines
from typer.testing import CliRunner

from ckstudy.cli import app
from ckstudy.report.notebook import execute

NOTEBOOK = ROOT / "examples" / "own_data.ipynb"


@pytest.mark.slow
def test_the_notebook_goes_from_a_file_to_detections_and_a_picture(tmp_path):
    np.save(tmp_path / "lines.npy", make_lines(3, 4000, seed=0).rf)
    given = {
        "lines": str(tmp_path / "lines.npy"),
        "sampling_rate_hz": 62.5e6,
        "model": "robust",
    }
    execute(NOTEBOOK, tmp_path / "done.ipynb", given, tmp_path / "log.ipynb")
    cells = {cell.id: cell for cell in nbformat.read(tmp_path / "done.ipynb", 4).cells}
    (picture,) = (out for out in cells["localise"].outputs if "data" in out)
    assert len(picture.data["image/png"]) > 10_000
    assert "depth_mm" in cells["table"].outputs[0].data["text/plain"]
    assert len([line for line in cells["localise"].source.splitlines() if line]) <= 10


def test_the_notebook_is_committed_clean():
    notebook = nbformat.read(NOTEBOOK, nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")


def test_the_page_knows_the_options_and_columns():
    page = (ROOT / "docs" / "own-data.md").read_text(encoding="utf-8")
    text = page.partition("## Speed")[0]
    # Commands by their own help; what stands outside of them is about `ckstudy localise`.
    commands = re.findall(r"^\$ ckstudy ((?:.*\\\n)*.*)", text, re.MULTILINE)
    assert {command.split()[0] for command in commands} > {"localise", "import-srml1d-network"}
    for command in commands:
        text = text.replace(command, "")
    for command in [*commands, f"localise {text}"]:
        name = command.split()[0]
        answer = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "300"})
        known = re.sub(r"\x1b\[[0-9;]*m", "", answer.output)
        for option in set(re.findall(r"--[a-z][a-z-]+", command)):
            assert option in known, f"{name} {option}"
    linked = re.findall(r"\]\(([^)#:]+)\)", page)
    for target in linked:
        assert (ROOT / "docs" / target).exists(), target
