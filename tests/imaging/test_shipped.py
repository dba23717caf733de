"""The shipped network's images, on frames that nothing was chosen on."""

import numpy as np
import pytest

from ckstudy.acoustics.constants import SOUND_SPEED
from ckstudy.acoustics.scene import Scene
from ckstudy.errors import StudyError
from ckstudy.imaging.array import LinearArray
from ckstudy.imaging.beamform import Aperture, Grid2D
from ckstudy.imaging.calibration import (
    BUBBLES,
    THRESHOLDS,
    calibrate,
    calibrated_threshold,
    calibration_path,
    calibration_specs,
    field_grid,
    positions,
)
from ckstudy.imaging.detect import find_bubbles
from ckstudy.imaging.frame_file import channel_data
from ckstudy.imaging.point_spread import point_spread
from ckstudy.imaging.score import count, total
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


def test_frames_of_every_density_and_noise_have_a_say():
    specs = calibration_specs(2, seed=5, noise_percent=[0, 8])
    assert {(spec.bubbles, spec.noise_percent) for spec in specs} == {
        (many, noise) for many in BUBBLES for noise in (0.0, 8.0)
    }
    assert all((spec.frames, spec.seed) == (2, 5) for spec in specs)


def test_the_threshold_is_the_best_for_all_frames_together():
    few = {"elements": 8, "depth_mm": (20, 30), "width_mm": 5.0, "bubbles": 12, "seed": 3}
    specs = [FrameSpec(**few), FrameSpec(**few, noise_percent=8)]
    network = load_model("best")
    told = calibrate(network, specs, model_path("best"), threads=1)
    found = []
    for spec in specs:
        ((frame, rf),) = channel_data(spec)
        geometry, grid = Geometry(spec.array.position, RATE, SOUND_SPEED), field_grid(spec)
        image = super_resolve(network, rf, geometry, grid)
        truth = np.stack([frame.scene.axial, frame.scene.lateral], axis=1)
        found.append((truth, image, grid))
    by_hand = []
    for threshold in THRESHOLDS:
        counts = [
            count(truth, positions(find_bubbles(image, grid, threshold)))
            for truth, image, grid in found
        ]
        by_hand.append(total(counts).f1)
    assert told["bubbles"] == 24
    assert told["f1"] == round(max(by_hand), 4) > 0
    assert by_hand[list(THRESHOLDS).index(told["threshold"])] == max(by_hand)
    assert [frame["noise_percent"] for frame in told["frames"]] == [0, 8]


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
