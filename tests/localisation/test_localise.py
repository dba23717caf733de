"""From lines to detections: against scipy, against the study's own evaluation, and the truth."""

import tracemalloc
import warnings

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.signal
import torch
from checkout import ROOT
from small_model import THRESHOLD, write_model
from synthetic_lines import make_lines, write_data_set

import ckstudy
from ckstudy.acoustics.noise import add_noise
from ckstudy.acoustics.simulate_dataset import simulate_dataset
from ckstudy.acoustics.specification import SimulationSpec
from ckstudy.dataset import read_lines
from ckstudy.errors import StudyError
from ckstudy.localisation.calibration import calibrated_threshold
from ckstudy.localisation.likeness import FLOOR, describe, unlike_training
from ckstudy.localisation.localise import Localisation, predict_blocks, prepare
from ckstudy.localisation.recording import recording_of
from ckstudy.networks.predict import predict_lines
from ckstudy.networks.scaling import scale_lines
from ckstudy.scoring.evaluation import evaluate_model
from ckstudy.scoring.matched import match
from ckstudy.scoring.score_files import model_digest

RUN = ROOT / "archive" / "laptop" / "runs" / "ckcnn-k131-w30-s0"
COLUMNS = ["line", "sample", "time_us", "depth_mm", "score"]


@pytest.fixture(scope="module")
def lines():
    return make_lines(37, 600, seed=0)


