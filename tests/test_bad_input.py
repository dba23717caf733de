"""Bad input, several hundred kinds: one clear message each, that names file, key and value.

Each case is a valid input with one thing wrong. That the valid one is accepted, others test.
"""

import copy
import functools
import json
import operator
import shutil
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import h5py
import numpy as np
import pytest
import safetensors.torch
import torch
import yaml
from checkout import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from refusal import refused, said
from small_model import write_model
from synthetic_lines import make_lines, write_data_set
from training_spec import make_spec

from ckstudy.dataset import read_lines
from ckstudy.devices import memory
from ckstudy.errors import StudyError
from ckstudy.networks.release import save_model
from ckstudy.study import config

CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
BASE = ("--config", ROOT / "config/config.yaml")


def leaves(tree, path=()):
    """The values of a nested mapping, each with its keys."""
    for key, value in tree.items():
        if isinstance(value, dict) and key not in ("lines",):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def changed(tree, path, value):
    """A copy of a nested mapping with one value changed."""
    tree = copy.deepcopy(tree)
    functools.reduce(operator.getitem, path[:-1], tree)[path[-1]] = value
    return tree


def wrong_values(value) -> list:
    """Values that cannot stand where ``value`` stands, whatever the bounds."""
    other = [{"a": 1}, float("nan"), float("inf"), float("-inf"), -1e300]
    if isinstance(value, bool):
        return [*other, "abc", 3, [1], None, "yes"]
    if isinstance(value, str):
        return [*other, 3, True, ["cpu"], "no such/thing\0"]
    if isinstance(value, list):
        return [*other, 3, "abc", [], [float("nan")], [[1]], [None], [{"a": 1}], [True], ["x y"]]
    if isinstance(value, dict):
        return [
            3,
            "abc",
            [],
            {},
            {"train": 1},
            {**value, "train": 0},
            {**value, "test": 1.5},
            {**value, "validation": -3},
            {**value, "more": 1},
            {**value, "train": "many"},
        ]
    return [*other, "abc", True, [1], "1e-3x", "0x10", [], "nan"]


CONFIG_CASES = [
    (path, wrong)
    for path, value in leaves(CONFIG)
    for wrong in (
        [{"a": 1}, [[1]], float("nan"), float("inf"), "\0", True]
        if value is None  # the key may be a number or a name
        else wrong_values(value)
    )
    if not (path[-1] == "decay_epochs" and wrong == [])  # no epoch at all is fine
]


def case_name(value) -> str:
    return ".".join(value) if isinstance(value, tuple) else repr(value)[:30]


@pytest.mark.parametrize(("path", "wrong"), CONFIG_CASES, ids=case_name)
def test_a_wrong_value_of_a_config(tmp_path, path, wrong):
    overlay = tmp_path / "overlay.yaml"
    tree: dict = {}
    functools.reduce(lambda at, key: at.setdefault(key, {}), path[:-1], tree)[path[-1]] = wrong
    overlay.write_text(yaml.safe_dump(tree), encoding="utf-8")
    # Experiments are replaced as a whole, mappings are merged: an empty one changes nothing.
    if wrong in ({}, {"train": 1}):
        return
    # Nothing of a kind to measure is fine, and a model may have any path.
    if path[0] in ("analyses", "imaging") and (wrong == [] or path[-1] == "models"):
        return
    refused("grid", *BASE, "--config", overlay, names=(path[-1],), kept=tmp_path)


@pytest.mark.parametrize("path", [path for path, _ in leaves(CONFIG)], ids=case_name)
def test_a_mistyped_key_of_a_config(tmp_path, path):
    tree: dict = {}
    inner = functools.reduce(lambda at, key: at.setdefault(key, {}), path[:-1], tree)
    inner[f"{path[-1]}_"] = 1
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(yaml.safe_dump(tree), encoding="utf-8")
    refused("grid", *BASE, "--config", overlay, names=(f"{path[-1]}_",))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"- 1\n- 2\n",
        b"study",
        b"\xff\xfe\x00",
        b"a: [1",
        b"a: 1\na: 2\n",
        b"\t- x",
        b"? [a]: b\n",
        b"!!python/object/apply:os.system [true]",
        b"a: &x [*x]\nb: *y",
        b"{" * 500,
        b"1: 2\n",
        b"null: 3\n",
        b"a: !!binary x\n",
        b"%YAML 9",
        b"study: 2026-13-45\n",
    ],
    ids=repr,
)
def test_a_file_that_is_no_config(tmp_path, content):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_bytes(content)
    refused("grid", *BASE, "--config", overlay)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_config_with_bytes_changed_is_refused_or_valid(tmp_path, data):
    text = bytearray((ROOT / "config/config.yaml").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=3))
    path = tmp_path / "mutated.yaml"
    path.write_bytes(bytes(text))
    status, message = said("grid", "--config", path)
    assert status == 0 or (status == 2 and "Traceback" not in message), message


