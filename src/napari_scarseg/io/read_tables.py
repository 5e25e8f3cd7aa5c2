"""Tables back from files: CSV as this program and spreadsheets write it, and Parquet."""

import csv
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from napari_scarseg.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

# Stay text whatever they look like: a patient "007" is not the number 7.
_TEXT_COLUMNS = frozenset(
    {
        "case",
        "patient",
        "phase",
        "cohort",
        "visit",
        "group",
        "spacing_origin",
        "reason_empty",
        "review_flags",
        "title",
        "feature",
    }
)


def read_table(path: str | os.PathLike[str]) -> "pd.DataFrame":
    """Read a table of measures, or any table with a heading.

    Parameters
    ----------
    path : path
        .csv (UTF-8, commas or semicolons) or .parquet.

    Returns
    -------
    DataFrame
        Key columns as text; of the others those with numbers only (or empty cells) as numbers, those with True and
        False as bool, and the rest as text. Empty cells of key columns are empty text.

    Raises
    ------
    InputError
        If the file is missing, empty, not readable, or has a column twice.
    """
    import pandas as pd

    file = Path(path)
    if not file.is_file():
        raise InputError(f"There is no table '{file.name}'; give the path of a CSV or Parquet file.")
    if file.suffix.casefold() == ".parquet":
        try:
            return pd.read_parquet(file, engine="pyarrow")
        except (OSError, ValueError) as cause:
            raise InputError(f"The table '{file.name}' is not a readable Parquet file; write it again.") from cause
    if file.suffix.casefold() != ".csv":
        raise InputError(f"The table '{file.name}' must be named .csv or .parquet.")
    return _as_typed(read_text_table(file))


def read_text_table(path: str | os.PathLike[str], what: str = "table") -> "pd.DataFrame":
    """Read a CSV (UTF-8, commas or semicolons) with a heading, all cells as text.

    Parameters
    ----------
    path : path
    what : str
        What messages call it.

    Raises
    ------
    InputError
        If the file is missing, empty, not readable, has a column twice, or a row longer than its heading.
    """
    import pandas as pd

    file = Path(path)
    if not file.is_file():
        raise InputError(f"There is no {what} '{file.name}'; give the path of a CSV file.")
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle, warnings.catch_warnings():
            # Cells beyond the heading are a warning to pandas, and lost.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            heading = handle.readline()
            separator = ";" if heading.count(";") > heading.count(",") else ","
            names = [name.strip() for name in next(csv.reader([heading], delimiter=separator), [])]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise InputError(f"The {what} '{file.name}' has the column '{twice[0]}' twice; keep one.")
            if not any(names):
                raise InputError(f"The {what} '{file.name}' is empty; give one with a heading and rows.")
            return pd.read_csv(handle, sep=separator, names=names, dtype=str, keep_default_na=False, index_col=False)
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeDecodeError, csv.Error) as cause:
        raise InputError(f"The {what} '{file.name}' is not a readable CSV; save it as UTF-8 CSV.") from cause
    except OSError as cause:
        reason = cause.strerror or type(cause).__name__
        raise InputError(f"The {what} '{file.name}' cannot be opened ({reason}); check its permissions.") from cause


def _as_typed(frame: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    for name in frame.columns:
        cells = frame[name].str.strip()
        if name in _TEXT_COLUMNS:
            frame[name] = cells.astype(object)
            continue
        filled = cells[cells != ""]
        if filled.isin(["True", "False"]).all() and len(filled) == len(cells) > 0:
            frame[name] = cells == "True"
            continue
        numbers = pd.to_numeric(cells.where(cells != ""), errors="coerce")
        if numbers[cells != ""].notna().all():
            whole = filled.str.fullmatch(r"[+-]?\d{1,18}").all() and len(filled) > 0
            frame[name] = numbers.astype(("int64" if len(filled) == len(cells) else "Int64") if whole else "float64")
        else:
            frame[name] = cells.astype(object)
    return frame
