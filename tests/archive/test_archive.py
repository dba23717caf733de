"""Archives: what is kept, what is missing, and that it comes back as it was."""

import gzip
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from synthetic_lines import write_data_set

from ckstudy.archive.contents import (
    archived_config,
    archived_lines,
    archived_runs,
    make_archive,
    restore_run,
)
from ckstudy.archive.lines import CORRECTED, ROUNDED, SAME, check_lines, warnings
from ckstudy.dataset import data_hash, read_lines
from ckstudy.errors import StudyError
from ckstudy.networks import build_network
from ckstudy.networks.batch_norm import take_population_statistics
from ckstudy.networks.release import load_model, save_model
from ckstudy.study.config import read_configs, read_study
from ckstudy.study.folder import StudyFolder, read_run_spec
from ckstudy.study.lines import SPLITS

NOISY = "cnn_dilated-noise32-s0"


@pytest.fixture
def config(tmp_path, request) -> dict:
    root = request.config.rootpath
    config = read_configs([root / "config/config.yaml", root / "config/tiny.yaml"])
    config["experiments"]["noise"] = {"networks": ["cnn_dilated"], "noise_percent": [32]}
    return simulate({**config, "results": str(tmp_path / "results")})


def restore(archive: Path, config: dict, run: str, out: Path) -> None:
    study = read_study(config)
    restore_run(archive, study.runs[run], study.folder.data("train"), out)


def simulate(config: dict) -> dict:
    folder = StudyFolder(Path(config["results"]))
    for seed, split in enumerate(SPLITS):
        write_data_set(folder.data(split), 4, 50, seed)
        write_data_set(folder.data(split, 32.0), 4, 50, 10 + seed)
    return config


def finish(config: dict, run: str) -> dict[str, bytes]:
    """The files of a finished run, as the workflow leaves them."""
    study = StudyFolder(Path(config["results"]))
    folder, spec = study.run(run), read_study(config).runs[run]
    folder.mkdir(parents=True)
    network = build_network("cnn_dilated", layers=2, channels=2, seed=0)
    data = {split: data_hash(study.data(split, spec.noise)) for split in SPLITS[:2]}
    save_model(
        folder / "model.safetensors",
        network,
        device="cpu",
        wall_seconds=1.5,
        data=data,
        spec=spec.to_json(),
    )
    (folder / "spec.json").write_text(json.dumps(spec.to_json()))
    for file in ("history.csv", "thresholds.csv", "train.csv", "test.csv"):
        (folder / file).write_text(f"{file} of {run}\n")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def contents(folder: Path) -> dict[Path, bytes]:
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


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

    restore(out, config, "cnn_dilated-s0", tmp_path / "restored")
    for file in ("spec.json", "model.safetensors", "history.csv"):
        assert (tmp_path / "restored" / file).read_bytes() == files[file]


