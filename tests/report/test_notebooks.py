import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import jinja2
import nbformat
import numpy as np
import pytest
import yaml
from docutils.core import publish_string
from ipykernel import kernelspec
from PIL import Image
from safetensors.numpy import save_file
from synthetic_results import (
    beyond_specs,
    grid_specs,
    long_specs,
    write_lines_and_model,
    write_results,
)
from typer.testing import CliRunner

from ckstudy.analysis.results import Results
from ckstudy.cli import app
from ckstudy.errors import StudyError
from ckstudy.report import tables
from ckstudy.report.figures import FIGURES
from ckstudy.report.notebook import execute
from ckstudy.report.tables.long_kernels import findings

NOTEBOOKS = sorted((Path(__file__).parents[2] / "workflow" / "notebooks").glob("*.ipynb"))
REPORT = Path(__file__).parents[2] / "workflow" / "report"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    directory = tmp_path_factory.mktemp("results")
    write_results(directory, specs=beyond_specs())
    write_lines_and_model(directory)
    (directory / "figures").mkdir()
    for name in FIGURES:  # the notebooks only pass them on
        Image.new("L", (1, 1)).save(directory / "figures" / f"{name}.png")
    return directory


def write_notebook(path: Path, *sources: str) -> Path:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells[0].metadata["tags"] = ["parameters"]
    kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    return path


def notebook_called(name: str) -> Path:
    return next(path for path in NOTEBOOKS if path.stem == name)


def shown(path: Path) -> str:
    """All that the cells of an executed notebook print or display as text."""
    outputs = [
        out for cell in json.loads(path.read_text())["cells"] for out in cell.get("outputs", [])
    ]
    texts = [
        part
        for out in outputs
        for kind, part in out.get("data", {}).items()
        if kind in ("text/markdown", "text/plain")
    ]
    return "\n".join("".join(text) for text in texts)


def last_print(path: Path) -> str:
    """What the last cell of an executed notebook prints."""
    (printed,) = nbformat.read(path, as_version=4).cells[-1].outputs
    return printed["text"].strip()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_notebooks_are_clean(path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in notebook.cells) == 1
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
        else:
            # Prose may point to a section of the thesis; a score in it would be a result
            # that nobody measured.
            prose = re.sub(r"section \d\.\d(\.\d)?", "", cell.source)
            assert not re.search(r"\d\.\d", prose), prose


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("02_dilated", {"dilated": tables.dilated_table, "baselines": tables.baselines_table}),
        ("03_kernel_size", {"table1": tables.kernel_size_table}),
        ("04_omega_0", {"table2": tables.omega_0_table}),
        ("05_noise", {"noise": tables.noise_table}),
        (
            "06_claims",
            {
                "claims": tables.claims_table,
                "explanations": tables.explanations_table,
                "ablation": tables.ablation_table,
            },
        ),
        (
            "08_beyond",
            {
                "failures": tables.failures_table,
                "instability": tables.instability_table,
                "receptive_fields": tables.receptive_fields_table,
                "cost": tables.cost_table,
                "noise_levels": tables.noise_levels_table,
                "other_bubbles": tables.other_bubbles_table,
            },
        ),
    ],
)
def test_notebooks_write_the_tables_and_show_them(study, tmp_path, name, written):
    out, log = tmp_path / f"{name}.ipynb", tmp_path / "log.ipynb"
    execute(notebook_called(name), out, {"results": str(study)}, log)
    for table_name, make in written.items():
        table = make(Results(study))
        table.write(tmp_path)
        for suffix in (".csv", ".html", ".md"):
            made = study / "tables" / f"{table_name}{suffix}"
            assert made.read_bytes() == (tmp_path / made.name).read_bytes()
        assert table.caption in shown(out)


def test_the_notebook_of_the_whole_grid_says_what_the_numbers_say(tmp_path):
    directory = tmp_path / "results"
    directory.mkdir()
    write_results(directory, specs=grid_specs((65, 2111), (10.0, 30.0)), tolerances=[4])
    (directory / "figures").mkdir()
    Image.new("L", (1, 1)).save(directory / "figures" / "kernel_size_omega_0.png")
    out = tmp_path / "10_full_grid.ipynb"
    execute(notebook_called(out.stem), out, {"results": str(directory)}, tmp_path / "log.ipynb")
    table = tables.full_grid_table(Results(directory))
    table.write(tmp_path)
    for name in ("full_grid.csv", "full_grid.md"):
        assert (directory / "tables" / name).read_bytes() == (tmp_path / name).read_bytes()
    said = shown(out)
    for sentence in (table.caption, *table.findings):
        assert sentence in said


