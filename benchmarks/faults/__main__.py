"""Runs the faults, and writes the counts: see the docstring of the package."""

import argparse
import json
import random
import tempfile
from pathlib import Path

from benchmarks.faults import damage, kills, workflow
from benchmarks.faults.outcome import Tally

RESULTS = Path(__file__).parents[1] / "results"
# Of the faults that are no kills: which share is of which kind.
SHARES = {"damaged": 0.3, "progress": 0.26, "removed": 0.14, "full": 0.15, "read-only": 0.15}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=0, help="of commands")
    parser.add_argument("--faults", type=int, default=0, help="to commands, other than kills")
    parser.add_argument("--workflow-kills", type=int, default=0, help="under Snakemake")
    parser.add_argument("--workflow-faults", type=int, default=0, help="under Snakemake")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", default="faults", help="of the table of counts")
    told = parser.parse_args()
    choose, tally = random.Random(told.seed), Tally()

    def write() -> None:
        kept = {"counts": tally.counts, "losses": tally.losses, "options": vars(told)}
        (RESULTS / f"{told.name}.json").write_text(json.dumps(kept, indent=2) + "\n")

    tally.write = write  # at each fault: a long run may be cut off
    with tempfile.TemporaryDirectory(prefix="faults-") as place:
        root = Path(place)
        if told.kills or told.faults:
            wanted, seconds = kills.undisturbed(root)
            count = {kind: round(share * told.faults) for kind, share in SHARES.items()}
            damage.fill_disk(root, count["full"], choose, wanted, tally)
            damage.make_read_only(root, count["read-only"], choose, wanted, seconds, tally)
            damage.damage_files(root, count["damaged"], choose, wanted, tally)
            damage.damage_progress(root, count["progress"], choose, wanted, seconds, tally)
            damage.remove_in_use(root, count["removed"], choose, wanted, seconds, tally)
            kills.kill_commands(root, told.kills, choose, wanted, seconds, tally)
        if told.workflow_kills or told.workflow_faults:
            root = root / "workflow"
            tables, seconds = workflow.undisturbed(root)
            workflow.damage(root, told.workflow_faults, choose, tables, tally)
            workflow.kill(root, told.workflow_kills, choose, tables, seconds, tally)
    print(tally.markdown())


if __name__ == "__main__":
    main()