def test_the_same_study_makes_the_same_bytes(config, tmp_path):
    finish(config, "cnn_dilated-s0")
    make_archive(config, tmp_path / "one")
    make_archive(config, tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_an_archive_grows_and_forgets_nothing(config, tmp_path):
    finish(config, "cnn_dilated-s0")
    make_archive(config, tmp_path / "archive")
    other = simulate({**config, "results": str(tmp_path / "other")})
    finish(other, "ckcnn-k9-w30-s0")
    finish(other, NOISY)
    manifest = make_archive(other, tmp_path / "archive")
    assert set(manifest["runs"]) == {"cnn_dilated-s0", "ckcnn-k9-w30-s0", NOISY}
    assert set(manifest["lines"]) == {
        *SPLITS,
        *(f"noise_32/{split}" for split in SPLITS),
    }
    # And once more, from a folder that has nothing but the lines.
    empty = simulate({**config, "results": str(tmp_path / "empty")})
    assert make_archive(empty, tmp_path / "archive") == manifest


def test_runs_of_the_same_lines_by_another_processor_are_added(config, tmp_path):
    finish(config, "cnn_dilated-s0")
    first = make_archive(config, tmp_path / "archive")
    other = simulate({**config, "results": str(tmp_path / "other")})
    rounded = np.random.default_rng(0)
    data = Path(other["results"]) / "data"
    change(data / "train.h5", "rf", lambda rf: rf * (1 + 1e-6 * rounded.normal(size=rf.shape)))
    finish(other, "ckcnn-k9-w30-s0")
    manifest = make_archive(other, tmp_path / "archive")
    assert set(manifest["runs"]) == {"cnn_dilated-s0", "ckcnn-k9-w30-s0"}
    assert manifest["lines"] == first["lines"]
    digests = [run["data"]["train"] for run in manifest["runs"].values()]
    assert digests[0] != digests[1]

    # A third one knows neither digest, and adds to what the archive has all the same.
    third = simulate({**config, "results": str(tmp_path / "third")})
    data = Path(third["results"]) / "data"
    change(data / "train.h5", "rf", lambda rf: rf * (1 + 1e-6 * rounded.normal(size=rf.shape)))
    finish(third, "ckcnn-k131-w30-s0")
    assert len(make_archive(third, tmp_path / "archive")["runs"]) == 3

    # A file that was put into the archive by hand is vouched for by nobody.
    shutil.copy(
        Path(other["results"]) / "runs/ckcnn-k9-w30-s0/model.safetensors",
        tmp_path / "archive/runs/cnn_dilated-s0/model.safetensors",
    )
    empty = simulate({**config, "results": str(tmp_path / "empty")})
    with pytest.raises(StudyError, match=r"archive/runs/cnn_dilated-s0 was trained on other"):
        make_archive(empty, tmp_path / "archive")


def test_nothing_to_archive_and_no_archive_are_said(config, tmp_path):
    with pytest.raises(StudyError, match="no run of the study 'tiny' is finished"):
        make_archive(config, tmp_path / "archive")
    assert not (tmp_path / "archive").exists()
    with pytest.raises(StudyError, match="is no archive of a study"):
        archived_config(tmp_path)
    with pytest.raises(StudyError, match=r"has no spec.json of the run 'cnn_dilated-s0'"):
        restore(tmp_path, config, "cnn_dilated-s0", tmp_path / "out")
    with pytest.raises(StudyError, match=r"manifest.json says nothing of the study's lines"):
        archived_lines(tmp_path)


# Nothing under a false name ------------------------------------------------------------------


def test_a_run_of_another_config_is_not_archived(config, tmp_path):
    finish(config, "cnn_dilated-s0")
    make_archive(config, tmp_path / "archive")
    before = contents(tmp_path / "archive")
    config["training"]["epochs"] = 3
    with pytest.raises(StudyError, match=r"spec\.json is not what the config asks for"):
        make_archive(config, tmp_path / "archive")
    # Nor is one that the archive itself holds, from a time when the config was another.
    empty = simulate({**config, "results": str(tmp_path / "empty")})
    with pytest.raises(StudyError, match=r"archive.*spec\.json is not what the config asks for"):
        make_archive(empty, tmp_path / "archive")
    assert contents(tmp_path / "archive") == before


def test_a_network_of_other_lines_than_its_spec_names_is_not_archived(config, tmp_path):
    finish(config, NOISY)
    model = Path(config["results"]) / "runs" / NOISY / "model.safetensors"
    study = StudyFolder(Path(config["results"]))
    own = {split: data_hash(study.data(split)) for split in SPLITS[:2]}
    network = build_network("cnn_dilated", layers=2, channels=2, seed=0)
    save_model(model, network, data=own)
    with pytest.raises(StudyError, match="was trained on other lines than noise_32/train"):
        make_archive(config, tmp_path / "archive")
    assert not (tmp_path / "archive").exists()


def test_results_of_other_lines_than_the_archives_are_not_added(config, tmp_path):
    finish(config, "cnn_dilated-s0")
    make_archive(config, tmp_path / "archive")
    other = simulate({**config, "results": str(tmp_path / "other")})
    write_data_set(StudyFolder(tmp_path / "other").data("test"), 4, 50, seed=99)
    finish(other, "ckcnn-k9-w30-s0")
    with pytest.raises(StudyError, match=r"not the lines .*data/test\.h5: their bubbles differ"):
        make_archive(other, tmp_path / "archive")


def test_a_damaged_archive_is_not_restored(config, tmp_path):
    finish(config, "cnn_dilated-s0")
    make_archive(config, tmp_path / "archive")
    (tmp_path / "archive/runs/cnn_dilated-s0/history.csv").write_text("epoch,train_loss\n")
    with pytest.raises(StudyError, match=r"history\.csv is not the file that was archived"):
        restore(tmp_path / "archive", config, "cnn_dilated-s0", tmp_path / "out")


def test_the_statistics_of_batch_norm_can_be_chosen_anew(config, tmp_path):
    finish(config, "cnn_dilated-s0")
    archive, out = tmp_path / "archive", tmp_path / "out"
    make_archive(config, archive)
    config["training"]["batch_norm_statistics"] = "population"
    assert make_archive(config, archive)["missing"] == [
        run for run in read_study(config).runs if run != "cnn_dilated-s0"
    ]
    restore(archive, config, "cnn_dilated-s0", out)
    assert read_run_spec(out / "spec.json") == read_study(config).runs["cnn_dilated-s0"]
    archived = load_model(archive / "runs/cnn_dilated-s0/model.safetensors")
    expected = take_population_statistics(
        archived, read_lines(Path(config["results"]) / "data/train.h5").rf
    )
    restored = load_model(out / "model.safetensors")
    for name, value in expected.state_dict().items():
        assert torch.equal(restored.state_dict()[name], value), name

    config["training"]["learning_rate"] = 0.5
    with pytest.raises(StudyError, match="not what the config asks for under this name"):
        restore(archive, config, "cnn_dilated-s0", out)


# The lines, simulated again ------------------------------------------------------------------


@pytest.fixture
def archive(config, tmp_path) -> Path:
    finish(config, "cnn_dilated-s0")
    make_archive(config, tmp_path / "archive")
    return tmp_path / "archive"


@pytest.fixture
def again(config, tmp_path) -> Path:
    """The data folder of another study of the same lines, free to be changed."""
    shutil.copytree(Path(config["results"]) / "data", tmp_path / "again")
    return tmp_path / "again"


def change(path: Path, name: str, how) -> None:
    with h5py.File(path, "r+") as file:
        file[name][:] = how(file[name][:])


def test_the_same_lines_are_known_again(archive, again):
    assert check_lines(again, archived_lines(archive)) == dict.fromkeys(SPLITS, SAME)


def test_lines_of_another_processor_are_warned_about(archive, again):
    rounded = np.random.default_rng(0)
    change(again / "test.h5", "rf", lambda rf: rf * (1 + 1e-6 * rounded.normal(size=rf.shape)))
    found = check_lines(again, archived_lines(archive))
    assert found == {"train": SAME, "validation": SAME, "test": ROUNDED}
    (warning,) = warnings(found)
    assert warning.startswith("the lines test differ from the archived ones by rounding")
    found = check_lines(again, archived_lines(archive, ["train"]))
    assert found == {"train": SAME}
    assert warnings(found) == []
    with pytest.raises(StudyError, match="knows no lines noise_7/test"):
        archived_lines(archive, ["noise_7/test"])


def test_a_small_change_of_the_simulator_is_told_from_another_processor(archive, again):
    change(again / "test.h5", "rf", lambda rf: rf * (1 + 1e-6))
    with h5py.File(again / "test.h5", "r+") as file:
        file.attrs["provenance"] = json.dumps({"source_digest": "of later code"})
    found = check_lines(again, archived_lines(archive))
    assert found == {"train": SAME, "validation": SAME, "test": CORRECTED}


@pytest.mark.parametrize(
    ("name", "how", "said"),
    [
        ("rf", lambda rf: 1.001 * rf, r"again/test\.h5: their samples differ by more than round"),
        ("rf", lambda rf: rf[:, ::-1], r"again/test\.h5: their samples differ by more than round"),
        ("rf", lambda rf: -rf, r"again/test\.h5: their samples differ by more than rounding"),
        ("bubble_count", lambda count: np.roll(count, 1, 1), r"test\.h5: their bubbles differ"),
    ],
)
def test_other_lines_are_an_error(archive, again, name, how, said):
    change(again / "test.h5", name, how)
    with pytest.raises(StudyError, match=said):
        check_lines(again, archived_lines(archive))


def test_fewer_lines_are_an_error(archive, again):
    write_data_set(again / "train.h5", 3, 50, seed=0)
    with pytest.raises(StudyError, match=r"train\.h5: their number of lines differs"):
        check_lines(again, archived_lines(archive))
