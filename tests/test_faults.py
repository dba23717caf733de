"""The faults of benchmarks/faults, in short: the same harness, a few of each kind."""

import random
import sys

import pytest
from checkout import ROOT

sys.path.insert(0, str(ROOT))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_is_lost_by_kills_and_damaged_files(tmp_path):
    from benchmarks.faults import damage, kills
    from benchmarks.faults.outcome import Tally

    tally, choose = Tally(), random.Random(4)
    wanted, seconds = kills.undisturbed(tmp_path)
    kills.kill_commands(tmp_path, 4, choose, wanted, seconds, tally)
    damage.damage_files(tmp_path, 2, choose, wanted, tally)
    damage.damage_progress(tmp_path, 1, choose, wanted, seconds, tally)
    damage.remove_in_use(tmp_path, 1, choose, wanted, seconds, tally)
    assert tally.losses == []
    assert sum(found.total() for found in tally.counts.values()) == 8
