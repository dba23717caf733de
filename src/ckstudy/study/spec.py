"""What a training is told: frozen, and checked where it is made.

A :class:`RunSpec` holds all that decides the weights of one network, apart from the study's lines.
The grid makes them from the config (:mod:`ckstudy.study.grid`); on the disk and on a command line
they are JSON. Whoever holds one need not check it again.
"""

import re
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar

from ckstudy.errors import StudyError
from ckstudy.study.checks import (
    Choice,
    ListOf,
    ModelName,
    Number,
    Optional,
    Whole,
    check_fields,
)
from ckstudy.study.presets import PRESETS, network_options

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Spec = TypeVar("_Spec", bound="DataclassInstance")

INPUT_SCALINGS = ("volts", "line_rms")
_RUN_NAME = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]{0,199}")
SHORTEST_CROP = 30  # half of the Gaussian that softens the labels


@dataclass(frozen=True)
class NetworkSpec:
    """A network: its name, and each of its options.

    Attributes
    ----------
    name : str
        See :data:`ckstudy.study.presets.NETWORKS`.
    options : Mapping
        All options of that network, see :mod:`ckstudy.study.presets`.
    """

    name: str
    options: Mapping[str, Any]

    def __post_init__(self) -> None:
        options = network_options(self.name, **self.options)
        object.__setattr__(self, "options", MappingProxyType(options))

    def __reduce__(self) -> tuple[type[Self], tuple[str, dict]]:
        return type(self), (self.name, dict(self.options))


