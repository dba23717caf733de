"""The data set file: what is written is read, and what is broken is named."""

import h5py
import numpy as np
import pytest

from ckstudy.dataset import Bubbles, Lines, data_hash, read_lines, write_lines
from ckstudy.errors import StudyError

SAMPLES = 50


def make_lines(counts, seed=0):
    random = np.random.default_rng(seed)
    total = sum(counts)
    label = np.zeros((len(counts), SAMPLES), np.uint8)
    for line, count in enumerate(counts):
        np.add.at(label[line], random.integers(0, SAMPLES, count), 1)
    bubbles = Bubbles(
        np.cumsum([0, *counts], dtype=np.int64), *(random.random(total) for _ in range(4))
    )
    return Lines(
        rf=random.standard_normal((len(counts), SAMPLES)).astype(np.float32),
        bubble_count=label,
        bubbles=bubbles,
        pressure=random.random(len(counts)),
        line_number=np.arange(len(counts)),
        sampling_rate_hz=62.5e6,
    )


def write(path, *blocks):
    write_lines(
        path,
        blocks,
        lines=sum(len(block) for block in blocks),
        samples=SAMPLES,
        bubbles=sum(int(block.bubbles.offset[-1]) for block in blocks),
        sampling_rate_hz=62.5e6,
        parameters={"lines": 5},
        provenance={"seed": 1},
    )


@pytest.fixture
def lines():
    return make_lines([3, 0, 7, 2, 5])


@pytest.fixture
def path(tmp_path, lines):
    write(tmp_path / "lines.h5", lines)
    return tmp_path / "lines.h5"


def test_what_is_written_is_read(path, lines):
    read = read_lines(path)
    for name in ("rf", "bubble_count", "pressure", "line_number"):
        np.testing.assert_array_equal(getattr(read, name), getattr(lines, name))
    for name in ("offset", "axial_m", "lateral_m", "radius_m", "arrival_s"):
        np.testing.assert_array_equal(getattr(read.bubbles, name), getattr(lines.bubbles, name))
    assert read.rf.dtype == np.float32
    assert read.bubble_count.dtype == np.uint8
    assert read.sampling_rate_hz == 62.5e6
    assert read.attributes == {"parameters": {"lines": 5}, "provenance": {"seed": 1}}
    assert read.bubbles_per_line.tolist() == [3, 0, 7, 2, 5]
    assert len(read) == 5


@pytest.mark.parametrize(
    "rows", [slice(1, 3), slice(None, None, 2), slice(3, 1), [4, 0, 0], [-1], np.array([2, 1]), []]
)
def test_any_rows_can_be_read(path, lines, rows):
    read = read_lines(path, rows)
    np.testing.assert_array_equal(read.rf, lines.rf[rows])
    np.testing.assert_array_equal(read.line_number, lines.line_number[rows])
    for place, line in enumerate(np.arange(5)[rows]):
        for name, values in read.bubbles.of_line(place).items():
            np.testing.assert_array_equal(values, lines.bubbles.of_line(int(line))[name])


def test_units_are_attributes(path):
    with h5py.File(path) as file:
        units = {name: file[name].attrs["unit"] for name in ("rf", "pressure", "bubble_count")}
        assert units == {"rf": "V", "pressure": "Pa", "bubble_count": "1"}
        assert file["bubbles/arrival_s"].attrs["unit"] == "s"
        assert file["bubbles/radius_m"].attrs["unit"] == "m"


def test_blocks_make_the_same_bytes_as_the_whole(tmp_path, path):
    whole = read_lines(path)
    parts = [read_lines(path, rows) for rows in (slice(0, 2), slice(2, 3), slice(3, 5))]
    write(tmp_path / "parts.h5", *parts)
    assert (tmp_path / "parts.h5").read_bytes() == path.read_bytes()
    np.testing.assert_array_equal(read_lines(tmp_path / "parts.h5").rf, whole.rf)


def test_the_hash_is_of_the_contents(tmp_path, path, lines):
    write(tmp_path / "copy.h5", lines)
    assert data_hash(tmp_path / "copy.h5") == data_hash(path)
    for name in ("rf", "bubble_count"):
        write(tmp_path / "other.h5", lines)
        with h5py.File(tmp_path / "other.h5", "r+") as file:
            file[name][4, 7] += 1
        assert data_hash(tmp_path / "other.h5") != data_hash(path)


def test_rows_out_of_range_are_refused(path):
    with pytest.raises(StudyError, match="has 5 lines: rows 2 to 5"):
        read_lines(path, [2, 5])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(StudyError, match=r"no data set file .*absent\.h5"):
        read_lines(tmp_path / "absent.h5")
    with pytest.raises(StudyError, match="no data set file"):
        data_hash(tmp_path)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_truncated_file_is_named(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    for reader in (read_lines, data_hash):
        with pytest.raises(StudyError, match=r"lines\.h5 cannot be read"):
            reader(path)


def test_a_file_of_another_kind_is_named(tmp_path):
    text = tmp_path / "text.h5"
    text.write_text("bubble count, voltage, pressure\n" * 100)
    with pytest.raises(StudyError, match=r"text\.h5 cannot be read as HDF5"):
        read_lines(text)
    foreign = tmp_path / "foreign.h5"
    with h5py.File(foreign, "w") as file:
        file["rf"] = np.zeros((2, 3))
    with pytest.raises(StudyError, match=r"^\S+ is an HDF5 file, but not a data set of ckstudy$"):
        read_lines(foreign)


def test_another_version_is_named(path):
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(StudyError, match="format version 99"):
        read_lines(path)


@pytest.mark.parametrize("name", ["rf", "bubbles/offset", "bubbles/radius_m", "line_number"])
def test_a_missing_part_is_named(path, name):
    with h5py.File(path, "r+") as file:
        del file[name]
    with pytest.raises(StudyError, match=f"lacks {name}"):
        read_lines(path)


@pytest.mark.parametrize("name", ["pressure", "bubbles/axial_m"])
def test_parts_that_do_not_fit_are_named(path, name):
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = np.zeros(2)
    with pytest.raises(StudyError, match="do not fit together"):
        read_lines(path)


def test_a_failed_write_leaves_the_old_file(path, lines):
    before = path.read_bytes()

    def broken():
        yield lines
        raise RuntimeError("the simulation failed")

    with pytest.raises(RuntimeError):
        write_lines(
            path,
            broken(),
            lines=10,
            samples=SAMPLES,
            bubbles=34,
            sampling_rate_hz=62.5e6,
            parameters={},
            provenance={},
        )
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["lines.h5"]


def test_a_place_that_cannot_be_written_is_named(tmp_path, lines):
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="cannot write"):
        write(tmp_path / "file" / "lines.h5", lines)
