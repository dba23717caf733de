"""Archives: what is kept, what is missing, and that it comes back as it was."""

import gzip
import json

import pytest

from ckstudy.archive import archived_config, archived_runs, make_archive, restore_run
from ckstudy.cli.arguments import read_configs
from ckstudy.errors import StudyError
from ckstudy.networks import build_network
from ckstudy.training.release import save_model


@pytest.fixture
def config(tmp_path, request) -> dict:
    root = request.config.rootpath
    config = read_configs([root / "config/config.yaml", root / "config/tiny.yaml"])
    return {**config, "results": str(tmp_path / "results")}


def finish(config: dict, run: str) -> dict[str, bytes]:
    """The files of a finished run, as the workflow leaves them."""
    from pathlib import Path

    folder = Path(config["results"]) / "runs" / run
    folder.mkdir(parents=True)
    network = build_network("cnn_dilated", layers=2, channels=2, seed=0)
    save_model(folder / "model.safetensors", network, device="cpu", wall_seconds=1.5)
    (folder / "spec.json").write_text(json.dumps({"run": run}))
    for file in ("history.csv", "thresholds.csv", "train.csv", "test.csv"):
        (folder / file).write_text(f"{file} of {run}\n")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_partial_study_is_kept_with_what_is_missing_named(config, tmp_path):
    files = finish(config, "cnn_dilated-s0")
    out = tmp_path / "archive"
    manifest = make_archive(config, out)
    assert list(manifest["runs"]) == ["cnn_dilated-s0"]
    assert "ckcnn-k131-w30-s0" in manifest["missing"]
    assert "missing: ckcnn_dilated-w8-s0" in (out / "README.md").read_text()
    kept = out / "runs/cnn_dilated-s0"
    assert gzip.decompress((kept / "test.csv.gz").read_bytes()) == files["test.csv"]
    assert archived_runs(out) == ["cnn_dilated-s0"]
    assert archived_config(out) == config

    restore_run(out, "cnn_dilated-s0", tmp_path / "restored")
    for file in ("spec.json", "model.safetensors", "history.csv"):
        assert (tmp_path / "restored" / file).read_bytes() == files[file]


def test_the_same_study_makes_the_same_bytes(config, tmp_path):
    finish(config, "cnn_dilated-s0")
    make_archive(config, tmp_path / "one")
    make_archive(config, tmp_path / "two")
    one, two = (
        {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        for folder in (tmp_path / "one", tmp_path / "two")
    )
    assert one == two


def test_an_archive_grows_and_forgets_nothing(config, tmp_path):
    finish(config, "cnn_dilated-s0")
    make_archive(config, tmp_path / "archive")
    other = {**config, "results": str(tmp_path / "other")}
    finish(other, "ckcnn-k9-w30-s0")
    manifest = make_archive(other, tmp_path / "archive")
    assert set(manifest["runs"]) == {"cnn_dilated-s0", "ckcnn-k9-w30-s0"}


def test_nothing_to_archive_and_no_archive_are_said(config, tmp_path):
    with pytest.raises(StudyError, match="no run of the study 'tiny' is finished"):
        make_archive(config, tmp_path / "archive")
    assert not (tmp_path / "archive").exists()
    with pytest.raises(StudyError, match="is no archive of a study"):
        archived_config(tmp_path)
    with pytest.raises(StudyError, match=r"has no spec.json of the run 'x'"):
        restore_run(tmp_path, "x", tmp_path / "out")
