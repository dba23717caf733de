"""A config: what is refused, and that the command and Snakemake refuse the same in one message."""

import copy
import math
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ckstudy.errors import StudyError
from ckstudy.study.config import in_order, read_configs, read_study
from ckstudy.study.presets import NETWORKS
from ckstudy.study.schema import config_schema
from ckstudy.study.spec import LossSpec, NetworkSpec, RunSpec, TrainingSpec

ROOT = Path(__file__).parents[2]
CONFIG = read_configs([ROOT / "config/config.yaml"])
NAN, INFINITE = float("nan"), float("inf")


def changed(*path_and_value) -> dict:
    """The full study's config with one value changed."""
    *path, last, value = path_and_value
    config = copy.deepcopy(CONFIG)
    place = config
    for key in path:
        place = place[key]
    place[last] = value
    return config


# What was wrong, where it must be said, and what of it must be in the message.
MISTAKES = [
    (("training", "epochs", -1), ["training.epochs", "-1"]),
    (("training", "epochs", 0), ["training.epochs", "0"]),
    (("training", "epochs", 2.5), ["training.epochs", "2.5"]),
    (("training", "epochs", True), ["training.epochs", "True"]),
    (("training", "epochs", None), ["training lacks epochs"]),
    (("training", "crop", 1), ["training.crop", "1"]),
    (("training", "learning_rate", NAN), ["training.learning_rate", "nan"]),
    (("training", "learning_rate", INFINITE), ["training.learning_rate", "inf"]),
    (("training", "learning_rate", "fast"), ["training.learning_rate", "'fast'"]),
    (("training", "decay_epochs", [0]), ["training.decay_epochs", "0"]),
    (("training", "decay_epochs", 30), ["training.decay_epochs", "30"]),
    (("training", "decay_factor", 2), ["training.decay_factor", "2"]),
    (("training", "gradient_clip", 0), ["training.gradient_clip", "0", "or null"]),
    (("training", "schedule", "linear"), ["training.schedule", "'linear'", "steps, cosine"]),
    (("training", "epoch", 3), ["training has no key 'epoch'"]),
    (("loss", "alpha", NAN), ["loss.alpha", "nan"]),
    (("loss", "epsilon_1", -1), ["loss.epsilon_1", "-1"]),
    (("data", "bubbles", [1000, 10]), ["bubbles", "[1000, 10]"]),
    (("data", "pressure_kpa", [250, 5]), ["pressure_kpa", "[250, 5]"]),
    (("data", "pressure_kpa", [5, NAN]), ["pressure_kpa", "nan"]),
    (("data", "noise_percent", INFINITE), ["noise_percent", "inf"]),
    (("data", "lines", {"train": 0, "validation": 1, "test": 1}), ["lines.train", "0"]),
    (("data", "lines", {"train": 1}), ["lines", "train, validation, test"]),
    (("data", "noise_percent", [0, 300]), ["noise_percent", "[0, 300]"]),
    (("data", "noise_percent", [4]), ["noise_percent", "[4]", "two numbers"]),
    (("data", "population", "some"), ["population", "'some'", "mixed"]),
    (("results", "/"), ["results", "'/'"]),
    (("results", ""), ["results", "''"]),
    (("study", "my study"), ["study", "'my study'"]),
    (("seed", -1), ["seed", "-1"]),
    (("device", "gpu"), ["device", "'gpu'", "auto, cpu, cuda"]),
    (("preset", "thesis"), ["preset", "'thesis'"]),
    (("networks", "ckcnn", {"kernel": 3}), ["ckcnn", "'kernel'"]),
    (("networks", "resnet", {}), ["'resnet'", "cnn_dilated"]),
    (("networks", {"ckcnn": {"omega_0": INFINITE}}), ["omega_0", "inf"]),
    (("networks", None), ["networks must be a mapping", "None"]),
    (("evaluation", {"bootstrap": 100, "tolerance": 4}), ["evaluation has no key 'tolerance'"]),
    (("claims", "equal_f1", 0), ["claims.equal_f1", "0"]),
    (("others", {"a b": "best"}), ["others", "'a b'"]),
    (("others", {"mine": 3}), ["others.mine", "3", "model.safetensors"]),
    (("analyses", "failures", {"bins": 1}), ["analyses.failures.bins", "1"]),
    (("analyses", "failures", {}), ["analyses.failures lacks bins"]),
    (("analyses", "failures", 3), ["analyses.failures must be a mapping", "or null"]),
    (("analyses", "failure", None), ["analyses has no key 'failure'"]),
    (("analyses", {}), ["analyses lacks failures", "null leaves one out"]),
    (("analyses", "instability", "norms", [0.2, 0.1]), ["analyses.instability", "ascending"]),
    (("analyses", "instability", "step_size", 2), ["analyses.instability.step_size", "2"]),
    (("analyses", "noise_levels", "percent", [2, 1]), ["analyses.noise_levels", "ascending"]),
    (("analyses", "noise_levels", "percent", [300]), ["analyses.noise_levels.percent", "300"]),
    (("analyses", "other_bubbles", "lines", 0), ["analyses.other_bubbles.lines", "0"]),
    (("analyses", "noise_levels", "lines", 0), ["analyses.noise_levels.lines", "0"]),
    (("trainning", {}), ["no key 'trainning'"]),
    (("experiments", ["ckcnn"]), ["experiments must be a mapping"]),
    (("experiments", "a/../b c", {"networks": ["ckcnn"]}), ["'a/../b c'"]),
    (("experiments", "x", {"kernel_size": [65]}), ["'x'", "networks"]),
    (("experiments", "x", []), ["'x'", "networks"]),
    (("experiments", "x", [{"networks": ["ckcnn"]}, {"seed": [1]}]), ["'x'", "networks"]),
    (("experiments", "x", [{"networks": ["ckcnn"], "seed": [-3]}]), ["'x'", "seed", "-3"]),
    (("experiments", "omega_0", "omega_0", ["thirty"]), ["'omega_0'", "'thirty'"]),
    (("experiments", "omega_0", "optimizer_step", ["foo"]), ["optimizer_step", "'foo'"]),
    (("experiments", "omega_0", "optimizer_step", ["epochs"]), ["optimizer_step", "'epochs'"]),
    (("experiments", "omega_0", "epochs", [0]), ["epochs", "0"]),
    (("experiments", "omega_0", "learning_rate", [NAN]), ["learning_rate", "nan"]),
    (("experiments", "omega_0", "seed", [-3]), ["seed", "-3"]),
    (("experiments", "omega_0", "seed", 3), ["'seed'", "list"]),
    (("experiments", "omega_0", "window", [-3]), ["window", "-3"]),
]


