"""Where a result came from: a digest of the code that made it, and the environment it ran in.

The digest follows names. It starts at a function, a module, a script or a notebook, takes the
statements that define the names used there, whatever inside :mod:`ckstudy` these come from, and
so on. Comments, docstrings, layout and the type hints of functions do not count: a change of
behaviour reruns what depends on it, and a change of wording reruns nothing.

What is only found when the code runs (``import_module(name)``, ``getattr(module, name)``) is not
seen here, and has to be named beside the entry.
"""

import ast
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Container, Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from ckstudy.files import atomic_path

PACKAGE = Path(__file__).parent
VERSIONED = ("torch", "numpy", "scipy", "numba", "h5py", "pandas", "safetensors")
# This module keeps records beside results, which do not depend on it.
_BESIDE = "records"
_ALL = "*"  # all names of a file
_LOOSE = ""  # its statements that bind no name: they run whatever is imported
_unsaved: set[str] = set()  # files that were read since the cache was written


def source_digest(*entries: str | Path) -> str:
    """Digest of all code of this package that ``entries`` depend on, themselves included.

    Parameters
    ----------
    *entries : str or Path
        A module, ``"ckstudy.training.trainer"``; one name of it, ``"ckstudy.cli.train:train"``;
        or the path of a script (``.py``) or a notebook (``.ipynb``) that imports from ckstudy.

    Returns
    -------
    str
        16 hexadecimal digits, equal for sources that parse to the same code apart from
        comments, docstrings, layout and the type hints of functions.

    Raises
    ------
    ValueError
        Where an entry, or a name that is imported from this package, is not there.
    """
    digest = hashlib.sha256()
    for path, names in sorted(source_names(*entries).items()):
        place = path.relative_to(PACKAGE) if path.is_relative_to(PACKAGE) else Path(path.name)
        digest.update(place.as_posix().encode())
        for name in sorted(names):
            code = _names(path)[name].code if name in _names(path) else ""
            digest.update(code.encode())
    return digest.hexdigest()[:16]


def source_names(*entries: str | Path) -> dict[Path, set[str]]:
    """What the digest of ``entries`` is made of: the top-level names it takes from each file.

    Parameters and errors are those of :func:`source_digest`.
    """
    waiting = [needed for entry in entries for needed in _resolve(entry)]
    found: dict[Path, set[str]] = {}
    while waiting:
        path, name = waiting.pop()
        names = found.setdefault(path, set())
        if name not in names:
            names.add(name)
            waiting.extend(_needs(path, name))
    _keep()
    return found


def environment() -> dict[str, str]:
    """Versions, platform, thread count and commit, for the metadata of a result."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in ("ckstudy", *VERSIONED):
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


def _resolve(entry: str | Path) -> list[tuple[Path, str]]:
    if isinstance(entry, Path):
        if not entry.is_file():
            raise ValueError(f"there is no file {entry}")
        return [(entry, _ALL)]
    module, _, name = entry.partition(":")
    path = _file(module)
    if path is None:
        raise ValueError(f"{module!r} is no module of ckstudy")
    return [(path, name or _ALL)]


def _file(module: str) -> Path | None:
    """The file of a dotted name; None where it is no module of ours."""
    head, *rest = module.split(".")
    if head != PACKAGE.name or rest[:1] == [_BESIDE]:
        return None
    place = PACKAGE.joinpath(*rest)
    source = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    return source if source.is_file() else None


class _Name(NamedTuple):
    """A top-level name of a file: its code, and what that uses.

    A use is a name of the same file, ``(name,)``, a module, ``("", dotted)``, or a name of one,
    ``(dotted, name)``: tuples that JSON keeps.
    """

    code: str
    uses: list[tuple[str, ...]]


@cache
def _names(path: Path) -> dict[str, _Name]:
    """The top-level names of a file; :data:`_LOOSE` is one of them."""
    content = path.read_bytes()
    key = os.path.relpath(path, PACKAGE)
    digest = hashlib.sha256(content).hexdigest()
    kept = _kept()
    if key not in kept or kept[key]["digest"] != digest:
        kept[key] = {"digest": digest, "names": _read(path, content.decode())}
        _unsaved.add(key)
    return {name: _Name(*each) for name, each in kept[key]["names"].items()}


def _cache_file() -> Path:
    """Beside Python's bytecode, which is kept for the same reason: reading code takes seconds."""
    return PACKAGE / "__pycache__" / f"names.{sys.implementation.cache_tag}.json"


