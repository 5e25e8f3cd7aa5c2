"""Tables per lesion and per patient, derived from the table per lesion and slice."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from napari_scarseg.errors import InputError
from napari_scarseg.measure.features import FEATURES, Aggregation, FeatureSpec
from napari_scarseg.measure.lesion_table import KEY_COLUMNS

CASE_COLUMNS = ("case", "patient", "phase", "cohort")

# Columns that a cohort table may have added, and that part patients' examinations or people into groups.
OPTIONAL_COLUMNS = ("visit", "group")

_PER_CASE = ("spacing_z_mm", "spacing_y_mm", "spacing_x_mm", "density_g_per_ml")


def summarise_lesions(table: pd.DataFrame) -> pd.DataFrame:
    """One row per lesion.

    Area, volume and mass are sums over the lesion's slices, and empty where any slice's value is: a part would pass
    for the whole. All other features are means over the slices, weighted by `area_px`, of those slices where they are
    defined (so a perimeter is that of the typical slice, not a surface). `intensity_sd` is the SD over all pixels of
    the lesion. Each feature's rule is its `aggregation` in the registry.

    Parameters
    ----------
    table : DataFrame
        From `measure_labels`, of one or more cases, also after a round trip through CSV.

    Returns
    -------
    DataFrame
        `case, patient, phase, cohort` (then `visit, group` where the table has them), `lesion_id`, `n_slices`, the
        table's features, `is_small` (on every slice under 25 px), spacing, density and `reason_empty`.

    Raises
    ------
    InputError
        If a key column or `area_px` is missing, a lesion is listed twice on one slice, or a feature holds text.
    """
    checked = _check_table(table)
    keys = [*_case_keys(checked), "lesion_id"]
    return _summarise(checked, keys, [*(c for c in _PER_CASE if c in checked)])


def summarise_patients(table: pd.DataFrame) -> pd.DataFrame:
    """One row per patient, cohort and phase (and visit and group, where the table has them).

    Within a case, area, volume and mass are sums over all its lesions, and the other features means weighted by
    `area_px` (see `summarise_lesions`). Several cases in one row (a repeated scan, two series) are averaged without
    weights and never summed: the same scar would count twice.

    Parameters
    ----------
    table : DataFrame
        From `measure_labels`, of one or more cases. A case without any lesion has no row, and so no row here.

    Returns
    -------
    DataFrame
        `patient, phase, cohort` (`visit, group`), `n_cases`, `n_lesions` and `n_slices` (slices with a lesion; both a
        mean over cases), the table's features, `is_small` (every lesion in every case), and `reason_empty`.

    Raises
    ------
    InputError
        As for `summarise_lesions`.
    """
    checked = _check_table(table)
    keys = _case_keys(checked)
    cases = _summarise(checked, keys, [])
    counts = checked.groupby(keys, dropna=False, sort=False).agg(
        n_lesions=("lesion_id", "nunique"), n_slices=("slice", "nunique")
    )
    cases[["n_lesions", "n_slices"]] = counts.to_numpy(dtype=np.float64)
    patient_keys = [key for key in keys if key != "case"]
    groups = cases.groupby(patient_keys, dropna=False, sort=False)
    features = [spec.name for spec in _features_of(checked)]
    patients = groups.agg(n_cases=("case", "size")).join(groups[["n_lesions", "n_slices", *features]].mean())
    return _with_notes(patients, groups).reset_index()


def _check_table(table: pd.DataFrame) -> pd.DataFrame:
    """Copy of the table with numbers where features are."""
    missing = [name for name in (*KEY_COLUMNS, "area_px") if name not in table]
    if missing:
        raise InputError(f"The table lacks the columns {', '.join(missing)}; give a table that Measure wrote.")
    where = ["case", "lesion_id", "slice", *(name for name in OPTIONAL_COLUMNS if name in table)]
    if table.duplicated(where).any():
        raise InputError("The table lists a lesion twice on the same slice; remove the repeated rows.")
    checked = table.copy()
    # An empty text is an empty cell in a CSV.
    checked["cohort"] = checked["cohort"].fillna("")
    for spec in _features_of(table):
        try:
            numbers = pd.to_numeric(table[spec.name]).to_numpy(dtype=np.float64, na_value=np.nan)
        except (ValueError, TypeError) as error:
            raise InputError(f"The column {spec.name} holds text where numbers belong; correct it.") from error
        if np.isinf(numbers).any():
            raise InputError(f"The column {spec.name} holds infinite values; leave undefined values empty.")
        checked[spec.name] = numbers
    return checked


def _features_of(table: pd.DataFrame) -> list[FeatureSpec]:
    return [spec for spec in FEATURES if spec.name in table]


def _case_keys(table: pd.DataFrame) -> list[str]:
    return [*CASE_COLUMNS, *(name for name in OPTIONAL_COLUMNS if name in table)]


def _summarise(table: pd.DataFrame, keys: list[str], constants: Sequence[str]) -> pd.DataFrame:
    groups = table.groupby(keys, dropna=False, sort=False)
    result = groups.agg(n_slices=("slice", "nunique"))
    for spec in _features_of(table):
        result[spec.name] = _aggregate(table, keys, spec)
    result = _with_notes(result, groups)
    for name in constants:
        result[name] = groups[name].first()
    return result.reset_index()


def _aggregate(table: pd.DataFrame, keys: list[str], spec: FeatureSpec) -> "pd.Series[float]":
    if spec.aggregation is Aggregation.SUM:
        return _group_sum(table, keys, table[spec.name])
    if spec.aggregation is Aggregation.POOLED_SD:
        return _pooled_sd(table, keys)
    return _weighted_mean(table, keys, table[spec.name])


def _group_sum(table: pd.DataFrame, keys: list[str], values: "pd.Series[float]") -> "pd.Series[float]":
    """Sum per group; empty where any value is."""
    by = [table[key] for key in keys]
    sums = values.groupby(by, dropna=False, sort=False).sum()
    holes = values.isna().groupby(by, dropna=False, sort=False).any()
    return sums.mask(holes)


def _weighted_mean(table: pd.DataFrame, keys: list[str], values: "pd.Series[float]") -> "pd.Series[float]":
    """Mean per group, weighted by area, of the defined values; empty where there is none."""
    by = [table[key] for key in keys]
    weights = table["area_px"].where(values.notna())
    totals = weights.groupby(by, dropna=False, sort=False).sum()
    return (values * weights).groupby(by, dropna=False, sort=False).sum() / totals.mask(totals == 0)


def _pooled_sd(table: pd.DataFrame, keys: list[str]) -> "pd.Series[float]":
    """SD over all pixels of a group, from the mean and SD of its parts."""
    sd = table["intensity_sd"].mask(table["area_px"] == 1, 0.0)
    mean = _weighted_mean(table, keys, table["intensity_mean"])
    mean_square = _weighted_mean(table, keys, sd**2 + table["intensity_mean"] ** 2)
    one_pixel = _group_sum(table, keys, table["area_px"]) == 1
    return ((mean_square - mean**2).clip(lower=0) ** 0.5).mask(one_pixel)


def _with_notes(
    result: pd.DataFrame, groups: "pd.api.typing.DataFrameGroupBy[tuple[Hashable, ...], Literal[True]]"
) -> pd.DataFrame:
    """Add the columns that say how far the numbers can be trusted."""
    columns = set(groups.obj.columns)
    if "is_small" in columns:
        result["is_small"] = groups["is_small"].all()
    for name in ("spacing_origin", "reason_empty"):
        if name in columns:
            result[name] = groups[name].agg(_join_notes)
    return result


def _join_notes(notes: Iterable[object]) -> str:
    """Each note once, in the order of its first mention."""
    parts = [part for note in notes if isinstance(note, str) for part in note.split("; ") if part]
    return "; ".join(dict.fromkeys(parts))
