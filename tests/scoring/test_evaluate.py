"""The verbs calibrate, evaluate, baselines and collect, on data set files and a small network."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scoring_lines import make_lines
from training_spec import make_spec
from typer.testing import CliRunner

from ckstudy import build_network, load_model, predict
from ckstudy.cli import app
from ckstudy.dataset import Bubbles, Lines, read_lines, write_lines
from ckstudy.errors import StudyError
from ckstudy.networks.predict import predict_lines
from ckstudy.networks.release import save_model
from ckstudy.scoring import matched, upstream
from ckstudy.scoring.intervals import mean_interval
from ckstudy.scoring.score_files import model_digest, write_table
from ckstudy.scoring.summary import summarise_runs

NETWORK = {"name": "ckcnn", "kernel_size": 9, "channels": 2, "layers": 2, "hidden": 4}
TRAINING = {"input_scaling": "line_rms", "seed": 3, "decay_epochs": [5], "crop": None}
SUMMARY_TAIL = [
    "split",
    "calibration",
    "score",
    "tolerance",
    "threshold",
    "mean_f1",
    "median_f1",
    "ci_low",
    "ci_high",
    "abs_error_samples",
    "lines",
]


def invoke(*arguments):
    """Run a command in this process; what the command raises is raised here."""
    answer = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if answer.exception and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    assert answer.exit_code == 0, answer.output
    return answer.output


def write_split(path, first_line, lines):
    made = make_lines(first_line, lines=lines)
    total = int(made.bubbles_per_line.sum())
    offset = np.concatenate([[0], np.cumsum(made.bubbles_per_line)])
    block = Lines(
        made.rf,
        made.bubble_count,
        Bubbles(offset, *(np.zeros(total) for _ in range(4))),
        made.pressure,
        made.line_number,
        62.5e6,
    )
    write_lines(
        path,
        [block],
        lines=lines,
        samples=made.rf.shape[1],
        bubbles=total,
        sampling_rate_hz=62.5e6,
        parameters={},
        provenance={},
    )


def write_model(folder, seed):
    torch.manual_seed(seed)
    network = build_network(**NETWORK)
    with torch.no_grad():  # moves the running statistics of the batch normalisation
        network(torch.randn(4, 1, 200))
    network.input_scaling = "line_rms"
    folder.mkdir(parents=True, exist_ok=True)
    save_model(folder / "model.safetensors", network)
    spec = {"run": folder.name, "network": NETWORK, "training": TRAINING, "loss": {}}
    (folder / "spec.json").write_text(json.dumps(spec))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two runs, calibrated and evaluated."""
    folder = tmp_path_factory.mktemp("study")
    for split, first_line, lines in (
        ("train", 0, 9),
        ("validation", 1_000_000, 7),
        ("test", 2_000_000, 8),
    ):
        write_split(folder / f"{split}.h5", first_line, lines)
    for seed, name in enumerate(("b-run", "a-run")):
        run = folder / "runs" / name
        write_model(run, seed)
        calibrate(folder, run)
        evaluate(folder, run)
    return folder


def calibrate(study, run, *options, out="thresholds.csv", scores="train.csv"):
    return invoke(
        "calibrate", "--model", run / "model.safetensors", "--train", study / "train.h5",
        "--validation", study / "validation.h5", "--thresholds-out", run / out,
        "--scores-out", run / scores, "--device", "cpu", *options,
    )  # fmt: skip


def evaluate(study, run, **other):
    paths = {"model": run / "model.safetensors", "thresholds": run / "thresholds.csv"} | other
    return invoke(
        "evaluate", "--model", paths["model"], "--test", study / "test.h5",
        "--thresholds", paths["thresholds"], "--out", run / "test.csv", "--device", "cpu",
    )  # fmt: skip


def test_scores_are_those_of_the_networks_own_predictions(study):
    run = study / "runs" / "a-run"
    network = load_model(run / "model.safetensors")
    found = pd.read_csv(run / "test.csv")
    lines = read_lines(study / "test.h5")
    prediction = predict_lines(network, lines.rf)
    assert len(found) == 8 * 2 * 2 * 10
    for (name, tolerance, threshold), rows in found.groupby(["score", "tolerance", "threshold"]):
        score = {"upstream": upstream, "matched": matched}[name]
        f1 = score.f1(score.count(prediction, lines.bubble_count, [threshold]))[:, tolerance, 0]
        for _, own in rows.groupby("calibration"):
            np.testing.assert_allclose(own["f1"], f1, rtol=1e-5)
            assert own["line"].tolist() == lines.line_number.tolist()


def test_the_network_is_not_trivial_here(study):
    """Otherwise the comparisons above would compare constants."""
    table = pd.read_csv(study / "runs" / "a-run" / "test.csv")
    assert table["f1"].nunique() > 20
    assert table["threshold"].nunique() > 1


