"""A card for each training: fake slots, and what becomes of them when their holder dies."""

import os
import subprocess
import sys
import time

import pytest

from ckstudy.devices.gpu_slots import cards, list_cards, own_card, take_slot
from ckstudy.errors import StudyError

LISTING = """\
GPU 0: NVIDIA H200 (UUID: GPU-aaaa-1)
GPU 1: NVIDIA H200 (UUID: GPU-bbbb-2)
"""
HOLD = """
import sys, time
from pathlib import Path
from ckstudy.devices.gpu_slots import take_slot
with take_slot(sys.argv[2:], Path(sys.argv[1])) as name:
    print(name, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, ["GPU-aaaa-1", "GPU-bbbb-2"]),
        ("", []),
        ("-1", []),
        ("1", ["GPU-bbbb-2"]),
        ("1, 0", ["GPU-bbbb-2", "GPU-aaaa-1"]),
        ("GPU-bbbb-2", ["GPU-bbbb-2"]),
        ("GPU-b,GPU-a", ["GPU-bbbb-2", "GPU-aaaa-1"]),
        ("GPU-", ["GPU-"]),  # CUDA refuses what begins two
        ("1,-1,0", ["GPU-bbbb-2"]),
    ],
)
def test_cards_are_named_by_what_every_process_calls_them(visible, expected):
    assert list_cards(visible, LISTING) == expected


DIVIDED = """\
GPU 0: NVIDIA H200 (UUID: GPU-aaaa-1)
  MIG 3g.71gb     Device  0: (UUID: MIG-cccc-3)
  MIG 3g.71gb     Device  1: (UUID: MIG-dddd-4)
GPU 1: NVIDIA H200 (UUID: GPU-bbbb-2)
"""


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, ["MIG-cccc-3", "MIG-dddd-4", "GPU-bbbb-2"]),
        ("0", ["MIG-cccc-3", "MIG-dddd-4"]),
        ("MIG-dddd-4", ["MIG-dddd-4"]),
        ("1", ["GPU-bbbb-2"]),
    ],
)
def test_the_parts_of_a_divided_card_are_cards_of_their_own(visible, expected):
    assert list_cards(visible, DIVIDED) == expected


def test_numbers_of_unequal_cards_are_left_to_cuda():
    """It calls the fastest one 0, and nvidia-smi the first on the bus."""
    unequal = LISTING.replace("0: NVIDIA H200", "0: NVIDIA T4")
    assert list_cards("0", unequal) == ["0"]
    assert list_cards("0", unequal, "PCI_BUS_ID") == ["GPU-aaaa-1"]
    assert list_cards("0", LISTING, "FASTEST_FIRST") == ["GPU-aaaa-1"]
    assert list_cards("GPU-b", unequal) == ["GPU-bbbb-2"]
    assert list_cards(None, unequal) == ["GPU-aaaa-1", "GPU-bbbb-2"]


def test_without_a_listing_the_names_given_have_to_do():
    assert list_cards("0,1", "") == ["0", "1"]
    assert list_cards(None, "No devices were found") == []


def test_two_holders_have_two_cards_and_a_third_waits(tmp_path, capsys):
    with take_slot(["a", "b"], tmp_path) as one, take_slot(["a", "b"], tmp_path) as other:
        assert {one, other} == {"a", "b"}
        with (
            pytest.raises(StudyError, match="all 2 cards are taken"),
            take_slot(["a", "b"], tmp_path, deadline=time.monotonic()),
        ):
            raise AssertionError("there were two slots for three")
    with take_slot(["a", "b"], tmp_path) as again:
        assert again == "a"


def start(folder, *names: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), *names], stdout=subprocess.PIPE, text=True
    )


def test_processes_have_cards_of_their_own_and_a_killed_one_frees_its_card(tmp_path):
    first, second = start(tmp_path, "a", "b"), start(tmp_path, "a", "b")
    third = None
    try:
        held = {process.stdout.readline().strip(): process for process in (first, second)}
        assert set(held) == {"a", "b"}
        third = start(tmp_path, "a", "b")
        held["b"].kill()
        assert third.stdout.readline().strip() == "b"
    finally:
        for process in (first, second, third):
            if process is not None:
                process.kill()
                process.communicate()


def test_a_training_on_the_cpu_needs_no_card(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with own_card("cpu"):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_a_training_sees_its_card_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "fake-x,fake-y")
    monkeypatch.setattr("ckstudy.devices.gpu_slots.default_folder", lambda: tmp_path)
    monkeypatch.setattr("ckstudy.devices.gpu_slots.metadata.version", lambda name: "2.13.0+cu130")
    assert cards() == ["fake-x", "fake-y"]
    with take_slot(["fake-x"]), own_card("auto"):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "fake-y"


def test_a_torch_without_cuda_waits_for_no_card(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "fake-x")
    monkeypatch.setattr("ckstudy.devices.gpu_slots.default_folder", lambda: tmp_path)
    monkeypatch.setattr("ckstudy.devices.gpu_slots.metadata.version", lambda name: "2.13.0+cpu")
    with take_slot(["fake-x"]), own_card("auto", deadline=0):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "fake-x"


def test_a_card_is_chosen_before_torch_is_there():
    code = "import sys, ckstudy.devices.gpu_slots; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout.strip() == "False"
