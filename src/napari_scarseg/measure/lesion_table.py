"""The table of measures: one row per lesion and slice."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage

from napari_scarseg.core.case import CaseInfo
from napari_scarseg.core.spacing import Spacing
from napari_scarseg.errors import InputError
from napari_scarseg.measure.crofton import crofton_perimeter
from napari_scarseg.measure.features import FEATURES, FeatureFamily
from napari_scarseg.measure.shape import (
    measure_axes,
    measure_circularity,
    measure_extent,
    measure_solidity,
    measure_topology,
)

# g/ml; the usual figure for myocardium.
MYOCARDIAL_DENSITY_G_PER_ML = 1.05

# Shape features of fewer pixels say more about the grid than about the lesion.
SMALL_LESION_PX = 25

KEY_COLUMNS = ("case", "patient", "phase", "cohort", "lesion_id", "slice")
GEOMETRY_COLUMNS = (
    "is_small",
    "spacing_origin",
    "spacing_z_mm",
    "spacing_y_mm",
    "spacing_x_mm",
    "density_g_per_ml",
    "reason_empty",
)

REASON_NO_IN_PLANE = "in-plane spacing unknown: no mm, mm², ml and g"
REASON_NO_SLICE_DISTANCE = "slice distance unknown: no ml and g"
REASON_NO_COMPONENT = "no component of 5 px: no n_components"
REASON_ONE_PIXEL = "one pixel: no intensity_sd"

Mask = npt.NDArray[np.bool_]


def table_columns(*, with_image: bool) -> tuple[str, ...]:
    """Columns of the table in their order."""
    features = (s.name for s in FEATURES if with_image or s.family is not FeatureFamily.INTENSITY)
    return (*KEY_COLUMNS, *features, *GEOMETRY_COLUMNS)


def measure_labels(
    labels: npt.NDArray[np.generic],
    spacing: Spacing,
    case: CaseInfo,
    *,
    image: npt.NDArray[np.generic] | None = None,
    density_g_per_ml: float = MYOCARDIAL_DENSITY_G_PER_ML,
) -> pd.DataFrame:
    """Measure every lesion on every slice it lies on.

    Parameters
    ----------
    labels : ndarray of int, (Z, Y, X)
        0 background, every other value one lesion. All its pixels on a slice count, in however many pieces.
    spacing : Spacing
        Where a distance is unknown, the columns that need it are empty and `reason_empty` says so.
    case : CaseInfo
        Key columns.
    image : ndarray, (Z, Y, X), optional
        Intensities on the same grid; adds the intensity columns.
    density_g_per_ml : float
        For `mass_g` = area × slice distance (between centres) × density.

    Returns
    -------
    DataFrame
        Columns: `KEY_COLUMNS`, the features of `napari_scarseg.measure.features.FEATURES` (each documented there with
        unit, formula and source), then `is_small` (under 25 px), the spacing with its origin, the density, and
        `reason_empty`. Sorted by lesion and slice; no rows where there is no lesion.

    Raises
    ------
    InputError
        If the labels are not a (Z, Y, X) array of whole numbers ≥ 0, the image has another shape, or the density is
        not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_scarseg.core.spacing import SpacingOrigin
    >>> labels = np.zeros((3, 20, 20), int); labels[:2, 5:15, 5:15] = 1
    >>> table = measure_labels(labels, Spacing(10.0, 1.0, 1.0, SpacingOrigin.USER), CaseInfo("example"))
    >>> table[["lesion_id", "slice", "area_mm2", "mass_g"]].to_dict("list")
    {'lesion_id': [1, 1], 'slice': [0, 1], 'area_mm2': [100.0, 100.0], 'mass_g': [1.05, 1.05]}
    """
    lesions = _check_labels(labels)
    if image is not None and np.shape(image) != lesions.shape:
        raise InputError(
            f"The image has the shape {np.shape(image)} and the labels {lesions.shape}; give the image that the labels "
            "were made on."
        )
    if not (np.isfinite(density_g_per_ml) and density_g_per_ml > 0):
        raise InputError(f"The density must be a positive number of g/ml, not {density_g_per_ml}.")
    rows = []
    for lesion_id, slice_index, region, mask in _iterate_lesion_slices(lesions):
        pixels = None if image is None else np.asarray(image[slice_index][region][mask], dtype=np.float64)
        rows.append(
            {
                **_key_values(case),
                "lesion_id": lesion_id,
                "slice": slice_index,
                **_measure_mask(mask, spacing, pixels, density_g_per_ml),
            }
        )
    return _as_frame(rows, spacing, density_g_per_ml, with_image=image is not None)


def _check_labels(labels: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    values = np.asarray(labels)
    if values.ndim != 3:
        raise InputError(f"The labels have {values.ndim} axes {values.shape}, but need three (slice, row, column).")
    if values.dtype.kind not in "biu":
        raise InputError(f"The labels hold values of type {values.dtype}, but lesions are whole numbers; convert them.")
    whole = values.astype(np.int64)
    if whole.size and whole.min() < 0:
        raise InputError(f"The labels hold the negative value {int(whole.min())}; lesions count from 1.")
    return whole


def _iterate_lesion_slices(
    lesions: npt.NDArray[np.int64],
) -> Iterator[tuple[int, int, tuple[slice, slice], Mask]]:
    """Lesion id, slice, bounding box in the slice, and mask inside it; by lesion, then slice."""
    ids = np.unique(lesions)
    ids = ids[ids != 0]
    # Ids may be large numbers; find_objects lists every value up to the largest.
    dense = np.searchsorted(ids, lesions) + 1
    dense[lesions == 0] = 0
    found = [
        (number, z, region)
        for z, plane in enumerate(dense)
        for number, region in enumerate(ndimage.find_objects(plane))
        if region is not None
    ]
    for number, z, region in sorted(found, key=lambda item: item[:2]):
        yield int(ids[number]), z, region, dense[z][region] == number + 1


def _key_values(case: CaseInfo) -> dict[str, str]:
    return {"case": case.case, "patient": case.patient, "phase": case.phase.value, "cohort": case.cohort}


def _measure_mask(
    mask: Mask, spacing: Spacing, pixels: npt.NDArray[np.float64] | None, density_g_per_ml: float
) -> dict[str, Any]:
    """All features of one mask; undefined ones NaN, with the reasons in `reason_empty`."""
    area_px = int(np.count_nonzero(mask))
    perimeter_px = crofton_perimeter(mask)
    axes_px = axes = measure_axes(mask)
    area, perimeter = float(area_px), perimeter_px
    area_mm2 = perimeter_mm = major_mm = minor_mm = volume_ml = np.nan
    reasons = []
    if spacing.y_mm is not None and spacing.x_mm is not None:
        area = area_mm2 = area_px * spacing.y_mm * spacing.x_mm
        perimeter = perimeter_mm = crofton_perimeter(mask, spacing.y_mm, spacing.x_mm)
        axes = measure_axes(mask, spacing.y_mm, spacing.x_mm)
        major_mm, minor_mm = axes.major, axes.minor
        if spacing.z_mm is not None:
            volume_ml = area_mm2 * spacing.z_mm / 1000
        else:
            reasons.append(REASON_NO_SLICE_DISTANCE)
    else:
        reasons.append(REASON_NO_IN_PLANE)
    topology = measure_topology(mask)
    if topology.n_components == 0:
        reasons.append(REASON_NO_COMPONENT)
    if pixels is not None and area_px == 1:
        reasons.append(REASON_ONE_PIXEL)
    return {
        "area_px": area_px,
        "area_mm2": area_mm2,
        "perimeter_px": perimeter_px,
        "perimeter_mm": perimeter_mm,
        "circularity": measure_circularity(area, perimeter),
        "solidity": measure_solidity(mask),
        "extent": measure_extent(mask),
        "eccentricity": axes.eccentricity,
        "major_axis_px": axes_px.major,
        "major_axis_mm": major_mm,
        "minor_axis_px": axes_px.minor,
        "minor_axis_mm": minor_mm,
        "n_components": topology.n_components or np.nan,
        "largest_component_share": topology.largest_component_share,
        "euler_number": topology.euler_number,
        "n_holes": topology.n_holes,
        "volume_ml": volume_ml,
        "mass_g": volume_ml * density_g_per_ml,
        "intensity_mean": np.nan if pixels is None else float(pixels.mean()),
        "intensity_sd": np.nan if pixels is None or area_px == 1 else float(pixels.std()),
        "is_small": area_px < SMALL_LESION_PX,
        "reason_empty": "; ".join(reasons),
    }


def _as_frame(
    rows: list[dict[str, Any]], spacing: Spacing, density_g_per_ml: float, *, with_image: bool
) -> pd.DataFrame:
    """Rows with the columns that are equal in all of them, in order and typed also where there is no row."""
    frame = pd.DataFrame(rows, columns=list(table_columns(with_image=with_image)))
    frame["spacing_origin"] = spacing.origin.value
    for axis, distance in (("z", spacing.z_mm), ("y", spacing.y_mm), ("x", spacing.x_mm)):
        frame[f"spacing_{axis}_mm"] = np.nan if distance is None else distance
    frame["density_g_per_ml"] = float(density_g_per_ml)
    return frame.astype(column_types(with_image=with_image))


_TEXT_COLUMNS = ("case", "patient", "phase", "cohort", "spacing_origin", "reason_empty")
_WHOLE_COLUMNS = ("lesion_id", "slice", "area_px", "euler_number", "n_holes")


def column_types(*, with_image: bool) -> dict[str, str]:
    """Pandas type of each column: a column keeps it whatever the rows hold."""
    types = dict.fromkeys(table_columns(with_image=with_image), "float64")
    types.update(dict.fromkeys(_TEXT_COLUMNS, "object"))
    types.update(dict.fromkeys(_WHOLE_COLUMNS, "int64"))
    types["n_components"] = "Int64"
    types["is_small"] = "bool"
    return types
