"""Copy a study's tables into this folder, and their numbers into README.md.

    python docs/tables/refresh.py results/archive/tables
    python docs/tables/refresh.py results/full_grid/tables  # of another archive: full_grid
    python docs/tables/refresh.py results/schedule/tables  # of the third: schedule_table1, ...
    python docs/tables/refresh.py          # only README.md, from the tables that are here

In README.md, what stands between ``<!-- table: NAME -->`` and ``<!-- end of table -->`` is made
anew, and so is each number ``<!--= TABLE ROW COLUMN -->0.802<!--/-->``, where ROW is in the first
column of ``TABLE.csv``; ``<!--= card:NAME SCORE TOLERANCE -->`` is a shipped network's F1 on clean
lines, from ``benchmarks/results/model_card_NAME.csv``. ``tests/report/test_readme.py`` fails where
README.md is behind.
"""

import json
import re
import shutil
import sys
from pathlib import Path

import pandas as pd

from ckstudy.report.tables.table import interval, score, whole

HERE = Path(__file__).parent
README = HERE.parents[1] / "README.md"
NAMES = (
    "table1",
    "table2",
    "dilated",
    "claims",
    "noise",
    "noise_levels",
    "other_bubbles",
    "baselines",
    "long_kernels",
    "windows",
    "ablation",
    "instability",
    "failures",
    "receptive_fields",
    "cost",
)
# At the thesis's schedule, beside those of the same name above.
OF_SCHEDULE = ("table1", "table2", "dilated", "claims")


def kernel_sizes(tables: Path) -> str:
    """Table 1 as the study prints it, with its caption."""
    text = (tables / "table1.md").read_text(encoding="utf-8")
    return text.split("\n\n", 1)[1].strip()


def verdicts(tables: Path) -> str:
    """Each claim, its verdict, the effect, and what did not count or does not agree."""
    numbers = ("estimate", "estimate_low", "estimate_high")
    path = tables / "claims.csv"
    rows = pd.read_csv(path, keep_default_na=False, na_values=dict.fromkeys(numbers, ""))
    lines = ["| claim of the thesis | verdict | effect (F1) | of | note |", "|---|---|---|---|---|"]
    for row in rows[rows["is_effect"]].itertuples():
        effect = interval(row, "estimate", signed=True)
        lines.append(
            f"| {row.claim}. {row.statement} | **{row.verdict}** | {effect} "
            f"| {row.measured or '–'} | {row.note or '–'} |"
        )
    return "\n".join(lines)


def evidence(claim: str):
    """What a claim's rule compares, a row each."""

    def block(tables: Path) -> str:
        rows = pd.read_csv(tables / "claims.csv")
        lines = ["| measured | F1 |", "|---|---|"]
        for row in rows[rows["claim"] == claim].itertuples():
            level = "" if row.level == 0.95 else f" ({100 * row.level:.0f} %)"
            lines.append(f"| {row.measured} | {interval(row, 'estimate', signed=True)}{level} |")
        return "\n".join(lines)

    return block


STARTS = {  # experiment: what is changed of the thesis's start, or of its kernels
    "long_thesis": "thesis's start",
    "long_windowed": "a window",
    "long_balanced": "balanced frequencies",
    "long_balanced_windowed": "both: mended",
    "long_free": "free kernels",
    "long_free_windowed": "free kernels, a window",
}


def starts(tables: Path) -> str:
    """Test F1 by kernel size: the thesis's start, with what mends it, one by one and together."""
    rows = pd.read_csv(tables / "long_kernels.csv")
    rows = rows[rows["kind"] == "cell"]
    arms = {
        f"{name} ({_trainings(arm['seeds'])})": {
            row.kernel_size: interval(row, "test_f1") for row in arm.itertuples()
        }
        for experiment, name in STARTS.items()
        if len(arm := rows[rows["experiment"] == experiment])
    }
    lines = [f"| K | {' | '.join(arms)} |", "|---" * (len(arms) + 1) + "|"]
    for size in sorted(set().union(*arms.values())):
        cells = [f"{size:.0f}", *(arm.get(size, "–") for arm in arms.values())]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _trainings(seeds: pd.Series) -> str:
    least, most = int(seeds.min()), int(seeds.max())
    if least < most:
        return f"{least} to {most} trainings"
    return f"{most} training{'s' if most > 1 else ''}"


BLOCKS = {
    "table1": kernel_sizes,
    "starts": starts,
    "verdicts": verdicts,
    "C1": evidence("C1"),
    "C5": evidence("C5"),
}


def refreshed(text: str, tables: Path = HERE) -> str:
    """``text`` with its tables and numbers made anew."""

    def block(found: re.Match) -> str:
        return f"{found[1]}\n{BLOCKS[found[2]](tables)}\n{found[3]}"

    def number(found: re.Match) -> str:
        name, row, column = found[2].split()
        if name.startswith("card:"):
            value = _of_card(name.removeprefix("card:"), row, int(column))
        else:
            data = pd.read_csv(tables / f"{name}.csv", dtype={0: str})
            value = data.set_index(data.columns[0]).loc[row, column]
        return f"{found[1]}{(whole if value > 1 else score)(value)}{found[3]}"

    text = re.sub(
        r"(<!-- table: (\w+) -->).*?(<!-- end of table -->)", block, text, flags=re.DOTALL
    )
    return re.sub(r"(<!--= (.*?) -->)[^<]*(<!--/-->)", number, text)


def _of_card(name: str, score_name: str, tolerance: int) -> float:
    """F1 in a shipped network's card: ``best``, ``robust@2`` (noise), ``robust@2:best``."""
    name, _, where = name.partition("@")
    value, _, network = where.partition(":")
    path = README.parent / "benchmarks" / "results" / f"model_card_{name}.csv"
    card = pd.read_csv(path, dtype={"value": str})
    found = card[
        (card["network"] == (network or name))
        & (card["value"] == (value or "clean"))
        & (card["score"] == score_name)
        & (card["tolerance"] == tolerance)
    ]
    return found["mean_f1"].item()


def main() -> None:
    """Copy the tables of the folder given, if one is, and bring README.md up to date."""
    for folder in map(Path, sys.argv[1:]):
        for name, ours in _names(folder).items():
            for suffix in (".csv", ".md"):
                shutil.copyfile(folder / f"{name}{suffix}", HERE / f"{ours}{suffix}")
    README.write_text(refreshed(README.read_text(encoding="utf-8")), encoding="utf-8")


def _names(folder: Path) -> dict[str, str]:
    """What to copy from a study's tables, and what to call it here."""
    study = json.loads((folder.parent / "study.json").read_text(encoding="utf-8"))["study"]
    if study == "schedule":
        return {name: f"schedule_{name}" for name in OF_SCHEDULE}
    names = ("full_grid",) if (folder / "full_grid.md").is_file() else NAMES
    return {name: name for name in names}


if __name__ == "__main__":
    main()
