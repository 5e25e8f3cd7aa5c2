"""Shape of one lesion in three dimensions, for voxels of any size."""

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage
from scipy.spatial import SphericalVoronoi
from scipy.spatial.distance import pdist

from napari_scarseg.core.masks import Mask

# One of each pair of opposite neighbours in the 3 × 3 × 3 neighbourhood.
_DIRECTIONS = tuple(d for d in itertools.product((-1, 0, 1), repeat=3) if d > (0, 0, 0))

# Fewer slices give a slab, whose surface is mostly the choice of the slice distance.
SMALLEST_SOLID_SLICES = 3


@dataclass(frozen=True, slots=True)
class Solid:
    """What a lesion is in 3-D; None where that is undefined.

    Parameters
    ----------
    surface_mm2, sphericity : float or None
        From 3 slices and with a known spacing.
    height_mm : float or None
        With a known slice distance.
    diameter_mm : float or None
        From 2 voxels and with a known spacing.
    pieces : int
        26-connected.
    n_slices : int
        On which it lies.
    """

    surface_mm2: float | None
    sphericity: float | None
    height_mm: float | None
    diameter_mm: float | None
    pieces: int
    n_slices: int


def measure_solid(mask: Mask, z_mm: float | None, y_mm: float | None, x_mm: float | None) -> Solid:
    """Shape of a (Z, Y, X) mask, cut to its bounding box, not empty.

    Parameters
    ----------
    mask : ndarray of bool, (Z, Y, X)
    z_mm, y_mm, x_mm : float or None
        Distances between voxel centres; None where unknown.

    Examples
    --------
    >>> import numpy as np
    >>> solid = measure_solid(np.ones((3, 4, 4), bool), 10.0, 1.0, 1.0)
    >>> solid.height_mm, solid.pieces, solid.n_slices
    (30.0, 1, 3)
    """
    pieces = int(ndimage.label(mask, structure=np.ones((3, 3, 3), dtype=bool))[1])
    n_slices = int(np.count_nonzero(mask.any(axis=(1, 2))))
    height_mm = None if z_mm is None else mask.shape[0] * z_mm
    if z_mm is None or y_mm is None or x_mm is None:
        return Solid(None, None, height_mm, None, pieces, n_slices)
    diameter_mm = _largest_distance(mask, z_mm, y_mm, x_mm)
    if n_slices < SMALLEST_SOLID_SLICES:
        return Solid(None, None, height_mm, diameter_mm, pieces, n_slices)
    surface_mm2 = crofton_surface(mask, z_mm, y_mm, x_mm)
    volume_mm3 = float(np.count_nonzero(mask)) * z_mm * y_mm * x_mm
    sphericity = math.cbrt(36 * math.pi * volume_mm3**2) / surface_mm2
    return Solid(surface_mm2, sphericity, height_mm, diameter_mm, pieces, n_slices)


def crofton_surface(mask: Mask, z_distance: float = 1.0, y_distance: float = 1.0, x_distance: float = 1.0) -> float:
    """Surface of a (Z, Y, X) mask in the squared unit of the distances; 0 for an empty one.

    A surface is twice the mean, over all directions, of how often lines in that direction cross it, per area across
    them, and each line here is counted once on its way in (Lehmann & Legland, Insight Journal 2012). The lines run in
    the 13 directions to a voxel's neighbours; each direction stands for the part of the sphere that is nearest to it.

    The mean error of balls is under 1 %, on cubes as on voxels of 10 × 1.4 × 1.4 mm. Faces that lie along the grid
    come out short (a wall segment 8 mm thick and 50 mm high by 5 % on cubes of 1 mm, by 16 % on the voxels above), as
    straight edges do in the plane.
    """
    padded = np.pad(mask, 1)
    voxel = z_distance * y_distance * x_distance
    surface = 0.0
    weights = _direction_weights(z_distance, y_distance, x_distance)
    for direction, weight in zip(_DIRECTIONS, weights, strict=True):
        length = math.hypot(direction[0] * z_distance, direction[1] * y_distance, direction[2] * x_distance)
        entries = np.count_nonzero(padded & ~np.roll(padded, direction, axis=(0, 1, 2)))
        surface += weight * entries * voxel / length
    return 4 * surface


@lru_cache(maxsize=32)
def _direction_weights(z_distance: float, y_distance: float, x_distance: float) -> tuple[float, ...]:
    """Share of the sphere that is nearest to each direction or its opposite; sums to 1."""
    directions = np.array(_DIRECTIONS, dtype=np.float64) * (z_distance, y_distance, x_distance)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    areas = SphericalVoronoi(np.concatenate([directions, -directions])).calculate_areas()
    return tuple((2 * areas[: len(directions)] / areas.sum()).tolist())


def _largest_distance(mask: Mask, z_distance: float, y_distance: float, x_distance: float) -> float | None:
    """Between the centres of any two voxels; None where there is one only.

    The two lie at the ends of their rows.
    """
    filled = mask.any(axis=2)
    rows = mask[filled]
    first = rows.argmax(axis=1)
    last = mask.shape[2] - 1 - rows[:, ::-1].argmax(axis=1)
    if len(rows) == 1 and first[0] == last[0]:
        return None
    z, y = np.nonzero(filled)
    ends = np.stack([np.tile(z, 2), np.tile(y, 2), np.concatenate([first, last])], axis=1)
    return float(pdist(ends * (z_distance, y_distance, x_distance)).max())
