"""Channel data against the simulator of one element, and the scenes of frames."""

import itertools

import numpy as np
import pytest

from ckstudy.acoustics.line import simulate_rf
from ckstudy.acoustics.scene import Scene
from ckstudy.errors import StudyError
from ckstudy.imaging.array import LinearArray
from ckstudy.imaging.frame_file import read_truth, write_frames
from ckstudy.imaging.scenes import draw_frames
from ckstudy.imaging.simulate import simulate_frame
from ckstudy.imaging.specification import FrameSpec


def field(bubbles=40, pressure=200e3, seed=0) -> Scene:
    random = np.random.default_rng(seed)
    axial, lateral = (
        random.uniform(3.7e-3, 96.3e-3, bubbles),
        random.uniform(-14e-3, 14e-3, bubbles),
    )
    return Scene(pressure, axial, lateral, random.normal(2.4e-6, 0.12e-6, bubbles))


@pytest.mark.parametrize(("every", "steps"), [(4, 1), (8, 1), (2, 2)])
@pytest.mark.parametrize("position", [0.0, -9e-3])
def test_each_element_hears_what_the_simulator_of_one_element_makes(every, steps, position):
    scene = field()
    moved = Scene(scene.pressure, scene.axial, scene.lateral - position, scene.radius)
    expected = simulate_rf(moved, every=every, steps=steps)
    heard = simulate_frame(scene, np.array([0.05, position]), every=every, steps=steps)[1]
    # Decimated before instead of after the sum: a hundred-thousandth of the peak.
    np.testing.assert_allclose(heard, expected, rtol=0, atol=2e-5 * np.abs(expected).max())


def test_an_echo_may_start_between_any_two_samples():
    for shift in np.linspace(0, 1, 9):  # of a sample of the line, 11.84 µm there and back
        scene = Scene(1e5, np.array([0.05 + shift * 11.84e-6]), np.zeros(1), np.array([2.4e-6]))
        expected = simulate_rf(scene)
        heard = simulate_frame(scene, np.zeros(1))[0]
        np.testing.assert_allclose(heard, expected, rtol=0, atol=2e-5 * np.abs(expected).max())


def test_the_number_of_threads_and_the_order_of_bubbles_do_not_matter():
    scene, array = field(70), LinearArray.of_pitch(5)
    one = simulate_frame(scene, array.position, threads=1)
    np.testing.assert_array_equal(one, simulate_frame(scene, array.position, threads=3))
    back = Scene(
        scene.pressure, *(each[::-1] for each in (scene.axial, scene.lateral, scene.radius))
    )
    np.testing.assert_array_equal(one, simulate_frame(back, array.position, threads=1))


def test_nothing_is_heard_of_no_bubbles():
    nothing = Scene(1e5, np.empty(0), np.empty(0), np.empty(0))
    assert not simulate_frame(nothing, np.zeros(2)).any()


def test_frames_of_a_field_do_not_depend_on_each_other():
    many = list(draw_frames(FrameSpec(frames=3, bubbles=5)))
    (last,) = draw_frames(FrameSpec(frames=1, bubbles=5, first_frame=2))
    np.testing.assert_array_equal(many[2].scene.axial, last.scene.axial)
    assert not np.array_equal(many[1].scene.axial, many[2].scene.axial)


def test_pairs_lie_as_far_apart_as_asked():
    for direction, axis in (("axial", 0), ("lateral", 1)):
        wanted = FrameSpec(scene="pairs", direction=direction, distances_um=(150, 600))
        ((scene, _),) = draw_frames(wanted)
        place = np.stack([scene.axial, scene.lateral])
        for distance in (150e-6, 600e-6):
            apart = place[axis][:, None] - place[axis]
            same = np.isclose(place[1 - axis][:, None], place[1 - axis])
            assert np.isclose(apart[same], distance).sum() == 3  # one a depth


def test_bubbles_flow_down_their_vessels_appear_and_disappear():
    spec = FrameSpec(scene="vessels", frames=30, bubbles=60, lifetime_frames=10, seed=3)
    frames = list(draw_frames(spec))
    low, high = 5e-3, 95e-3
    slope = 28e-3 / (high - low)
    moved = []
    for before, after in itertools.pairwise(frames):
        assert before.bubble.size == after.bubble.size == 60
        _, first, second = np.intersect1d(before.bubble, after.bubble, return_indices=True)
        down = after.scene.axial[second] - before.scene.axial[first]
        moved.append(down)
        # No faster than the middle of the flow, and never up.
        assert down.min() >= -1e-12
        assert down.max() <= 1e-3 * spec.speed_mm_s / spec.frame_rate_hz
        for scene in (before.scene, after.scene):
            middle = slope * (scene.axial - low) - 14e-3
            off = np.minimum(np.abs(scene.lateral - middle), np.abs(scene.lateral + middle))
            assert off.max() <= 0.5e-3 * np.hypot(1, slope) + 1e-9
    # The mean of 1 - u² over the width is 2/3 of the fastest.
    share = np.concatenate(moved).mean() * spec.frame_rate_hz / (1e-3 * spec.speed_mm_s)
    assert share * np.hypot(1, slope) == pytest.approx(2 / 3, abs=0.06)
    ids = np.unique(np.concatenate([frame.bubble for frame in frames]))
    assert ids.size == pytest.approx(60 + 29 * 60 / 10, rel=0.25)


def test_the_file_is_the_same_bytes_and_tells_the_truth(tmp_path):
    spec = FrameSpec(frames=2, bubbles=4, elements=3, noise_percent=1)
    for name in ("a.h5", "b.h5"):
        write_frames(spec, tmp_path / name, threads=2)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    truth = read_truth(tmp_path / "a.h5")
    scene = list(draw_frames(spec))[1].scene
    np.testing.assert_array_equal(truth.of_frame(1), np.stack([scene.axial, scene.lateral], 1))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scene": "cells"}, "one of field"),
        ({"population": "mixed"}, "one of monodisperse, polydisperse for all frames"),
        ({"noise_percent": [0, 4]}, "one number for all frames"),
        ({"frames": 0}, "frames is 0"),
        ({"pitch_mm": 0}, "pitch_mm is 0"),
        ({"elements": 0}, "0 elements"),
        ({"elements": "96"}, "elements is '96': it must be a whole number"),
        ({"elements": 96.5}, "elements is 96.5"),
        ({"elements": True}, "elements is True"),
        ({"pitch_mm": None}, "pitch_mm is None: it must be a number from 0.01 to 10"),
        ({"pressure_kpa": [5, 6]}, "pressure_kpa is .5, 6.: it must be a number"),
        ({"depth_mm": [90, 10]}, "the upper and the lower"),
        ({"depths_mm": []}, "depths_mm"),
        ({"pressure_kpa": 1e4}, "pressure_kpa"),
        ({"bubble": 3}, "unknown key 'bubble'"),
        ({"speed_mm_s": float("nan")}, "speed_mm_s"),
    ],
)
def test_what_cannot_be_simulated_is_refused(change, said):
    with pytest.raises(StudyError, match=said):
        FrameSpec.from_dict(change, "the options")
