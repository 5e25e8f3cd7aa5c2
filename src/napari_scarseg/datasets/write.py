"""A data set table out of records, with paths relative to it."""

import os
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from napari_scarseg.datasets.table import CaseRecord
from napari_scarseg.io import write_table


def write_dataset(path: Path | str, records: Iterable[CaseRecord]) -> None:
    """Write a data set CSV that `read_dataset` reads back as it was.

    Paths are relative to the table where that is possible (Windows: on the same drive). Columns that no record fills
    are left out.
    """
    target = Path(path)
    table = pd.DataFrame([_row(record, target.resolve().parent) for record in records])
    filled = [name for name in table.columns if name in ("patient", "image", "label") or (table[name] != "").any()]
    write_table(target, table[filled])


def _row(record: CaseRecord, root: Path) -> dict[str, str]:
    return {
        "patient": record.patient,
        "image": _relative(record.image, root),
        "label": _relative(record.label, root),
        "cohort": record.cohort,
        "phase": record.phase.value,
        "visit": record.visit,
        "fold": "" if record.fold is None else str(record.fold),
        "scar_values": _text(record.scar_values),
        "myocardium_values": _text(record.myocardium_values),
        "cavity_values": _text(record.cavity_values),
    }


def _relative(path: Path, root: Path) -> str:
    try:
        return Path(os.path.relpath(path.resolve(), root)).as_posix()
    except ValueError:
        # Another drive has no relative path.
        return path.resolve().as_posix()


def _text(values: tuple[int, ...]) -> str:
    return " ".join(map(str, values))
