"""The experiment on networks: what it counts, and that it goes on where it was cut off."""

import numpy as np
import pandas as pd
import pytest
import torch
from small_model import write_model

from ckstudy.acoustics.simulate_dataset import simulate_dataset
from ckstudy.acoustics.specification import SimulationSpec
from ckstudy.dataset import read_lines
from ckstudy.errors import StudyError
from ckstudy.networks.predict import predict_lines
from ckstudy.networks.release import load_model
from ckstudy.probing import instability
from ckstudy.probing.changed_lines import ChangedLine
from ckstudy.scoring import matched
from ckstudy.scoring.evaluation import calibrate_model
from ckstudy.scoring.score_files import model_digest, write_table
from ckstudy.study.analyses import InstabilitySpec

SETTINGS = InstabilitySpec(
    experiments=(), lines=2, norms=(0.05, 0.2), steps=3, step_size=0.3, penalty=0.0, bubbles=1
)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two networks, calibrated on the very lines that are perturbed, which does no harm here."""
    folder = tmp_path_factory.mktemp("study")
    simulate_dataset(SimulationSpec(lines=2, bubbles=(5, 20)), folder / "test.h5", processes=1)
    lines = read_lines(folder / "test.h5")
    for name, scaling in (("one", "line_rms"), ("two", "volts")):
        run = folder / "runs" / name
        run.mkdir(parents=True)
        network = load_model(write_model(run / "model.safetensors", input_scaling=scaling))

        def predict(given, rows, network=network):
            return predict_lines(network, given.rf[rows])

        digest = model_digest(run / "model.safetensors")
        write_table(run / "thresholds.csv", calibrate_model(predict, lines, lines, digest)[0])
    return folder, lines


def measure(study, names, progress):
    folder, lines = study
    return instability.instability_of_runs(
        folder / "runs", names, lines, SETTINGS, device="cpu", progress=progress
    )


def test_rows_are_what_their_columns_say(study, tmp_path):
    folder, lines = study
    found = measure(study, ["one", "two"], (tmp_path / "parts", "code"))
    rows = found.perturbations
    # Each line: unperturbed, and two norms, two kinds, two bands.
    assert (rows.groupby(["run", "line"]).size() == 1 + 8).all()
    assert rows.loc[rows["kind"] == "none", ["norm", "output_change"]].eq(0).all(axis=None)
    np.testing.assert_allclose(rows["norm"], rows["relative_norm"], rtol=1e-4)
    for run in ("one", "two"):
        network = load_model(folder / "runs" / run / "model.safetensors")
        thresholds = pd.read_csv(folder / "runs" / run / "thresholds.csv")
        own = (thresholds["split"] == "validation") & (thresholds["score"] == "matched")
        threshold = thresholds.loc[own & (thresholds["tolerance"] == 4), "threshold"].item()
        output = predict_lines(network, lines.rf)
        f1 = matched.f1(matched.count(output, lines.bubble_count, [threshold]))[:, 4, 0]
        clean = rows[(rows["run"] == run) & (rows["kind"] == "none")]
        np.testing.assert_allclose(clean["matched_f1"], f1)
    pairs = rows[rows["kind"] != "none"].pivot_table(
        "output_change", ["run", "band", "relative_norm", "line"], "kind"
    )
    assert (pairs["worst"] >= pairs["random"]).all()  # it starts from the random one
    assert (pairs["worst"] > 1.2 * pairs["random"]).mean() > 0.5
    assert set(found.bubbles["kind"]) == {"inserted", "removed"}
    assert len(found.bubbles) == 2 * 2 * 2
    truth = found.example[(found.example["run"] == "one") & (found.example["kind"] == "none")]
    middle = slice(4223, 4223 + instability.EXAMPLE)
    assert truth["truth"].tolist() == lines.bubble_count[0, middle].tolist()


def test_it_goes_on_where_it_was_cut_off(study, tmp_path, monkeypatch):
    progress = (tmp_path / "parts", "code")
    expected = measure(study, ["one", "two"], progress)
    (tmp_path / "parts").rename(tmp_path / "whole")
    calls = []
    real = instability.measure_instability

    def cut_off(run, *arguments):
        calls.append(run.name)
        if calls == ["one", "two"]:
            raise KeyboardInterrupt
        return real(run, *arguments)

    monkeypatch.setattr(instability, "measure_instability", cut_off)
    with pytest.raises(KeyboardInterrupt):
        measure(study, ["one", "two"], progress)
    found = measure(study, ["one", "two"], progress)
    assert calls == ["one", "two", "two"]
    for one, other in zip(found, expected, strict=True):
        pd.testing.assert_frame_equal(one, other)
    measure(study, ["one"], (tmp_path / "parts", "other code"))
    assert calls[-1] == "one"


def test_a_network_follows_a_bubble_or_not(study, monkeypatch):
    _, lines = study
    before = np.zeros((1, lines.rf.shape[1]), np.float32)
    before[0, [100, 200, 300]] = 1

    def line(kind, onset, peaks):
        rf = np.zeros_like(before[0])
        rf[peaks] = 1
        return ChangedLine(kind, onset, rf)

    changed = [
        line("inserted", 150, [100, 153, 200, 300]),
        line("inserted", 150, [100, 156, 200, 300]),
        line("inserted", 150, [100, 150, 200]),
        line("removed", 200, [100, 300]),
        line("removed", 200, [100, 201, 300]),
        line("inserted", 150, [96, 150, 204, 300]),
        line("inserted", 150, [95, 150, 200, 300, 400]),
    ]
    stand_in = type("Lines", (), {"rf": before, "line_number": np.array([7])})
    monkeypatch.setattr(instability, "predict_lines", lambda network, rf, **_: rf)
    found = instability._follow(None, stand_in, 0, changed, 0.5, torch.device("cpu"))
    assert found["follows"].tolist() == [True, False, True, True, False, True, True]
    # One that moves by at most the tolerance stays; by more, one goes and one comes.
    assert found["elsewhere"].tolist() == [0, 1, 1, 0, 0, 0, 3]
    assert found["input_change"][3] == pytest.approx(np.sqrt(1 / 3))


def test_lines_of_unknown_origin_are_refused(study):
    _, lines = study
    lines = type("Lines", (), {"attributes": {}, "line_number": lines.line_number})
    with pytest.raises(StudyError, match=r"analyses\.instability: null"):
        instability.one_bubble_changes(lines, 1)
