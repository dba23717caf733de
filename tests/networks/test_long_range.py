"""The example of long kernels: layers learn what Wiener's equations say is best."""

import re

import nbformat
import pandas as pd
import pytest
from checkout import ROOT

from ckstudy.report.notebook import execute

NOTEBOOK = ROOT / "examples" / "long_range.ipynb"


@pytest.mark.slow
def test_long_kernels_learn_nearly_all_that_there_is_to_learn(tmp_path):
    execute(NOTEBOOK, tmp_path / "done.ipynb", {"steps": 300}, tmp_path / "log.ipynb")
    cells = {cell.id: cell for cell in nbformat.read(tmp_path / "done.ipynb", 4).cells}
    page = cells["table"].outputs[0].data["text/html"]
    rows = re.findall(r"<th>([^<]+)</th>\s*((?:<td>[^<]+</td>\s*)+)", page)
    columns = ["taps", "parameters", "error", "least", "seconds"]
    table = pd.DataFrame(
        {name: [float(cell) for cell in re.findall(r">([\d.]+)<", cells)] for name, cells in rows},
        index=columns,
    ).T
    error, least = table["error"], table["least"]
    # From a sample of 32 sequences the error varies by some hundredths of itself.
    assert (error > 0.95 * least).all()
    long, short, published = ["past", "both sides"], "past, short", "past, published start"
    assert (error[long] < 1.15 * least[long]).all()
    assert error["both sides"] < 0.7 * error["past"] < 0.5 * error[short] < 0.02 * error[published]
    assert len(set(table["parameters"])) == 1
    (said,) = cells["now"].outputs
    assert float(said.text.split()[-1]) < 1e-4
    pictures = [out for out in cells["picture"].outputs if "data" in out]
    assert len(pictures[0].data["image/png"]) > 10_000


def test_the_notebook_is_committed_clean():
    notebook = nbformat.read(NOTEBOOK, nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")
