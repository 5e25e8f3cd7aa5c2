"""Where a short-axis stack lies in the patient."""

import numpy as np
import numpy.typing as npt

# From the apex to the base, RAS: to the right, back and up.
_TO_BASE = np.array([0.62, -0.57, 0.54])


def short_axis_affine(slices: int, size_px: int, pixel_mm: float, distance_mm: float) -> npt.NDArray[np.float64]:
    """Affine, (x, y, z) voxel index to RAS mm, of a stack whose first slice is the apex.

    Rows of the image run towards the lateral wall, columns towards the diaphragm, slices towards the base; the
    middle of the stack lies at the magnet's isocentre.

    Parameters
    ----------
    slices, size_px : int
    pixel_mm, distance_mm : float
    """
    slice_axis = _TO_BASE / np.linalg.norm(_TO_BASE)
    down = np.array([0.0, 0.0, -1.0])
    column_axis = down - slice_axis * (down @ slice_axis)
    column_axis /= np.linalg.norm(column_axis)
    row_axis = np.cross(column_axis, slice_axis)
    affine = np.eye(4)
    affine[:3, 0] = row_axis * pixel_mm
    affine[:3, 1] = column_axis * pixel_mm
    affine[:3, 2] = slice_axis * distance_mm
    middle = np.array([(size_px - 1) / 2, (size_px - 1) / 2, (slices - 1) / 2])
    affine[:3, 3] = -affine[:3, :3] @ middle
    return affine