# Specs of a training, as JSON -------------------------------------------------------------------

SPEC = make_spec().to_json()
SPEC_CASES = [
    (path, wrong)
    for path, value in leaves(SPEC)
    for wrong in (wrong_values(value) if value is not None else [])
    if not (path[-1] == "decay_epochs" and wrong == [])
]


@pytest.fixture(scope="module", autouse=True)
def read_once():
    """The config under all overlays is parsed once: YAML takes most of the time."""
    read, known = config.read_layer, {}

    def remembered(path):
        if path != BASE[1]:
            return read(path)
        if path not in known:
            known[path] = read(path)
        return copy.deepcopy(known[path])

    with patch.object(config, "read_layer", remembered):
        yield


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """A valid input of each kind; nothing here may change."""
    folder = tmp_path_factory.mktemp("valid")
    for number, split in enumerate(("train", "validation", "test")):
        write_data_set(folder / f"{split}.h5", 3, 200, seed=number)
    write_model(folder / "model.safetensors", make_lines(3, 200, 1).rf)
    np.save(folder / "rf.npy", make_lines(3, 200, 1).rf)
    status, message = said(
        "calibrate",
        "--model",
        folder / "model.safetensors",
        "--train",
        folder / "train.h5",
        "--validation",
        folder / "validation.h5",
        "--thresholds-out",
        folder / "thresholds.csv",
        "--scores-out",
        folder / "train.csv",
        "--device",
        "cpu",
    )
    assert status == 0, message
    return folder


def train(files: Path, spec, *, train=None) -> tuple:
    spec = spec if isinstance(spec, str) else json.dumps(spec)
    return (
        "train",
        "--spec",
        spec,
        "--train",
        train or files / "train.h5",
        "--validation",
        files / "validation.h5",
        "--out",
        files / "run",
        "--checkpoints",
        files / "checkpoints",
        "--device",
        "cpu",
    )


@pytest.mark.parametrize(("path", "wrong"), SPEC_CASES, ids=case_name)
def test_a_wrong_value_of_a_spec(files, path, wrong):
    named = "unknown network" if path == ("network", "name") else path[-1]
    refused(*train(files, changed(SPEC, path, wrong)), names=(named,), kept=files)


@pytest.mark.parametrize("path", [path for path, _ in leaves(SPEC)], ids=case_name)
def test_a_mistyped_key_of_a_spec(files, path):
    refused(*train(files, changed(SPEC, (*path[:-1], f"{path[-1]}_"), 1)), names=(path[-1],))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "{}", "null", '{"run": 1}', "\0", "no/such.json", "{'run': 1}", "/", "{NaN}"],
)
def test_text_that_is_no_spec(files, text):
    refused(*train(files, text), kept=files)
    refused(
        "simulate",
        "--spec",
        text if text != "{}" else '{"a": 1}',
        "--out",
        files / "new.h5",
        kept=files,
    )


# Options of the commands ------------------------------------------------------------------------

OPTIONS = {
    "--lines": ["0", "-1", "1.5", "many", "nan", str(2**63)],
    "--first-line": ["-1", "x", str(2**63 - 1)],
    "--seed": ["-1", "x", str(2**70)],
    "--noise-percent": ["-1", "257", "nan", "inf", "x"],
    "--sampling-rate-mhz": ["0", "50", "nan", "-62.5"],
    "--population": ["x", ""],
    "--shell": ["x", "none"],
    "--processes": ["0", "-1", "x"],
    "--split": [""],
    "--bubbles": ["5 1", "-1 3", "1 30000", "x 3", "1"],
    "--pressure-kpa": ["250 5", "0 250", "5 301", "nan 250", "5 inf", "5"],
    "--radius-um": ["3 1", "0 3", "1 9", "nan 2", "2"],
}
SIMULATE = [(option, value) for option, values in OPTIONS.items() for value in values]


