"""The table of measures of a cohort as a file, to which later cases are added."""

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from napari_scarseg.errors import InputError
from napari_scarseg.io import read_table, sidecar_path, write_json, write_table
from napari_scarseg.measure import append_measures, check_measures
from napari_scarseg.measure.table_append import drop_cases, refuse_repeated

_NO_RECORD = "The rows that were there before have no readable record beside the table."
# A record of a cohort, and no book.
_MAX_RECORD_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True, eq=False)
class AppendedTable:
    """What became of the file.

    Parameters
    ----------
    table : DataFrame
        The whole table, as written.
    replaced : tuple of str
        Cases that were there before and were replaced.
    is_new : bool
        Whether the file was made.
    """

    table: pd.DataFrame
    replaced: tuple[str, ...]
    is_new: bool


def append_to_file(
    path: str | os.PathLike[str],
    new: pd.DataFrame,
    cases: Collection[str],
    record: Mapping[str, Any],
    *,
    replace: bool = False,
) -> AppendedTable:
    """Add cases to a table on disk (CSV or Parquet), and their record to the JSON beside it; makes both where missing.

    The file is the old one or the whole new one. Somebody else's change between reading and writing is not
    overwritten, but refused.

    Parameters
    ----------
    path : path-like
    new : DataFrame
        From `measure_labels`.
    cases : collection of str
        All cases that were measured; those without a lesion have no row in `new`.
    record : mapping
        From `make_provenance`; its `cases` and `inputs` are joined with those of the earlier record, whose other parts
        are kept under `earlier`.
    replace : bool
        Whether cases that are there already are replaced; otherwise they are refused.

    Raises
    ------
    InputError
        As for `append_measures` and `read_table`.
    """
    target = Path(path)
    if not target.exists():
        write_table(target, new)
        write_json(sidecar_path(target), record)
        return AppendedTable(new, (), True)
    before = _digest(target)
    table = read_table(target)
    check_measures(table)
    # Also a case of which nothing is left, as its new labels are empty.
    if not replace:
        refuse_repeated(table, cases)
    replaced = tuple(sorted(set(table["case"]) & set(cases)))
    joined = append_measures(drop_cases(table, replaced), new)
    if _digest(target) != before:
        raise InputError(f"The table '{target.name}' was changed by another program just now; append again.")
    write_table(target, joined)
    write_json(sidecar_path(target), _join_records(sidecar_path(target), record))
    return AppendedTable(joined, replaced, False)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as cause:
        raise InputError(f"The table '{path.name}' cannot be opened ({cause.strerror}).") from cause


def _join_records(path: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """The new record, with what the earlier ones said of their cases."""
    earlier = _read_record(path)
    if earlier is None:
        return {**record, "findings": [_NO_RECORD, *record.get("findings", ())]}
    joined = dict(record)
    for part in ("inputs", "cases"):
        joined[part] = {**_mapping(earlier.get(part)), **_mapping(record.get(part))}
    # One spacing stands at the top where all cases share it.
    if earlier.get("spacing") != record.get("spacing"):
        joined["spacing"] = None
    past = {key: value for key, value in earlier.items() if key not in ("inputs", "cases", "columns", "earlier")}
    joined["earlier"] = [*_list(earlier.get("earlier")), past]
    return joined


def _read_record(path: Path) -> dict[str, Any] | None:
    try:
        if path.stat().st_size > _MAX_RECORD_BYTES:
            return None
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