@pytest.mark.parametrize(("change", "named"), MISTAKES)
def test_a_mistake_is_said_in_one_message_with_its_place(change, named):
    with pytest.raises(StudyError) as refused:
        read_study(changed(*change))
    message = str(refused.value)
    assert "\n" not in message
    assert len(message) < 400
    for part in named:
        assert part in message, message


def accepted_by_schema(config: dict) -> bool:
    # YAML's infinities and NaN are no JSON; what they are compared with is.
    return jsonschema.Draft202012Validator(config_schema()).is_valid(config)


def test_a_network_from_elsewhere_takes_no_name_of_the_studys_own():
    with pytest.raises(StudyError, match="others: 'ckcnn-k65-w30-s0' is the name of one of"):
        read_study(changed("others", {"ckcnn-k65-w30-s0": "best"}))


def test_the_schema_in_the_repository_is_that_of_the_specs():
    path = ROOT / "workflow/schemas/config.schema.yaml"
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == config_schema()


@pytest.mark.parametrize(
    "overlay", ["config", "quick", "laptop", "tiny", "learning", "best", "robust", "schedule"]
)
def test_every_config_of_the_repository_is_right_by_both(overlay):
    config = read_configs([ROOT / "config/config.yaml", ROOT / f"config/{overlay}.yaml"])
    assert read_study(config).runs
    assert accepted_by_schema(config)


# Beyond a schema: what several values must be together, what a folder is, and what is no JSON.
BEYOND_SCHEMA = (
    "percent",
    "bubbles",
    "pressure_kpa",
    "norms",
    "results",
    "epochs",
    "learning_rate",
    "alpha",
)


@pytest.mark.parametrize(("change", "named"), MISTAKES)
def test_the_schema_refuses_what_the_specs_refuse(change, named):
    config = changed(*change)
    if change[-2] in BEYOND_SCHEMA or (isinstance(change[-1], float) and math.isnan(change[-1])):
        return
    assert not accepted_by_schema(config) or any("inf" in part for part in named)