def test_a_rerun_writes_the_same_bytes(study):
    run = study / "runs" / "a-run"
    files = [run / name for name in ("thresholds.csv", "train.csv", "test.csv")]
    before = [path.read_bytes() for path in files]
    calibrate(study, run)
    evaluate(study, run)
    assert [path.read_bytes() for path in files] == before


def test_half_samples_change_the_matched_score_alone(study, tmp_path):
    run = study / "runs" / "b-run"
    calibrate(study, run, "--half-samples", out="half.csv", scores="half_train.csv")
    invoke(
        "evaluate", "--model", run / "model.safetensors", "--test", study / "test.h5",
        "--thresholds", run / "half.csv", "--out", tmp_path / "half.csv", "--half-samples",
        "--device", "cpu",
    )  # fmt: skip
    lines = read_lines(study / "test.h5")
    both = predict(run / "model.safetensors", lines.rf, sampling_rate_hz=62.5e6, half_samples=True)
    at_samples, half = pd.read_csv(run / "test.csv"), pd.read_csv(tmp_path / "half.csv")
    upstream_rows = half["score"] == "upstream"
    pd.testing.assert_frame_equal(
        half[upstream_rows], at_samples[at_samples["score"] == "upstream"], check_like=True
    )
    for (tolerance, threshold), rows in half[~upstream_rows].groupby(["tolerance", "threshold"]):
        counts = matched.count(both, lines.bubble_count, [threshold], per_sample=2)
        for _, own in rows.groupby("calibration"):
            assert own["true_positives"].tolist() == counts.true_positives[:, tolerance, 0].tolist()
            error = counts.mean_absolute_error[:, tolerance, 0]
            np.testing.assert_allclose(own["abs_error_samples"], error, rtol=1e-5)
    assert not half.equals(at_samples)