@pytest.fixture(scope="module")
def model(lines, tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model") / "small.safetensors", lines.rf)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Simulated lines at three rates: the same bubbles, line by line."""
    folder = tmp_path_factory.mktemp("simulated")
    for rate in (31.25, 62.5, 125.0):
        spec = SimulationSpec(
            split="test", lines=6, first_line=2_000_000, bubbles=(30, 200), sampling_rate_mhz=rate
        )
        simulate_dataset(spec, folder / f"{rate:g}.h5", processes=1)
    return folder


def test_detections_are_the_peaks_that_scipy_finds(model, lines):
    found = ckstudy.localise(model, lines.rf, sampling_rate_hz=62.5e6)
    assert list(found) == COLUMNS
    assert len(found) > 100
    signal = ckstudy.predict(model, lines.rf, sampling_rate_hz=62.5e6)
    assert signal.shape == lines.rf.shape
    threshold = THRESHOLD + 0.04
    for number, row in enumerate(signal):
        peaks, _ = scipy.signal.find_peaks(row)
        peaks = peaks[row[peaks] > threshold]
        own = found[found["line"] == number]
        np.testing.assert_array_equal(own["sample"], peaks)
        np.testing.assert_array_equal(own["score"].astype(np.float32), row[peaks])
        np.testing.assert_allclose(own["time_us"], peaks / 62.5, rtol=1e-12)
        np.testing.assert_allclose(own["depth_mm"], peaks / 62.5e6 * 1480 / 2 * 1e3, rtol=1e-12)


def test_the_network_sees_lines_scaled_by_their_root_mean_square(model, lines):
    signal = ckstudy.predict(model, lines.rf, sampling_rate_hz=62.5e6)
    network = ckstudy.load_model(model)
    rms = np.sqrt(np.mean(lines.rf.astype(np.float64) ** 2, axis=1, keepdims=True))
    scaled = torch.from_numpy((lines.rf / rms).astype(np.float32)).unsqueeze(1)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("error")  # what is scaled is no reason to warn
        expected = network(scaled).squeeze(1).numpy()
    np.testing.assert_allclose(signal, expected, atol=1e-5)


def test_the_unit_of_the_lines_does_not_matter(model, lines):
    counts = np.round(2000 * lines.rf).astype(np.int16)
    volts = ckstudy.localise(model, counts / np.float32(2000), sampling_rate_hz=62.5e6)
    found = ckstudy.localise(model, counts, sampling_rate_hz=62.5e6)
    pd.testing.assert_frame_equal(found, volts, rtol=1e-4)


@pytest.mark.parametrize("scale", [10.0, 0.01])
def test_calling_a_released_network_on_volts_warns(model, lines, scale):
    network = ckstudy.load_model(model)
    with torch.inference_mode(), pytest.warns(UserWarning, match=r"ckstudy\.predict"):
        network(scale * torch.from_numpy(lines.rf[:2]).unsqueeze(1))
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("error")
        network(torch.zeros(1, 1, 100))  # a silent line has no scale


def test_a_released_network_runs_under_vmap(model, lines):
    network = ckstudy.load_model(model)
    x = scale_lines(torch.from_numpy(lines.rf[:3]).unsqueeze(1), network.input_scaling)
    with torch.no_grad():
        found = torch.func.vmap(network)(x.unsqueeze(1)).squeeze(1)
        torch.testing.assert_close(found, network(x), rtol=1e-4, atol=1e-5)


def test_a_network_of_volts_does_not_warn(lines, tmp_path):
    path = write_model(tmp_path / "volts.safetensors", lines.rf, input_scaling="volts")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        signal = ckstudy.predict(path, lines.rf, sampling_rate_hz=62.5e6)
        network = ckstudy.load_model(path)
        with torch.inference_mode():
            expected = network(torch.from_numpy(lines.rf).unsqueeze(1)).squeeze(1).numpy()
    np.testing.assert_allclose(signal, expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(StudyError, match="convert counts to volts"):
        ckstudy.predict(path, lines.rf.astype(np.int16), sampling_rate_hz=62.5e6)


def test_every_way_in_gives_the_same_detections(model, lines, tmp_path):
    expected = ckstudy.localise(model, lines.rf, sampling_rate_hz=62.5e6)
    write_data_set(tmp_path / "own.h5", 37, 600, seed=0)
    np.save(tmp_path / "lines.npy", lines.rf)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["rf"] = lines.rf.T
        columns = file["rf"]
        ways = [
            ckstudy.localise(model, tmp_path / "own.h5"),
            ckstudy.localise(model, str(tmp_path / "lines.npy"), sampling_rate_hz=62.5e6),
            ckstudy.localise(model, lines.rf.tolist(), sampling_rate_hz=62.5e6),
            ckstudy.localise(model, columns, sampling_rate_hz=62.5e6, samples_axis=0),
            ckstudy.localise(ckstudy.load_model(model), lines.rf, sampling_rate_hz=62.5e6),
        ]
    for found in ways:
        pd.testing.assert_frame_equal(found, expected)
    one = ckstudy.localise(model, lines.rf[5], sampling_rate_hz=62.5e6)
    own = expected[expected["line"] == 5]
    assert one["sample"].tolist() == own["sample"].tolist()
    assert ckstudy.predict(model, lines.rf[5], sampling_rate_hz=62.5e6).shape == (600,)


def test_the_size_of_the_batch_does_not_matter(model, lines):
    expected = ckstudy.predict(model, lines.rf, sampling_rate_hz=62.5e6)
    for size in (1, 5, 64):
        found = ckstudy.predict(model, lines.rf, sampling_rate_hz=62.5e6, batch_size=size)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_thresholds_and_times_can_be_chosen(model, lines):
    def at(**options):
        return ckstudy.localise(model, lines.rf, sampling_rate_hz=62.5e6, **options)

    everything = at(threshold=-1e9)
    usual = at()
    calibrated = everything[everything["score"].astype(np.float64) > THRESHOLD + 0.04]
    pd.testing.assert_frame_equal(usual, calibrated.reset_index(drop=True))
    assert len(at(tolerance=0)) > len(usual) > len(at(tolerance=9))
    assert at(threshold=1e9).empty
    moved = at(start_us=10.0, speed_of_sound=1540.0)
    np.testing.assert_allclose(moved["time_us"], usual["time_us"] + 10)
    np.testing.assert_allclose(moved["depth_mm"], moved["time_us"] * 1.54 / 2)
    for wrong in ({"threshold": np.nan}, {"start_us": np.inf}):
        with pytest.raises(StudyError, match="give a finite number"):
            at(**wrong)
    for speed in (0.0, 1.54, 154000.0, np.nan):  # none, in mm/us, in cm/s
        with pytest.raises(StudyError, match=f"speed of sound is {speed:g} m/s; give 500 to 5000"):
            at(speed_of_sound=speed)
    with pytest.raises(StudyError, match="the tolerance is 10"):
        at(tolerance=10)


def test_masked_samples_are_not_taken_for_samples(model, lines):
    masked = np.ma.masked_greater(lines.rf, 0.5 * lines.rf.max())
    assert masked.mask.any()
    with pytest.raises(StudyError, match=r"masked.*filled"):
        ckstudy.predict(model, masked, sampling_rate_hz=62.5e6)
    whole = ckstudy.predict(model, np.ma.asarray(lines.rf), sampling_rate_hz=62.5e6)
    np.testing.assert_array_equal(whole, ckstudy.predict(model, lines.rf, sampling_rate_hz=62.5e6))


def test_a_line_holds_as_many_detections_as_the_evaluation_counts(simulated):
    """Each line's detections are the true and false positives of ``ckstudy evaluate``."""
    test = read_lines(simulated / "62.5.h5")
    path = RUN / "model.safetensors"
    network = ckstudy.load_model(path)

    def evaluated(lines, rows):
        return predict_lines(network, lines.rf[rows])

    scores = evaluate_model(evaluated, test, RUN / "thresholds.csv", model_digest(path))
    for tolerance in (0, 4, 9):
        found = ckstudy.localise(path, simulated / "62.5.h5", tolerance=tolerance)
        rows = scores[
            (scores["calibration"] == "validation")
            & (scores["score"] == "matched")
            & (scores["tolerance"] == tolerance)
        ]
        counted = (rows["true_positives"] + rows["false_positives"]).to_numpy()
        np.testing.assert_array_equal(np.bincount(found["line"], minlength=len(test)), counted)
        pairs = [
            len(match(np.repeat(np.arange(n.size), n), own["sample"], tolerance))
            for n, (_, own) in zip(test.bubble_count, found.groupby("line"), strict=True)
        ]
        assert pairs == rows["true_positives"].tolist()


def test_other_rates_find_the_same_bubbles(simulated):
    """Twice and half the rate: resampled, and scored against the truth at their own samples."""
    path = RUN / "model.safetensors"
    reference = ckstudy.localise(path, simulated / "62.5.h5")
    for rate in (31.25, 125.0):
        lines = read_lines(simulated / f"{rate:g}.h5")
        found = ckstudy.localise(path, simulated / f"{rate:g}.h5")
        assert len(found) == pytest.approx(len(reference), rel=0.01)
        tolerance = round(4 * rate / 62.5)
        paired = bubbles = 0
        for number, count in enumerate(lines.bubble_count):
            own = np.unique(found["sample"][found["line"] == number])
            truth = np.repeat(np.arange(count.size), count)
            paired += len(match(truth, own, tolerance))
            bubbles += len(truth)
        assert 2 * paired / (bubbles + len(found)) > 0.7
        assert np.abs(found["sample"] - found["time_us"] * rate).max() <= 0.5 + 1e-9


def test_rates_that_contradict_the_file_or_are_unknown_are_refused(simulated, model, lines):
    path = RUN / "model.safetensors"
    with pytest.raises(StudyError, match=r"says that its sampling rate is 62.5 MHz, not 40 MHz"):
        ckstudy.localise(path, simulated / "62.5.h5", sampling_rate_hz=40e6)
    with pytest.raises(StudyError, match="sampling rate is not known"):
        ckstudy.localise(model, lines.rf)
    with pytest.raises(StudyError, match="takes MHz, Python takes Hz"):
        ckstudy.localise(model, lines.rf, sampling_rate_hz=62.5)


def test_lines_too_short_are_refused_with_the_layout_in_mind(lines):
    path = RUN / "model.safetensors"
    with pytest.raises(StudyError, match=r"needs 261 at 62.5 MHz$"):
        ckstudy.localise(path, np.ones((3, 200), np.float32), sampling_rate_hz=62.5e6)
    with pytest.raises(StudyError, match=r"needs 131 at 31.25 MHz; its shape is .600, 37., are"):
        ckstudy.localise(path, lines.rf.T, sampling_rate_hz=31.25e6)


def test_every_other_output_at_half_samples_is_that_of_the_samples(model, lines):
    for rate in (62.5e6, 40e6):
        at_samples = ckstudy.predict(model, lines.rf, sampling_rate_hz=rate)
        both = ckstudy.predict(model, lines.rf, sampling_rate_hz=rate, half_samples=True)
        np.testing.assert_array_equal(both[:, ::2], at_samples)
        assert both.shape[1] in (2 * at_samples.shape[1], 2 * at_samples.shape[1] - 1)


def test_outputs_between_the_samples_are_those_of_the_line_half_a_sample_later(simulated):
    """Against the same echoes, recorded at twice the rate: its odd samples are that line."""
    network = ckstudy.load_model(RUN / "model.safetensors")
    dense = read_lines(simulated / "125.h5").rf
    own, later = np.ascontiguousarray(dense[:, ::2]), np.ascontiguousarray(dense[:, 1::2])
    both = ckstudy.predict(network, own, sampling_rate_hz=62.5e6, half_samples=True)
    expected = predict_lines(network, later)
    inside = slice(network.padding, -network.padding)
    found = both[:, 1::2][:, : expected.shape[1]]
    error = (found - expected)[:, inside]
    assert error.std() < 0.003 * expected.std(), error.std() / expected.std()
    assert np.abs(error).max() < 0.1 * expected.std()


def test_detections_at_half_samples(simulated):
    path = simulated / "62.5.h5"
    threshold = 0.3
    model = RUN / "model.safetensors"
    with pytest.raises(StudyError, match="make it with `ckstudy calibrate --half-samples`"):
        ckstudy.localise(model, path, half_samples=True)
    found = ckstudy.localise(model, path, threshold=threshold, half_samples=True)
    both = ckstudy.predict(model, path, half_samples=True)
    for number, row in enumerate(both):
        peaks, _ = scipy.signal.find_peaks(row)
        peaks = peaks[row[peaks] > threshold]
        own = found[found["line"] == number]
        np.testing.assert_allclose(own["time_us"], peaks / 125, rtol=1e-12)
        np.testing.assert_array_equal(own["sample"], np.minimum((peaks + 1) // 2, 8445))


def test_a_model_without_calibration_wants_a_threshold(lines, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes((RUN / "model.safetensors").read_bytes())
    with pytest.raises(StudyError, match=r"there is no .*thresholds\.csv"):
        ckstudy.localise(path, lines.rf, sampling_rate_hz=62.5e6)
    other = (RUN.with_name("ckcnn-k131-w10-s0") / "thresholds.csv").read_bytes()
    (tmp_path / "thresholds.csv").write_bytes(other)
    with pytest.raises(StudyError, match="belong to another model"):
        ckstudy.localise(path, lines.rf, sampling_rate_hz=62.5e6)
    network = ckstudy.build_network("ckcnn", kernel_size=9)
    with pytest.raises(StudyError, match="give a threshold"):
        calibrated_threshold(network)


def test_memory_does_not_grow_with_the_number_of_lines(model, tmp_path):
    """What Python and NumPy allocate while many lines pass, against a few."""

    class Endless:
        """Lines that are made as they are read."""

        dtype, ndim = np.dtype(np.float32), 2

        def __init__(self, lines: int) -> None:
            self.shape = lines, 1000

        def __getitem__(self, rows: slice) -> np.ndarray:
            return np.ones((rows.stop - rows.start, 1000), np.float32)

    def peak(lines: int) -> int:
        network = ckstudy.load_model(model)
        recording = recording_of(np.zeros((1, 1000), np.float32))
        recording.array, recording.lines = Endless(lines), lines
        grid = prepare(network, recording, 62.5e6)
        tracemalloc.start()
        for _ in predict_blocks(network, recording, grid):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    few = peak(256)
    assert peak(2560) < few + 500_000


@pytest.fixture(scope="module")
def trained(simulated, tmp_path_factory):
    """A model that is described by simulated lines, and these."""
    rf = read_lines(simulated / "62.5.h5").rf
    return write_model(tmp_path_factory.mktemp("trained") / "m.safetensors", rf), rf


class TestUnlikeTheTraining:
    """Warnings about lines of another kind, each with what to do."""

    def said(self, trained, rf, rate=62.5e6) -> list[str]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            ckstudy.localise(trained[0], rf, sampling_rate_hz=rate)
        return [str(each.message) for each in caught]

    def test_lines_of_the_same_kind_are_no_reason(self, trained):
        assert self.said(trained, trained[1]) == []
        assert self.said(trained, 0.001 * trained[1]) == []
        floor = describe(trained[1], 62.5e6)[FLOOR]
        assert self.said(trained, trained[1][floor <= np.median(floor)][:1]) == []

    def test_a_wrong_rate(self, trained):
        (said,) = self.said(trained, trained[1], rate=50e6)
        assert said.startswith("band: ")
        assert "check the sampling rate" in said

    def test_noise(self, trained):
        noise = np.random.default_rng(0).normal(size=trained[1].shape)
        said = self.said(trained, noise.astype(np.float32))
        assert [each.split(":")[0] for each in said] == ["band", "noise"]

    @pytest.mark.parametrize("percent", [2, 32])
    def test_noise_through_the_low_pass_of_the_receiver(self, trained, percent):
        """Which leaves the band of most of a line's energy where it was."""
        random = np.random.default_rng(0)
        rf = [add_noise(line, percent, 62.5e6, random) for line in trained[1].astype(float)]
        (said,) = self.said(trained, np.float32(rf))
        assert said.startswith("noise: ")
        assert "a network that was trained with noise" in said

    def test_a_file_that_tells_no_floor_says_nothing_of_noise(self, trained):
        network = ckstudy.load_model(trained[0])
        noise = np.random.default_rng(0).normal(size=trained[1].shape)
        rf = trained[1] + noise.astype(np.float32)
        assert any(each.startswith("noise") for each in unlike_training(network, rf))
        del network.about["training_data"]["ranges"][FLOOR]
        assert not any(each.startswith("noise") for each in unlike_training(network, rf))

    def test_an_offset(self, trained):
        said = self.said(trained, trained[1] + 512 * np.float32(trained[1].std()))
        assert any("subtract each line's mean" in each for each in said)

    def test_silence(self, trained):
        rf = trained[1].copy()
        rf[2] = 0
        assert any("1 of 6 lines" in each for each in self.said(trained, rf))
        assert any("6 of 6 lines" in each for each in self.said(trained, 0 * rf))

    def test_a_transmitted_pulse_that_drowns_the_rest(self, trained):
        rf = trained[1].copy()
        rf[:, :400] += 200 * rf.std() * np.sin(2 * np.pi * 2.1 / 62.5 * np.arange(400))
        said = self.said(trained, rf)
        assert any("cut off the transmitted pulse" in each for each in said)

    def test_length(self, trained):
        assert [each.split(":")[0] for each in self.said(trained, trained[1][:, 1500:4000])] == [
            "length"
        ]

    def test_a_rate_that_cannot_hold_the_band(self, trained):
        path, rf = trained
        network = ckstudy.load_model(path)
        network.about["training_data"]["ranges"]["high_hz"][1] = 8e6
        with pytest.warns(UserWarning, match="rate: 15.625 MHz holds"):
            ckstudy.localise(network, rf[:, ::4], sampling_rate_hz=15.625e6)

    def test_volts_for_a_network_of_volts(self, simulated, tmp_path):
        rf = read_lines(simulated / "62.5.h5").rf
        path = write_model(tmp_path / "m.safetensors", rf, input_scaling="volts")
        assert self.said((path, rf), rf) == []
        (said,) = self.said((path, rf), 1e-3 * rf)
        assert "bring the lines to volts" in said


def test_detections_of_matlab_files_meet_their_truth(simulated, tmp_path):
    lines = read_lines(simulated / "62.5.h5")
    scipy.io.savemat(tmp_path / "lines.mat", {"RF": lines.rf.T})
    found = ckstudy.localise(
        RUN / "model.safetensors", tmp_path / "lines.mat", sampling_rate_hz=62.5e6, samples_axis=0
    )
    expected = ckstudy.localise(RUN / "model.safetensors", lines.rf, sampling_rate_hz=62.5e6)
    pd.testing.assert_frame_equal(found, expected)


def test_localising_does_not_change_its_input(model, lines):
    for array in (lines.rf, np.round(100 * lines.rf).astype(np.int16)):
        before = array.copy()
        array.flags.writeable = False
        ckstudy.predict(model, array, sampling_rate_hz=40e6)
        np.testing.assert_array_equal(array, before)


def test_blocks_cover_the_lines_in_order(model, lines):
    network = ckstudy.load_model(model)
    recording = recording_of(np.tile(lines.rf, (8, 1)))
    grid = prepare(network, recording, 62.5e6)
    how = Localisation(network, 0.1)
    sizes = [len(rf) for rf, _ in how.blocks(recording, grid)]
    assert sizes == [128, 128, 40]
    found = pd.concat([found for _, found in how.blocks(recording, grid)])
    first = found[found["line"] < 37].reset_index(drop=True)
    last = found[found["line"] >= 259].reset_index(drop=True)
    last["line"] -= 259
    pd.testing.assert_frame_equal(first, last, rtol=1e-4)
