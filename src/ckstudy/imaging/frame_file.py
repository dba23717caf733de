"""The file of simulated frames: channel data, where the elements are, and the truth.

=======================  ==========  ===================================================
``/rf``                  float32     (frames, elements, samples), V
``/element_x_m``         float64     (elements,), lateral positions
``/bubbles/offset``      int64       (frames + 1,), frame i owns offset[i]:offset[i + 1] of
``/bubbles/axial_m``     float64     depth of each bubble,
``/bubbles/lateral_m``   float64     its lateral position,
``/bubbles/radius_m``    float64     its radius at rest,
``/bubbles/number``      int64       and its number, the same in all frames that it is in
=======================  ==========  ===================================================

Root attributes: ``format``, ``format_version``, ``sampling_rate_hz``, ``start_us``,
``speed_of_sound``, and ``parameters`` and ``provenance`` (both JSON). No dates.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import h5py
import numpy as np
from tqdm import tqdm

from ckstudy import __version__
from ckstudy.acoustics.constants import LINE_SAMPLES, SOUND_SPEED
from ckstudy.acoustics.noise import add_noise
from ckstudy.acoustics.simulate_dataset import check_room
from ckstudy.dataset import damage_as_os_error
from ckstudy.errors import StudyError
from ckstudy.files import atomic_path, cannot_write
from ckstudy.imaging.scenes import FrameScene, draw_frames, noise_generator
from ckstudy.imaging.simulate import simulate_frame
from ckstudy.imaging.specification import FrameSpec
from ckstudy.provenance import source_digest

FORMAT = "ckstudy-frames"
FORMAT_VERSION = 1
_LIBRARIES = ("numpy", "scipy", "numba", "llvmlite", "h5py")
_BUBBLES = {"axial_m": "m", "lateral_m": "m", "radius_m": "m", "number": "1"}


@dataclass(frozen=True)
class Truth:
    """Where the bubbles of some frames are.

    Attributes
    ----------
    offset : (frames + 1,) int64
    axial_m, lateral_m : (bubbles,) float64
    """

    offset: np.ndarray
    axial_m: np.ndarray
    lateral_m: np.ndarray

    def of_frame(self, frame: int) -> np.ndarray:
        """Axial and lateral positions in m, (bubbles, 2)."""
        own = slice(self.offset[frame], self.offset[frame + 1])
        return np.stack([self.axial_m[own], self.lateral_m[own]], axis=1)


def channel_data(spec: FrameSpec, threads: int | None = None) -> Iterator[tuple]:
    """Each frame's scene, and its channel data (elements, samples) float32 in V, with noise."""
    position, lines = spec.array.position, spec.lines
    for number, found in enumerate(draw_frames(spec), spec.first_frame):
        rf = simulate_frame(found.scene, position, spec.shell, lines.steps, lines.every, threads)
        if spec.noise_percent:
            for element, line in enumerate(rf):
                random = noise_generator(spec.seed, number, element)
                rf[element] = add_noise(line, spec.noise_percent, spec.sampling_rate_hz, random)
        yield found, rf


def write_frames(spec: FrameSpec, path: str | Path, threads: int | None = None) -> int:
    """Simulate all frames of ``spec`` into the HDF5 file ``path``, one in memory at a time.

    Returns
    -------
    int
        The number of bubbles in all frames together, each counted in every frame that it is in.

    Raises
    ------
    StudyError
        Where the file cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        raise StudyError(f"{path} is a folder: name a file such as {path / 'frames.h5'}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        needed = 4 * spec.frames * spec.elements * (LINE_SAMPLES // spec.lines.every)
        check_room(needed, path.parent, f"frames is {spec.frames}: these")
        scenes = list(draw_frames(spec))
        with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
            _describe(file, spec, scenes)
            frames = channel_data(spec, threads)
            bar = tqdm(frames, total=spec.frames, desc="simulating", unit="frame", disable=None)
            for number, (_, rf) in enumerate(bar):
                file["rf"][number] = rf
    except OSError as error:
        raise StudyError(cannot_write(error, path)) from None
    return sum(found.bubble.size for found in scenes)


def _describe(file: h5py.File, spec: FrameSpec, scenes: list[FrameScene]) -> None:
    provenance = {
        "seed": spec.seed,
        "source_digest": source_digest("ckstudy.imaging.frame_file:write_frames"),
        "ckstudy": __version__,
        "versions": {name: version(name) for name in _LIBRARIES},
    }
    file.attrs["format"], file.attrs["format_version"] = FORMAT, FORMAT_VERSION
    file.attrs["sampling_rate_hz"] = spec.sampling_rate_hz
    file.attrs["start_us"], file.attrs["speed_of_sound"] = 0.0, SOUND_SPEED
    file.attrs["parameters"] = json.dumps(spec.as_dict(), sort_keys=True)
    file.attrs["provenance"] = json.dumps(provenance, sort_keys=True)
    shape = (spec.frames, spec.elements, LINE_SAMPLES // spec.lines.every)
    file.create_dataset("rf", shape, np.float32).attrs["unit"] = "V"
    file.create_dataset("element_x_m", data=spec.array.position).attrs["unit"] = "m"
    group = file.create_group("bubbles")
    offset = np.cumsum([0, *(found.bubble.size for found in scenes)], dtype=np.int64)
    group.create_dataset("offset", data=offset).attrs["unit"] = "1"
    for name, unit in _BUBBLES.items():
        parts = [_of_bubbles(found, name) for found in scenes]
        group.create_dataset(name, data=np.concatenate(parts)).attrs["unit"] = unit


def _of_bubbles(found: FrameScene, name: str) -> np.ndarray:
    return found.bubble if name == "number" else getattr(found.scene, name.removesuffix("_m"))


def read_truth(path: str | Path) -> Truth:
    """Where the bubbles of simulated frames are.

    Raises
    ------
    StudyError
        Where the file is no file of simulated frames.
    """
    try:
        with h5py.File(path, "r") as file, damage_as_os_error():
            form = file.attrs.get("format")
            if (form.decode() if isinstance(form, bytes) else form) != FORMAT:
                raise StudyError(f"{path} holds no frames of ckstudy simulate-frame")
            group = file["bubbles"]
            return Truth(*(group[name][:] for name in ("offset", "axial_m", "lateral_m")))
    except OSError as error:
        raise StudyError(f"{path} cannot be read as simulated frames: {error}") from None
