"""Whether a table of measures can be worked with: keys, numbers, ranges, units; or the sentence that says why not."""

import numpy as np
import pandas as pd

from napari_scarseg.core.case import Phase
from napari_scarseg.errors import InputError
from napari_scarseg.measure.features import FeatureSpec, features_of
from napari_scarseg.measure.table_columns import KEY_COLUMNS

# Columns that a cohort table may have added, and that part patients' examinations or people into groups.
OPTIONAL_COLUMNS = ("visit", "group")

# Rounding of a CSV written by another program.
_TOLERANCE = 1e-6
_UNIT_TOLERANCE = 1e-2


def check_measures(table: pd.DataFrame) -> pd.DataFrame:
    """Check a table per lesion and slice, also after a round trip through CSV.

    Parameters
    ----------
    table : DataFrame
        From `measure_labels`, of one or more cases.

    Returns
    -------
    DataFrame
        A copy with numbers where features are, and empty texts where a CSV has empty cells.

    Raises
    ------
    InputError
        If a key column or `area_px` is missing or has an empty cell, a phase is unknown, a lesion is listed twice on
        one slice, a feature holds text, infinite values or values outside its range, areas do not agree with the
        spacing or masses with the volume (mixed units), or masses were computed with different densities.

    Examples
    --------
    >>> keys = {"case": ["a"], "patient": ["p"], "phase": ["acute"], "cohort": [None], "lesion_id": [1], "slice": [0]}
    >>> check_measures(pd.DataFrame({**keys, "area_px": ["30"]}))[["cohort", "area_px"]].to_dict("list")
    {'cohort': [''], 'area_px': [30.0]}
    """
    missing = [name for name in (*KEY_COLUMNS, "area_px") if name not in table]
    if missing:
        raise InputError(f"The table lacks the columns {', '.join(missing)}; give a table that Measure wrote.")
    checked = table.copy()
    # An empty text is an empty cell in a CSV.
    for name in ("cohort", "review_flags"):
        if name in checked:
            checked[name] = checked[name].fillna("")
    _check_keys(checked)
    for spec in features_of(table):
        checked[spec.name] = _check_numbers(table[spec.name], spec)
    if checked["area_px"].isna().any():
        raise InputError(
            "The column area_px has empty cells, but every lesion has an area; complete or remove the rows."
        )
    _check_densities(checked)
    _check_units(checked)
    return checked


def _check_keys(table: pd.DataFrame) -> None:
    for name in ("case", "patient", "phase", "lesion_id", "slice"):
        if (table[name].isna() | (table[name] == "")).any():
            raise InputError(f"The column {name} has empty cells; fill them in, or remove the rows.")
    phases = {phase.value for phase in Phase}
    if not set(table["phase"]) <= phases:
        raise InputError(
            f"The column phase holds an unknown word; write one of {', '.join(phase.value for phase in Phase)}."
        )
    where = ["case", "lesion_id", "slice", *(name for name in OPTIONAL_COLUMNS if name in table)]
    if table.duplicated(where).any():
        raise InputError("The table lists a lesion twice on the same slice; remove the repeated rows.")


def _check_numbers(column: "pd.Series[float]", spec: FeatureSpec) -> "pd.Series[float]":
    try:
        numbers = pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise InputError(f"The column {spec.name} holds text where numbers belong; correct it.") from error
    if np.isinf(numbers).any():
        raise InputError(f"The column {spec.name} holds infinite values; leave undefined values empty.")
    lower, upper = spec.valid_range
    if (lower is not None and (numbers < lower - _TOLERANCE).any()) or (
        upper is not None and (numbers > upper + _TOLERANCE).any()
    ):
        raise InputError(
            f"The column {spec.name} holds values outside its range ({spec.range_text}); check its unit and correct it."
        )
    return pd.Series(numbers, index=column.index, name=spec.name)


def _check_densities(table: pd.DataFrame) -> None:
    if "density_g_per_ml" in table and table["density_g_per_ml"].nunique() > 1:
        raise InputError(
            "The table's masses were computed with different densities (density_g_per_ml); measure all cases with one."
        )


def _check_units(table: pd.DataFrame) -> None:
    """A column is of one unit: areas follow from pixels and spacing, masses from volumes and density."""
    for name, factors in (
        ("area_mm2", ("area_px", "spacing_y_mm", "spacing_x_mm")),
        ("mass_g", ("volume_ml", "density_g_per_ml")),
    ):
        if not {name, *factors} <= set(table.columns):
            continue
        expected = table[list(factors)].apply(pd.to_numeric, errors="coerce").prod(axis=1, skipna=False)
        if ((table[name] - expected).abs() > _UNIT_TOLERANCE * expected).any():
            raise InputError(
                f"The column {name} is not {' × '.join(factors)} in every row, so it mixes units; correct it."
            )