@pytest.mark.parametrize(("option", "value"), SIMULATE)
def test_a_wrong_option_of_simulate(files, option, value):
    words = value.split() if option in ("--bubbles", "--pressure-kpa", "--radius-um") else [value]
    refused(
        "simulate",
        option,
        *words,
        "--out",
        files / "new.h5",
        kept=files,
        names=(option[2:].split("-")[0],),
    )


LOCALISE = {
    "--sampling-rate-mhz": ["0", "-1", "nan", "inf", "14", "251", "x"],
    "--samples-axis": ["2", "-3", "x"],
    "--model": ["no-such", "/", "", "rf.npy"],
    "--tolerance": ["-1", "10", "x"],
    "--threshold": ["nan", "inf", "x"],
    "--speed-of-sound": ["0", "-1", "nan", "inf"],
    "--start-us": ["nan", "inf", "-inf", "x"],
    "--batch-size": ["0", "-1", "x"],
    "--device": ["gpu", "tpu", ""],
    "--threads": ["-1", "x"],
    "--plot": ["out.jpeg", "out", "no.bmp"],
    "--variable": ["x"],
}


@pytest.mark.parametrize(
    ("option", "value"),
    [(option, value) for option, values in LOCALISE.items() for value in values],
)
def test_a_wrong_option_of_localise(files, option, value):
    rate = () if option == "--sampling-rate-mhz" else ("--sampling-rate-mhz", "62.5")
    model = () if option == "--model" else ("--model", files / "model.safetensors")
    refused(
        "localise",
        files / "rf.npy",
        "--out",
        files / "found.csv",
        *rate,
        *model,
        option,
        value,
        kept=files,
    )


@pytest.mark.parametrize(
    "words",
    [
        ("figures", "no-such", "--out", "X"),
        ("figures", "scores", "--results", "X", "--out", "X"),
        ("figures", "diagrams", "--out", "MODEL"),
        ("learning-curve", "--run", "X", "--out", "X"),
        ("learning-curve", "--run", "X", "--published", "MODEL", "--out", "X"),
        ("models", "--preset", "x"),
        ("check-device", "--device", "x"),
        ("no-such-command",),
        ("grid",),
        ("grid", "--config", "X/none.yaml"),
        ("grid", "--config", "X"),
        ("status", "--config", "X/none.yaml"),
        ("archive", "--config", "X/none.yaml", "--out", "X"),
        ("train-grid", "--config", "CONFIG", "--minutes", "0", "--out", "X/r"),
        ("train-grid", "--config", "CONFIG", "--minutes", "-1", "--out", "X/r"),
        ("train-grid", "--config", "CONFIG", "--minutes", "nan", "--out", "X/r"),
        ("train-grid", "--config", "CONFIG", "--minutes", "inf", "--out", "X/r"),
        ("train-grid", "--config", "CONFIG", "--jobs", "0", "--out", "X/r"),
        ("train-grid", "--config", "CONFIG", "--threads", "-1", "--out", "X/r"),
        ("train-grid", "--config", "CONFIG", "--only", "nothing-of-it", "--out", "X/r"),
        ("train-grid", "--config", "CONFIG", "--device", "x", "--out", "X/r"),
        ("train-grid", "--config", "CONFIG", "--out", "/"),
        ("train-grid", "--config", "CONFIG", "--out", "", "--device", "cpu"),
        ("import-srml1d", "X", "--out", "X/o.h5"),
        ("import-srml1d", "none", "--out", "X/o.h5"),
        ("import-srml1d-network", "X", "--out", "X/o.safetensors"),
        ("import-srml1d-network", "none.pt", "--out", "X/o.safetensors"),
        ("import-srml1d", "X", "--out", "X/o.h5", "--sampling-rate-mhz", "nan"),
        ("import-srml1d", "X", "--out", "X/o.h5", "--sampling-rate-mhz", "inf"),
        ("import-srml1d", "X", "--out", "X/o.h5", "--sampling-rate-mhz", "0"),
        ("simulate", "--out", "X"),
        ("simulate", "--out", "MODEL/train.h5"),
        ("calibrate", "--model", "X"),
        (
            "check-simulator",
            "--network",
            "MODEL",
            "--thresholds",
            "MODEL",
            "--published",
            "MODEL",
            "--name",
            "x",
        ),
    ],
    ids=" ".join,
)
def test_a_wrong_command_line(files, words):
    known = {"MODEL": files / "model.safetensors", "CONFIG": ROOT / "config/config.yaml"}
    place = files / "empty"
    place.mkdir(exist_ok=True)
    arguments = []
    for word in words:
        for name, path in {**known, "X": place}.items():
            word = str(path) + word[len(name) :] if word.split("/")[0] == name else word
        arguments.append(word)
    refused(*arguments, kept=files)


