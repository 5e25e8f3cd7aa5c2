"""Measures of several cases as one tidy table, and which of its columns a person sees. No Qt, no napari."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pandas as pd

from napari_scarseg.core.case import CaseInfo
from napari_scarseg.core.spacing import Spacing
from napari_scarseg.measure import (
    FEATURE_BY_NAME,
    FEATURES,
    Aggregation,
    FeatureFamily,
    FeatureLevel,
    FeatureSpec,
    join_tables,
    summarise_patients,
)
from napari_scarseg.measure.segments import SEGMENTS_UNKNOWN


class TableLevel(StrEnum):
    """What one row of the table stands for."""

    LESION = "Per lesion"
    LESION_SLICE = "Per lesion and slice"
    PATIENT = "Per patient"


@dataclass(frozen=True, slots=True)
class TableColumn:
    """How one column of the frame is shown.

    Parameters
    ----------
    name : str
        Column of the frame.
    title : str
        Heading, with the unit.
    explanation : str
        Tooltip of the heading.
    """

    name: str
    title: str
    explanation: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class CaseMeasures:
    """What was measured on one Labels layer.

    Parameters
    ----------
    layer_name : str
        Name when it was measured; tells two layers of one case apart.
    case : CaseInfo
    spacing : Spacing
    spacing_note : str
        Where the spacing came from, or why there is none; for a person.
    table : DataFrame
        Row per lesion and slice, as `measure_labels` gives it.
    lesions : DataFrame
        Row per lesion, as `summarise_lesions` gives it.
    segments : DataFrame or None
        Row per segment of the left ventricle, as `measure_segments` gives it.
    segments_note : str
        Why there are none.
    """

    layer_name: str
    case: CaseInfo
    spacing: Spacing
    spacing_note: str
    table: pd.DataFrame
    lesions: pd.DataFrame
    segments: pd.DataFrame | None = None
    segments_note: str = SEGMENTS_UNKNOWN


@dataclass(frozen=True, slots=True)
class LesionPlace:
    """A lesion on a slice of a case."""

    case: str
    lesion_id: int
    slice: int


_KEYS: Mapping[str, TableColumn] = {
    "case": TableColumn("case", "Case", "The labels' image, or the Labels layer where there is none."),
    "patient": TableColumn("patient", "Patient", "Pseudonym; the case where none was given."),
    "phase": TableColumn("phase", "Phase", "Phase of the infarct at the time of the scan."),
    "cohort": TableColumn("cohort", "Cohort", "Cohort; empty where none was given."),
    "visit": TableColumn("visit", "Visit", "From the cohort table."),
    "group": TableColumn("group", "Group", "From the cohort table."),
    "lesion_id": TableColumn("lesion_id", "Lesion", "Label of the lesion in the Labels layer."),
    "slice": TableColumn("slice", "Slice", "Index of the slice, from 0."),
}
# Behind the features, and only where any row has one.
_FLAGS = TableColumn(
    "review_flags", "Look again", "In pieces, tiny (under 25 voxels), or no lesion near it on the next slices."
)
_LEVEL_KEYS: Mapping[TableLevel, tuple[str, ...]] = {
    TableLevel.LESION: ("lesion_id", "phase", "visit", "group", "case", "patient", "cohort"),
    TableLevel.LESION_SLICE: ("lesion_id", "slice", "phase", "visit", "group", "case", "patient", "cohort"),
    TableLevel.PATIENT: ("patient", "phase", "visit", "group", "cohort"),
}
# Shown even where all rows agree: the others of `_KEYS` would then only take room.
_ALWAYS_SHOWN: Mapping[TableLevel, frozenset[str]] = {
    TableLevel.LESION: frozenset({"lesion_id"}),
    TableLevel.LESION_SLICE: frozenset({"lesion_id", "slice"}),
    TableLevel.PATIENT: frozenset({"patient"}),
}


def case_names(cases: Sequence[CaseMeasures]) -> list[str]:
    """What each case is called in the joined table: its name, with the layer's where several layers carry it.

    A person's labels and the network's on one image are two cases. Their patient stays one: the table per patient
    averages cases, and does not add one heart's mass twice.
    """
    counts = Counter(measured.case.case for measured in cases)
    return [
        f"{measured.case.case} [{measured.layer_name}]" if counts[measured.case.case] > 1 else measured.case.case
        for measured in cases
    ]


def join_cases(cases: Sequence[CaseMeasures]) -> pd.DataFrame:
    """One row per lesion and slice of all cases, named as `case_names` has it; without columns where there is none."""
    return _join([case.table for case in cases], case_names(cases))


def table_at(level: TableLevel, cases: Sequence[CaseMeasures]) -> pd.DataFrame:
    """The table of all cases at `level`. Not for the window's thread: pandas takes its time."""
    if level is TableLevel.LESION:
        return _join([case.lesions for case in cases], case_names(cases))
    slices = join_cases(cases)
    return slices if level is TableLevel.LESION_SLICE or slices.empty else summarise_patients(slices)


def _join(tables: Sequence[pd.DataFrame], names: Sequence[str]) -> pd.DataFrame:
    named = [table.assign(case=name) for table, name in zip(tables, names, strict=True)]
    return join_tables(named) if named else pd.DataFrame()


