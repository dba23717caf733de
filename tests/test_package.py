"""The package as others get it: built, checked, and used with nothing but what it asks for."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from importlib.metadata import distribution
from pathlib import Path

import pytest
from checkout import ROOT
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import ckstudy

FOR_THE_WORKFLOW = {"snakemake", "papermill", "matplotlib", "seaborn", "nbconvert", "jsonschema"}

# In a folder of its own, with nothing of this checkout on its path.
USE = """
import sys, time
from importlib.util import find_spec

start = time.process_time()
import ckstudy
assert time.process_time() - start < 0.2
assert not {"torch", "numpy", "pandas"} & set(sys.modules)
assert ckstudy.__file__.startswith(sys.prefix), ckstudy.__file__
assert all(find_spec(name) is None for name in NAMES)

import torch
from torch.nn.functional import conv1d, pad

x = torch.randn(2, 4, 3000)
layer = ckstudy.CKConv(4, 4, 501, padding="causal", groups=4)
expected = conv1d(pad(x, (500, 0)), layer.kernel(), groups=4)
assert (layer(x) - expected).abs().max() < 1e-4
network = ckstudy.build_network("ckcnn", kernel_size=65, seed=0)
print(len(ckstudy.predict(network, torch.randn(400).numpy(), sampling_rate_hz=62.5e6)))
"""


def run(*command: str | Path, **options) -> str:
    command = list(map(str, command))
    there = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, env=there, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tool(name: str, *arguments: str | Path) -> str:
    """Run a module of this environment, or skip the test where it is not installed."""
    pytest.importorskip(name, reason="pip install 'ckstudy[test]'")
    return run(sys.executable, "-m", name, *arguments)


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> list[Path]:
    """An sdist of the checkout, and the wheel that is built of that."""
    folder = tmp_path_factory.mktemp("package")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    leave = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", folder / "src", ignore=leave)
    # Without isolation nothing is fetched.
    tool("build", "--no-isolation", "--outdir", folder / "dist", folder)
    return sorted((folder / "dist").iterdir(), key=lambda path: path.suffix)


@pytest.fixture(scope="module")
def environment(built, tmp_path_factory) -> Path:
    """A virtual environment with the wheel, and what it asks for taken from this environment."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    (packages,) = (folder / "lib").glob("python*/site-packages")
    wheel = built[1]
    pip = [sys.executable, "-m", "pip", "--python", python]
    run(*pip, "install", "--no-deps", "--no-index", "--quiet", wheel)
    waiting = [Requirement(line) for line in requirements(wheel)]
    seen: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        if requirement.name.lower() in seen:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            seen.add(requirement.name.lower())
            found = distribution(requirement.name)
            waiting += map(Requirement, found.requires or [])
            for top in {path.parts[0] for path in found.files or []} - {"..", "__pycache__"}:
                if not (packages / top).exists():
                    (packages / top).symlink_to(found.locate_file(top))
    run(*pip, "check")
    return folder


def requirements(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("dist-info/METADATA"))
        lines = archive.read(name).decode().splitlines()
    return [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-D")]


@pytest.mark.slow
def test_the_package_is_built_and_fit_to_be_published(built):
    assert [path.suffix for path in built] == [".gz", ".whl"]
    assert tool("twine", "check", "--strict", *built).count("PASSED") == 2


@pytest.mark.slow
def test_the_wheel_holds_the_library_with_types_and_a_network_and_nothing_else(built):
    with zipfile.ZipFile(built[1]) as archive:
        names = set(archive.namelist())
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"ckstudy"}
    assert {"ckstudy/py.typed"} | {
        f"ckstudy/networks/weights/{name}.{kind}"
        for name in ("best", "robust")
        for kind in ("safetensors", "imaging.json")
    } <= names
    modules = {f"ckstudy/{p.relative_to(ROOT / 'src/ckstudy').as_posix()}" for p in sources()}
    assert {name for name in names if name.endswith(".py")} == modules


def sources() -> list[Path]:
    return list((ROOT / "src/ckstudy").rglob("*.py"))


@pytest.mark.slow
def test_the_library_asks_for_nothing_of_the_workflow(built):
    plain = [Requirement(line) for line in requirements(built[1]) if "extra ==" not in line]
    names = {requirement.name for requirement in plain}
    assert "torch" in names
    assert not names & FOR_THE_WORKFLOW


@pytest.mark.slow
def test_it_works_where_there_is_nothing_but_what_it_asks_for(environment, tmp_path):
    names = sorted(FOR_THE_WORKFLOW)
    program = USE.replace("NAMES", repr(names))
    assert run(environment / "bin/python", "-I", "-c", program, cwd=tmp_path).strip() == "400"
    said = run(environment / "bin/ckstudy", "--version", cwd=tmp_path)
    assert said.startswith(f"ckstudy {ckstudy.__version__}")


def test_what_is_pinned_takes_every_python_3_11():
    """Debian 12 has 3.11.2: a pin that asks for a later patch cannot be installed there."""
    pins = re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text("utf-8"), re.M)
    refused = {}
    for name in pins:
        try:
            wanted = metadata.metadata(name)["Requires-Python"]
        except metadata.PackageNotFoundError:
            continue  # of another platform, or of an extra that is not installed
        if wanted and not SpecifierSet(wanted).contains("3.11.0"):
            refused[name] = wanted
    assert not refused