# Data files -------------------------------------------------------------------------------------

ARRAYS = (
    "rf",
    "bubble_count",
    "pressure",
    "line_number",
    "bubbles/offset",
    "bubbles/axial_m",
    "bubbles/lateral_m",
    "bubbles/radius_m",
    "bubbles/arrival_s",
)


def rewrite(file, name, array) -> None:
    del file[name]
    file[name] = array


def first(value):
    def change(file, name):
        array = file[name][...]
        array.flat[0] = value
        rewrite(file, name, array)

    return change


DATA_CHANGES = {
    "removed": lambda file, name: file.__delitem__(name),
    "a group": lambda file, name: (file.__delitem__(name), file.create_group(name)),
    "text": lambda file, name: rewrite(file, name, "text"),
    "one number": lambda file, name: rewrite(file, name, 3.0),
    "shorter": lambda file, name: rewrite(file, name, file[name][:-1]),
    "empty": lambda file, name: rewrite(file, name, file[name][:0]),
    "complex": lambda file, name: rewrite(file, name, file[name][...].astype(complex)),
    "of three axes": lambda file, name: rewrite(file, name, file[name][...][..., None, None]),
}
NOT_FINITE = [
    (name, change)
    for name in (
        "rf",
        "pressure",
        "bubbles/axial_m",
        "bubbles/radius_m",
        "bubbles/arrival_s",
        "bubbles/lateral_m",
    )
    for change in ("nan", "inf", "-inf")
]
ATTRIBUTES = [
    (name, value)
    for name, values in {
        "sampling_rate_hz": ["x", float("nan"), float("inf"), 0.0, -1.0, [1.0, 2.0], None],
        "parameters": ["", "[]", "{", "3", 3.0, None],
        "provenance": ["", "[]", "{", "3", 3.0, None],
        "format": ["", "other", 3, None],
        "format_version": [0, 99, "x", None],
    }.items()
    for value in values
]


def baselines(files: Path, data: Path) -> tuple:
    return (
        "baselines",
        "--train",
        data,
        "--validation",
        files / "validation.h5",
        "--test",
        files / "test.h5",
        "--out",
        files / "b.csv",
    )


def bad_data(files: Path, folder: Path, change) -> Path:
    path = folder / "bad.h5"
    shutil.copy(files / "train.h5", path)
    with h5py.File(path, "r+") as file:
        change(file)
    return path


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("how", DATA_CHANGES)
def test_a_wrong_array_of_a_data_file(files, tmp_path, name, how):
    path = bad_data(files, tmp_path, lambda file: DATA_CHANGES[how](file, name))
    refused(*train(files, SPEC, train=path), names=("bad.h5",), kept=files)


@pytest.mark.parametrize(("name", "value"), NOT_FINITE)
def test_a_value_of_a_data_file_that_is_not_finite(files, tmp_path, name, value):
    path = bad_data(files, tmp_path, lambda file: first(float(value))(file, name))
    refused(
        *train(files, SPEC, train=path),
        names=("bad.h5", name.split("/")[-1] if name != "rf" else value),
        kept=files,
    )


@pytest.mark.parametrize(("name", "value"), ATTRIBUTES, ids=str)
def test_a_wrong_attribute_of_a_data_file(files, tmp_path, name, value):
    def change(file):
        del file.attrs[name]
        if value is not None:
            file.attrs[name] = value

    refused(
        *train(files, SPEC, train=bad_data(files, tmp_path, change)), names=("bad.h5",), kept=files
    )


@pytest.mark.parametrize(
    "values", [[0, 5, 3, 9], [1, 2, 3, 4], [0, -1, 2, 3], [0, 10**9, 2, 3]], ids=str
)
def test_wrong_offsets_of_a_data_file(files, tmp_path, values):
    def change(file):
        total = file["bubbles/offset"][-1]
        rewrite(file, "bubbles/offset", np.array([*values[:3], total], np.int64))

    refused(
        *train(files, SPEC, train=bad_data(files, tmp_path, change)), names=("bad.h5",), kept=files
    )


