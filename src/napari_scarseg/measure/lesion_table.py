"""The table of measures: one row per lesion and slice."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage

from napari_scarseg.core.case import CaseInfo
from napari_scarseg.core.masks import Mask
from napari_scarseg.core.spacing import Spacing
from napari_scarseg.errors import InputError
from napari_scarseg.measure import reasons
from napari_scarseg.measure.intensity_measures import measure_intensity, measure_remote_contrast
from napari_scarseg.measure.mask_measures import Measures, measure_mask
from napari_scarseg.measure.reasons import join_reasons
from napari_scarseg.measure.review_flags import flag_lesions
from napari_scarseg.measure.solid import SMALLEST_SOLID_SLICES, measure_solid
from napari_scarseg.measure.table_columns import GEOMETRY_COLUMNS, KEY_COLUMNS, column_types, table_columns
from napari_scarseg.measure.wall import Wall
from napari_scarseg.measure.wall_measures import WallContext, measure_wall, unwrap_stack

__all__ = ["GEOMETRY_COLUMNS", "KEY_COLUMNS", "MYOCARDIAL_DENSITY_G_PER_ML", "SMALL_LESION_PX", "measure_labels"]

# g/ml; the usual figure for myocardium.
MYOCARDIAL_DENSITY_G_PER_ML = 1.05

# Shape features of fewer pixels say more about the grid than about the lesion.
SMALL_LESION_PX = 25

# Lesions numbered 1, 2, … in a volume, in as few bytes as they need.
Numbers = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """One lesion on one slice: its number (from 1), its box in the slice, and its mask in that box."""

    number: int
    z: int
    region: tuple[slice, slice]
    mask: Mask


def measure_labels(
    labels: npt.NDArray[np.generic],
    spacing: Spacing,
    case: CaseInfo,
    *,
    image: npt.NDArray[np.generic] | None = None,
    wall: Wall | None = None,
    density_g_per_ml: float = MYOCARDIAL_DENSITY_G_PER_ML,
    confidence: Mapping[int, float] | None = None,
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
        Intensities on the same grid; adds the columns of intensity and texture.
    wall : Wall, optional
        Myocardium or centre of the left ventricle in the same stack; adds the columns of the wall.
    density_g_per_ml : float
        For `mass_g` = area × slice distance (between centres) × density.
    confidence : mapping of lesion → score, optional
        The detector's, in [0, 1]; for `review_flags`.

    Returns
    -------
    DataFrame
        Columns: `KEY_COLUMNS`, the features of `napari_scarseg.measure.features.FEATURES` (each documented there with
        unit, formula and source; those of a whole lesion are equal in all its rows), then `is_small` (under 25 px),
        `review_flags` (`measure.review_flags`, joined by "; "), the spacing with its origin, the density, and
        `reason_empty`, which says of every empty cell why it is empty. Sorted by lesion and slice; no rows where there
        is no lesion.

    Raises
    ------
    InputError
        If the labels are not a (Z, Y, X) array of whole numbers ≥ 0, image or wall have another shape, or the density
        is not positive.

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
    ids, numbers = _number_lesions(lesions)
    context = None if wall is None else unwrap_stack(numbers, wall, spacing)
    solids = _measure_solids(numbers, spacing)
    flags = flag_lesions(lesions, confidence)
    keys = {"case": case.case, "patient": case.patient, "phase": case.phase.value, "cohort": case.cohort}
    rows = []
    for place in _iterate_places(numbers):
        parts = [measure_mask(place.mask, spacing, density_g_per_ml), solids[place.number - 1]]
        plane = None if image is None else np.asarray(image[place.z])
        parts.extend(_measure_beyond_mask(place, numbers[place.z] != 0, plane, context))
        row: dict[str, Any] = {**keys, "lesion_id": int(ids[place.number - 1]), "slice": place.z}
        for part in parts:
            row.update(part.values)
        row["is_small"] = row["area_px"] < SMALL_LESION_PX
        row["review_flags"] = "; ".join(flags[row["lesion_id"], place.z])
        row["reason_empty"] = join_reasons(reason for part in parts for reason in part.reasons)
        rows.append(row)
    columns = table_columns(with_image=image is not None, with_wall=wall is not None)
    return _as_frame(rows, columns, spacing, density_g_per_ml)


def _measure_beyond_mask(
    place: _Place, is_lesion: Mask, plane: npt.NDArray[np.generic] | None, context: WallContext | None
) -> Iterator[Measures]:
    """What needs the image or the wall."""
    if plane is not None:
        intensity = measure_intensity(place.mask, place.region, plane, is_lesion)
        yield intensity
    if context is None:
        return
    yield measure_wall(context, place.z, place.number, int(np.count_nonzero(place.mask)))
    remote = context.remote(place.z, is_lesion)
    if plane is None:
        yield Measures({}, (reasons.NO_IMAGE,))
    elif remote is not None and intensity.values:
        yield measure_remote_contrast(place.mask, place.region, plane, remote)


def _check_labels(labels: npt.NDArray[np.generic]) -> npt.NDArray[np.integer]:
    """The labels as whole numbers, without a copy: large stacks come here."""
    values = np.asarray(labels)
    if values.ndim != 3:
        raise InputError(f"The labels have {values.ndim} axes {values.shape}, but need three (slice, row, column).")
    if values.dtype.kind not in "biu":
        raise InputError(f"The labels hold values of type {values.dtype}, but lesions are whole numbers; convert them.")
    whole = values.view(np.uint8) if values.dtype.kind == "b" else values
    if whole.dtype.kind == "i" and whole.size and whole.min() < 0:
        raise InputError(f"The labels hold the negative value {int(whole.min())}; lesions count from 1.")
    return whole


def _number_lesions(lesions: npt.NDArray[np.integer]) -> tuple[npt.NDArray[np.integer], Numbers]:
    """Ids in rising order, and the volume with their numbers 1, 2, …: find_objects lists every value up to the largest.

    Ids may be very large.
    """
    inside = lesions != 0
    ids, found = np.unique(lesions[inside], return_inverse=True)
    numbers = np.zeros(lesions.shape, dtype=np.uint16 if len(ids) < 2**16 else np.int32)
    numbers[inside] = found.ravel() + 1
    return ids, numbers


def _iterate_places(numbers: Numbers) -> Iterator[_Place]:
    """By lesion, then slice."""
    found = [
        (number, z, region)
        for z, plane in enumerate(numbers)
        if plane.any()
        for number, region in enumerate(ndimage.find_objects(plane), start=1)
        if region is not None
    ]
    for number, z, region in sorted(found, key=lambda item: item[:2]):
        yield _Place(number, z, region, numbers[z][region] == number)


def _measure_solids(numbers: Numbers, spacing: Spacing) -> list[Measures]:
    """Features of each whole lesion, by its number from 1."""
    solids = []
    for number, region in enumerate(ndimage.find_objects(numbers), start=1):
        solid = measure_solid(numbers[region] == number, spacing.z_mm, spacing.y_mm, spacing.x_mm)
        why = []
        if spacing.is_known and solid.n_slices < SMALLEST_SOLID_SLICES:
            why.append(reasons.FEW_SLICES)
        if spacing.is_known and solid.diameter_mm is None:
            why.append(reasons.ONE_VOXEL)
        values = {
            "lesion_surface_mm2": solid.surface_mm2,
            "lesion_sphericity": solid.sphericity,
            "lesion_height_mm": solid.height_mm,
            "lesion_diameter_mm": solid.diameter_mm,
            "lesion_pieces": solid.pieces,
        }
        solids.append(Measures(values, tuple(why)))
    return solids


def _as_frame(
    rows: list[dict[str, Any]], columns: tuple[str, ...], spacing: Spacing, density_g_per_ml: float
) -> pd.DataFrame:
    """Rows with the columns that are equal in all of them, in order and typed also where there is no row."""
    frame = pd.DataFrame(rows, columns=list(columns))
    frame["spacing_origin"] = spacing.origin.value
    for axis, distance in (("z", spacing.z_mm), ("y", spacing.y_mm), ("x", spacing.x_mm)):
        frame[f"spacing_{axis}_mm"] = np.nan if distance is None else distance
    frame["density_g_per_ml"] = float(density_g_per_ml)
    return frame.astype(column_types(columns))
