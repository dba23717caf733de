"""What a user may choose of simulated frames, and the checks of those choices."""

from dataclasses import dataclass

from ckstudy.acoustics.constants import SIMULATION_RATE
from ckstudy.acoustics.specification import MIXED, POPULATIONS, PRESSURES_KPA, SimulationSpec
from ckstudy.errors import StudyError
from ckstudy.imaging.array import ELEMENTS, PITCH_MM, PITCHES_MM, LinearArray
from ckstudy.json_fields import JsonFields, bad

SCENES = ("field", "points", "pairs", "vessels")
DIRECTIONS = ("axial", "lateral")
# The echo of a bubble that is nearer would start before the low-pass of the simulation ends.
SHALLOWEST_MM, DEEPEST_MM = 1.0, 97.0


@dataclass(frozen=True)
class FrameSpec(JsonFields):
    """Frames of channel data to simulate. Every field has its unit in its name.

    Attributes
    ----------
    scene : {"field", "points", "pairs", "vessels"}
        "field": bubbles at random in a rectangle, new ones in each frame. "points": one at each
        of ``depths_mm``, in the middle. "pairs": at each depth a row of pairs, one for each of
        ``distances_um``. "vessels": two vessels that cross, with flow.
    frames, seed : int
    first_frame : int
        Number of the first frame of a field; frame n of a seed is always the same frame.
    bubbles : int
        In each frame of a field or of vessels.
    pressure_kpa : float
        Peak of the plane wave.
    elements : int
    pitch_mm : float
    depth_mm : (float, float)
        Ends of the field, or of the vessels.
    width_mm : float
        Of the field, or of the vessels, about the middle.
    depths_mm : sequence of float
        Of points and pairs.
    distances_um : sequence of float
        Between the bubbles of a pair.
    direction : {"axial", "lateral"}
        In which the bubbles of a pair lie.
    diameter_mm : float
        Of a vessel.
    speed_mm_s : float
        Of the flow in the middle of a vessel; it falls to 0 at the wall as a parabola.
    frame_rate_hz : float
    lifetime_frames : float
        Mean number of frames after which a bubble in a vessel disappears, and another appears.
    population, shell, noise_percent, sampling_rate_mhz
        As in :class:`ckstudy.acoustics.specification.SimulationSpec`; points and pairs have the
        mean radius of the monodisperse population.
    """

    scene: str = "field"
    frames: int = 1
    seed: int = 2023
    first_frame: int = 0
    bubbles: int = 500
    pressure_kpa: float = 200.0
    elements: int = ELEMENTS
    pitch_mm: float = PITCH_MM
    depth_mm: tuple[float, float] = (5.0, 95.0)
    width_mm: float = 28.0
    depths_mm: tuple[float, ...] = (20.0, 50.0, 80.0)
    distances_um: tuple[float, ...] = (100.0, 200.0, 400.0, 800.0)
    direction: str = "axial"
    diameter_mm: float = 1.0
    speed_mm_s: float = 20.0
    frame_rate_hz: float = 100.0
    lifetime_frames: float = 25.0
    population: str = "monodisperse"
    shell: str = "segers"
    noise_percent: float = 0.0
    sampling_rate_mhz: float = 62.5

    def __post_init__(self) -> None:
        for name, choices in (("scene", SCENES), ("direction", DIRECTIONS)):
            if getattr(self, name) not in choices:
                raise bad(name, getattr(self, name), f"one of {', '.join(choices)}")
        self._set_numbers("depth_mm", SHALLOWEST_MM, DEEPEST_MM)
        if len(self.depth_mm) != 2 or self.depth_mm[0] >= self.depth_mm[1]:
            raise bad("depth_mm", list(self.depth_mm), "two depths, the upper and the lower")
        self._set_numbers("depths_mm", SHALLOWEST_MM + 1, DEEPEST_MM - 1)
        self._set_numbers("distances_um", 1.0, 2000.0)
        for name, low, high in (
            ("width_mm", 0.1, 50.0),
            ("diameter_mm", 0.01, 20.0),
            ("speed_mm_s", 0.0, 5000.0),
            ("frame_rate_hz", 0.01, 1e5),
            ("lifetime_frames", 1.0, 1e9),
        ):
            value = _number(name, getattr(self, name), low, high)
            object.__setattr__(self, name, value)
        if isinstance(self.elements, bool) or not isinstance(self.elements, int):
            raise bad("elements", self.elements, "a whole number")
        for name, (low, high) in (("pitch_mm", PITCHES_MM), ("pressure_kpa", PRESSURES_KPA)):
            object.__setattr__(self, name, _number(name, getattr(self, name), low, high))
        LinearArray.of_pitch(self.elements, self.pitch_mm)
        lines = self.lines  # which checks what frames share with lines
        if lines.population == MIXED:
            raise bad("population", MIXED, f"one of {', '.join(POPULATIONS)} for all frames")
        if isinstance(lines.noise_percent, tuple):
            raise bad("noise_percent", list(lines.noise_percent), "one number for all frames")
        object.__setattr__(self, "sampling_rate_mhz", lines.sampling_rate_mhz)
        object.__setattr__(self, "noise_percent", lines.noise_percent)
        object.__setattr__(self, "pressure_kpa", lines.pressure_kpa[0])

    def _set_numbers(self, name: str, low: float, high: float) -> None:
        value = getattr(self, name)
        if not isinstance(value, list | tuple) or not value:
            raise bad(name, value, f"a list of numbers from {low:g} to {high:g}")
        numbers = tuple(_number(name, each, low, high) for each in value)
        object.__setattr__(self, name, numbers)

    @property
    def lines(self) -> SimulationSpec:
        """What the elements' lines have in common with lines of one element."""
        try:
            return SimulationSpec(
                split="frames",
                lines=self.frames,
                first_line=self.first_frame,
                seed=self.seed,
                bubbles=(self.bubbles, self.bubbles),
                pressure_kpa=(self.pressure_kpa, self.pressure_kpa),
                population=self.population,
                shell=self.shell,
                noise_percent=self.noise_percent,
                sampling_rate_mhz=self.sampling_rate_mhz,
            )
        except StudyError as error:
            text = str(error).replace("first_line is", "first_frame is")
            raise StudyError(text.replace("lines is", "frames is")) from None

    @property
    def array(self) -> LinearArray:
        """The elements."""
        return LinearArray.of_pitch(self.elements, self.pitch_mm)

    @property
    def sampling_rate_hz(self) -> float:
        """Of the lines."""
        return SIMULATION_RATE / self.lines.every


def _number(name: str, value: object, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise bad(name, value, f"a number from {low:g} to {high:g}")
    return float(value)