CONTENTS = {
    "empty": b"",
    "text": b"hello\n",
    "zeros": bytes(4096),
    "zip": b"PK\x03\x04" + bytes(99),
    "header": b"\x89HDF\r\n\x1a\n",
    "json": b"{}",
    "pickle": b"\x80\x04N.",
}


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize(
    "reader", ["data", "model", "thresholds", "spec", "own", "config", "network"]
)
def test_a_file_of_another_kind(files, tmp_path, content, reader):
    path = tmp_path / ("other.npy" if reader == "own" else "other")
    path.write_bytes(CONTENTS[content])
    if (reader, content) in {("own", "text")}:
        path = path.rename(tmp_path / "other.h5")
    command = {
        "data": train(files, SPEC, train=path),
        "model": evaluate(files, model=path),
        "thresholds": evaluate(files, thresholds=path),
        "spec": train(files, str(path)),
        "own": ("localise", path, "--out", files / "o.csv", "--sampling-rate-mhz", "62.5"),
        "config": ("grid", "--config", path),
        "network": (
            "check-simulator",
            "--network",
            path,
            "--name",
            "x",
            "--published",
            path,
            "--thresholds",
            path,
        ),
    }[reader]
    refused(*command, kept=files)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_data_file_cut_or_changed_is_refused_or_read(files, tmp_path, data):
    path = tmp_path / "cut.h5"
    content = bytearray((files / "train.h5").read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + 8] = data.draw(st.binary(min_size=1, max_size=8))
    path.write_bytes(bytes(content))
    status, message = said(*baselines(files, path)[:-1], tmp_path / "b.csv")
    assert status == 0 or (status == 2 and "Traceback" not in message), message


@pytest.mark.parametrize("place", range(600, 1300, 4))
def test_a_data_file_whose_objects_are_damaged_is_refused_or_read(files, tmp_path, place):
    """Where the headers of its objects lie: what h5py raises there is not always an OSError."""
    content = bytearray((files / "train.h5").read_bytes())
    content[place : place + 8] = bytes(8)
    path = tmp_path / "damaged.h5"
    path.write_bytes(bytes(content))
    with suppress(StudyError):
        read_lines(path)


# Models -----------------------------------------------------------------------------------------


def evaluate(files: Path, *, model=None, thresholds=None) -> tuple:
    return (
        "evaluate",
        "--model",
        model or files / "model.safetensors",
        "--test",
        files / "test.h5",
        "--thresholds",
        thresholds or files / "thresholds.csv",
        "--out",
        files / "scores.csv",
        "--device",
        "cpu",
    )


def own(files: Path, model: Path) -> tuple:
    return (
        "localise",
        files / "rf.npy",
        "--out",
        files / "found.csv",
        "--model",
        model,
        "--sampling-rate-mhz",
        "62.5",
        "--device",
        "cpu",
    )


def bad_model(files: Path, folder: Path, change) -> Path:
    path = folder / "bad.safetensors"
    with safetensors.safe_open(files / "model.safetensors", framework="pt") as file:
        about = file.metadata()
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(about, weights)
    safetensors.torch.save_file(weights, path, metadata=about)
    return path


METADATA = [
    (key, value)
    for key, values in {
        "format": ["", "other"],
        "network": [
            "",
            "3",
            "{}",
            "[]",
            '{"name": "x"}',
            '{"name": 3}',
            '{"name": "ckcnn", "x": 1}',
            '{"name": "ckcnn", "kernel_size": 64}',
            '{"name": "ckcnn", "channels": NaN}',
        ],
        "input_scaling": ["", "x"],
        "thresholds": [
            "3",
            "{}",
            '{"validation": {}}',
            '{"validation": {"matched": [1]}}',
            '{"validation": {"matched": "abcdefghij"}}',
            '{"validation": {"matched": [NaN, NaN, NaN, NaN, NaN, NaN]}}',
        ],
        "training_data": [
            "3",
            "[]",
            '{"sampling_rate_hz": "x"}',
            '{"sampling_rate_hz": NaN}',
            '{"sampling_rate_hz": -1}',
            '{"sampling_rate_hz": 0}',
        ],
    }.items()
    for value in values
]


