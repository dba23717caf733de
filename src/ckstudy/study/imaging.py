"""What a study measures of images: plain Python, for the workflow and for whom measures."""

from dataclasses import asdict, dataclass
from typing import Annotated

from ckstudy.acoustics.specification import MAXIMUM_NOISE_PERCENT, PRESSURES_KPA
from ckstudy.errors import StudyError
from ckstudy.study.checks import ListOf, ModelName, Number, Whole, check_fields

_DEPTH = Number(least=4, most=94)
_DISTANCE = Number(least=1, most=2000)


@dataclass(frozen=True)
class ImagingSpec:
    """The keys of the config's section ``imaging``.

    Attributes
    ----------
    models : sequence of str
        Networks to make images with, beside raw delay-and-sum.
    seed : int
        Of the simulated frames.
    elements : int
        Of the array.
    frames, calibration_frames : int
        Frames of each condition that is tested, and of each density to choose thresholds on.
    depths_mm : sequence of float
        At which single bubbles and pairs are.
    points : int
        Single bubbles, and pairs of each distance, at each depth.
    axial_distances_um, lateral_distances_um : sequence of float
        Of the pairs.
    bubbles : sequence of int
        Densities; noise and pressure are varied at the first of them.
    noise_percent, pressure_kpa : sequence of float
        Further noises than 0 %, and further pressures than 200 kPa.
    """

    models: Annotated[tuple[str, ...], ListOf(ModelName())]
    seed: Annotated[int, Whole(0)]
    elements: Annotated[int, Whole(2, 1024)]
    frames: Annotated[int, Whole(1, 10_000)]
    calibration_frames: Annotated[int, Whole(1, 10_000)]
    depths_mm: Annotated[tuple[float, ...], ListOf(_DEPTH)]
    points: Annotated[int, Whole(1, 10_000)]
    axial_distances_um: Annotated[tuple[float, ...], ListOf(_DISTANCE)]
    lateral_distances_um: Annotated[tuple[float, ...], ListOf(_DISTANCE)]
    bubbles: Annotated[tuple[int, ...], ListOf(Whole(1, 20_000))]
    noise_percent: Annotated[tuple[float, ...], ListOf(Number(above=0, most=MAXIMUM_NOISE_PERCENT))]
    pressure_kpa: Annotated[
        tuple[float, ...], ListOf(Number(least=PRESSURES_KPA[0], most=PRESSURES_KPA[1]))
    ]

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("depths_mm", "axial_distances_um", "bubbles"):
            if not getattr(self, name):
                raise StudyError(f"{name} must have at least one value")

    def as_dict(self) -> dict:
        """The fields as JSON values."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }
