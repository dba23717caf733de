"""Where a result came from: a digest of the code that made it, and the environment it ran in.

The digest covers a module and everything inside :mod:`ckstudy` that it imports, directly or not,
as parsed code without comments and docstrings. The workflow makes it a parameter of each rule:
a change of behaviour reruns what depends on it, a change of wording reruns nothing.
"""

import ast
import hashlib
import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = Path(__file__).parent
_VERSIONED = ("torch", "numpy", "scipy", "numba", "h5py", "pandas", "safetensors")


def source_digest(*modules: str) -> str:
    """Digest of the code of ``modules`` and of all the ckstudy modules they import.

    Parameters
    ----------
    *modules : str
        Dotted names, such as ``"ckstudy.training"``. A package stands for all its modules.

    Returns
    -------
    str
        16 hexadecimal digits, equal for sources that parse to the same code apart from
        comments, docstrings and layout.

    Raises
    ------
    ValueError
        Where a name is no module of this package.
    """
    wanted: set[Path] = set()
    for module in modules:
        wanted |= _closure(module)
    digest = hashlib.sha256()
    for path in sorted(wanted):
        digest.update(path.relative_to(PACKAGE).as_posix().encode())
        digest.update(_code(path).encode())
    return digest.hexdigest()[:16]


def environment() -> dict[str, str]:
    """Versions, platform, thread count and commit, for the metadata of a result."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in ("ckstudy", *_VERSIONED):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed as a package"
    found["processors"] = str(os.cpu_count())
    found["threads"] = os.environ.get("OMP_NUM_THREADS", "default")
    found["commit"] = commit()
    return found


@cache
def commit() -> str:
    """The commit of the checkout this package runs from, with ``-dirty`` where it was edited."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(PACKAGE), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return answer.stdout.strip()


def _closure(module: str) -> set[Path]:
    found: set[Path] = set()
    waiting = list(_files(module))
    if not waiting:
        raise ValueError(f"{module!r} is no module of ckstudy")
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        waiting.extend(_imports(path))
    return found


def _files(module: str) -> list[Path]:
    """The source files that a dotted name stands for; none where it is no module of ours."""
    head, *rest = module.split(".")
    if head != PACKAGE.name:
        return []
    place = PACKAGE.joinpath(*rest)
    if place.is_dir() and rest:
        return sorted(place.glob("*.py"))
    source = place.with_suffix(".py")
    return [source] if rest and source.is_file() else []


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def _imports(path: Path) -> tuple[Path, ...]:
    """Files of this package that ``path`` imports, wherever in the file the import stands."""
    package = [PACKAGE.name, *path.relative_to(PACKAGE).parent.parts]
    found: list[Path] = []
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found += _files(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                found += _files(f"{origin}.{alias.name}") or _files(origin)
    return tuple(found)


@cache
def _code(path: Path) -> str:
    tree = _tree(path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body
            if body and isinstance(body[0], ast.Expr) and _is_text(body[0].value):
                node.body = body[1:]
    # ast.dump differs between versions of Python; the unparsed text is stable and as telling.
    return ast.unparse(tree)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
