"""Convex hull of a mask on a slice: its pixels, and how wide it is."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull
from skimage.measure import grid_points_in_poly

from napari_scarseg.core.masks import Mask

# A pixel is represented by the middles of its four edges, as in scikit-image.
_EDGE_MIDDLES = np.array([[-0.5, 0.0], [0.5, 0.0], [0.0, -0.5], [0.0, 0.5]])


@dataclass(frozen=True, slots=True, eq=False)
class Hull:
    """Convex hull of a mask.

    Parameters
    ----------
    vertices : ndarray of float64, (n, 2)
        Row and column in px, in order round the hull.
    mask : ndarray of bool, (Y, X)
        Pixels whose centre lies in the hull or on its edge: scikit-image's `convex_hull_image`, pixel for pixel.
    """

    vertices: npt.NDArray[np.float64]
    mask: Mask

    def feret_max(self, y_distance: float = 1.0, x_distance: float = 1.0) -> float:
        """Largest distance between two vertices, in the unit of the distances.

        With equal distances this is scikit-image's `feret_diameter_max`, to within the rounding of its contour.
        """
        points = self.vertices * (y_distance, x_distance)
        steps = points[:, None] - points
        return float(np.sqrt(np.einsum("ijk,ijk->ij", steps, steps).max()))

    def feret_min(self, y_distance: float = 1.0, x_distance: float = 1.0) -> float:
        """Smallest distance between two parallel lines that hold the hull, in the unit of the distances.

        One of the two lies on an edge of the hull (Freeman & Shapira 1975), so only the edges' directions are tried.
        """
        points = self.vertices * (y_distance, x_distance)
        edges = np.roll(points, -1, axis=0) - points
        normals = np.column_stack([-edges[:, 1], edges[:, 0]]) / np.hypot(edges[:, 0], edges[:, 1])[:, None]
        return float(np.ptp(points @ normals.T, axis=0).min())


def find_hull(mask: Mask) -> Hull:
    """Convex hull of a (Y, X) mask, not empty.

    Examples
    --------
    >>> import numpy as np
    >>> hull = find_hull(np.ones((3, 5), bool))
    >>> hull.feret_min(), int(hull.mask.sum())
    (3.0, 15)
    """
    ends = _row_ends(mask)
    points = (ends[:, None, :] + _EDGE_MIDDLES).reshape(-1, 2)
    vertices = points[ConvexHull(points).vertices]
    return Hull(vertices, np.asarray(grid_points_in_poly(mask.shape, vertices, binarize=False) >= 1))


def _row_ends(mask: Mask) -> npt.NDArray[np.float64]:
    """First and last pixel of each row: the hull of all pixels is that of these."""
    rows = np.flatnonzero(mask.any(axis=1))
    filled = mask[rows]
    first = filled.argmax(axis=1)
    last = mask.shape[1] - 1 - filled[:, ::-1].argmax(axis=1)
    return np.concatenate([np.column_stack([rows, first]), np.column_stack([rows, last])]).astype(np.float64)