@pytest.mark.parametrize(("key", "value"), METADATA)
def test_wrong_metadata_of_a_model(files, tmp_path, key, value):
    path = bad_model(files, tmp_path, lambda about, weights: about.update({key: value}))
    refused(*own(files, path), names=("bad.safetensors",), kept=files)


WEIGHTS = {
    "removed": lambda weights, name: weights.pop(name),
    "renamed": lambda weights, name: weights.update({f"{name}_": weights.pop(name)}),
    "longer": lambda weights, name: weights.update(
        {name: torch.cat([weights[name].reshape(-1)] * 2)}
    ),
    "nan": lambda weights, name: weights.update({name: weights[name] * float("nan")}),
    "inf": lambda weights, name: weights.update({name: weights[name] + float("inf")}),
}


@pytest.mark.parametrize("place", [0, 1, 2, -1])
@pytest.mark.parametrize("how", WEIGHTS)
def test_wrong_weights_of_a_model(files, tmp_path, how, place):
    def change(about, weights):
        floats = [name for name in sorted(weights) if weights[name].is_floating_point()]
        WEIGHTS[how](weights, floats[place])

    refused(*own(files, bad_model(files, tmp_path, change)), names=("bad.safetensors",), kept=files)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_model_cut_or_changed_is_refused_or_read(files, tmp_path, data):
    content = bytearray((files / "model.safetensors").read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content = content[:place]
    else:
        content[place : place + 4] = data.draw(st.binary(min_size=4, max_size=4))
    path = tmp_path / "cut.safetensors"
    path.write_bytes(bytes(content))
    status, message = said(*own(files, path))
    (files / "found.csv").unlink(missing_ok=True)
    assert status == 0 or (status == 2 and "Traceback" not in message), message


# Tables -----------------------------------------------------------------------------------------

TABLES = {
    "no rows": lambda rows: rows[:1],
    "no head": lambda rows: rows[1:],
    "half": lambda rows: rows[: len(rows) // 2],
    "last row lost": lambda rows: rows[:-1],
    "row twice": lambda rows: [*rows, rows[-1]],
    "threshold nan": lambda rows: [*rows[:-1], put(rows[-1], 3, "nan")],
    "threshold inf": lambda rows: [*rows[:-1], put(rows[-1], 3, "inf")],
    "threshold text": lambda rows: [*rows[:-1], put(rows[-1], 3, "high")],
    "threshold empty": lambda rows: [*rows[:-1], put(rows[-1], 3, "")],
    "tolerance text": lambda rows: [*rows[:-1], put(rows[-1], 2, "x")],
    "tolerance 10": lambda rows: [*rows[:-1], put(rows[-1], 2, "10")],
    "other model": lambda rows: [*rows[:-1], put(rows[-1], 5, "0" * 16)],
    "no model": lambda rows: [*rows[:-1], put(rows[-1], 5, "")],
    "more cells": lambda rows: [*rows, "1,2,3,4,5,6,7,8,9"],
    **{
        f"without column {number}": lambda rows, at=number: [
            ",".join(cell for place, cell in enumerate(row.split(",")) if place != at)
            for row in rows
        ]
        for number in range(6)
    },
}


def put(row: str, place: int, cell: str) -> str:
    cells = row.split(",")
    return ",".join([*cells[:place], cell, *cells[place + 1 :]])


@pytest.mark.parametrize("how", TABLES)
def test_a_wrong_table_of_thresholds(files, tmp_path, how):
    rows = (files / "thresholds.csv").read_text().splitlines()
    path = tmp_path / "bad.csv"
    path.write_text("\n".join(TABLES[how](rows)) + "\n")
    refused(*evaluate(files, thresholds=path), names=("bad.csv",), kept=files)


# Lines of one's own -----------------------------------------------------------------------------

LINE = np.linspace(-1, 1, 600, dtype=np.float32)
OWN = {
    "nan": np.where(np.arange(600) == 7, np.nan, LINE),
    "inf": np.where(np.arange(600) == 7, np.inf, LINE),
    "complex": LINE.astype(complex),
    "objects": np.array([{}, []], dtype=object),
    "text": np.array(["a", "b"]),
    "truth": LINE > 0,
    "empty": LINE[:0],
    "a number": np.float32(3),
    "three axes": LINE.reshape(2, 3, 100),
    "too short": LINE[:4],
    "huge": LINE * np.float64(1e300),
    "tiny": LINE * np.float64(1e-300),
    "dates": np.array(["2026-01-01"], dtype="datetime64[D]"),
    "records": np.zeros(3, dtype=[("a", float)]),
    "no lines": LINE.reshape(1, -1)[:0],
}


@pytest.mark.parametrize("how", OWN)
def test_wrong_lines_of_ones_own(files, tmp_path, how):
    path = tmp_path / "own.npy"
    np.save(path, OWN[how], allow_pickle=True)
    command = list(own(files, files / "model.safetensors"))
    command[1] = path
    refused(*command, names=("own.npy",), kept=files)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b\n",
        "1,2\n3\n",
        "1;2;x\n",
        "nan,1\n",
        "inf,1,2\n",
        "# only\n",
        "1,,2\n",
        "1 2,3\n",
        "\0",
        "1e999,1,2\n",
        "0x10,1\n",
        "--1\n",
        "1,2\n\n\n3,4,5\n",
    ],
    ids=repr,
)
def test_wrong_text_of_ones_own(files, tmp_path, text):
    path = tmp_path / "own.csv"
    path.write_text(text)
    command = list(own(files, files / "model.safetensors"))
    command[1] = path
    refused(*command, names=("own.csv",), kept=files)


