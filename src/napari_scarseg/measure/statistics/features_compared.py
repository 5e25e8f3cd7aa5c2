"""Which features of a table can be compared across patients, and what to know about those that can."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from napari_scarseg.errors import InputError
from napari_scarseg.measure.feature_spec import Aggregation, FeatureFamily, FeatureSpec
from napari_scarseg.measure.features import FEATURES, feature
from napari_scarseg.measure.figure_groups import feature_values

_PHYSICAL_SUFFIXES = ("_mm", "_mm2", "_mm3", "_ml", "_g")
_SPACING = ("spacing_y_mm", "spacing_x_mm")
# Distances that differ by less are the same, written with other precision.
_SPACING_DECIMALS = 2


def choose_features(table: pd.DataFrame, wanted: Sequence[str] = ()) -> tuple[str, ...]:
    """The features to compare: those wanted, or all that the table has and that mean the same in every patient.

    Left to itself it takes lengths and areas in mm where any is known and in px otherwise, and leaves out features
    that are empty or equal in all rows, angles (which have no mean and no order), and from a table of slices those of
    whole lesions.

    Parameters
    ----------
    table : DataFrame
        From `measure_labels`, or derived from it.
    wanted : sequence of str

    Raises
    ------
    InputError
        If a wanted feature is not in the registry, not in the table, empty, or not comparable (see `check_units`); or
        if there is none at all, or a column holds text or infinite values.
    """
    for name in wanted:
        if feature(name).name not in table:
            raise InputError(f"The table has no column '{name}'; measure it, or leave it out.")
        if not np.isfinite(_finite_or_empty(table, name)).any():
            raise InputError(f"The column '{name}' is empty in every row; leave it out.")
        check_units(table, name)
    if wanted:
        return tuple(dict.fromkeys(wanted))
    chosen = []
    for spec in FEATURES:
        if spec.name not in table or not is_comparable(spec, by_slice="slice" in table):
            continue
        values = _finite_or_empty(table, spec.name)
        defined = values[np.isfinite(values)]
        if defined.size and np.ptp(defined) > 0 and not _has_physical_twin(table, spec.name):
            chosen.append(spec.name)
    if not chosen:
        raise InputError("The table has no feature with different values; give a table that Measure wrote.")
    for name in chosen:
        check_units(table, name)
    return tuple(chosen)


def is_comparable(spec: FeatureSpec, *, by_slice: bool) -> bool:
    """Whether a feature is a quantity of the row: no angle, and on a slice nothing of the whole lesion."""
    if spec.aggregation is Aggregation.AXIAL_MEAN:
        return False
    return not (by_slice and spec.aggregation in (Aggregation.LESION_SUM, Aggregation.LESION_MEAN))


def check_units(table: pd.DataFrame, name: str) -> None:
    """Refuse to compare a feature whose unit differs from row to row.

    Raises
    ------
    InputError
        For a feature in px where pixels have several sizes or some have an unknown one, and for a mass where the rows
        were computed with several densities.
    """
    if name.endswith("_px"):
        known = _known_spacings(table)
        if known.notna().all(axis=1).any() and known.isna().any(axis=None):
            raise InputError(
                f"{name} mixes cases with and without known pixel size; give the spacing of those without, or leave "
                "them out."
            )
        if known.shape[1] and len(known.drop_duplicates()) > 1:
            raise InputError(f"{name} mixes pixels of several sizes; compare its value in mm, or cases of one size.")
    if name.endswith("_g") and "density_g_per_ml" in table and table["density_g_per_ml"].dropna().nunique() > 1:
        raise InputError(f"{name} was computed with several densities; measure all cases with one.")


def with_spacing(rows: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Rows of patients with the spacing and density that their rows in the table have, for `check_units`.

    A patient measured at several spacings has several rows in what is returned.
    """
    columns = [c for c in (*_SPACING, "density_g_per_ml") if c in table and c not in rows]
    if not columns:
        return rows
    spacings = table[columns].assign(patient=table["patient"].astype(str).str.strip()).drop_duplicates()
    return rows.merge(spacings, on="patient", how="left")


def describe_units(table: pd.DataFrame, features: Sequence[str]) -> list[str]:
    """Sentences about units that a reader of the comparison must know."""
    sentences = []
    known = _known_spacings(table)
    has_known = known.notna().all(axis=1) if len(known.columns) else pd.Series(dtype=bool)
    if any(name.endswith("_px") for name in features) and not has_known.any():
        sentences.append("The size of the pixels is not known; values in px are compared as if it were the same.")
    if has_known.any() and not has_known.all() and "patient" in table:
        n = int(table.loc[~has_known, "patient"].nunique())
        sentences.append(
            f"{n} patient{'s have' if n > 1 else ' has'} rows without known spacing: no mm, ml and g there, and shapes "
            "measured in px."
        )
    if any(feature(name).family is FeatureFamily.INTENSITY for name in features):
        sentences.append("Intensities are in each image's own units: comparable within one scanner and protocol only.")
    return sentences


def _known_spacings(table: pd.DataFrame) -> pd.DataFrame:
    columns = [name for name in _SPACING if name in table]
    numbers = {name: pd.to_numeric(table[name], errors="coerce") for name in columns}
    return pd.DataFrame(numbers, index=table.index).round(_SPACING_DECIMALS)


def _has_physical_twin(table: pd.DataFrame, name: str) -> bool:
    """Whether a feature in px stands beside the same in mm, filled somewhere."""
    stem = name.removesuffix("_px")
    twins = [stem + suffix for suffix in _PHYSICAL_SUFFIXES if stem + suffix in table]
    return stem != name and any(np.isfinite(feature_values(table, twin)).any() for twin in twins)


def _finite_or_empty(table: pd.DataFrame, name: str) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    values = feature_values(table, name)
    if np.isinf(values).any():
        raise InputError(f"The column {name} holds infinite values; leave undefined values empty.")
    return values