def test_numbers_that_yaml_takes_for_text_are_numbers(tmp_path):
    path = tmp_path / "overlay.yaml"
    path.write_text("training: {learning_rate: 1e-3}\n", encoding="utf-8")
    merged = read_configs([ROOT / "config/config.yaml", path])
    assert merged["training"]["learning_rate"] == "1e-3"  # YAML 1.1
    assert {spec.training.learning_rate for spec in read_study(merged).runs.values()} == {0.001}


def test_experiments_stand_in_the_order_of_the_files_however_they_were_merged():
    layers = [{"experiments": {"b": 1, "a": 2}}, {}, {"experiments": {"c": 3, "a": 4}}]
    merged = {"experiments": {"a": 4, "z": 5, "c": 3, "b": 1}}  # z: of a command line
    assert list(in_order(layers, "experiments", merged).items()) == [
        ("b", 1),
        ("a", 4),
        ("c", 3),
        ("z", 5),
    ]
    assert in_order(layers, "experiments", {"experiments": 7}) == 7
    assert in_order([{"experiments": None}], "experiments", {}) is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("training: {epochs: 3, epochs: 4}", "the key 'epochs' twice; again in line 1"),
        ("seed: 1\nstudy: x\nseed: 2", "the key 'seed' twice; again in line 3"),
        ("- 3", "no mapping"),
        ("a: [", "not valid YAML"),
        ("", "no mapping"),
    ],
)
def test_files_that_are_no_config_are_refused(tmp_path, text, named):
    path = tmp_path / "overlay.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=named) as refused:
        read_configs([ROOT / "config/config.yaml", path])
    assert str(path) in str(refused.value)


def test_a_config_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "overlay.yaml"
    path.write_bytes(b"study: \xff\xfe")
    with pytest.raises(StudyError, match=r"overlay\.yaml is no text in UTF-8"):
        read_configs([path])


# Specs ---------------------------------------------------------------------------------------

trainings = st.builds(
    TrainingSpec,
    epochs=st.integers(1, 10**6),
    batch_size=st.integers(1, 10**6),
    learning_rate=st.floats(1e-12, 10),
    optimizer_step=st.sampled_from(["batch", "epoch"]),
    input_scaling=st.sampled_from(["volts", "line_rms"]),
    crop=st.none() | st.integers(30, 10**6),
    schedule=st.sampled_from(["steps", "cosine"]),
    decay_epochs=st.lists(st.integers(1, 10**6), max_size=3).map(tuple),
    warmup_steps=st.integers(0, 100),
    gradient_clip=st.none() | st.floats(1e-6, 1e6),
    batch_norm_statistics=st.sampled_from(["running", "population"]),
    seed=st.integers(0, 2**63 - 1),
)
runs = st.builds(
    RunSpec,
    run=st.from_regex(r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]{0,30}", fullmatch=True),
    preset=st.sampled_from(["thesis-text", "thesis-counts", "upstream"]),
    network=st.sampled_from(NETWORKS).map(lambda name: NetworkSpec(name, {})),
    training=trainings,
    loss=st.builds(LossSpec, st.floats(0, 10), st.floats(0, 10), st.floats(1e-6, 10)),
    noise=st.none() | st.sampled_from([0.0, 0.5, 32.0]),
)


@settings(max_examples=50, deadline=None)
@given(spec=runs)
def test_a_spec_survives_json(spec):
    assert RunSpec.from_json(yaml.safe_load(yaml.safe_dump(spec.to_json()))) == spec


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ([], "must be a JSON object"),
        ({}, "lacks loss, network, run, training"),
        ({"run": "x", "network": {}, "training": {}, "loss": {}}, "network lacks name"),
        ({"run": 3, "network": {}, "training": {}, "loss": {}}, "run must be a name"),
        ({"run": "x", "network": [], "training": {}, "loss": {}}, "network must be a JSON object"),
        (
            {"run": "x", "network": {"name": "ckcnn"}, "training": {}, "loss": {}, "more": 1},
            "unknown key 'more'",
        ),
    ],
)
def test_what_is_no_spec_is_refused(values, named):
    with pytest.raises(StudyError, match=named):
        RunSpec.from_json(values)
