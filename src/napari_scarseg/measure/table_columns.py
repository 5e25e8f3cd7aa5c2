"""Columns of the table per lesion and slice: their order and types, and tables of several cases joined."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from napari_scarseg.measure import reasons
from napari_scarseg.measure.features import FEATURES, Aggregation, FeatureFamily
from napari_scarseg.measure.features_wall import WALL_FEATURES
from napari_scarseg.measure.reasons import Reason

KEY_COLUMNS = ("case", "patient", "phase", "cohort", "lesion_id", "slice")
GEOMETRY_COLUMNS = (
    "is_small",
    "review_flags",
    "spacing_origin",
    "spacing_z_mm",
    "spacing_y_mm",
    "spacing_x_mm",
    "density_g_per_ml",
    "reason_empty",
)

_TEXT_COLUMNS = ("case", "patient", "phase", "cohort", "spacing_origin", "reason_empty", "review_flags")
_WHOLE_COLUMNS = ("lesion_id", "slice", "area_px", "euler_number", "n_holes", "lesion_pieces")
_OF_IMAGE = (FeatureFamily.INTENSITY, FeatureFamily.TEXTURE)
_DERIVED = (Aggregation.COUNT, Aggregation.LARGEST_SHARE)


def table_columns(*, with_image: bool, with_wall: bool = False) -> tuple[str, ...]:
    """Columns of the table in their order."""
    features = (
        spec.name
        for spec in FEATURES
        if spec.aggregation not in _DERIVED
        if with_image or spec.family not in _OF_IMAGE
        if with_wall or spec not in WALL_FEATURES
    )
    return (*KEY_COLUMNS, *features, *GEOMETRY_COLUMNS)


def column_types(columns: Iterable[str]) -> dict[str, str]:
    """Pandas type of each column: a column keeps it whatever the rows hold."""
    types = dict.fromkeys(columns, "float64")
    known = {
        **dict.fromkeys(_TEXT_COLUMNS, "object"),
        **dict.fromkeys(_WHOLE_COLUMNS, "int64"),
        "n_components": "Int64",
        "is_small": "bool",
    }
    return {name: known.get(name, kind) for name, kind in types.items()}


def join_tables(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One table of several cases, also where only some were measured with an image or a wall.

    Columns that a case lacks are empty in its rows, and its `reason_empty` says why.

    Raises
    ------
    ValueError
        If there is no table.
    """
    filled = [table for table in tables if len(table)] or list(tables[:1])
    if not filled:
        raise ValueError("no table to join")
    columns = list(dict.fromkeys(name for table in filled for name in table.columns))
    measured = table_columns(with_image=True, with_wall=True)
    ordered = [name for name in measured if name in columns] + [name for name in columns if name not in measured]
    return pd.concat([_complete(table, ordered) for table in filled], ignore_index=True)


def _complete(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The table with all of `columns`, in that order."""
    missing = [name for name in columns if name not in table]
    if not missing or table.empty:
        return table.reindex(columns=list(columns))
    why = [reason for reason in (reasons.NO_IMAGE, reasons.NO_LV) if any(map(reason.explains, missing))]
    complete = table.assign(**dict.fromkeys(missing, np.nan))
    if "reason_empty" in table:
        complete["reason_empty"] = [_add_reasons(text, why) for text in table["reason_empty"]]
    return complete[list(columns)]


def _add_reasons(text: object, why: Iterable[Reason]) -> str:
    parts = [part for part in (text if isinstance(text, str) else "").split("; ") if part]
    return "; ".join(dict.fromkeys([*parts, *(reason.text for reason in why)]))
