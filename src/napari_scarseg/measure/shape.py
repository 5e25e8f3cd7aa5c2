"""Shape of one mask on one slice."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.measure import euler_number
from skimage.morphology import convex_hull_image

from napari_scarseg.core.masks import label_components

Mask = npt.NDArray[np.bool_]

# Second moment of a unit pixel about its own centre.
_PIXEL_MOMENT = 1 / 12


@dataclass(frozen=True, slots=True)
class Axes:
    """Full lengths of the axes of the ellipse with a mask's second moments, in the unit of the distances."""

    major: float
    minor: float

    @property
    def eccentricity(self) -> float:
        """√(1 − minor² / major²): 0 for a circle, towards 1 for a line."""
        return math.sqrt(max(1 - (self.minor / self.major) ** 2, 0.0))


@dataclass(frozen=True, slots=True)
class Topology:
    """In how many pieces a mask lies, and with how many holes.

    Parameters
    ----------
    n_components : int
        8-connected components of at least 5 px (0 where none is that large).
    largest_component_share : float
        Pixels of the largest component over all, any size counted.
    euler_number : int
        Components of any size minus holes.
    n_holes : int
        4-connected holes.
    """

    n_components: int
    largest_component_share: float
    euler_number: int
    n_holes: int


def measure_axes(mask: Mask, y_distance: float = 1.0, x_distance: float = 1.0) -> Axes:
    """Axes of the ellipse that has the second moments of a (Y, X) mask, not empty.

    Pixels count as rectangles, not as points (as in MATLAB's regionprops), so a rectangle's axes are exact, and a
    line one pixel wide has a minor axis. Against scikit-image on square pixels, each squared axis is 4/3 px² larger.
    """
    rows, cols = np.nonzero(mask)
    y, x = rows * y_distance, cols * x_distance
    y_moment = float(y.var()) + _PIXEL_MOMENT * y_distance**2
    x_moment = float(x.var()) + _PIXEL_MOMENT * x_distance**2
    mixed = float(((y - y.mean()) * (x - x.mean())).mean())
    middle = (y_moment + x_moment) / 2
    spread = math.hypot((y_moment - x_moment) / 2, mixed)
    return Axes(4 * math.sqrt(middle + spread), 4 * math.sqrt(middle - spread))


def measure_circularity(area: float, perimeter: float) -> float:
    """4πA / P² of an area and a perimeter in matching units: about 1 for a disc, and above 1 for very few pixels."""
    return 4 * math.pi * area / perimeter**2


def measure_solidity(mask: Mask) -> float:
    """Pixels of a (Y, X) mask over those of its convex hull.

    A ratio of areas, so the pixels' aspect does not matter.
    """
    return float(np.count_nonzero(mask) / np.count_nonzero(convex_hull_image(mask)))


def measure_extent(mask: Mask) -> float:
    """Pixels of a (Y, X) mask over those of its upright bounding box."""
    rows, cols = np.nonzero(mask)
    return float(rows.size / ((np.ptp(rows) + 1) * (np.ptp(cols) + 1)))


def measure_topology(mask: Mask) -> Topology:
    """Components and holes of a (Y, X) mask, not empty."""
    pieces, n_pieces = ndimage.label(mask, structure=np.ones((3, 3), dtype=bool))
    euler = int(euler_number(mask, connectivity=2))
    return Topology(
        n_components=int(label_components(mask).max()),
        largest_component_share=float(np.bincount(pieces[mask]).max() / np.count_nonzero(mask)),
        euler_number=euler,
        n_holes=n_pieces - euler,
    )
