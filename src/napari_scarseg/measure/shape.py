"""Shape of one mask on one slice."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from napari_scarseg.core.masks import MIN_COMPONENT_PX, Mask
from napari_scarseg.measure.crofton import crofton_perimeter
from napari_scarseg.measure.hull import Hull

# Second moment of a unit pixel about its own centre.
_PIXEL_MOMENT = 1 / 12
_EIGHT = np.ones((3, 3), dtype=bool)

# Axes that differ by less than this share are equal: what is left is rounding, and it has no direction.
_ROUND_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Moments:
    """Central second moments of a mask per area: variances of its points, in the unit of the distances, squared.

    Parameters
    ----------
    area : float
    yy, xx, xy : float
        Pixels count as rectangles, not as points.
    """

    area: float
    yy: float
    xx: float
    xy: float

    @property
    def _spread(self) -> float:
        return math.hypot((self.yy - self.xx) / 2, self.xy)

    @property
    def major(self) -> float:
        """Full length of the major axis of the ellipse with these moments, 4 √λ₁."""
        return 4 * math.sqrt((self.yy + self.xx) / 2 + self._spread)

    @property
    def minor(self) -> float:
        """Full length of the minor axis, 4 √λ₂."""
        return 4 * math.sqrt((self.yy + self.xx) / 2 - self._spread)

    @property
    def eccentricity(self) -> float:
        """√(1 − minor² / major²): 0 for a circle, towards 1 for a line."""
        return math.sqrt(max(1 - (self.minor / self.major) ** 2, 0.0))

    @property
    def elongation(self) -> float:
        """1 − minor / major: 0 for a circle, towards 1 for a line."""
        return 1 - self.minor / self.major

    @property
    def compactness(self) -> float:
        """A / (2π (yy + xx)) of moments per area (Žunić, Hirota & Rosin 2010): 1 for a disc, less for all else."""
        return self.area / (2 * math.pi * (self.yy + self.xx))

    def scaled(self, y_distance: float, x_distance: float) -> "Moments":
        """The same of a mask in px whose rows and columns lie `y_distance` and `x_distance` apart."""
        return Moments(
            area=self.area * y_distance * x_distance,
            yy=self.yy * y_distance**2,
            xx=self.xx * x_distance**2,
            xy=self.xy * y_distance * x_distance,
        )

    @property
    def orientation_deg(self) -> float | None:
        """Angle of the major axis from the columns' axis, counter-clockwise on the screen, 0 ≤ angle < 180.

        None where both axes are equal.
        """
        if self._spread <= _ROUND_TOLERANCE * (self.yy + self.xx):
            return None
        # Rows count downwards, hence the sign.
        return math.degrees(0.5 * math.atan2(-2 * self.xy, self.xx - self.yy)) % 180


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


def measure_moments(mask: Mask, y_distance: float = 1.0, x_distance: float = 1.0) -> Moments:
    """Second moments of a (Y, X) mask, not empty.

    Pixels count as rectangles, not as points (as in MATLAB's regionprops), so a rectangle's axes are exact, and a
    line one pixel wide has a minor axis. Against scikit-image on square pixels, each squared axis is 4/3 px² larger.
    """
    rows, cols = np.nonzero(mask)
    y, x = rows - rows.mean(), cols - cols.mean()
    in_px = Moments(
        area=rows.size,
        yy=float(y @ y) / rows.size + _PIXEL_MOMENT,
        xx=float(x @ x) / rows.size + _PIXEL_MOMENT,
        xy=float(y @ x) / rows.size,
    )
    return in_px.scaled(y_distance, x_distance)


def measure_circularity(area: float, perimeter: float) -> float:
    """4πA / P² of an area and a perimeter in matching units: about 1 for a disc, and above 1 for very few pixels."""
    return 4 * math.pi * area / perimeter**2


def measure_solidity(mask: Mask, hull: Hull) -> float:
    """Pixels of a (Y, X) mask over those of its convex hull.

    A ratio of areas, so the pixels' aspect does not matter.
    """
    return float(np.count_nonzero(mask) / np.count_nonzero(hull.mask))


def measure_convexity(hull: Hull, perimeter_px: float) -> float:
    """Perimeter of the hull's pixels over that of the mask, both after Crofton in px: 1 for a convex mask.

    Measured alike, the two share their errors. Above 1 only where the mask lies in pieces far apart.
    """
    return crofton_perimeter(hull.mask) / perimeter_px


def measure_extent(mask: Mask) -> float:
    """Pixels of a (Y, X) mask over those of its upright bounding box."""
    rows, cols = np.nonzero(mask)
    return float(rows.size / ((np.ptp(rows) + 1) * (np.ptp(cols) + 1)))


def measure_topology(mask: Mask) -> Topology:
    """Components and holes of a (Y, X) mask, not empty."""
    pieces, n_pieces = ndimage.label(mask, structure=_EIGHT)
    sizes = np.bincount(pieces[mask])
    # What lies outside is 4-connected where the inside is 8-connected; the border joins all that is no hole.
    around = np.ones((mask.shape[0] + 2, mask.shape[1] + 2), dtype=bool)
    around[1:-1, 1:-1] = ~mask
    n_holes = int(ndimage.label(around)[1]) - 1
    return Topology(
        n_components=int(np.count_nonzero(sizes >= MIN_COMPONENT_PX)),
        largest_component_share=float(sizes.max() / sizes.sum()),
        euler_number=n_pieces - n_holes,
        n_holes=n_holes,
    )
