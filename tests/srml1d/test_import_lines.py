"""Importing the text files of SRML-1D."""

import numpy as np
import pytest
from typer.testing import CliRunner

from ckstudy.dataset import read_lines
from ckstudy.errors import StudyError
from ckstudy.srml1d.import_lines import import_folder

SAMPLES = 40


def write_text(file, count, voltage, kilopascal):
    rows = [f"{c},{v:.10f},{1e3 * kilopascal:.0f}" for c, v in zip(count, voltage, strict=True)]
    header = [
        f'"Generated with writeResultsToTxt.m from {file.stem}.mat"',
        f'"Number of bubbles:",{sum(count)}',
        f'"Acoustic pressure (kPa):",{kilopascal:.2f}',
        '"Bubble count","Voltage (a.u)","Pressure field (Pa)"',
    ]
    file.write_text("\n".join(header + rows) + "\n")


@pytest.fixture
def original(tmp_path):
    """Twenty files in a folder, and what they hold, by number."""
    folder = tmp_path / "TESTING"
    folder.mkdir()
    random = np.random.default_rng(3)
    known = {}
    for number in (*range(95, 114), 7):
        count = random.integers(0, 3, SAMPLES).tolist()
        voltage = random.standard_normal(SAMPLES).round(10).tolist()
        known[number] = count, voltage, round(random.uniform(5, 250), 2)
        write_text(folder / f"RFdata{number}.txt", *known[number])
    return folder, known


def test_the_lines_are_those_of_the_files(tmp_path, original):
    folder, known = original
    assert import_folder(folder, tmp_path / "out.h5") == len(known)
    lines = read_lines(tmp_path / "out.h5")
    assert lines.line_number.tolist() == sorted(known)
    for place, number in enumerate(lines.line_number):
        count, voltage, kilopascal = known[number]
        assert lines.bubble_count[place].tolist() == count
        np.testing.assert_array_equal(lines.rf[place], np.float32(voltage))
        assert lines.pressure[place] == pytest.approx(1e3 * kilopascal)
        assert lines.bubbles_per_line[place] == sum(count)
        assert lines.bubbles.of_line(place)["radius_m"].size == 0
    assert lines.sampling_rate_hz == 62.5e6
    assert lines.attributes["provenance"]["imported"] == "SRML-1D text files"


def change(line, text):
    def edit(file):
        lines = file.read_text().splitlines()
        lines[line - 1] = text
        file.write_text("\n".join(lines))

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (change(2, "Number of bubbles: many"), "line 2: 'Number of bubbles: many', but"),
        (change(3, '"Acoustic pressure (kPa):",-1'), "line 3: .*Acoustic pressure"),
        (change(9, "0,0.5"), "line 9: '0,0.5', but bubble count, voltage, pressure"),
        (change(12, "0,0.5,1,2"), "line 12"),
        (change(5, "0,abc,1"), "line 5: '0,abc,1'"),
        (change(17, "0,nan,1"), "line 17"),
        (change(44, "-1,0,1"), "line 44: '-1,0,1'"),
        (change(44, "0.5,0,1"), "line 44"),
        (change(20, ""), "line 20: ''"),
        (change(5, "99,0,1"), "line 2: .* bubbles, but the first column holds"),
        (lambda file: file.write_text(""), "ends at line 0"),
        (lambda file: file.write_bytes(b"\xff\xfe\x00"), "cannot be read as text"),
        (lambda file: write_text(file, [1, 0], [0.0, 1.0], 50), "ends at line 6 with 2 samples"),
    ],
)
def test_a_malformed_file_is_named_and_nothing_is_written(tmp_path, original, edit, message):
    folder, _ = original
    broken = folder / "RFdata113.txt"  # the last, so that others are read before it
    edit(broken)
    with pytest.raises(StudyError, match=message) as raised:
        import_folder(folder, tmp_path / "out.h5")
    assert str(broken) in str(raised.value)
    assert [file.name for file in tmp_path.iterdir()] == ["TESTING"]


def test_folders_without_such_files_are_named(tmp_path, original):
    with pytest.raises(StudyError, match="no folder"):
        import_folder(tmp_path / "absent", tmp_path / "out.h5")
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudyError, match=r"no \.txt files"):
        import_folder(tmp_path / "empty", tmp_path / "out.h5")
    folder, _ = original
    (folder / "other 7.txt").write_text("")
    with pytest.raises(StudyError, match="have the same number"):
        import_folder(folder, tmp_path / "out.h5")
    (folder / "other 7.txt").rename(folder / "notes.txt")
    with pytest.raises(StudyError, match="no number in its name"):
        import_folder(folder, tmp_path / "out.h5")


def test_the_command_imports(tmp_path, original):
    from ckstudy.cli import app

    arguments = ["import-srml1d", str(original[0]), "--out", str(tmp_path / "out.h5")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "20 lines" in result.output
    assert len(read_lines(tmp_path / "out.h5")) == 20
