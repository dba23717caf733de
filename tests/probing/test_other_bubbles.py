"""Other bubbles at the same places: the lines, what is counted on them, and going on."""

from dataclasses import replace

import numpy as np
import pytest
from small_model import write_model

from ckstudy.acoustics.line import simulate_line
from ckstudy.acoustics.simulate_dataset import simulate_dataset
from ckstudy.acoustics.specification import SimulationSpec
from ckstudy.dataset import read_lines
from ckstudy.errors import StudyError
from ckstudy.networks.predict import predict_lines
from ckstudy.networks.release import load_model
from ckstudy.probing import other_bubbles
from ckstudy.probing.other_bubbles import other_specs, with_bubbles
from ckstudy.scoring import matched, upstream
from ckstudy.scoring.evaluation import calibrate_model
from ckstudy.scoring.filter_lengths import LINEAR_FILTER
from ckstudy.scoring.score_files import model_digest, read_thresholds, write_table
from ckstudy.scoring.thresholds import THRESHOLDS
from ckstudy.study.analyses import OtherBubblesSpec
from ckstudy.study.lines import SPLITS

SETTINGS = OtherBubblesSpec(experiments=(), lines=3)
SPEC = SimulationSpec(lines=3, bubbles=(20, 60), seed=5)
KINDS = {
    "own": SPEC,
    "polydisperse": replace(SPEC, population="polydisperse"),
    "marmottant": replace(SPEC, shell="marmottant"),
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A network, and three lines of each split."""
    folder = tmp_path_factory.mktemp("study")
    lines = {}
    for number, split in enumerate(SPLITS):
        path = folder / f"{split}.h5"
        simulate_dataset(replace(SPEC, split=split, first_line=100 * number), path, processes=1)
        lines[split] = read_lines(path)
    (folder / "run").mkdir()
    model = write_model(folder / "run" / "model.safetensors")
    network = load_model(model)

    def predict(given, rows):
        return predict_lines(network, given.rf[rows])

    table, _ = calibrate_model(predict, lines["train"], lines["validation"], model_digest(model))
    write_table(folder / "run" / "thresholds.csv", table)
    return folder, lines


def measure(study, parts):
    folder, lines = study
    found = other_bubbles.scores_with_other_bubbles(
        folder, ["run"], lines, SETTINGS, device="cpu", progress=(parts, "code")
    )
    return found.set_index(["run", "bubbles", "score", "calibration"]).sort_index()


@pytest.mark.parametrize(
    ("chosen", "kinds"),
    [
        ({}, {"own", "polydisperse", "marmottant"}),
        (
            {"population": "polydisperse", "radius_um": (1, 5)},
            {"own", "monodisperse", "marmottant"},
        ),
        ({"population": "mixed"}, {"own", "monodisperse", "polydisperse", "marmottant"}),
        ({"shell": "marmottant"}, {"own", "polydisperse", "segers"}),
    ],
)
def test_the_others_are_all_that_the_study_has_not(study, chosen, kinds):
    lines = study[1]["test"]
    spec = replace(SPEC, **chosen)
    specs = other_specs(replace(lines, attributes={"parameters": spec.as_dict()}))
    assert specs.keys() == kinds
    assert specs["own"] == spec
    for name, other in specs.items():
        assert name == "own" or name in (other.population, other.shell)
        assert other.seed == spec.seed
        if other.population == "monodisperse":  # whose radii are others
            assert other.radius_um is None


@pytest.mark.parametrize("kind", KINDS)
def test_lines_are_those_of_the_simulator_with_bubbles_at_the_same_places(study, kind):
    lines = study[1]["test"]
    made = with_bubbles(lines, other_specs(lines)[kind])
    for number, rf, count in zip(made.line_number, made.rf, made.bubble_count, strict=True):
        expected = simulate_line(KINDS[kind], int(number))
        np.testing.assert_array_equal(rf, expected.rf)
        np.testing.assert_array_equal(count, expected.bubble_count)
    assert np.array_equal(made.rf, lines.rf) == (kind == "own")


def test_lines_that_do_not_say_how_they_were_made_are_refused(study):
    lines = study[1]["test"]
    with pytest.raises(StudyError, match="other_bubbles: null"):
        other_specs(replace(lines, attributes={}))
    with pytest.raises(StudyError, match="bubbles elsewhere"):
        with_bubbles(lines, replace(SPEC, seed=6))


def test_scores_are_those_of_the_thresholds_they_name(study, tmp_path):
    folder, lines = study
    found = measure(study, tmp_path / "parts")
    own = read_thresholds(folder / "run" / "thresholds.csv")
    network = load_model(folder / "run" / "model.safetensors")
    for kind, spec in KINDS.items():
        made = {
            split: [simulate_line(spec, int(number)) for number in lines[split].line_number]
            for split in ("validation", "test")
        }
        for name, score in (("upstream", upstream), ("matched", matched)):
            f1 = {}
            for split, many in made.items():
                signal = predict_lines(network, np.array([line.rf for line in many]))
                count = np.array([line.bubble_count for line in many])
                f1[split] = score.f1(score.count(signal, count, THRESHOLDS))[:, 4].mean(axis=0)
            best = f1["validation"].argmax()
            row = found.loc["run", kind, name, "level"]
            assert row["threshold"].item() == pytest.approx(THRESHOLDS[best])
            assert row["mean_f1"].item() == pytest.approx(f1["test"][best])
            row = found.loc["run", kind, name, "own"]
            at = np.abs(THRESHOLDS - own["validation", name][4]).argmin()
            assert row["mean_f1"].item() == pytest.approx(f1["test"][at])


def test_the_filter_knows_its_own_bubbles_best(study, tmp_path):
    found = measure(study, tmp_path / "parts")["mean_f1"]
    of_filter = found[LINEAR_FILTER, :, "upstream", "level"]
    assert of_filter.idxmax() == "own"
    comb = found["comb", "", "upstream", "level"].item()
    assert comb < of_filter.max() < found["ceiling", "", "upstream", "level"].item() == 1


def test_it_goes_on_where_it_was_cut_off(study, tmp_path, monkeypatch):
    whole = measure(study, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(other_bubbles, "best_ridge", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            measure(study, tmp_path / "parts")
    # What the network scores is there.
    monkeypatch.setattr(other_bubbles, "network_predictor", lambda *_: 1 / 0)
    assert measure(study, tmp_path / "parts").equals(whole)
