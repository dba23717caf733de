"""The shipped network's images, on frames that nothing was chosen on."""

import numpy as np
import pytest

from ckstudy.acoustics.constants import SOUND_SPEED
from ckstudy.acoustics.scene import Scene
from ckstudy.errors import StudyError
from ckstudy.imaging.array import LinearArray
from ckstudy.imaging.beamform import Aperture, Grid2D
from ckstudy.imaging.calibration import (
    calibrated_threshold,
    calibration_path,
    field_grid,
    positions,
)
from ckstudy.imaging.detect import find_bubbles
from ckstudy.imaging.frame_file import channel_data
from ckstudy.imaging.point_spread import point_spread
from ckstudy.imaging.score import count
from ckstudy.imaging.simulate import simulate_frame
from ckstudy.imaging.specification import FrameSpec
from ckstudy.imaging.super_resolve import Geometry, b_mode, super_resolve
from ckstudy.networks.release import load_model
from ckstudy.networks.shipped import model_path, shipped_models

RATE = 62.5e6


def test_every_shipped_network_has_its_threshold(tmp_path):
    for model in shipped_models().values():
        assert 0 < calibrated_threshold(model) < 2
    other = tmp_path / "model.safetensors"
    other.write_bytes(b"another network")
    calibration_path(other).write_text(calibration_path(model_path("best")).read_text())
    with pytest.raises(StudyError, match="calibration of another network"):
        calibrated_threshold(other)


@pytest.mark.slow
def test_a_field_of_bubbles_is_found():
    spec = FrameSpec(bubbles=500, seed=4321)
    ((frame, rf),) = channel_data(spec)
    geometry, grid = Geometry(spec.array.position, RATE, SOUND_SPEED), field_grid(spec)
    image = super_resolve(load_model("best"), rf, geometry, grid)
    found = find_bubbles(image, grid, calibrated_threshold(model_path("best")))
    truth = np.stack([frame.scene.axial, frame.scene.lateral], axis=1)
    assert count(truth, positions(found)).f1 > 0.97


@pytest.mark.slow
def test_a_bubble_is_thirty_times_as_sharp_as_its_echo():
    place = np.array([50.0037e-3, 0.311e-3])
    scene = Scene(200e3, place[:1], place[1:], np.array([2.4e-6]))
    geometry = Geometry(LinearArray.of_pitch().position, RATE, SOUND_SPEED)
    rf = simulate_frame(scene, geometry.position)
    grid = Grid2D.spanning((48.5e-3, 52.5e-3), (-4e-3, 4e-3), (5e-6, 20e-6))
    sharp = point_spread(super_resolve(load_model("best"), rf, geometry, grid), grid)
    raw = point_spread(b_mode(rf, geometry, grid, Aperture()), grid)
    # As a trial of its own, with another network and other code, had it.
    assert raw.axial_width == pytest.approx(685e-6, abs=15e-6)
    assert raw.axial - place[0] == pytest.approx(975e-6, abs=20e-6)
    assert sharp.axial_width < 40e-6
    assert abs(sharp.axial - place[0]) <= 10e-6