def locate_row(level: TableLevel, table: pd.DataFrame, row: int, slices: pd.DataFrame) -> LesionPlace:
    """Where to look for a row of the table at `level`: the slice on which its lesion is largest.

    Of a patient, that is the largest lesion by its area over all slices.

    Parameters
    ----------
    table : DataFrame
        From `table_at`; `row` counts in it from 0.
    slices : DataFrame
        From `join_cases`.
    """
    values = table.iloc[row]
    if level is TableLevel.LESION_SLICE:
        return LesionPlace(str(values["case"]), int(values["lesion_id"]), int(values["slice"]))
    patient = [name for name in ("patient", "phase", "cohort", "visit", "group") if name in table]
    keys = ["case", "lesion_id"] if level is TableLevel.LESION else patient
    rows = slices[(slices[keys] == values[keys].tolist()).all(axis=1)]
    areas = rows.groupby(["case", "lesion_id"], as_index=False)["area_px"].sum()
    case, lesion_id = areas.loc[areas["area_px"].argmax(), ["case", "lesion_id"]].tolist()
    rows = rows[(rows["case"] == case) & (rows["lesion_id"] == lesion_id)]
    return LesionPlace(str(case), int(lesion_id), int(rows["slice"].iloc[int(rows["area_px"].argmax())]))


def find_row(level: TableLevel, table: pd.DataFrame, place: LesionPlace) -> int | None:
    """Row of the table at `level` that shows a lesion, the nearest slice first; None where there is none.

    A table per patient has no row of one lesion.
    """
    if level is TableLevel.PATIENT or table.empty:
        return None
    rows = (table["case"] == place.case) & (table["lesion_id"] == place.lesion_id)
    found = rows.to_numpy().nonzero()[0]
    if found.size == 0:
        return None
    if level is TableLevel.LESION:
        return int(found[0])
    distances = (table["slice"].iloc[found] - place.slice).abs().to_numpy()
    return int(found[distances.argmin()])


def describe_cases(cases: Sequence[CaseMeasures]) -> str:
    """How many lesions in how many cases, and what to know about them, for a person."""
    n_lesions = sum(int(case.table["lesion_id"].nunique()) for case in cases)
    parts = [f"{_count(n_lesions, 'lesion')} in {_count(len(cases), 'case')}"]
    empty = [case.layer_name for case in cases if case.table.empty]
    if empty and len(cases) > 1:
        parts.append(f"none in {', '.join(empty)}")
    unknown = sum(case.spacing.y_mm is None for case in cases)
    if unknown:
        parts.append("sizes in px" if unknown == len(cases) else f"{unknown} without spacing")
    return " · ".join(parts)


def describe_reference(row: "pd.Series[Any]") -> str:
    """Whose a point of the reference is, for a person.

    Examples
    --------
    >>> describe_reference(pd.Series({"patient": "P7", "phase": "acute", "lesion_id": 2, "slice": 4}))
    'Reference: patient P7, acute, lesion 2, slice 4'
    """
    parts = [f"patient {row['patient']}", str(row["phase"])]
    parts.extend(
        f"{word} {int(row[name])}" for name, word in (("lesion_id", "lesion"), ("slice", "slice")) if name in row
    )
    return f"Reference: {', '.join(parts)}"


def shown_columns(
    level: TableLevel, table: pd.DataFrame, families: frozenset[FeatureFamily] = frozenset(FeatureFamily)
) -> list[TableColumn]:
    """Columns worth a person's eye: keys that tell rows apart, then features that have a value, mm before px."""
    always = _ALWAYS_SHOWN[level]
    keys = [name for name in _LEVEL_KEYS[level] if name in table and (name in always or _differs(table, name))]
    if "case" in keys and "patient" in keys and (table["case"] == table["patient"]).all():
        keys.remove("patient")
    # Counts first: what a person looks for to know a row again.
    features = sorted(shown_features(table, families), key=lambda spec: spec.aggregation is not Aggregation.COUNT)
    has_flags = level is not TableLevel.PATIENT and _FLAGS.name in table and table[_FLAGS.name].fillna("").any()
    return [*(_KEYS[name] for name in keys), *map(_feature_column, features), *([_FLAGS] if has_flags else [])]


def _differs(table: pd.DataFrame, name: str) -> bool:
    return bool(table[name].nunique(dropna=False) > 1)


def shown_features(
    table: pd.DataFrame, families: frozenset[FeatureFamily] = frozenset(FeatureFamily)
) -> list[FeatureSpec]:
    """Registered features of some families with a value in `table`; those in px only where the same in mm has none.

    Features of a whole lesion are left out where a row is a lesion on a slice: they would count once per slice.
    """
    is_per_slice = "slice" in table
    has_value = {
        spec.name
        for spec in FEATURES
        if spec.name in table and table[spec.name].notna().any()
        if not (is_per_slice and spec.level is FeatureLevel.LESION)
    }
    return [
        spec
        for spec in FEATURES
        if spec.name in has_value and spec.family in families and _metric_twin(spec.name) not in has_value
    ]


def _metric_twin(name: str) -> str | None:
    if not name.endswith("_px"):
        return None
    stem = name.removesuffix("_px")
    return next((f"{stem}_{unit}" for unit in ("mm", "mm2") if f"{stem}_{unit}" in FEATURE_BY_NAME), None)


def _feature_column(spec: FeatureSpec) -> TableColumn:
    undefined = f" Empty when {spec.undefined}." if spec.undefined else ""
    return TableColumn(spec.name, spec.axis_label, f"{spec.formula}. {spec.source}.{undefined}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
