"""How far a study is, on one screen."""

from pathlib import Path

import pytest

from ckstudy.campaign.overview import SCREEN, lines
from ckstudy.campaign.progress import DONE, IN_PROGRESS, STALE, TO_DO, Progress, members
from ckstudy.study.config import read_configs, read_study

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(scope="module")
def long_kernels():
    names = ("config", "laptop", "long_kernels")
    return read_study(read_configs([CONFIG / f"{name}.yaml" for name in names]))


def found(specs, states):
    """Progress of the first networks as given; the others are to do."""
    given = {
        DONE: Progress(DONE, 190, 190, 2.0, "cpu"),
        IN_PROGRESS: Progress(IN_PROGRESS, 90, 190, 2.0, "cpu"),
        STALE: Progress(STALE, 0, 190, note="released model of other code"),
        TO_DO: Progress(TO_DO, 0, 190),
    }
    each = [*states, *[TO_DO] * (len(specs) - len(states))]
    return {run: given[state] for run, state in zip(specs, each, strict=True)}


def test_the_thesis_grid_fits_with_each_of_its_networks():
    study = read_study(read_configs([CONFIG / "config.yaml"]))
    specs = members(study)
    text = list(lines(specs, found(specs, [DONE, IN_PROGRESS]), study.run_names))
    assert len(text) == len(specs) + 2 == SCREEN + 2 == 24
    assert "in progress" in text[2]
    assert "90/190" in text[2]


def test_a_large_study_is_told_by_experiment(long_kernels):
    specs = members(long_kernels)
    first = [DONE, DONE, IN_PROGRESS, STALE]
    text = list(lines(specs, found(specs, first), long_kernels.run_names))
    assert len(specs) == 140
    assert len(text) < 24
    rows = {words[0]: words[1:] for words in map(str.split, text) if words}
    # The first four networks are those of the kernel sizes; three wait, one of them half done.
    assert rows["kernel_size"][:4] == ["2", "1", "1", "2"]
    # They serve this experiment too, which has three seeds of each.
    assert rows["long_thesis"][:4] == ["2", "1", "1", "14"]
    names = list(specs)
    assert names[2] in rows
    assert names[3] in rows
    assert names[0] not in rows
    assert text[-1].startswith("140 networks: 2 done, 1 in progress, 1 stale, 136 to do; left: ")


def test_all_are_listed_where_that_is_asked_for(long_kernels):
    specs = members(long_kernels)
    text = list(lines(specs, found(specs, []), long_kernels.run_names, every=True))
    assert len(text) == len(specs) + 2
    assert text[-1].endswith("left: 0 s, and 140 networks of which no epoch was timed")
