"""The learning curve beside a published one."""

import pandas as pd
import pytest
from typer.testing import CliRunner

from ckstudy.cli import app
from ckstudy.errors import StudyError
from ckstudy.report.figures.learning import against_published, draw_learning_curve, read_curves


@pytest.fixture
def files(tmp_path):
    for name, start in (("one", 2.0), ("two", 2.5)):
        (tmp_path / name).mkdir()
        rows = "".join(
            f"{epoch},{start / (epoch + 1)},{'' if epoch % 2 else 7.0 / (epoch + 1)},0.01\n"
            for epoch in range(6)
        )
        text = "epoch,train_loss,validation_loss,learning_rate\n" + rows
        (tmp_path / name / "history.csv").write_text(text, encoding="utf-8")
    published = tmp_path / "published.csv"
    published.write_text("epoch,train_loss,validation_loss\n0,2.4,68\n10,1.9,\n", encoding="utf-8")
    return [tmp_path / "one", tmp_path / "two"], published


def test_every_number_of_the_files_is_in_the_picture(files):
    runs, published = files
    curves = read_curves(runs, published)
    (axes,) = against_published(curves).axes
    drawn = {line.get_label(): line for line in axes.lines if line.get_label()[0] != "_"}
    assert list(drawn) == ["one", "two", "published"]
    for label, path in zip(drawn, [*(run / "history.csv" for run in runs), published], strict=True):
        table = pd.read_csv(path)
        assert drawn[label].get_xdata().tolist() == table["epoch"].tolist()
        assert drawn[label].get_ydata().tolist() == table["train_loss"].tolist()
    dots = [line.get_ydata().tolist() for line in axes.lines if line.get_label()[0] == "_"]
    assert dots == [pytest.approx([7.0, 7 / 3, 7 / 5])] * 2 + [[68.0]]
    # The first validation loss would flatten everything else.
    assert axes.get_ylim()[1] == 3.0


def test_the_command_draws_the_same_bytes_each_time(files, tmp_path):
    runs, published = files
    out = tmp_path / "curve"
    arguments = ["learning-curve", "--out", str(out), "--published", str(published)]
    for run in runs:
        arguments += ["--run", str(run)]
    first = []
    for _ in range(2):
        answer = CliRunner().invoke(app, arguments)
        assert answer.exit_code == 0, answer.output
        first.append([out.with_suffix(suffix).read_bytes() for suffix in (".png", ".svg")])
    assert first[0] == first[1]


def test_it_needs_no_published_curve(files, tmp_path):
    draw_learning_curve(files[0][:1], None, tmp_path / "curve")
    assert (tmp_path / "curve.png").stat().st_size > 1000


def test_a_file_of_another_kind_is_refused(files, tmp_path):
    runs, published = files
    with pytest.raises(StudyError, match=r"there is no file .*history\.csv; name the folder"):
        read_curves([tmp_path], None)
    published.write_text("epoch,loss\n0,1\n", encoding="utf-8")
    with pytest.raises(StudyError, match="lacks the column train_loss, validation_loss"):
        read_curves(runs, published)
