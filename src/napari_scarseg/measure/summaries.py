"""Tables per lesion and per patient, derived from the table per lesion and slice."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from napari_scarseg.measure.features import Aggregation, FeatureSpec, features_of
from napari_scarseg.measure.table_check import OPTIONAL_COLUMNS, check_measures

CASE_COLUMNS = ("case", "patient", "phase", "cohort")

_PER_CASE = ("spacing_z_mm", "spacing_y_mm", "spacing_x_mm", "density_g_per_ml")

# Shorter mean vectors are rounding: the axes cancel out.
_NO_DIRECTION = 1e-9
_DERIVED = (Aggregation.COUNT, Aggregation.LARGEST_SHARE)


def summarise_lesions(table: pd.DataFrame) -> pd.DataFrame:
    """One row per lesion.

    Area, volume, mass and shares of the LV are sums over the lesion's slices, and empty where any slice's value is: a
    part would pass for the whole. Most other features are means over the slices, weighted by `area_px`, of those slices
    where they are defined (so a perimeter is that of the typical slice, not a surface). `intensity_sd` is the SD over
    all pixels of the lesion; an orientation is the mean of the axis. Features of the whole lesion are taken as they
    are. Each feature's rule is its `aggregation` in the registry.

    Parameters
    ----------
    table : DataFrame
        From `measure_labels`, of one or more cases, also after a round trip through CSV.

    Returns
    -------
    DataFrame
        `case, patient, phase, cohort` (then `visit, group` where the table has them), `lesion_id`, `n_slices`, the
        table's features, `is_small` (on every slice under 25 px), spacing, density, `reason_empty` and `review_flags`.

    Raises
    ------
    InputError
        If a key column or `area_px` is missing, a lesion is listed twice on one slice, or a feature holds text.
    """
    checked = check_measures(table)
    keys = [*_case_keys(checked), "lesion_id"]
    return _summarise(checked, keys, [*(c for c in _PER_CASE if c in checked)])


def summarise_patients(table: pd.DataFrame) -> pd.DataFrame:
    """One row per patient, cohort and phase (and visit and group, where the table has them).

    Within a case, area, volume, mass and shares of the LV are sums over all its lesions, and the other features means
    weighted by `area_px` (see `summarise_lesions`). Several cases in one row (a repeated scan, two series) are averaged
    without weights and never summed: the same scar would count twice.

    Parameters
    ----------
    table : DataFrame
        From `measure_labels`, of one or more cases. A case without any lesion has no row, and so no row here.

    Returns
    -------
    DataFrame
        `patient, phase, cohort` (`visit, group`), `n_cases`, `n_lesions` and `n_slices` (slices with a lesion; both a
        mean over cases), `largest_lesion_share`, the table's features, `is_small` (every lesion in every case), and
        `reason_empty`.

    Raises
    ------
    InputError
        As for `summarise_lesions`.
    """
    checked = check_measures(table)
    keys = _case_keys(checked)
    cases = _summarise(checked, keys, [])
    lesions = checked.groupby([*keys, "lesion_id"], dropna=False, sort=False)["area_px"].sum().reset_index()
    sizes = lesions.groupby(keys, dropna=False, sort=False)["area_px"]
    cases["n_lesions"] = sizes.size().to_numpy(dtype=np.float64)
    cases["largest_lesion_share"] = (sizes.max() / sizes.sum()).to_numpy()
    patient_keys = [key for key in keys if key != "case"]
    groups = cases.groupby(patient_keys, dropna=False, sort=False)
    features = _columns_to_sum_up(checked)
    means = [
        "n_lesions",
        "n_slices",
        "largest_lesion_share",
        *(spec.name for spec in features if not spec.is_direction),
    ]
    patients = groups.agg(n_cases=("case", "size")).join(groups[means].mean())
    for spec in features:
        if spec.is_direction:
            equal = cases.assign(area_px=1.0)
            patients[spec.name] = _axial_mean(equal, patient_keys, equal[spec.name])
    order = ["n_cases", *means[:3], *(spec.name for spec in features)]
    return _with_notes(patients[order], groups).reset_index()


def _columns_to_sum_up(table: pd.DataFrame) -> list[FeatureSpec]:
    """Features of the table; what an earlier summary counted is counted anew."""
    return [spec for spec in features_of(table) if spec.aggregation not in _DERIVED]


def _case_keys(table: pd.DataFrame) -> list[str]:
    return [*CASE_COLUMNS, *(name for name in OPTIONAL_COLUMNS if name in table)]


def _summarise(table: pd.DataFrame, keys: list[str], constants: Sequence[str]) -> pd.DataFrame:
    groups = table.groupby(keys, dropna=False, sort=False)
    counts = groups.agg(n_slices=("slice", "nunique"))
    # At once: column by column pandas would copy the frame into fragments.
    columns = {spec.name: _aggregate(table, keys, spec) for spec in _columns_to_sum_up(table)}
    result = _with_notes(pd.DataFrame({"n_slices": counts["n_slices"], **columns}, index=counts.index), groups)
    for name in constants:
        result[name] = groups[name].first()
    return result.reset_index()


def _aggregate(table: pd.DataFrame, keys: list[str], spec: FeatureSpec) -> "pd.Series[float]":
    match spec.aggregation:
        case Aggregation.SUM:
            return _group_sum(table, keys, table[spec.name])
        case Aggregation.POOLED_SD:
            return _pooled_sd(table, keys)
        case Aggregation.AXIAL_MEAN:
            return _axial_mean(table, keys, table[spec.name])
        case Aggregation.LESION_SUM:
            # Every row of a lesion has the same value: the first stands for all.
            once = table.drop_duplicates(list(dict.fromkeys([*keys, "case", "lesion_id"])))
            return _group_sum(once, keys, once[spec.name])
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


def _axial_mean(table: pd.DataFrame, keys: list[str], degrees: "pd.Series[float]") -> "pd.Series[float]":
    """Mean direction of axes per group, weighted by area: 1° and 179° give 0°, not 90°. Empty where they cancel out."""
    doubled = np.radians(2 * degrees)
    east = _weighted_mean(table, keys, pd.Series(np.cos(doubled), index=table.index))
    north = _weighted_mean(table, keys, pd.Series(np.sin(doubled), index=table.index))
    mean = pd.Series(np.degrees(np.arctan2(north, east)) / 2 % 180, index=east.index)
    return mean.mask(np.hypot(east, north) < _NO_DIRECTION)


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
    for name in ("spacing_origin", "reason_empty", "review_flags"):
        if name in columns:
            result[name] = groups[name].agg(_join_notes)
    return result


def _join_notes(notes: Iterable[object]) -> str:
    """Each note once, in the order of its first mention."""
    parts = [part for note in notes if isinstance(note, str) for part in note.split("; ") if part]
    return "; ".join(dict.fromkeys(parts))
