"""Rows of a table of measures, split into the groups that a figure compares."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_scarseg.core.case import Phase
from napari_scarseg.errors import InputError
from napari_scarseg.measure.features import feature
from napari_scarseg.measure.themes import LINE_STYLES, MARKERS, Palette

# Cohort of everything that the phantom made.
PHANTOM_COHORT = "phantom"

_PHASE_LABELS = {Phase.NONE.value: "no infarct", Phase.UNKNOWN.value: "phase unknown"}
NOT_GIVEN = "not given"


@dataclass(frozen=True, slots=True, eq=False)
class FigureGroup:
    """One group of a figure.

    Parameters
    ----------
    label : str
    colour, marker, line_style : str
        matplotlib's names; colour and marker both tell groups apart.
    values : ndarray of float64, (n, features)
        Rows in which every drawn feature is defined.
    is_small : ndarray of bool, (n,)
        Lesions under 25 px.
    is_marked : ndarray of bool, (n,)
        Rows that are to stand out.
    rows : ndarray of int, (n,)
        Their positions in the table.
    n_patients : int
        Patients those rows come from.
    """

    label: str
    colour: str
    marker: str
    line_style: str
    values: npt.NDArray[np.float64]
    is_small: npt.NDArray[np.bool_]
    is_marked: npt.NDArray[np.bool_]
    rows: npt.NDArray[np.intp]
    n_patients: int

    @property
    def n(self) -> int:
        """Rows drawn."""
        return len(self.values)


def split_groups(
    table: pd.DataFrame,
    features: tuple[str, ...],
    group: str,
    palette: Palette,
    marked: npt.NDArray[np.bool_] | None = None,
) -> list[FigureGroup]:
    """The groups of the column `group`, phases in their order and others sorted, those without a value left out.

    Raises
    ------
    InputError
        If a feature is not in the registry, the table has no column `group`, or `marked` has another length.
    """
    for name in features:
        feature(name)
    if group not in table:
        raise InputError(
            f"The table has no column '{group}' to group by; choose one of {', '.join(grouping_columns(table))}."
        )
    if marked is not None and marked.shape != (len(table),):
        raise InputError(f"{marked.size} rows are said to be marked or not, but the table has {len(table)}.")
    present = [name for name in features if name in table]
    if len(present) < len(features) or table.empty:
        return []
    values = np.column_stack([feature_values(table, name) for name in features])
    defined = np.isfinite(values).all(axis=1)
    names = group_names(table, group).to_numpy()
    groups = []
    for index, name in enumerate(_ordered(set(names), group)):
        rows = defined & (names == name)
        if rows.any():
            groups.append(
                FigureGroup(
                    label=_PHASE_LABELS.get(name, name) if group == "phase" else name,
                    colour=_colour(palette, group, name, index),
                    marker=MARKERS[index % len(MARKERS)],
                    line_style=LINE_STYLES[index % len(LINE_STYLES)],
                    values=values[rows],
                    is_small=_flags(table)[rows],
                    is_marked=np.zeros(int(rows.sum()), dtype=bool) if marked is None else marked[rows],
                    rows=np.flatnonzero(rows),
                    n_patients=int(table.loc[rows, "patient"].nunique()) if "patient" in table else 0,
                )
            )
    return groups


def feature_values(table: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    """Numbers of one column, NaN where undefined."""
    try:
        return np.asarray(pd.to_numeric(table[name]).to_numpy(dtype=np.float64, na_value=np.nan))
    except (ValueError, TypeError) as error:
        raise InputError(f"The column {name} holds text where numbers belong; correct it.") from error


def row_unit(table: pd.DataFrame) -> str:
    """What one row of the table stands for."""
    if "slice" in table:
        return "lesion slices"
    return "lesions" if "lesion_id" in table else "patients"


def empty_text(table: pd.DataFrame, features: tuple[str, ...]) -> str:
    """Why there is nothing to draw: one or two lines for the middle of the figure."""
    if table.empty:
        return "No lesions measured yet"
    for name in features:
        spec = feature(name)
        if name not in table:
            return f"{spec.axis_label} was not measured\n(empty when {spec.undefined or 'the table lacks it'})"
        if not np.isfinite(feature_values(table, name)).any():
            return f"{spec.axis_label} is empty in every row\n{_reasons(table) or spec.undefined}"
    return "No row has a value for both features"


def synthetic_text(table: pd.DataFrame) -> str:
    """The warning that a figure of phantoms carries; empty for real data alone."""
    if "cohort" not in table or table.empty:
        return ""
    synthetic = table["cohort"].map(lambda cohort: str(cohort).casefold() == PHANTOM_COHORT)
    if synthetic.all():
        return "synthetic phantom data"
    return "includes synthetic phantom data" if synthetic.any() else ""


def group_names(table: pd.DataFrame, group: str) -> "pd.Series[str]":
    """The group of each row as text, `NOT_GIVEN` where the cell is empty."""
    return table[group].map(_group_name)


def grouping_columns(table: pd.DataFrame) -> list[str]:
    """Columns of the table that part its rows into groups."""
    return [name for name in ("phase", "cohort", "patient", "case", "visit", "group") if name in table]


def _group_name(value: object) -> str:
    return NOT_GIVEN if value is None or value is pd.NA or value != value or value == "" else str(value)


def _ordered(names: set[str], group: str) -> list[str]:
    if group != "phase":
        return sorted(names, key=lambda name: (name == NOT_GIVEN, name))
    order = [phase.value for phase in Phase]
    return sorted(names, key=lambda name: (order.index(name) if name in order else len(order), name))


def _colour(palette: Palette, group: str, name: str, index: int) -> str:
    colour = palette.phases.get(name) if group == "phase" else None
    return colour or palette.cycle[index % len(palette.cycle)]


def _flags(table: pd.DataFrame) -> npt.NDArray[np.bool_]:
    if "is_small" not in table:
        return np.zeros(len(table), dtype=bool)
    return np.asarray(table["is_small"].to_numpy(dtype=bool))


def _reasons(table: pd.DataFrame) -> str:
    if "reason_empty" not in table:
        return ""
    parts = [part for text in table["reason_empty"] if isinstance(text, str) for part in text.split("; ") if part]
    return "\n".join(dict.fromkeys(parts))