def test_the_notebook_of_long_kernels_says_what_the_numbers_say(tmp_path):
    directory = tmp_path / "results"
    directory.mkdir()
    write_results(directory, specs=long_specs(sizes=(65, 2111)), tolerances=[4])
    (directory / "figures").mkdir()
    for name in ("long_kernels", "kernel_band"):
        Image.new("L", (1, 1)).save(directory / "figures" / f"{name}.png")
    write_lines_and_model(directory, "cnn_dilated-s0")
    for size in (65, 2111):
        for seed in range(3):
            run = f"ckcnn-k{size}-w30-kernel_init_balanced-window30-s{seed}"
            sigma = {"model.1.log_sigma": np.array(np.log(17.2), dtype=np.float32)}
            save_file(sigma, directory / "runs" / run / "model.safetensors")
    out = tmp_path / "07_long_kernels.ipynb"
    execute(notebook_called(out.stem), out, {"results": str(directory)}, tmp_path / "log.ipynb")
    table = tables.long_kernels_table(Results(directory))
    table.write(tmp_path)
    for name in ("long_kernels.csv", "long_kernels.md"):
        assert (directory / "tables" / name).read_bytes() == (tmp_path / name).read_bytes()
    said = shown(out)
    assert table.caption in said
    assert said.count("| 17.2 |") == 6
    for sentence in findings(Results(directory)):
        assert sentence in said
    assert said.count("At the scale of this study: **undecided**") == 6


def test_the_data_notebook_counts_the_lines(study, tmp_path):
    out = tmp_path / "01_data.ipynb"
    execute(notebook_called("01_data"), out, {"results": str(study)}, tmp_path / "log.ipynb")
    first_table = shown(out).split("test lines")[0]
    rows = {line.split("  ")[0]: line.split()[-3:] for line in first_table.splitlines()}
    assert rows["lines"] == ["24", "12", "40"]
    assert rows["last line number"] == ["23", "1,000,011", "2,000,039"]


def test_a_second_execution_gives_the_same_bytes(tmp_path):
    source = write_notebook(tmp_path / "in.ipynb", "x = 1", "print(x)\nx + 1")
    for out in ("one.ipynb", "two.ipynb"):
        execute(source, tmp_path / out, {"x": 7}, tmp_path / "log.ipynb")
    assert (tmp_path / "one.ipynb").read_bytes() == (tmp_path / "two.ipynb").read_bytes()
    executed = nbformat.read(tmp_path / "one.ipynb", as_version=4)
    nbformat.validate(executed)
    assert [out.get("text") for out in executed.cells[-1].outputs] == ["7\n", None]
    assert executed.cells[-1].outputs[1].data["text/plain"] == "8"


def test_an_unknown_parameter_runs_nothing(tmp_path):
    source = write_notebook(tmp_path / "in.ipynb", "x = 1\ny = 2")
    with pytest.raises(StudyError, match=r"no parameter z; its parameters are x, y"):
        execute(source, tmp_path / "out.ipynb", {"z": 1}, tmp_path / "log.ipynb")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.ipynb"]


def test_a_failing_cell_leaves_the_old_notebook_and_a_log(tmp_path):
    source = write_notebook(tmp_path / "in.ipynb", "x = 1", "print('got here')", "1 / 0")
    out = tmp_path / "out.ipynb"
    out.write_text("old")
    with pytest.raises(StudyError, match=r"ZeroDivisionError: division by zero; .*log\.ipynb"):
        execute(source, out, {}, tmp_path / "log.ipynb")
    assert out.read_text() == "old"
    assert "got here" in (tmp_path / "log.ipynb").read_text()


def test_a_foreign_kernel_of_the_same_name_is_not_used(tmp_path, monkeypatch):
    kernel = tmp_path / "jupyter" / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text(json.dumps({"argv": ["false"], "display_name": "x", "language": "python"}))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    source = write_notebook(tmp_path / "in.ipynb", "import sys", "print(sys.executable)")
    execute(source, tmp_path / "out.ipynb", {}, tmp_path / "log.ipynb")
    assert last_print(tmp_path / "out.ipynb") == sys.executable


