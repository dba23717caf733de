"""Notes which functions of ckstudy each job of the workflow executes.

Python imports a module of this name as it starts. Every command, script and notebook kernel that
Snakemake starts with this folder on PYTHONPATH then writes a file of JSON lines to the folder
CKSTUDY_EXECUTED: first its rule or command, its process and the one that started it, then each
function (the file, the name at the top level of the file) that runs once its module is imported.

Each function is compiled with a call in front that notes it: unlike a trace function, which Python
calls for every call of every library, that costs nothing elsewhere.
"""

import ast
import builtins
import json
import marshal
import os
import sys
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path

FOLDER = os.environ.get("CKSTUDY_EXECUTED")
RECORDS = os.sep + "records.py"
PACKAGE = os.sep + os.path.join("src", "ckstudy") + os.sep
NOTE = "__note_executed__"
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def command() -> str | None:
    """The sub-command, "script" or "kernel"; None for a process that is no job."""
    for number, word in enumerate(sys.orig_argv):
        if Path(word).name == "ckstudy":
            return sys.orig_argv[number + 1]
        if ".snakemake/scripts/" in word:
            return "script"
        if word == "ipykernel_launcher":
            return "kernel"
    return None


def watch(name: str) -> None:
    settled = set()
    path = Path(FOLDER) / f"{name}-{os.getpid()}.jsonl"

    def write(value):
        # At once: Jupyter may end a kernel without waiting for it.
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(value) + "\n")

    def note(*found):
        if found in settled:
            return
        outer = sys._getframe(1)
        while outer is not None:
            file = outer.f_code.co_filename
            if PACKAGE in file and (outer.f_code.co_name == "<module>" or file.endswith(RECORDS)):
                return  # while a module is imported, or for the records, which are no results
            outer = outer.f_back
        if not settled:
            snakemake = getattr(sys.modules["__main__"], "snakemake", None)
            rule = snakemake.rule if snakemake else name.replace("-", "_")
            write([rule, os.getpid(), os.getppid()])
        settled.add(found)
        write(found)

    setattr(builtins, NOTE, note)
    sys.meta_path.insert(0, WatchingFinder())


class WatchingFinder(PathFinder):
    """Finds the package's modules, and leaves all others to the finders behind it."""

    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        if fullname.partition(".")[0] != "ckstudy":
            return None
        spec = super().find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = WatchingLoader(spec.loader.name, spec.loader.path)
        return spec


class WatchingLoader(SourceFileLoader):
    """Compiles a module with its functions noted, once for all processes."""

    def get_code(self, fullname):
        kept = Path(FOLDER) / f"{fullname}.{os.stat(self.path).st_mtime_ns}.code"
        if not kept.exists():
            mine = kept.with_suffix(f".{os.getpid()}")
            mine.write_bytes(marshal.dumps(self.compiled(fullname)))
            mine.replace(kept)
        return marshal.loads(kept.read_bytes())

    def compiled(self, fullname):
        tree = ast.parse(self.get_source(fullname))
        file = self.path.split(PACKAGE)[1]
        for node in top_level(tree.body):
            functions = [node] if isinstance(node, FUNCTION) else node.body
            for function in functions:
                if isinstance(function, FUNCTION) and not is_compiled(function):
                    put_note(function, file, node.name)
        return compile(ast.fix_missing_locations(tree), self.path, "exec", dont_inherit=True)


def top_level(body):
    """The functions and classes of a module, those under a condition among them."""
    for node in body:
        if isinstance(node, (*FUNCTION, ast.ClassDef)):
            yield node
        elif isinstance(node, (ast.If, ast.Try)):
            yield from top_level([*node.body, *node.orelse])


def is_compiled(function) -> bool:
    """Whether numba compiles it, which then can take no call of Python's."""
    return any("jit" in ast.unparse(each) for each in function.decorator_list)


def put_note(function, file: str, name: str) -> None:
    place = 1 if ast.get_docstring(function, clean=False) is not None else 0
    call = ast.Call(ast.Name(NOTE, ast.Load()), [ast.Constant(file), ast.Constant(name)], [])
    function.body.insert(place, ast.copy_location(ast.Expr(call), function))


if FOLDER and (job := command()):
    watch(job)
