"""The data set table: one labelled stack per row, paths relative to the table."""

import re
from dataclasses import dataclass
from pathlib import Path

from napari_scarseg.core.case import Phase
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_text_table

_REQUIRED = ("patient", "image", "label")


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """One row of a data set CSV.

    Parameters
    ----------
    patient : str
        Pseudonym; splits go by it.
    image, label : Path
        Absolute paths of the stack and of its labels.
    cohort, visit : str
        Empty where not given.
    phase : Phase
    fold : int or None
    scar_values, myocardium_values, cavity_values : tuple of int
        Label values that mean scar (with MVO), myocardium (with scar) and LV cavity. Without a column any value above
        zero is scar, and myocardium and cavity are unknown (empty).
    """

    patient: str
    image: Path
    label: Path
    cohort: str
    visit: str
    phase: Phase
    fold: int | None
    scar_values: tuple[int, ...]
    myocardium_values: tuple[int, ...]
    cavity_values: tuple[int, ...]


def read_dataset(path: Path | str) -> list[CaseRecord]:
    """Read a data set CSV: `patient,image,label` and the optional columns of `CaseRecord`.

    Value columns hold integers separated by spaces, commas or semicolons ("3 4").

    Raises
    ------
    InputError
        If the table is missing or unreadable, lacks a column, is empty, or names a file that does not exist.
    """
    table_path = Path(path)
    table = read_text_table(table_path, "data set table")
    missing = [name for name in _REQUIRED if name not in table.columns]
    if missing:
        raise InputError(f"{table_path.name} lacks the column {missing[0]}; a data set needs {', '.join(_REQUIRED)}.")
    if table.empty:
        raise InputError(f"{table_path.name} has no rows; add one per labelled stack.")
    root = table_path.resolve().parent
    records = [
        _record({str(name): value for name, value in row.items()}, root, number)
        for number, row in enumerate(table.to_dict("records"), start=2)
    ]
    return records


def _record(row: dict[str, str], root: Path, line: int) -> CaseRecord:
    if not row["patient"]:
        raise InputError(f"Line {line} of the data set has no patient; splits go by patient, so fill it in.")
    image, label = root / row["image"], root / row["label"]
    for column, path in (("image", image), ("label", label)):
        if not row[column] or not path.exists():
            raise InputError(f"Line {line} of the data set names a {column} that does not exist; correct the path.")
    phase_text = row.get("phase", "") or Phase.UNKNOWN.value
    try:
        phase = Phase(phase_text)
    except ValueError as error:
        allowed = ", ".join(p.value for p in Phase)
        raise InputError(f"Line {line} of the data set has an unknown phase; write one of {allowed}.") from error
    fold_text = row.get("fold", "")
    return CaseRecord(
        patient=row["patient"],
        image=image,
        label=label,
        cohort=row.get("cohort", ""),
        visit=row.get("visit", ""),
        phase=phase,
        fold=_integers(fold_text, "fold", line)[0] if fold_text else None,
        scar_values=_integers(row.get("scar_values", ""), "scar_values", line),
        myocardium_values=_integers(row.get("myocardium_values", ""), "myocardium_values", line),
        cavity_values=_integers(row.get("cavity_values", ""), "cavity_values", line),
    )


def _integers(text: str, column: str, line: int) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in re.split(r"[\s,;]+", text.strip()) if part)
    except ValueError as error:
        raise InputError(f"Line {line} of the data set: {column} must hold whole numbers, as in “3 4”.") from error
