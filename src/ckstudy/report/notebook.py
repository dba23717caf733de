"""Executing a notebook with papermill, in this very interpreter, to the same bytes each time."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ckstudy.errors import StudyError
from ckstudy.files import write_text

KERNEL = "python3"
SECONDS_TO_START = 300  # a kernel on a loaded machine


def execute(
    source: str | Path, out: str | Path, parameters: Mapping[str, object], log: str | Path
) -> None:
    """Run the notebook ``source`` with ``parameters`` and write it, with outputs, to ``out``.

    Parameters
    ----------
    source : str or Path
        A notebook with a cell tagged ``parameters``.
    out : str or Path
        The executed notebook, without times, written only once every cell has succeeded.
    parameters : mapping
        New values for names that the tagged cell sets.
    log : str or Path
        Where the notebook is written while it runs; after a failure it shows how far it came.

    Raises
    ------
    StudyError
        Where the notebook or papermill is missing, the notebook has no such parameter (papermill
        itself would only warn), its kernel dies or does not start in two attempts, or a cell fails.
    """
    try:
        import ipykernel  # noqa: F401 - papermill starts it by name
        import nbformat
        import papermill
        from nbclient.exceptions import DeadKernelError
    except ImportError as error:
        raise StudyError(
            f"{error.name} is not installed; notebooks need pip install 'ckstudy[workflow]'"
        ) from None
    if not Path(source).is_file():
        raise StudyError(f"there is no notebook {source}")
    known = papermill.inspect_notebook(str(source))
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        raise StudyError(
            f"notebook {source} has no parameter {', '.join(unknown)}; "
            f"its parameters are {', '.join(known) or 'none'}"
        )
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    try:
        try:
            _run(source, log, parameters)
        except DeadKernelError:
            raise
        except RuntimeError:  # how jupyter_client says that the kernel did not start: no cell ran
            _run(source, log, parameters)
    except RuntimeError as error:
        raise StudyError(
            f"the kernel of notebook {source} did not start, or died: {error}; {log} shows how "
            "far it came"
        ) from error
    except papermill.PapermillExecutionError as error:
        raise StudyError(
            f"notebook {source} failed in cell {error.cell_index}: {error.ename}: "
            f"{error.evalue}; {log} shows how far it came"
        ) from None
    executed = nbformat.read(log, as_version=4)
    _strip(executed)
    write_text(out, nbformat.writes(executed) + "\n")


def _run(source: str | Path, log: str | Path, parameters: Mapping[str, object]) -> None:
    import papermill

    with _own_kernel() as config:
        papermill.execute_notebook(
            str(source),
            str(log),
            parameters=dict(parameters),
            kernel_name=KERNEL,
            progress_bar=False,
            start_timeout=SECONDS_TO_START,
            config=config,
        )


def _strip(notebook: Any) -> None:
    """Remove all that differs between two equal executions: times, and random cell names."""
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected-parameters"


@contextmanager
def _own_kernel() -> Iterator[Any]:
    """Make the kernel ``python3`` mean this interpreter, without the user's IPython settings.

    A registered kernel of that name may belong to another environment; a directory on
    ``JUPYTER_PATH`` comes before all registered ones. Gives the traitlets ``Config`` to run it by.
    """
    from ipykernel.kernelspec import get_kernel_dict
    from traitlets.config import Config

    with tempfile.TemporaryDirectory(prefix="ckstudy-kernel-") as directory:
        home = Path(directory)
        spec = get_kernel_dict(["--HistoryManager.enabled=False"])
        spec["argv"][0] = sys.executable
        spec["env"] = {"IPYTHONDIR": str(home / "ipython")}
        write_text(home / "kernels" / KERNEL / "kernel.json", json.dumps(spec))
        with _environment(JUPYTER_PATH=str(home), JUPYTER_RUNTIME_DIR=str(home / "runtime")):
            yield Config({"KernelManager": _channels(home)})


def _channels(home: Path) -> dict[str, str]:
    """How papermill and the kernel talk: sockets in ``home``, which none but its owner can open.

    A TCP port is chosen by binding it and letting it go before the kernel binds it anew. Of several
    notebooks that start at once, one may take another's port, and its kernel dies.
    """
    import zmq

    sockets = home / "socket"
    if zmq.has("ipc") and len(f"{sockets}-5".encode()) <= zmq.IPC_PATH_MAX_LEN:
        return {"transport": "ipc", "ip": str(sockets)}
    # A deep directory for temporary files: ports then, where others must not read along.
    return {"transport_encryption": "auto"}


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
