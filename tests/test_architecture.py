"""The direction of imports, as docs/architecture.md draws it."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from checkout import ROOT

import ckstudy

SOURCE = ROOT / "src" / "ckstudy"

# From the ground up. A room imports from lower floors alone, never from its own floor or above.
FLOORS = [
    {"errors", "files"},
    {"csv_files", "json_fields", "provenance", "dataset"},
    {"acoustics", "convolution", "records"},
    {"study", "devices"},
    {"networks", "scoring"},
    {"training", "probing", "analysis", "archive"},
    {"campaign", "report"},
    {"srml1d", "localisation"},
    {"imaging"},
    {"cli"},
    {"__main__"},
]
WITHOUT_TORCH = {room for floor in FLOORS[:2] for room in floor} | {
    "acoustics",
    "study",
    "scoring",
    "analysis",
    "archive",
}

MODULES = {
    ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
}


def imports(path: Path, *, typing: bool = True) -> list[str]:
    """Dotted names that a file imports, wherever in it, for its annotations alone or not."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    annotations = [node for node in ast.walk(tree) if isinstance(node, ast.If)]
    annotations = [node for node in annotations if ast.unparse(node.test) == "TYPE_CHECKING"]
    left_out = () if typing else {id(n) for node in annotations for n in ast.walk(node)}
    found = []
    for node in ast.walk(tree):
        if id(node) in left_out:
            continue
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            for alias in node.names:
                # A name that the package offers is imported from where it is at home.
                origin = node.module if node.module != "ckstudy" else ckstudy._HOME.get(alias.name)
                inner = f"{node.module}.{alias.name}"
                found += [inner] if inner in MODULES else [origin] if origin else []
    return found


def room_of(module: str) -> str:
    return module.split(".")[1]


IMPORTS = {
    module: [name for name in imports(path) if name.startswith("ckstudy.")]
    for module, path in MODULES.items()
    if module != "ckstudy"  # the front door opens on any floor
}


def test_every_room_has_a_floor():
    assert {room_of(module) for module in IMPORTS} == set().union(*FLOORS)


@pytest.mark.parametrize("room", [room for floor in FLOORS for room in sorted(floor)])
def test_a_room_imports_from_lower_floors_alone(room):
    floor_of = {name: number for number, floor in enumerate(FLOORS) for name in floor}
    upward = {
        f"{module} imports {name}"
        for module, names in IMPORTS.items()
        for name in names
        if room_of(module) == room != room_of(name) and floor_of[room_of(name)] >= floor_of[room]
    }
    assert not upward


def test_no_modules_import_each_other_in_a_circle():
    graph = {
        module: {name for name in imports(path, typing=False) if name in MODULES and name != module}
        for module, path in MODULES.items()
        if module in IMPORTS
    }
    assert set(TopologicalSorter(graph).static_order()) == set(IMPORTS)


def test_rooms_that_plan_simulate_or_score_import_no_torch():
    guilty = {
        module
        for module in IMPORTS
        if room_of(module) in WITHOUT_TORCH
        and any(
            name.split(".")[0] == "torch" or name == "safetensors.torch"
            for name in imports(MODULES[module])
        )
    }
    assert not guilty


def test_no_module_makes_every_command_wait_for_scipys_slow_parts():
    # Up to a second each: to be imported where they are used.
    slow = re.compile(r"scipy\.(signal|special|stats)|from scipy import .*(signal|special|stats)")
    for module, path in MODULES.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            # The acoustics are all arithmetic of this kind.
            assert module.startswith("ckstudy.acoustics") or not (
                isinstance(node, ast.Import | ast.ImportFrom) and slow.search(ast.unparse(node))
            ), module


def test_the_picture_shows_these_floors():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    picture = text.partition("```text\n")[2].partition("```")[0]
    floors = [re.findall(r"^[\d ][\d ] (\w+)", block, re.M) for block in re.split("─+", picture)]
    assert [set(floor) for floor in reversed(floors)] == FLOORS
