"""Size, shape and pieces of one mask on one slice, by the names of the registry."""

from dataclasses import dataclass

import numpy as np

from napari_scarseg.core.masks import Mask
from napari_scarseg.core.spacing import Spacing
from napari_scarseg.measure import reasons
from napari_scarseg.measure.crofton import count_crossings
from napari_scarseg.measure.hull import find_hull
from napari_scarseg.measure.reasons import Reason
from napari_scarseg.measure.shape import (
    measure_circularity,
    measure_convexity,
    measure_extent,
    measure_moments,
    measure_solidity,
    measure_topology,
)


@dataclass(frozen=True, slots=True)
class Measures:
    """Some features of one lesion.

    Parameters
    ----------
    values : dict of name → value
        None where undefined.
    reasons : tuple of Reason
        Why that is.
    """

    values: dict[str, float | None]
    reasons: tuple[Reason, ...] = ()


def measure_mask(mask: Mask, spacing: Spacing, density_g_per_ml: float) -> Measures:
    """All features of a (Y, X) mask, not empty, that need no image, wall or other slice."""
    area_px = int(np.count_nonzero(mask))
    hull, moments_px = find_hull(mask), measure_moments(mask)
    crossings = count_crossings(mask)
    perimeter_px = crossings.length()
    topology = measure_topology(mask)
    moments, area, perimeter = moments_px, float(area_px), perimeter_px
    metric: dict[str, float | None] = dict.fromkeys(
        ("area_mm2", "perimeter_mm", "major_axis_mm", "minor_axis_mm", "feret_max_mm", "feret_min_mm")
    )
    volume_ml = None
    why = []
    if spacing.y_mm is None or spacing.x_mm is None:
        why.append(reasons.NO_IN_PLANE)
    else:
        grid = (spacing.y_mm, spacing.x_mm)
        area = area_px * spacing.y_mm * spacing.x_mm
        perimeter, moments = crossings.length(*grid), moments_px.scaled(*grid)
        metric = {
            "area_mm2": area,
            "perimeter_mm": perimeter,
            "major_axis_mm": moments.major,
            "minor_axis_mm": moments.minor,
            "feret_max_mm": hull.feret_max(*grid),
            "feret_min_mm": hull.feret_min(*grid),
        }
        if spacing.z_mm is None:
            why.append(reasons.NO_SLICE_DISTANCE)
        else:
            volume_ml = area * spacing.z_mm / 1000
    if topology.n_components == 0:
        why.append(reasons.NO_COMPONENT)
    if moments.orientation_deg is None:
        why.append(reasons.ROUND)
    values = {
        "area_px": area_px,
        "perimeter_px": perimeter_px,
        "circularity": measure_circularity(area, perimeter),
        "solidity": measure_solidity(mask, hull),
        "convexity": measure_convexity(hull, perimeter_px),
        "extent": measure_extent(mask),
        "eccentricity": moments.eccentricity,
        "elongation": moments.elongation,
        "compactness": moments.compactness,
        "orientation_deg": moments.orientation_deg,
        "major_axis_px": moments_px.major,
        "minor_axis_px": moments_px.minor,
        "feret_max_px": hull.feret_max(),
        "feret_min_px": hull.feret_min(),
        "n_components": topology.n_components or None,
        "largest_component_share": topology.largest_component_share,
        "euler_number": topology.euler_number,
        "n_holes": topology.n_holes,
        "volume_ml": volume_ml,
        "mass_g": None if volume_ml is None else volume_ml * density_g_per_ml,
    }
    return Measures({**values, **metric}, tuple(why))
