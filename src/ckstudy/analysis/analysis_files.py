"""Where a study keeps the tables of its analyses beyond the thesis: one CSV file each."""

from pathlib import Path

import pandas as pd

from ckstudy.files import write_text


def analysis_file(results: str | Path, name: str, table: str) -> Path:
    """The file of a table, such as the ``bins`` of ``failures``."""
    return Path(results) / "analyses" / f"{name}_{table}.csv"


def write_analysis(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table atomically, its numbers with six digits: the last bit of a sum may differ."""
    write_text(path, table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