@cache
def _own_digest() -> str:
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


@cache
def _kept() -> dict[str, dict]:
    """What was read of files before, by their path from here, each with its content's digest."""
    try:
        found = json.loads(_cache_file().read_bytes())
        return found["files"] if found["by"] == _own_digest() else {}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _keep() -> None:
    if _unsaved:
        _unsaved.clear()
        with suppress(OSError), atomic_path(_cache_file()) as temporary:
            Path(temporary).write_text(json.dumps({"by": _own_digest(), "files": _kept()}))


def _read(path: Path, text: str) -> dict[str, _Name]:
    """As :func:`_names`, from the file's text."""
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    bound: dict[str, list[ast.stmt]] = {_LOOSE: []}
    for statement in _Behaviour().visit(ast.parse(text, filename=str(path))).body:
        for name, part in _bound(statement):
            bound.setdefault(name, []).append(part)
    return {
        name: _Name(
            # ast.dump differs between versions of Python; unparsed text is stable and as telling.
            "\n".join(map(ast.unparse, statements)),
            [use for statement in statements for use in _uses(path, statement, bound)],
        )
        for name, statements in bound.items()
    }


def _uses(path: Path, statement: ast.stmt, bound: Container[str]) -> Iterator[tuple[str, ...]]:
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and node.id in bound:
            yield (node.id,)
        elif isinstance(node, ast.Import):
            yield from (("", alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                package = [PACKAGE.name, *path.relative_to(PACKAGE).parent.parts]
                above = package[: len(package) - node.level + 1]
                origin = ".".join([*above, *filter(None, [origin])])
            yield from ((origin, alias.name) for alias in node.names)


def _bound(statement: ast.stmt) -> Iterator[tuple[str, ast.stmt]]:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield statement.name, statement
        case ast.Import():
            for alias in statement.names:
                yield alias.asname or alias.name.split(".")[0], ast.Import([alias])
        case ast.ImportFrom():
            for alias in statement.names:
                part = ast.ImportFrom(statement.module, [alias], statement.level)
                yield _LOOSE if alias.name == "*" else alias.asname or alias.name, part
        case ast.Assign(targets=[ast.Name(id=name)]):
            yield name, statement
        case ast.Assign(targets=[ast.Tuple(elts=targets)]) if all(
            isinstance(target, ast.Name) for target in targets
        ):
            for target in targets:
                yield ast.unparse(target), statement
        case _:
            yield _LOOSE, statement


@cache
def _needs(path: Path, name: str) -> tuple[tuple[Path, str], ...]:
    """The names, each with its file, that the code of ``name`` uses."""
    names = _names(path)
    if name == _ALL:
        return tuple((path, each) for each in names)
    if name not in names:
        raise ValueError(f"{path} defines no {name!r}: import it from where it is defined")
    found = [(path, _LOOSE)]
    for use in names[name].uses:
        if len(use) == 1:
            found.append((path, *use))
            continue
        origin, used = use
        if (module := _file(f"{origin}.{used}" if origin else used)) is not None:
            found.append((module, _ALL))
        elif (module := _file(origin)) is not None:
            found.append((module, used))
    return tuple(found)


class _Behaviour(ast.NodeTransformer):
    """Takes out of a syntax tree what does not change what it does."""

    def __init__(self) -> None:
        self._fields: set[ast.stmt] = set()

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
        return self._body(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        # The hints of its fields stay: a dataclass or a named tuple is made of them.
        self._fields |= {each for each in node.body if isinstance(each, ast.AnnAssign)}
        return self._body(node)

    def visit_Module(self, node: ast.Module) -> ast.AST:
        return self._body(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        if node in self._fields:
            return node
        if node.value is None:
            return None
        return ast.fix_missing_locations(
            ast.copy_location(ast.Assign([node.target], node.value), node)
        )

    def visit_If(self, node: ast.If) -> ast.AST | None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return None
        return self.generic_visit(node)

    def _body(
        self, node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    ) -> ast.AST:
        body = node.body
        if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            node.body = body[1:]  # the docstring
        return self.generic_visit(node)
