"""How far apart the borders of two masks lie: HD95, ASSD and surface Dice.

The border of a mask is its pixels with a 4-neighbour outside, the distance that between pixel centres: the definition
of MedPy (`medpy.metric.binary.hd95` and `assd`), which the tests compare with. One pass serves all three here.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_scarseg.errors import InputError

Mask = npt.NDArray[np.generic]
Distances = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class BorderDistances:
    """Distances from every border pixel of one mask to the nearest of the other, in the unit of the spacing.

    Parameters
    ----------
    to_truth : ndarray of float64, (border pixels of the mask)
    to_mask : ndarray of float64, (border pixels of the truth)
    """

    to_truth: Distances
    to_mask: Distances

    @property
    def hd95(self) -> float:
        """95th percentile of all distances, both ways together (robust Hausdorff distance)."""
        return float(np.percentile(np.concatenate([self.to_truth, self.to_mask]), 95))

    @property
    def assd(self) -> float:
        """Mean of all distances, both ways together (average symmetric surface distance)."""
        return float(np.concatenate([self.to_truth, self.to_mask]).mean())

    def surface_dice(self, tolerance: float) -> float:
        """Share of border pixels of both masks that lie within `tolerance` of the other's border.

        Nikolov et al., J Med Internet Res 2021;23(7):e26151, with border pixels in place of border elements.
        """
        close = np.count_nonzero(self.to_truth <= tolerance) + np.count_nonzero(self.to_mask <= tolerance)
        return float(close / (self.to_truth.size + self.to_mask.size))


def border_distances(mask: Mask, truth: Mask, y_distance: float = 1.0, x_distance: float = 1.0) -> BorderDistances:
    """Distances between the borders of two (Y, X) masks, neither of them empty.

    Parameters
    ----------
    mask, truth : ndarray, (Y, X)
        Non-zero is scar.
    y_distance, x_distance : float
        Distance between rows and between columns in mm; 1 and 1 for distances in pixels.

    Raises
    ------
    InputError
        If the shapes differ or are not 2-D, or a mask is empty: to nothing there is no distance.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.zeros((20, 20), bool); truth[5:10, 5:10] = True
    >>> distances = border_distances(np.roll(truth, 2, axis=0), truth)
    >>> distances.hd95, distances.surface_dice(1), distances.surface_dice(2)
    (2.0, 0.625, 1.0)
    """
    inside, true = np.asarray(mask) != 0, np.asarray(truth) != 0
    if inside.ndim != 2 or inside.shape != true.shape:
        raise InputError(f"Borders are compared on one slice and grid, not on {inside.shape} and {true.shape}.")
    if not inside.any() or not true.any():
        raise InputError("One of the masks is empty, so its border has no distance; count such slices apart.")
    # The part that holds both; the padding keeps borders at its edge.
    either = inside | true
    rows, cols = np.flatnonzero(either.any(axis=1)), np.flatnonzero(either.any(axis=0))
    region = (slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1))
    of_mask, of_truth = (_border(np.pad(part[region], 1)) for part in (inside, true))
    sampling = (y_distance, x_distance)
    return BorderDistances(
        to_truth=ndimage.distance_transform_edt(~of_truth, sampling=sampling)[of_mask],
        to_mask=ndimage.distance_transform_edt(~of_mask, sampling=sampling)[of_truth],
    )


def _border(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    return np.asarray(inside & ~ndimage.binary_erosion(inside))