def test_outputs_at_half_samples_are_not_kept(study, tmp_path):
    run = study / "runs" / "b-run"
    with pytest.raises(StudyError, match="leave one of the two options out"):
        invoke(
            "evaluate", "--model", run / "model.safetensors", "--test", study / "test.h5",
            "--thresholds", run / "thresholds.csv", "--out", tmp_path / "test.csv",
            "--outputs", tmp_path / "outputs.h5", "--half-samples",
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_calibrate_has_no_way_to_a_test_line():
    output = invoke("calibrate", "--help")
    assert "--test" not in output
    assert "--train" in output


def test_the_summary_has_every_run_split_calibration_score_and_tolerance(study, tmp_path):
    experiments = {"kernel_size": ["a-run", "b-run"], "omega_0": ["a-run", "gone"]}
    write_table(
        tmp_path / "summary.csv",
        summarise_runs(study / "runs", ["b-run", "a-run"], experiments),
    )
    table = pd.read_csv(tmp_path / "summary.csv")
    assert table.columns[:7].tolist() == [
        "run", "experiments", "preset", "network", "kernel_size", "omega_0", "parameters",
    ]  # fmt: skip
    assert table.columns[-len(SUMMARY_TAIL) :].tolist() == SUMMARY_TAIL
    assert table["run"].unique().tolist() == ["b-run", "a-run"]
    assert len(table) == 2 * (1 + 2) * 2 * 10
    about = table[table["run"] == "a-run"].iloc[0]
    assert about["experiments"] == "kernel_size;omega_0"
    assert (about["network"], about["kernel_size"], about["channels"]) == ("ckcnn", 9, 2)
    assert (about["input_scaling"], about["seed"]) == ("line_rms", 3)
    network = load_model(study / "runs" / "a-run" / "model.safetensors")
    assert about["parameters"] == sum(weights.numel() for weights in network.parameters())

    lines = pd.read_csv(study / "runs" / "a-run" / "test.csv")
    keys = {"calibration": "validation", "score": "matched", "tolerance": 4}
    own = lines[(lines[list(keys)] == pd.Series(keys)).all(axis=1)]
    row = table[(table[list(keys)] == pd.Series(keys)).all(axis=1)]
    row = row[(row["run"] == "a-run") & (row["split"] == "test")].iloc[0]
    interval = mean_interval(own["f1"])
    assert row["mean_f1"] == pytest.approx(own["f1"].mean(), rel=1e-5)
    assert row["median_f1"] == pytest.approx(own["f1"].median(), rel=1e-5)
    assert row["ci_low"] == pytest.approx(interval.low, rel=1e-5)
    assert row["ci_high"] == pytest.approx(interval.high, rel=1e-5)
    assert row["abs_error_samples"] == pytest.approx(own["abs_error_samples"].mean(), rel=1e-5)
    assert row["lines"] == 8


def test_all_runs_are_summarised_by_default(study):
    table = summarise_runs(study / "runs")
    assert table["run"].unique().tolist() == ["a-run", "b-run"]
    assert (table["experiments"] == "").all()


def test_baselines_are_written_and_printed(study, tmp_path):
    output = invoke(
        "baselines", "--train", study / "train.h5", "--validation", study / "validation.h5",
        "--test", study / "test.h5", "--tolerance", 3, "--out", tmp_path / "baselines.csv",
        "--lines-out", tmp_path / "lines.csv", "--resamples", 50,
    )  # fmt: skip
    table = pd.read_csv(tmp_path / "baselines.csv")
    comb = table[(table["baseline"] == "comb") & (table["tolerance"] == 3)]
    fired = np.zeros((8, 600), np.float32)
    fired[:, 3::7] = 1
    count = read_lines(study / "test.h5").bubble_count
    for name, score in (("upstream", upstream), ("matched", matched)):
        expected = score.f1(score.count(fired, count, [0.5]))[:, 3, 0].mean()
        row = comb[comb["score"] == name].iloc[0]
        assert row["mean_f1"] == pytest.approx(expected, rel=1e-5)
        assert f"F1 {expected:.4f} at tolerance 3" in output
    lines = pd.read_csv(tmp_path / "lines.csv")
    assert set(lines["tolerance"]) == {3}
    means = lines.groupby(["baseline", "score"])["f1"].mean()
    assert means["comb", "upstream"] == pytest.approx(
        comb[comb["score"] == "upstream"]["mean_f1"].item(), rel=1e-5
    )


def test_thresholds_of_another_model_change_nothing(study):
    run = study / "runs" / "a-run"
    before = (run / "test.csv").read_bytes()
    with pytest.raises(StudyError, match="belong to another model"):
        evaluate(study, run, thresholds=study / "runs" / "b-run" / "thresholds.csv")
    assert (run / "test.csv").read_bytes() == before


def test_lines_of_another_noise_than_the_networks_own_are_refused(study, tmp_path):
    run = tmp_path / "noisy-run"
    network = load_model(study / "runs" / "a-run" / "model.safetensors")
    spec = replace(make_spec(), noise=32.0).to_json()
    save_model(run / "model.safetensors", network, spec=spec)
    with pytest.raises(StudyError, match=r"train\.h5 has lines with None % .* with 32 %"):
        calibrate(study, run)
    thresholds = pd.read_csv(study / "runs" / "a-run" / "thresholds.csv")
    thresholds["model"] = model_digest(run / "model.safetensors")
    thresholds.to_csv(run / "thresholds.csv", index=False)
    with pytest.raises(StudyError, match=r"test\.h5 has lines with None % .* with 32 %"):
        evaluate(study, run)
    assert not (run / "test.csv").exists()


def test_a_missing_model_is_one_message(study):
    with pytest.raises(StudyError, match=r"no-such-model.* cannot be read: No such file"):
        evaluate(study, study / "runs" / "a-run", model=study / "no-such-model.safetensors")


def copied(study, tmp_path):
    run = tmp_path / "runs" / "a-run"
    run.mkdir(parents=True)
    for name in ("spec.json", "model.safetensors", "thresholds.csv", "train.csv", "test.csv"):
        (run / name).write_bytes((study / "runs" / "a-run" / name).read_bytes())
    return run


def drop_last_line(path):
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def change_threshold(path):
    table = pd.read_csv(path)
    table["threshold"] += 1e-6
    table.to_csv(path, index=False)


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("test.csv", lambda path: path.unlink(), r"no file .*test\.csv; .*ckstudy evaluate"),
        ("train.csv", lambda path: path.unlink(), r"no file .*train\.csv; .*ckstudy calibrate"),
        ("model.safetensors", lambda path: path.unlink(), r"no model file .*model\.safetensors"),
        ("model.safetensors", lambda path: path.write_text("x"), "no readable safetensors file"),
        ("test.csv", drop_last_line, r"test\.csv is truncated"),
        ("test.csv", change_threshold, r"test\.csv was made with other thresholds"),
        ("thresholds.csv", change_threshold, r"made with other thresholds"),
        ("test.csv", lambda path: path.write_text("a,b\n1,2\n"), "lacks the column line"),
        ("spec.json", lambda path: path.write_text("{"), "no spec of a run"),
        ("spec.json", lambda path: path.write_text("{}"), "no spec of a run"),
    ],
)
def test_a_spoilt_run_is_not_summarised(study, tmp_path, name, spoil, message):
    run = copied(study, tmp_path)
    spoil(run / name)
    with pytest.raises(StudyError, match=message):
        summarise_runs(run.parent, ["a-run"])


def test_the_summary_tells_the_noise_of_the_lines_of_each_run(study, tmp_path):
    run = copied(study, tmp_path)
    other = tmp_path / "runs" / "noisy"
    shutil.copytree(run, other)
    spec = json.loads((run / "spec.json").read_text())
    (other / "spec.json").write_text(json.dumps({**spec, "data": {"noise_percent": 32.0}}))
    for own in (0.0, 4.0):
        table = summarise_runs(run.parent, noise_percent=own)
        noise = table.groupby("run")["noise_percent"].unique()
        assert noise["a-run"] == [own]
        assert noise["noisy"] == [32.0]


def test_nothing_to_summarise_is_said(tmp_path):
    with pytest.raises(StudyError, match="no run in"):
        summarise_runs(tmp_path)
