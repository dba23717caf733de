"""Files of RF lines, written by the libraries that people write them with."""

import hashlib
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
from synthetic_lines import write_data_set

from ckstudy.dataset import read_lines
from ckstudy.errors import StudyError
from ckstudy.localisation.readers import open_recording
from ckstudy.localisation.recording import Recording, recording_of

RF = np.random.default_rng(0).normal(size=(5, 300))


def write_v73(path: Path, **arrays: np.ndarray) -> Path:
    """A MATLAB v7.3 file: HDF5 behind a block of 512 bytes, axes in reverse order."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            data = file.create_dataset(name, data=np.asarray(array).T)
            data.attrs["MATLAB_class"] = np.bytes_("double")
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return path


def written(folder: Path, kind: str, rf: np.ndarray) -> Path:
    """``rf`` in a file of that kind."""
    path = folder / f"lines{kind}"
    if kind == ".npy":
        np.save(path, rf)
    elif kind == ".npz":
        np.savez_compressed(path, rf=rf, sampling_rate_hz=40e6)
    elif kind == ".mat":
        scipy.io.savemat(path, {"rf": rf, "sampling_rate_hz": 40e6}, do_compression=True)
    elif kind == ".v73.mat":
        write_v73(path, rf=rf, sampling_rate_hz=np.array([[40e6]]))
    elif kind == ".h5":
        with h5py.File(path, "w") as file:
            file.create_dataset("rf", data=rf, chunks=(1, min(64, rf.shape[-1])), compression=1)
            file.attrs["sampling_rate_hz"] = 40e6
    else:
        mark = {".csv": ",", ".tsv": "\t", ".txt": " ", ".dat": ";"}[kind]
        np.savetxt(path, rf, delimiter=mark, header="RF lines", fmt="%.17g")
    return path


KINDS = [".npy", ".npz", ".mat", ".v73.mat", ".h5", ".csv", ".tsv", ".txt", ".dat"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("axis", [None, 0, 1, -2])
def test_lines_come_out_of_each_kind_of_file_as_they_went_in(tmp_path, kind, axis):
    path = written(tmp_path, kind, RF if axis in (None, 1) else RF.T)
    before = hashlib.sha256(path.read_bytes()).digest()
    with open_recording(path, samples_axis=axis) as recording:
        assert (recording.lines, recording.samples) == RF.shape
        parts = [recording.read(first, first + 2) for first in range(0, 5, 2)]
        says_rate = kind in (".npz", ".mat", ".v73.mat", ".h5")
        assert recording.sampling_rate_hz == (40e6 if says_rate else None)
    rf = np.concatenate(parts)
    assert rf.dtype == np.float32
    np.testing.assert_array_equal(rf, RF.astype(np.float32))
    assert hashlib.sha256(path.read_bytes()).digest() == before


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_comma_is_a_decimal_sign_where_something_else_divides_the_columns(tmp_path, mark):
    path = tmp_path / "lines.csv"
    rows = "\n".join(mark.join(f"{value:.17g}" for value in row) for row in RF)
    path.write_text("# lines, as a spreadsheet writes them\n" + rows.replace(".", ","))
    with open_recording(path) as recording:
        np.testing.assert_array_equal(recording.read(0, len(RF)), RF.astype(np.float32))


def test_a_comma_with_a_tab_behind_it_divides_columns(tmp_path):
    path = tmp_path / "lines.csv"
    np.savetxt(path, RF, delimiter=",\t", fmt="%.17g")
    with open_recording(path) as recording:
        np.testing.assert_array_equal(recording.read(0, len(RF)), RF.astype(np.float32))


def test_what_a_comment_holds_divides_no_columns(tmp_path):
    path = tmp_path / "lines.csv"
    rows = [",".join(f"{value:.17g}" for value in row) for row in RF]
    path.write_text(rows[0] + " # first; the others follow\n" + "\n".join(rows[1:]))
    with open_recording(path) as recording:
        np.testing.assert_array_equal(recording.read(0, len(RF)), RF.astype(np.float32))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("column", [False, True])
def test_one_line_may_be_a_row_or_a_column(tmp_path, kind, column):
    line = RF[:1]
    path = written(tmp_path, kind, line.T if column else line)
    with open_recording(path) as recording:
        assert (recording.lines, recording.samples) == (1, 300)
        np.testing.assert_array_equal(recording.read(0, 1), line.astype(np.float32))


def test_one_axis_is_one_line(tmp_path):
    with open_recording(written(tmp_path, ".npy", RF[0])) as recording:
        np.testing.assert_array_equal(recording.read(0, 9), RF[:1].astype(np.float32))


@pytest.mark.parametrize("kind", [".npy", ".mat", ".v73.mat"])
def test_more_axes_count_lines_with_the_last_one_fastest(tmp_path, kind):
    frames = np.random.default_rng(1).normal(size=(2, 40, 3))  # frames, samples, channels
    path = written(tmp_path, kind, frames)
    with open_recording(path, samples_axis=1) as recording:
        assert (recording.lines, recording.samples) == (6, 40)
        rf = np.concatenate([recording.read(0, 4), recording.read(4, 6)])
    for frame in range(2):
        for channel in range(3):
            expected = frames[frame, :, channel].astype(np.float32)
            np.testing.assert_array_equal(rf[3 * frame + channel], expected)
    with pytest.raises(StudyError, match=r"\(2, 40, 3\): say which of its 3 axes"):
        open_recording(path)


def test_the_studys_own_files_need_no_options(tmp_path):
    path = write_data_set(tmp_path / "test.h5", 3, 200, seed=0)
    with open_recording(path) as recording:
        assert recording.sampling_rate_hz == 62.5e6
        np.testing.assert_array_equal(recording.read(0, 3), read_lines(path).rf)


def test_what_is_mapped_is_not_read_whole(tmp_path):
    path = tmp_path / "large.npy"
    header = np.lib.format.open_memmap(path, "w+", np.float32, (200_000, 8446))  # 6.8 GB, sparse
    header[199_999] = 1.0
    del header
    with open_recording(path) as recording:
        assert isinstance(recording.array, np.memmap)
        assert recording.read(199_998, 200_000).sum() == 8446
    with h5py.File(tmp_path / "large.h5", "w") as file:
        file.create_dataset("rf", (200_000, 8446), np.float32, chunks=(1, 8446))[7] = 2.0
    with open_recording(tmp_path / "large.h5") as recording:
        assert recording.read(6, 8).sum() == 2 * 8446


@pytest.mark.parametrize(
    "dtype", [np.int8, np.int16, np.uint16, np.int32, ">i2", ">f4", np.float16, np.longdouble]
)
def test_real_numbers_of_any_type_are_taken_as_they_are(dtype):
    values = np.array([[1, 2, 100, 0]]).astype(dtype)
    recording = recording_of(values)
    assert recording.integers == (values.dtype.kind in "iu")
    np.testing.assert_array_equal(recording.read(0, 1), [[1, 2, 100, 0]])


class TestRefused:
    """What cannot be taken: one message that names the file and what to do."""

    def message(self, path: Path, **options) -> str:
        with pytest.raises(StudyError) as error, open_recording(path, **options) as recording:
            recording.read(0, recording.lines)
        assert "\n" not in str(error.value)
        assert path.name in str(error.value)
        return str(error.value)

    @pytest.mark.parametrize("kind", KINDS)
    def test_truncated(self, tmp_path, kind):
        path = written(tmp_path, kind, RF)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        self.message(path)

    @pytest.mark.parametrize("kind", KINDS)
    def test_no_bytes(self, tmp_path, kind):
        path = tmp_path / f"lines{kind}"
        path.write_bytes(b"")
        assert "empty" in self.message(path)

    @pytest.mark.parametrize("kind", [".npy", ".npz", ".h5", ".mat", ".csv"])
    def test_other_bytes(self, tmp_path, kind):
        path = tmp_path / f"lines{kind}"
        path.write_bytes(bytes(range(128, 256)) * 8)
        self.message(path)

    def test_missing_and_folders_and_unknown_kinds(self, tmp_path):
        assert "there is no file" in self.message(tmp_path / "none.npy")
        assert "cannot be read" in self.message(tmp_path)
        unknown = tmp_path / "lines.bin"
        unknown.write_bytes(b"RIFFWAVE")
        assert "known kind; give .npy, .npz, .mat" in self.message(unknown)

    @pytest.mark.parametrize("kind", [".npy", ".npz"])
    def test_pickles(self, tmp_path, kind):
        path = tmp_path / f"lines{kind}"
        saved = np.array([{"a": 1}, None], dtype=object)
        np.save(path, saved) if kind == ".npy" else np.savez(path, rf=saved)
        assert "pickled Python objects" in self.message(path)

    @pytest.mark.parametrize("kind", [".npz", ".mat", ".v73.mat", ".h5"])
    def test_several_arrays_or_another_name(self, tmp_path, kind):
        path = tmp_path / f"lines{kind}"
        arrays = {"rf": RF, "truth": RF > 0.5, "other": 2 * RF}
        if kind == ".npz":
            np.savez(path, **arrays)
        elif kind == ".mat":
            scipy.io.savemat(path, arrays)
        elif kind == ".v73.mat":
            write_v73(path, rf=RF, other=2 * RF)
        else:
            with h5py.File(path, "w") as file:
                file["rf"], file["group/other"] = RF, 2 * RF
        said = self.message(path)
        assert "several arrays" in said
        assert "rf (5, 300)" in said
        assert "--variable" in said
        other = "group/other" if kind == ".h5" else "other"
        with open_recording(path, variable=other) as recording:
            np.testing.assert_allclose(recording.read(0, 5), 2 * RF, rtol=1e-6)
        assert "called 'RF'; there are: " in self.message(path, variable="RF")

    def test_a_name_where_there_is_none(self, tmp_path):
        assert "without a name" in self.message(written(tmp_path, ".npy", RF), variable="rf")

    def test_no_array_at_all(self, tmp_path):
        path = tmp_path / "lines.mat"
        scipy.io.savemat(path, {"text": "abc", "cell": np.array(["a", 1], dtype=object)})
        assert "no array of numbers" in self.message(path)

    @pytest.mark.parametrize("kind", [".npy", ".mat", ".h5"])
    def test_complex_numbers(self, tmp_path, kind):
        assert "IQ data" in self.message(written(tmp_path, kind, RF + 1j))

    def test_complex_numbers_of_matlab(self, tmp_path):
        pair = np.zeros((3, 40), dtype=[("real", "f8"), ("imag", "f8")])
        with h5py.File(tmp_path / "iq.mat", "w") as file:
            file["rf"] = pair
        assert "IQ data" in self.message(tmp_path / "iq.mat")

    @pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
    @pytest.mark.parametrize("kind", [".npy", ".v73.mat", ".csv"])
    def test_samples_that_are_no_number(self, tmp_path, kind, value):
        rf = RF.copy()
        rf[3, 17] = value
        assert "sample 17 of line 3 is " in self.message(written(tmp_path, kind, rf))

    @pytest.mark.parametrize("factor", [1e20, 1e-20])
    def test_units_that_float32_cannot_square(self, factor):
        with pytest.raises(StudyError, match="give it in a unit"):
            recording_of(factor * RF).read(0, 5)

    @pytest.mark.parametrize("shape", [(0,), (0, 300), (5, 0)])
    def test_empty(self, tmp_path, shape):
        path = tmp_path / "lines.npy"
        np.save(path, np.zeros(shape))
        assert "is empty" in self.message(path)

    def test_text_with_words_or_ragged_rows(self, tmp_path):
        path = tmp_path / "lines.csv"
        path.write_text("a,b,c\n1,2,3\n")
        assert "put # before headings" in self.message(path)
        path.write_text("1,2,3\n1,2\n")
        assert "rows of equal length" in self.message(path)

    @pytest.mark.parametrize("rate", [0.0, -1.0, np.nan, "fast"])
    def test_a_rate_that_is_none(self, tmp_path, rate):
        path = tmp_path / "lines.npz"
        np.savez(path, rf=RF, sampling_rate_hz=rate)
        assert "it must be a positive number" in self.message(path)

    def test_other_arrays(self):
        for array in (np.float64(3.0), np.array(["a"]), RF > 0, [[1.0, 2.0], [3.0]]):
            with pytest.raises(StudyError):
                recording_of(array)
        with pytest.raises(StudyError, match="there is no axis 2"):
            Recording(RF, "x", samples_axis=2)
