"""Records: what made a file, from what; files that are no longer as they were made."""

import errno
import json
import os

import pytest
from refusal import refused, said
from synthetic_lines import write_data_set

from ckstudy.errors import StudyError
from ckstudy.files import WriteError, atomic_path, cannot_write, record_path, write_text
from ckstudy.records import check, check_folder, damaged, read_record, recorded, trace

CODE = ["ckstudy.files:write_text"]


def make(folder, text="data\n"):
    write_text(folder / "data.txt", text)
    with recorded("first", entries=CODE, inputs=[], outputs=[folder / "data.txt"]):
        write_text(folder / "data.txt", text)
    told = {"inputs": [folder / "data.txt"], "outputs": [folder / "out/table.csv"]}
    with recorded("second", entries=CODE, **told, parameters={"a": [1, None]}):
        write_text(folder / "out/table.csv", "a,b\n1,2\n")
    return folder / "data.txt", folder / "out/table.csv"


def test_a_record_tells_what_made_a_file(tmp_path):
    data, table = make(tmp_path)
    record = read_record(table)
    assert record["step"] == "second"
    assert record["parameters"] == {"a": [1, None]}
    assert record["inputs"] == {"../data.txt": read_record(data)["sha256"]}
    assert not damaged([data, table])
    check_folder(tmp_path)
    assert trace(table).all_changes() == {}


@pytest.mark.parametrize("cut", [0, 1, 4])
def test_a_file_that_was_cut_is_told(tmp_path, cut):
    data, table = make(tmp_path)
    os.truncate(data, cut)
    assert damaged([data, table]) == [data]
    with pytest.raises(StudyError, match=r"data\.txt is not the file .* Delete it"):
        check_folder(tmp_path)
    out = {"inputs": [data], "outputs": [table]}
    with pytest.raises(StudyError, match="Delete it"), recorded("again", entries=CODE, **out):
        pytest.fail("a step must not begin with a damaged file")
    (change,) = [each for each in trace(table).all_changes() if "when it was read" in each]
    assert change.startswith(str(data))


def test_a_file_that_is_written_anew_or_touched_is_as_it_should_be(tmp_path):
    data, table = make(tmp_path)
    os.utime(table, (0, 0))
    write_text(data, "edited by another step\n")
    assert read_record(data) is None
    check([data, table])


def test_other_code_and_other_versions_are_told(tmp_path):
    _, table = make(tmp_path)
    path = record_path(table)
    record = json.loads(path.read_text())
    record["code"] = "0" * 16
    record["environment"]["numpy"] = "0.1"
    path.write_text(json.dumps(record))
    changes = " ".join(trace(table).changes)
    assert "code of second" in changes
    assert "numpy was 0.1" in changes


def test_the_command_tells_where_a_file_comes_from(tmp_path, capsys):
    lines = {"train": 1, "validation": 2, "test": 3}
    for split, seed in lines.items():
        write_data_set(tmp_path / f"{split}.h5", 3, 600, seed=seed)
    files = [word for split in lines for word in (f"--{split}", tmp_path / f"{split}.h5")]
    assert said("baselines", *files, "--out", tmp_path / "b.csv", "--resamples", 10)[0] == 0
    assert said("provenance", tmp_path / "b.csv")[0] == 0
    os.truncate(tmp_path / "test.h5", 100)
    assert said("provenance", tmp_path / "b.csv")[0] == 1
    refused("provenance", tmp_path / "none", names=("none",))
    refused("provenance", tmp_path / "train.h5", names=("train.h5", "no record"))


def test_what_is_no_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WriteError, match=r"pipe: it is a device, a pipe or a socket; name a file"):
        write_text(tmp_path / "pipe", "text")
    assert (tmp_path / "pipe").is_fifo()


def test_a_link_stays_one_and_its_file_is_written(tmp_path):
    target = tmp_path / "elsewhere" / "file.txt"
    (tmp_path / "link.txt").symlink_to(target)
    write_text(tmp_path / "link.txt", "text")
    assert (tmp_path / "link.txt").is_symlink()
    assert target.read_text() == "text"


def test_the_first_error_is_the_one_that_is_seen(tmp_path, monkeypatch):
    """Though the temporary file cannot be removed either, as in a folder turned read-only."""

    def refuse(*arguments, **options):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    with pytest.raises(ZeroDivisionError), atomic_path(tmp_path / "file"):
        raise ZeroDivisionError
    message = r"cannot write .*file: No space left .*; make room"
    with pytest.raises(WriteError, match=message), atomic_path(tmp_path / "file"):
        raise OSError(errno.ENOSPC, "full")


def test_what_is_removed_while_it_is_written_is_told_with_what_to_do(tmp_path):
    def write():
        with atomic_path(tmp_path / "file") as temporary:
            temporary.write_text("half")
            temporary.unlink()

    with pytest.raises(WriteError) as told:
        write()
    assert str(told.value).endswith(
        "No such file or directory; there is no such place, or it was removed meanwhile"
    )
    assert not list(tmp_path.iterdir())


def test_an_error_of_writing_says_what_to_do_wherever_it_is_caught():
    for number, remedy in ((errno.ENOSPC, "make room"), (errno.EROFS, "choose a folder")):
        plain = OSError(number, os.strerror(number), "/other")
        wrapped = WriteError(number, os.strerror(number), "data/test.h5")
        for error in (plain, wrapped):
            said = cannot_write(error, "data/test.h5")
            assert said.startswith(f"cannot write data/test.h5: {os.strerror(number)}; {remedy}")
        assert str(wrapped) == said
    # HDF5's have words alone.
    assert cannot_write(OSError("no dataset"), "a.h5") == "cannot write a.h5: no dataset"


@pytest.mark.parametrize(
    "words",
    [
        "Can't write data (errno = 28, error message = 'No space left on device')",
        'I/O error: Os { code: 28, kind: StorageFull, message: "No space left on device" }',
    ],
)
def test_a_full_disk_is_told_whatever_library_says_it(tmp_path, words):
    with pytest.raises(WriteError, match="make room") as caught, atomic_path(tmp_path / "file"):
        raise RuntimeError(words)
    assert caught.value.errno == errno.ENOSPC