@dataclass(frozen=True)
class TrainingSpec:
    """How a network is trained; the keys of the config's section ``training``, and the seed.

    Attributes
    ----------
    epochs : int
        An epoch sees every training line once.
    batch_size : int
        Lines in a batch.
    learning_rate : float
        The optimiser's, at its highest.
    optimizer_step : {"batch", "epoch"}
        A step a batch, or one step for all batches of an epoch together.
    input_scaling : {"volts", "line_rms"}
        See :mod:`ckstudy.networks.scaling`.
    optimizer : {"adam", "muon"}
        Of all weights, or ``muon`` for the matrices among them, see
        :class:`ckstudy.training.muon.Muon`.
    crop : int or None
        Samples of a line in a batch; None takes whole lines.
    schedule : {"steps", "cosine"}
        ``steps`` multiplies the rate by ``decay_factor`` from each of ``decay_epochs`` on,
        ``cosine`` lets it fall to 0 along half a cosine (Loshchilov & Hutter, 2017).
    decay_epochs : tuple of int
    decay_factor : float
    warmup_steps : int
        Steps of the optimiser over which the rate rises from 0 in a straight line.
    gradient_clip : float or None
        Largest norm of all gradients together; longer ones are shortened to it.
    weight_average : float or None
        Released are not the last weights but their exponential moving average, which keeps this
        share of itself at every step.
    batch_norm_statistics : {"running", "population"}
        With what the released network normalises: torch's running averages, or averages over the
        training lines once the weights are final (:mod:`ckstudy.networks.batch_norm`).
    start_from : str or None
        Trained weights to begin with: the name of a network that comes with the package, or the
        path of a ``model.safetensors``. None draws them at random.
    validation_every : int
        Epochs from one validation loss in the history to the next; 0 for none.
    seed : int
        Of the initial weights and of the order of the lines.
    """

    epochs: Annotated[int, Whole(1, 10_000_000)]
    batch_size: Annotated[int, Whole(1, 1_000_000)]
    learning_rate: Annotated[float, Number(above=0, most=10)]
    optimizer_step: Annotated[str, Choice(("batch", "epoch"))]
    input_scaling: Annotated[str, Choice(INPUT_SCALINGS)]
    optimizer: Annotated[str, Choice(("adam", "muon"))] = "adam"
    crop: Annotated[int | None, Optional(Whole(SHORTEST_CROP, 10_000_000))] = None
    schedule: Annotated[str, Choice(("steps", "cosine"))] = "steps"
    decay_epochs: Annotated[tuple[int, ...], ListOf(Whole(1))] = ()
    decay_factor: Annotated[float, Number(above=0, most=1)] = 0.1
    warmup_steps: Annotated[int, Whole(0, 10_000_000)] = 0
    gradient_clip: Annotated[float | None, Optional(Number(above=0))] = None
    weight_average: Annotated[float | None, Optional(Number(above=0, below=1))] = None
    batch_norm_statistics: Annotated[str, Choice(("running", "population"))] = "running"
    start_from: Annotated[str | None, Optional(ModelName())] = None
    validation_every: Annotated[int, Whole(0, 10_000_000)] = 0
    seed: Annotated[int, Whole(0)] = 0

    def __post_init__(self) -> None:
        check_fields(self)
        if self.weight_average is not None and self.batch_norm_statistics == "running":
            raise StudyError(
                "weight_average needs batch_norm_statistics: population, since the running "
                "averages of batch norm are those of other weights"
            )

    def steps_in(self, lines: int) -> int:
        """Steps of the optimiser in all epochs, with so many training lines."""
        return self.epochs * (1 if self.optimizer_step == "epoch" else -(-lines // self.batch_size))


@dataclass(frozen=True)
class LossSpec:
    """The dual loss, see :class:`ckstudy.training.loss.DualLoss`.

    Attributes
    ----------
    epsilon_1, epsilon_2 : float
        Weights of the soft (L1) and the hard (Dice) part.
    alpha : float
        Inverse squared width of the Gaussian, in 1/sample².
    """

    epsilon_1: Annotated[float, Number(least=0)]
    epsilon_2: Annotated[float, Number(least=0)]
    alpha: Annotated[float, Number(above=0)]

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class RunSpec:
    """One network of a study: all that decides its weights, apart from the study's lines.

    Attributes
    ----------
    run : str
        Its name, such as ``ckcnn-k131-w30-s0``.
    preset : str
        The reading of the thesis that filled in what the config left open.
    network : NetworkSpec
    training : TrainingSpec
    loss : LossSpec
    noise : float or None
        Noise of its lines in percent of 9.65 V; None for the study's own lines.

    Examples
    --------
    That of the network which comes with the package; it is checked as it is read:

    >>> import ckstudy
    >>> from ckstudy.study.spec import RunSpec
    >>> spec = RunSpec.from_json(ckstudy.load_model("best").about["spec"])
    >>> spec.network.name
    'ckcnn'
    """

    run: str
    preset: str
    network: NetworkSpec
    training: TrainingSpec
    loss: LossSpec
    noise: float | None = None

    def without_seed(self) -> Self:
        """The spec that all runs of a cell share, which differ in their seed alone."""
        return replace(self, run="", training=replace(self.training, seed=0))

    def to_json(self) -> dict:
        """The spec as JSON values. What is as it always was (None, a default) is left out."""
        found: dict[str, Any] = {
            "run": self.run,
            "preset": self.preset,
            "network": {"name": self.network.name, **self.network.options},
            "training": _told(self.training),
            "loss": asdict(self.loss),
        }
        found["network"] = {key: at for key, at in found["network"].items() if at is not None}
        if self.noise is not None:
            found["data"] = {"noise_percent": self.noise}
        return found

    @classmethod
    def from_json(cls, values: object, source: str = "the spec") -> Self:
        """The spec that :meth:`to_json` wrote, by this version or an earlier one.

        Raises
        ------
        StudyError
            Where a key is missing or unknown, or a value cannot be; the message begins with
            ``source``.
        """
        try:
            if not isinstance(values, dict):
                raise StudyError("it must be a JSON object, in braces")
            parts = {"run", "preset", "network", "training", "loss", "data"}
            if missing := sorted(parts - {"preset", "data"} - set(values)):
                raise StudyError(f"it lacks {', '.join(missing)}")
            if unknown := sorted(set(values) - parts):
                raise StudyError(f"unknown key {unknown[0]!r}")
            for part in parts & set(values) - {"run", "preset"}:
                if not isinstance(values[part], dict):
                    raise StudyError(f"{part} must be a JSON object, in braces")
            if not (isinstance(values["run"], str) and _RUN_NAME.fullmatch(values["run"])):
                raise StudyError(
                    "run must be a name of letters, digits and - _ . +, for a folder, not "
                    f"{values['run']!r}"
                )
            network = dict(values["network"])
            if "name" not in network:
                raise StudyError("network lacks name")
            noise = values.get("data", {}).get("noise_percent")
            return cls(
                run=values["run"],
                preset=Choice(tuple(PRESETS))(values.get("preset", "thesis-counts"), "preset"),
                network=NetworkSpec(network.pop("name"), network),
                training=from_mapping(TrainingSpec, values["training"], "training"),
                loss=from_mapping(LossSpec, values["loss"], "loss"),
                noise=None if noise is None else check_noise_percent(noise),
            )
        except StudyError as error:
            raise StudyError(f"{source}: {error}") from None


NOISE_PERCENT = Number(least=0, most=256)


def check_noise_percent(value: object) -> float:
    """Noise in percent of 9.65 V, which names of files show with six digits.

    Raises
    ------
    StudyError
        Where it is no number from 0 to 256, or has more digits.
    """
    percent = NOISE_PERCENT(value, "noise_percent")
    if float(f"{percent:g}") != percent:
        raise StudyError(
            f"noise_percent {value!r} has more digits than the six that names of files show"
        )
    return percent


def from_mapping(spec: type[_Spec], values: Mapping, where: str) -> _Spec:
    """A spec from the values of its fields by name.

    Raises
    ------
    StudyError
        For a field that is missing, a key that is none, or a value that cannot be.
    """
    known = {each.name: each for each in fields(spec)}
    if unknown := [key for key in values if key not in known]:
        raise StudyError(f"{where} has no key {unknown[0]!r}; it has {', '.join(known)}")
    needed = [name for name, each in known.items() if each.default is MISSING]
    if missing := [name for name in needed if name not in values]:
        raise StudyError(f"{where} lacks {', '.join(missing)}")
    try:
        return spec(**values)
    except StudyError as error:
        raise StudyError(f"{where}.{error}") from None


# Settings that every spec has told, whatever their values.
_ALWAYS_TOLD = frozenset({"crop", "decay_epochs", "decay_factor", "validation_every", "seed"})


def _told(training: TrainingSpec) -> dict:
    """Each setting, but for later additions that are at their default."""
    found = {}
    for each in fields(training):
        value = getattr(training, each.name)
        if each.default is MISSING or each.name in _ALWAYS_TOLD or value != each.default:
            found[each.name] = list(value) if isinstance(value, tuple) else value
    return found
