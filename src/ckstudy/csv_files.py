"""Reading a CSV table that must have certain columns."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ckstudy.errors import StudyError


def read_csv(
    path: str | Path, columns: Iterable[str], remedy: str, text: Iterable[str] = ()
) -> pd.DataFrame:
    """Read a table.

    Parameters
    ----------
    path : str or Path
    columns : iterable of str
        Those that it must have.
    remedy : str
        What the user can do where the table is not as it should be; ends the message.
    text : iterable of str
        Columns whose cells stay text, though they may look like numbers.

    Raises
    ------
    StudyError
        Where the file is missing, is no CSV table, has no rows, or lacks a column; the message
        names the file.
    """
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(text, str))
    except FileNotFoundError:
        raise StudyError(f"there is no file {path}; {remedy}") from None
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}; {remedy}") from None
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} is not a CSV table ({error}); {remedy}") from None
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise StudyError(f"{path} lacks the column {', '.join(missing)}; {remedy}")
    if table.empty:
        raise StudyError(f"{path} has no rows; {remedy}")
    return table
