"""A study's config: read, merged, and checked once.

:func:`read_configs` merges files as Snakemake does; :func:`read_study` makes the
:class:`Study` that everything else works with. Plain Python, no torch: for the workflow, and for
a machine that has little more than torch.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from ckstudy.errors import StudyError
from ckstudy.study.analyses import AnalysesSpec, read_analyses
from ckstudy.study.checks import (
    Choice,
    FolderPath,
    ModelName,
    Name,
    Number,
    Optional,
    Whole,
    check_fields,
    field_checks,
)
from ckstudy.study.folder import StudyFolder
from ckstudy.study.grid import AXES, check_axis, expand_grid
from ckstudy.study.imaging import ImagingSpec
from ckstudy.study.lines import DataSpec
from ckstudy.study.presets import NETWORKS, PRESETS, network_options
from ckstudy.study.spec import LossSpec, RunSpec, TrainingSpec, from_mapping

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True)
class EvaluationSpec:
    """The keys of the config's section ``evaluation``.

    Attributes
    ----------
    bootstrap : int
        Resamples behind an interval.
    """

    bootstrap: Annotated[int, Whole(100, 1_000_000)]

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class ClaimMargins:
    """The keys of the config's section ``claims``: what rules of C1, C2, C4 and C6 compare with.

    Attributes
    ----------
    equal_f1 : float
        Two networks localise equally well where their mean F1 differs by less than this.
    large_gap : float
        A network over-fits where training lines score better than test lines by more than this.
    """

    equal_f1: Annotated[float, Number(above=0, most=1)]
    large_gap: Annotated[float, Number(above=0, most=1)]

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Study:
    """A study, as its merged config describes it.

    Attributes
    ----------
    study : str
        Its name.
    results : str
        Folder that it writes.
    device : {"auto", "cpu", "cuda"}
    preset : str
        The reading of the thesis that fills in what the config leaves open.
    seed : int
    archive : str or None
        Folder of an archived study whose networks are taken instead of trained.
    data : DataSpec
    networks, training, loss : Mapping
        What differs from the preset: options by network, settings, weights. A value may be null.
    evaluation : EvaluationSpec
    claims : ClaimMargins
    others : Mapping
        Networks that were trained elsewhere and are scored beside its own: by name, that of a
        shipped one or the path of a ``model.safetensors``.
    imaging : ImagingSpec or None
        What it measures of images.
    analyses : AnalysesSpec
        What it looks into beyond the thesis.
    experiments : Mapping
        By name, one or more mappings of axes to values, see :mod:`ckstudy.study.grid`.
    """

    study: Annotated[str, Name()]
    results: Annotated[str, FolderPath()]
    device: Annotated[str, Choice(("auto", "cpu", "cuda"))]
    preset: Annotated[str, Choice(tuple(PRESETS))]
    seed: Annotated[int, Whole(0)]
    archive: Annotated[str | None, Optional(FolderPath())]
    data: DataSpec
    networks: Mapping[str, Mapping[str, Any]]
    training: Mapping[str, Any]
    loss: Mapping[str, Any]
    evaluation: EvaluationSpec
    claims: ClaimMargins
    others: Mapping[str, str]
    imaging: ImagingSpec | None
    analyses: AnalysesSpec
    experiments: Mapping[str, Sequence[Mapping[str, Sequence]]]

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def folder(self) -> StudyFolder:
        """Where it keeps its files."""
        return StudyFolder(Path(self.results))

    @cached_property
    def _grid(self) -> tuple[dict[str, RunSpec], dict[str, list[str]]]:
        return expand_grid(self)

    @property
    def runs(self) -> dict[str, RunSpec]:
        """All networks to train, by name."""
        return self._grid[0]

    @property
    def run_names(self) -> dict[str, list[str]]:
        """The names of the runs that serve each experiment."""
        return self._grid[1]


def read_study(config: Mapping[str, Any]) -> Study:
    """The study that a merged config describes, with its whole grid checked.

    Parameters
    ----------
    config : Mapping
        Every key of ``config/config.yaml``, see ``config/README.md``.

    Raises
    ------
    StudyError
        For a key that is missing or unknown, or a value that cannot be, naming it.
    """
    _keys(config, Study, "the config")
    parts = dict(config)
    parts["data"] = from_mapping(DataSpec, _mapping(config, "data"), "data")
    parts["evaluation"] = from_mapping(EvaluationSpec, _mapping(config, "evaluation"), "evaluation")
    parts["claims"] = from_mapping(ClaimMargins, _mapping(config, "claims"), "claims")
    if config["imaging"] is not None:
        parts["imaging"] = from_mapping(ImagingSpec, _mapping(config, "imaging"), "imaging")
    parts["others"] = _others(_mapping(config, "others"))
    parts["analyses"] = read_analyses(_mapping(config, "analyses"))
    preset = Choice(tuple(PRESETS))(config["preset"], "preset")
    parts["networks"] = _networks(_mapping(config, "networks"), preset)
    parts["training"] = _settings(_mapping(config, "training"), TrainingSpec, "training", {"seed"})
    parts["loss"] = _settings(_mapping(config, "loss"), LossSpec, "loss")
    parts["experiments"] = _experiments(_mapping(config, "experiments"))
    study = Study(**parts)
    if taken := [name for name in study.runs if name in study.others]:
        raise StudyError(f"others: {taken[0]!r} is the name of one of the study's own networks")
    return study


def read_configs(paths: Sequence[Path]) -> dict:
    """The study config that ``paths`` make, each overlaying those before it.

    Mappings are merged and everything else is replaced, as Snakemake's ``--configfile`` does.

    Raises
    ------
    StudyError
        For a file that is missing, is no YAML, has a key twice, or is not a mapping.
    """
    config: dict = {}
    for path in paths:
        _overlay(config, read_layer(path))
    return config


def read_layer(path: Path) -> dict:
    """One config file by itself; raises as :func:`read_configs`."""
    import yaml

    class Loader(yaml.SafeLoader):
        """Says where a key stands twice: YAML takes the last one, without a word."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
            seen = set()
            for key_node, _ in node.value:
                if key_node.tag == "tag:yaml.org,2002:merge":  # "<<", what it adds is no repetition
                    continue
                key = self.construct_object(key_node, deep=True)
                if isinstance(key, str | int | float) and key in seen:
                    line = key_node.start_mark.line + 1
                    raise StudyError(
                        f"config {path} has the key {key!r} twice; again in line {line}"
                    )
                if isinstance(key, str | int | float):
                    seen.add(key)
            return super().construct_mapping(node, deep)

    try:
        layer = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)
    except OSError as error:
        raise StudyError(f"config {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise StudyError(f"config {path} is no text in UTF-8") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise StudyError(f"config {path} is not valid YAML: {error}") from None
    if not isinstance(layer, dict):
        raise StudyError(f"config {path} holds no mapping of keys to values")
    return layer


def in_order(layers: Sequence[Mapping], key: str, config: Mapping[str, Any]) -> Any:
    """``config[key]``, a mapping, with its keys in the order in which ``layers`` name them.

    Where a mapping of the layers was merged otherwise than by :func:`read_configs`, the values are
    the same and their order may not be. What is no mapping is returned as it is.
    """
    found = config.get(key)
    if not isinstance(found, Mapping):
        return found
    named = [layer[key] for layer in layers if isinstance(layer.get(key), Mapping)]
    order = dict.fromkeys(name for names in named for name in names if name in found)
    return {name: found[name] for name in [*order, *found]}


def _overlay(below: dict, above: dict) -> None:
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            _overlay(below[key], value)
        else:
            below[key] = value


def _keys(values: Mapping, spec: "type[DataclassInstance]", where: str) -> None:
    known = [each.name for each in fields(spec)]
    if unknown := [key for key in values if key not in known]:
        raise StudyError(f"{where} has no key {unknown[0]!r}; it has {', '.join(known)}")
    if missing := [key for key in known if key not in values]:
        raise StudyError(f"{where} lacks {', '.join(missing)}; start from config/config.yaml")


def _mapping(config: Mapping, section: str) -> Mapping:
    found = config[section]
    if not isinstance(found, Mapping):
        raise StudyError(f"{section} must be a mapping of keys to values, not {found!r}")
    return found


def _settings(
    values: Mapping, spec: type, where: str, without: Collection[str] = ()
) -> dict[str, Any]:
    """Settings that a preset completes: each is checked by itself, and null leaves it open."""
    checks = field_checks(spec)
    known = [name for name in checks if name not in without]
    found: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise StudyError(f"{where} has no key {key!r}; it has {', '.join(known)}")
        found[key] = None if value is None else checks[key](value, f"{where}.{key}")
    return found


def _networks(values: Mapping, preset: str) -> dict[str, dict]:
    found = {}
    for name, options in values.items():
        if name not in NETWORKS:
            raise StudyError(f"networks has no key {name!r}; it has {', '.join(NETWORKS)}")
        if not isinstance(options, Mapping):
            raise StudyError(f"networks.{name} must be a mapping of options, not {options!r}")
        checked = network_options(name, preset, **options)
        found[name] = {option: checked[option] for option in options}
    return found


def _others(values: Mapping) -> dict[str, str]:
    found = {}
    for name, model in values.items():
        Name()(name, "the name of one of others")
        if model is not None:  # an overlay leaves out what the config below it has
            found[name] = ModelName()(model, f"others.{name}")
    return found


def _experiments(values: Mapping) -> dict[str, tuple[dict[str, tuple], ...]]:
    found: dict[str, tuple[dict[str, tuple], ...]] = {}
    for experiment, given in values.items():
        Name()(experiment, "the name of an experiment")
        if given is None:
            continue  # an overlay leaves out what the config below it has
        blocks = given if isinstance(given, list | tuple) and given else [given]
        try:
            found[experiment] = tuple(_axes(block) for block in blocks)
        except StudyError as error:
            raise StudyError(f"experiment {experiment!r}: {error}") from None
    return found


def _axes(values: object) -> dict[str, tuple]:
    if not isinstance(values, Mapping) or "networks" not in values:
        raise StudyError(
            "it must be a mapping of axes to lists of values, networks among them, or a list of "
            "such mappings"
        )
    if unknown := [axis for axis in values if axis not in AXES]:
        raise StudyError(f"unknown axis {unknown[0]!r}; choose from {', '.join(sorted(AXES))}")
    return {axis: check_axis(axis, each) for axis, each in values.items()}