HEADER = [
    '"Generated"',
    '"Number of bubbles:",1',
    '"Acoustic pressure (kPa):",80.5',
    '"Bubble count","Voltage (a.u)","Pressure field (Pa)"',
]
ROWS = ["1,0.5,80500", "0,-0.25,80500", "0,0.125,80500"]
TEXTS = {
    "no rows": HEADER,
    "only a title": HEADER[:1],
    "nothing": [],
    **{
        f"{what} {text!r}": [*HEADER[:line], head + text, *HEADER[line + 1 :], *ROWS]
        for line, head, what in (
            (1, '"Number of bubbles:",', "bubbles"),
            (2, '"Acoustic pressure (kPa):",', "pressure"),
        )
        for text in ("", "x", "nan", "inf", "-1", "1,2 3")
    },
    **{
        f"row {row!r}": [*HEADER, *ROWS, row]
        for row in (
            "0,nan,1",
            "0,inf,1",
            "0,1,nan",
            "-1,1,1",
            "256,1,1",
            "0.5,1,1",
            "x,1,1",
            "0,x,1",
            "0,1",
            "0,1,2,3",
            " ",
            "nan,0,0",
            "1,0,0",
            "0;1;2",
        )
    },
}


@pytest.mark.parametrize("how", TEXTS)
def test_wrong_text_of_srml1d(files, tmp_path, how):
    (tmp_path / "RF1.txt").write_text("\n".join(TEXTS[how]))
    refused(
        "import-srml1d", tmp_path, "--out", tmp_path / "out.h5", names=("RF1.txt",), kept=tmp_path
    )


# Sizes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lines", [10**9, 10**12, 2**62])
def test_lines_that_no_disk_holds_are_refused_before_they_are_simulated(files, lines):
    message = refused("simulate", "--lines", lines, "--out", files / "new.h5", kept=files)
    assert "free" in message


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("network", "channels", 10**6),
        ("network", "hidden", 10**6),
        ("network", "kernel_size", 10**9 + 1),
        ("network", "layers", 10**5),
        ("network", "channels", 10**12),
    ],
)
def test_networks_that_no_memory_holds_are_refused_before_they_are_built(files, part, key, value):
    message = refused(*train(files, changed(SPEC, (part, key), value)), kept=files)
    assert "memory" in message or key in message


def test_a_training_that_no_memory_holds_is_refused_before_it_starts(files):
    with patch.object(memory, "memory_of", lambda device: 1000):
        refused(*train(files, SPEC), names=("batch_size", "memory"), kept=files)


def test_a_line_that_no_memory_holds_is_refused(files):
    with patch.object(memory, "memory_of", lambda device: 1000):
        refused(*own(files, files / "model.safetensors"), names=("rf.npy", "memory"), kept=files)


def test_a_network_of_another_make_is_refused_though_its_weights_fit(files, tmp_path):
    from ckstudy.networks import build_network

    network = build_network("cnn_dilated", layers=2, channels=2)
    save_model(tmp_path / "bad.safetensors", network)
    refused(*own(files, tmp_path / "bad.safetensors"), names=("bad.safetensors",), kept=files)
