"""The members of a study's grid: in which order they are trained, and how far each one is."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from statistics import median

from ckstudy.errors import StudyError
from ckstudy.networks.release import read_provenance
from ckstudy.study.config import Study
from ckstudy.study.folder import RUN_FILES, StudyFolder
from ckstudy.study.spec import RunSpec
from ckstudy.training import checkpoint
from ckstudy.training.identity import differences, fingerprint, start_files

# The order of value: first the table that tests the thesis's claim about long kernels, then the
# pair of dilated networks, then the sixteen cells of the sweep of ω0.
ORDER = ("kernel_size", "dilated", "omega_0")

DONE, IN_PROGRESS, STALE, TO_DO = "done", "in progress", "stale", "to do"


def members(study: Study, only: list[str] | None = None) -> dict[str, RunSpec]:
    """Specs by run, in the order in which they are to be trained.

    Parameters
    ----------
    study : Study
    only : list of str, optional
        Names of experiments, or patterns of runs such as ``ckcnn-k131-*``: these members alone,
        in this order.

    Raises
    ------
    StudyError
        For a pattern that no member has.
    """
    runs, experiments = study.runs, study.run_names
    first = [name for name in ORDER if name in experiments]
    wanted = only or [*first, *(name for name in experiments if name not in ORDER)]
    chosen: dict[str, RunSpec] = {}
    for pattern in wanted:
        names = experiments.get(pattern) or [name for name in runs if fnmatchcase(name, pattern)]
        if not names:
            raise StudyError(
                f"no experiment and no run of the grid is called {pattern!r}; experiments: "
                f"{', '.join(experiments)}; runs: see ckstudy grid"
            )
        chosen |= {name: runs[name] for name in names if name not in chosen}
    return chosen


@dataclass(frozen=True)
class Progress:
    """How far a member is.

    Attributes
    ----------
    state : str
        :data:`DONE`, :data:`IN_PROGRESS`, :data:`STALE` (a released model, but of another spec,
        code or data) or :data:`TO_DO`.
    epoch, epochs : int
        Epochs that are done, and all of them.
    epoch_seconds : float or None
        What one took, where that was measured.
    device : str or None
        Where it was measured.
    note : str
        For a person to read.
    """

    state: str
    epoch: int
    epochs: int
    epoch_seconds: float | None = None
    device: str | None = None
    note: str = ""

    @property
    def left(self) -> int:
        """Epochs still to be done."""
        return self.epochs - self.epoch


def progress(
    folder: StudyFolder, spec: RunSpec, digest: str, data: dict[str, str] | None
) -> Progress:
    """How far the member of ``spec`` is in ``folder``.

    Parameters
    ----------
    folder : StudyFolder
    spec : RunSpec
    digest : str
        Of the present code, see :mod:`ckstudy.training.identity`.
    data : dict of str, optional
        Hashes of the present lines; None where there are none yet, so that nothing can have
        been trained on them.
    """
    run, epochs = spec.run, spec.training.epochs
    note = ""
    released = (folder.run(run) / "model.safetensors").exists()
    try:
        start_files(spec)
    except StudyError:  # another training may still have to write them
        note = f"starts from {spec.training.start_from}, which is not there"
        return Progress(STALE if released else TO_DO, 0, epochs, note=note)
    if released:
        differ, about = _released(folder, spec, digest, data)
        if not differ:
            return Progress(DONE, epochs, epochs, about.get("epoch_seconds"), about.get("device"))
        note = "released model of " + " and ".join(f"other {what}" for what in differ)
    state = None
    if data is not None:
        state = checkpoint.load(folder.checkpoints(run), fingerprint(spec, digest, data), _quiet)
    if state is not None:
        speed, device = state["epoch_seconds"], state["device"]
        return Progress(IN_PROGRESS, state["epoch"], epochs, speed, device, note)
    return Progress(STALE if note else TO_DO, 0, epochs, note=note)


def _released(
    folder: StudyFolder, spec: RunSpec, digest: str, data: dict[str, str] | None
) -> tuple[list[str], dict]:
    """In what the released model differs from the wanted one, and what its file says."""
    here = folder.run(spec.run)
    if missing := [name for name in RUN_FILES if not (here / name).exists()]:
        return [f"files ({', '.join(missing)} missing)"], {}
    try:
        about = read_provenance(here / "model.safetensors")
    except StudyError:
        return ["format"], {}
    return differences(about, spec, digest, data or {}), about


def expected_seconds(
    specs: dict[str, RunSpec], found: dict[str, Progress]
) -> dict[str, tuple[float, bool] | None]:
    """Seconds that each member still needs, by measured seconds per epoch.

    Returns
    -------
    dict
        By run: the seconds, and whether they were measured on that very network and kernel
        size; else they are those of the nearest measured kernel size of the same network. None
        where nothing comparable was measured.
    """
    measured: dict[str, dict[int, list[float]]] = {}
    for run, member in found.items():
        if member.epoch_seconds is not None:
            network, size = _shape(specs[run])
            measured.setdefault(network, {}).setdefault(size, []).append(member.epoch_seconds)
    expected: dict[str, tuple[float, bool] | None] = {}
    for run, member in found.items():
        network, size = _shape(specs[run])
        known = measured.get(network, {})
        if not member.left:
            expected[run] = 0.0, True
        elif not known:
            expected[run] = None
        else:
            nearest = min(known, key=lambda other: abs(other - size))
            own = member.epoch_seconds or median(known[nearest])
            expected[run] = member.left * own, nearest == size
    return expected


def _shape(spec: RunSpec) -> tuple[str, int]:
    return spec.network.name, spec.network.options.get("kernel_size", 0)


def _quiet(line: str) -> None:
    pass
