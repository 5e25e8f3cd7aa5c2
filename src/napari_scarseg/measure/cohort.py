"""The cohort table: who a case is, in which phase, and what else is known about the patient."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.errors import InputError
from napari_scarseg.measure.table_columns import table_columns

# Columns of a data set table, which may serve as a cohort table; they say nothing about the patient.
_DATASET_COLUMNS = frozenset({"image", "label", "fold", "scar_values", "myocardium_values", "cavity_values"})
_KNOWN_COLUMNS = ("case", "patient", "phase", "cohort", "visit", "group")


@dataclass(frozen=True, slots=True)
class CohortEntry:
    """One line of the table.

    Parameters
    ----------
    line : int
        In the file, the heading being line 1; errors name it in place of the patient.
    case, patient : str
        At least one is not empty.
    phase : Phase
    cohort, visit : str
        Empty where not given.
    extras : mapping of str
        All other columns (visit, group, outcomes), as text.
    """

    line: int
    case: str
    patient: str
    phase: Phase
    cohort: str
    visit: str
    extras: Mapping[str, str]

    def case_info(self, case: str) -> CaseInfo:
        """Key columns for the case of this name."""
        return CaseInfo(case, self.patient or case, self.phase, self.cohort)


@dataclass(frozen=True, slots=True)
class Cohort:
    """The whole table.

    Parameters
    ----------
    entries : tuple of CohortEntry
    extra_columns : tuple of str
        Columns that are joined to the measures beside patient, phase and cohort.
    """

    entries: tuple[CohortEntry, ...]
    extra_columns: tuple[str, ...]

    def find(self, names: Sequence[str]) -> CohortEntry | None:
        """The entry of a case that may go by several names, the surest first; None where there is none, or no one.

        A name is looked for among the cases, then among `<patient>_<visit>`, then among the patients that have one
        entry only.
        """
        for name in names:
            for matches in (
                [entry for entry in self.entries if entry.case == name],
                [entry for entry in self.entries if entry.visit and f"{entry.patient}_{entry.visit}" == name],
                [entry for entry in self.entries if entry.patient == name],
            ):
                if len(matches) == 1:
                    return matches[0]
        return None


def parse_cohort(frame: pd.DataFrame) -> Cohort:
    """Check a cohort table and give its entries.

    Parameters
    ----------
    frame : DataFrame of str
        As read from a CSV with empty cells as empty text. Needs `case` or `patient`; may have `phase`
        (acute, chronic, none, unknown; empty is unknown), `cohort`, `visit`, `group`, and any columns of outcomes.

    Raises
    ------
    InputError
        With the line: no `case` and no `patient` column or value, an unknown phase, two lines that cannot be told
        apart, or a column whose name belongs to a measure.

    Examples
    --------
    >>> import pandas as pd
    >>> cohort = parse_cohort(pd.DataFrame({"patient": ["A", "B"], "phase": ["acute", "chronic"]}))
    >>> cohort.find(["B_scar", "B"]).phase.value
    'chronic'
    """
    table = frame.rename(columns=_plain_name)
    repeated = table.columns[table.columns.duplicated()]
    if len(repeated):
        raise InputError(f"The cohort table has the column '{repeated[0]}' twice; keep one.")
    if "case" not in table and "patient" not in table:
        raise InputError("The cohort table has neither a column 'case' nor 'patient'; add one to join it by.")
    extra_columns = tuple(
        str(name) for name in table.columns if name not in {"case", "patient", "phase", "cohort", *_DATASET_COLUMNS}
    )
    clash = set(extra_columns) & set(table_columns(with_image=True, with_wall=True))
    if clash:
        raise InputError(f"The cohort table's column '{min(clash)}' has a measure's name; rename or remove it.")
    entries = tuple(
        _entry({str(key): str(value).strip() for key, value in row.items()}, line, extra_columns)
        for line, row in enumerate(table.to_dict("records"), start=2)
    )
    if not entries:
        raise InputError("The cohort table has a heading but no rows; add one per case or patient.")
    _check_unambiguous(entries)
    return Cohort(entries, extra_columns)


def _plain_name(name: object) -> str:
    """Heading without blanks around it; the known ones in any letter case."""
    text = str(name).strip()
    return text.casefold() if text.casefold() in {*_KNOWN_COLUMNS, *_DATASET_COLUMNS} else text


def _entry(row: Mapping[str, str], line: int, extra_columns: Collection[str]) -> CohortEntry:
    case, patient = row.get("case", ""), row.get("patient", "")
    if not case and not patient:
        raise InputError(f"Line {line} of the cohort table names neither a case nor a patient; fill one in.")
    try:
        phase = Phase(row.get("phase", "").casefold() or Phase.UNKNOWN)
    except ValueError as error:
        allowed = ", ".join(phase.value for phase in Phase)
        raise InputError(f"Line {line} of the cohort table has an unknown phase; write one of {allowed}.") from error
    extras = {name: row[name] for name in extra_columns}
    return CohortEntry(line, case, patient, phase, row.get("cohort", ""), row.get("visit", ""), extras)


def _check_unambiguous(entries: Sequence[CohortEntry]) -> None:
    """Two lines of one patient need a case or a visit each that tells them apart."""
    seen: dict[tuple[str, ...], int] = {}
    for entry in entries:
        key = ("case", entry.case) if entry.case else ("patient", entry.patient, entry.visit)
        if key in seen:
            what = "the same case" if entry.case else "the same patient (and visit)"
            raise InputError(
                f"Lines {seen[key]} and {entry.line} of the cohort table name {what}; keep one, or tell them apart by "
                "the columns 'case' or 'visit'."
            )
        seen[key] = entry.line
