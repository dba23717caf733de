"""The external check: a network that scores as published passes, and any other does not."""

import numpy as np
import pytest
import torch
from published_layout import published_layout
from synthetic_lines import make_lines, write_data_set

from ckstudy.cli.check import check_simulator, import_srml1d_network
from ckstudy.errors import StudyError
from ckstudy.localisation.calibration import calibrated_threshold
from ckstudy.networks.predict import predict_lines
from ckstudy.networks.release import load_model
from ckstudy.srml1d.check import check_network, read_published, read_thresholds
from ckstudy.srml1d.load_network import load_srml1d

LENGTH = 4200  # the published networks need more than 4095 samples


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A network in the published layout, with thresholds, and what it scores written as published.

    The network passes its input on: the last convolution reads a channel that carries it.
    """
    folder = tmp_path_factory.mktemp("published")
    torch.manual_seed(0)
    stack = published_layout()
    with torch.no_grad():
        for index, layer in enumerate(stack):
            if isinstance(layer, torch.nn.Conv1d) and index < 37:
                layer.weight.zero_()
                layer.bias.zero_()
                layer.weight[0, 0, 1] = 1
        stack[37].weight.zero_()
        stack[37].bias.zero_()
        stack[37].weight[0, 0, 0] = 1
    state = torch.nn.ModuleDict({"model": stack}).state_dict()
    torch.save(state, folder / "network.pt")
    write_data_set(folder / "lines.h5", 4, LENGTH, seed=3)
    (folder / "thresholds.csv").write_text(
        "tolerance,threshold\n" + "".join(f"{t},{0.5 if t < 2 else 0.1}\n" for t in range(10))
    )
    return folder


def literal_f1(prediction, truth, threshold, tolerance):
    """The thesis's F1 of one line, sample by sample."""
    predicted = [i for i, z in enumerate(prediction) if z > threshold]
    true = [i for i, y in enumerate(truth) if y > 0]
    near_prediction = {i + d for i in predicted for d in range(-tolerance, tolerance + 1)}
    near_truth = {i + d for i in true for d in range(-tolerance, tolerance + 1)}
    hits = sum(i in near_prediction for i in true)
    alarms = sum(i not in near_truth for i in predicted)
    precision = max(hits / max(hits + alarms, 1), 1e-3)
    recall = max(hits / max(len(true), 1), 1e-3)
    return 2 * precision * recall / (precision + recall)


def publish(files, offset: float = 0.0) -> None:
    lines = make_lines(4, LENGTH, seed=3)
    means = []
    for t in range(10):
        threshold = 0.5 if t < 2 else 0.1
        # The network's batch norms shrink the input by 1/sqrt(1 + 1e-5) each, and its ReLUs
        # take the negative part.
        scale = (1 + 1e-5) ** (-12 / 2)
        scores = [
            literal_f1(scale * rf.clip(0), count, threshold, t)
            for rf, count in zip(lines.rf, lines.bubble_count, strict=True)
        ]
        means.append(sum(scores) / len(scores) + offset)
    header = "network," + ",".join(f"tolerance_{t}" for t in range(10))
    row = "identity," + ",".join(f"{mean:.6f}" for mean in means)
    (files / "published.csv").write_text(f"{header}\n{row}\n")


def run(files) -> None:
    check_simulator(
        network=files / "network.pt",
        thresholds=files / "thresholds.csv",
        published=files / "published.csv",
        name="identity",
        data=files / "lines.h5",
    )


def test_a_network_that_scores_as_published_passes(files, capsys):
    publish(files)
    run(files)
    said = capsys.readouterr().out
    assert "4 lines: passed" in said
    assert "TOO FAR" not in said
    network = load_srml1d(files / "network.pt")
    check = check_network(
        network,
        make_lines(4, LENGTH, seed=3),
        read_thresholds(files / "thresholds.csv"),
        read_published(files / "published.csv", "identity"),
    )
    assert check.table["difference"].abs().max() < 1e-5
    assert check.table["allowed"].tolist() == [0.03, 0.03, *[0.02] * 8]


def test_one_that_does_not_fails_with_status_1(files, capsys):
    publish(files, offset=0.025)
    with pytest.raises(SystemExit) as left:
        run(files)
    assert left.value.code == 1
    said = capsys.readouterr().out
    # 0.025 is allowed at tolerances 0 and 1 only.
    assert said.count("TOO FAR") == 8
    assert "FAILED" in said


def test_foreign_files_are_refused(files, tmp_path):
    with pytest.raises(StudyError, match="there is no network file"):
        load_srml1d(tmp_path / "none.pt")
    torch.save({"layer.weight": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(StudyError, match="not a published SRML-1D network"):
        load_srml1d(tmp_path / "other.pt")
    (tmp_path / "text.pt").write_text("x")
    with pytest.raises(StudyError, match="no readable state dict"):
        load_srml1d(tmp_path / "text.pt")
    publish(files)
    with pytest.raises(StudyError, match="has no network 'HS'; it has identity"):
        read_published(files / "published.csv", "HS")
    with pytest.raises(StudyError, match="lacks the column network"):
        read_published(files / "thresholds.csv", "HS")
    (tmp_path / "thresholds.csv").write_text("tolerance,threshold\n0,0.1\n")
    with pytest.raises(StudyError, match="one positive threshold for each tolerance"):
        read_thresholds(tmp_path / "thresholds.csv")


def test_a_published_network_becomes_a_model_that_predicts_the_same(files, tmp_path, capsys):
    import_srml1d_network(files / "network.pt", tmp_path / "model.safetensors")
    assert capsys.readouterr().out == f"cnn_dilated: {tmp_path / 'model.safetensors'}\n"
    network = load_model(tmp_path / "model.safetensors")
    rf = make_lines(2, LENGTH, seed=4).rf
    expected = predict_lines(load_srml1d(files / "network.pt"), rf)
    np.testing.assert_array_equal(predict_lines(network, rf), expected)
    assert network.about["imported_from"]["name"] == "network.pt"
    with pytest.raises(StudyError, match="ckstudy calibrate"):
        calibrated_threshold(network)