SHOW_CHANNELS = (
    "from ipykernel.kernelapp import IPKernelApp\nprint(IPKernelApp.instance().transport)"
)


@pytest.mark.parametrize(("depth", "transport"), [(0, "ipc"), (110, "tcp")])
def test_no_port_is_taken_unless_the_path_of_a_socket_would_be_too_long(
    tmp_path, monkeypatch, depth, transport
):
    home = Path(tempfile.mkdtemp(prefix="c-"))  # pytest's own directories are deep on some systems
    deep = home / ("d" * depth)
    deep.mkdir(exist_ok=True)
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    source = write_notebook(tmp_path / "in.ipynb", "x = 1", SHOW_CHANNELS)
    try:
        execute(source, tmp_path / "out.ipynb", {}, tmp_path / "log.ipynb")
        assert list(deep.iterdir()) == []
    finally:
        shutil.rmtree(home)
    assert last_print(tmp_path / "out.ipynb") == transport


def test_a_kernel_that_dies_is_said(tmp_path):
    source = write_notebook(tmp_path / "in.ipynb", "x = 1", "import os\nos._exit(1)")
    with pytest.raises(StudyError, match=r"in\.ipynb did not start, or died: "):
        execute(source, tmp_path / "out.ipynb", {}, tmp_path / "log.ipynb")
    assert not (tmp_path / "out.ipynb").exists()


@pytest.mark.parametrize("failures", [1, 2])
def test_a_kernel_that_does_not_start_is_started_once_more(tmp_path, monkeypatch, failures):
    left, get_kernel_dict = [failures], kernelspec.get_kernel_dict

    def seldom(arguments):
        spec = get_kernel_dict(arguments)
        if left[0]:
            left[0] -= 1
            spec["argv"][1:] = ["-c", "raise SystemExit(1)"]
        return spec

    monkeypatch.setattr(kernelspec, "get_kernel_dict", seldom)
    source = write_notebook(tmp_path / "in.ipynb", "x = 1", "print('ran')")
    if failures > 1:
        with pytest.raises(StudyError, match="did not start, or died: Kernel died before replying"):
            execute(source, tmp_path / "out.ipynb", {}, tmp_path / "log.ipynb")
        assert not (tmp_path / "out.ipynb").exists()
    else:
        execute(source, tmp_path / "out.ipynb", {}, tmp_path / "log.ipynb")
        assert last_print(tmp_path / "out.ipynb") == "ran"


def test_a_missing_notebook_is_said(tmp_path):
    with pytest.raises(StudyError, match="there is no notebook"):
        execute(tmp_path / "none.ipynb", tmp_path / "out.ipynb", {}, tmp_path / "log.ipynb")


def test_figures_that_cannot_be_drawn_are_said(tmp_path):
    answer = CliRunner().invoke(app, ["figures", "figure9", "--out", str(tmp_path)])
    assert "unknown figure 'figure9'" in str(answer.exception)
    answer = CliRunner().invoke(app, ["figures", "population", "--out", str(tmp_path)])
    assert isinstance(answer.exception, StudyError)
    assert "name them with --results" in str(answer.exception)


@pytest.mark.parametrize("path", sorted(REPORT.glob("*.rst")), ids=lambda path: path.stem)
def test_captions_are_valid_and_tell_the_scale(path):
    config = yaml.safe_load((REPORT.parents[1] / "config" / "config.yaml").read_text())
    template = jinja2.Template(path.read_text(), undefined=jinja2.StrictUndefined)
    text = template.render(snakemake=SimpleNamespace(config=config))
    publish_string(text, settings_overrides={"halt_level": 2, "report_level": 5})
    if "Study" in text:
        assert "``thesis``: 1024 training and 960 test lines, 1250 epochs" in text


def test_every_figure_and_table_has_a_caption_for_the_report():
    expected = {*FIGURES, "table1", "table2", "dilated", "baselines", "workflow"}
    expected |= {"noise", "claims", "explanations", "ablation"}
    assert expected <= {path.stem for path in REPORT.glob("*.rst")}
