"""How far a mask agrees with the truth, with a written rule for empty ones.

The rule everywhere here: both empty → 1 (they agree), one of them empty → 0.
"""

import numpy as np
import numpy.typing as npt

from napari_scarseg.errors import InputError
from napari_scarseg.measure.crofton import crofton_perimeter

Mask = npt.NDArray[np.generic]


def dice(mask: Mask, truth: Mask) -> float:
    """Dice similarity coefficient 2|M ∩ T| / (|M| + |T|) of two masks of one shape (any number of axes).

    Parameters
    ----------
    mask, truth : ndarray
        Non-zero is scar.

    Raises
    ------
    InputError
        If the shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> dice(np.array([1, 1, 0]), np.array([0, 1, 0]))
    0.6666666666666666
    >>> dice(np.zeros(3), np.zeros(3)), dice(np.ones(3), np.zeros(3))
    (1.0, 0.0)
    """
    shared, in_mask, in_truth = _counts(mask, truth)
    return 2 * shared / (in_mask + in_truth) if in_mask + in_truth else 1.0


def iou(mask: Mask, truth: Mask) -> float:
    """Intersection over union of two masks of one shape (Jaccard index): pixels in both over pixels in either."""
    shared, in_mask, in_truth = _counts(mask, truth)
    union = in_mask + in_truth - shared
    return shared / union if union else 1.0


def volume_dice(mask: Mask, truth: Mask) -> float:
    """Dice coefficient over all voxels of two (Z, Y, X) volumes: not the mean of the slices' coefficients."""
    if np.ndim(mask) != 3:
        raise InputError(f"A volume has three axes (slice, row, column), but the mask has {np.ndim(mask)}.")
    return dice(mask, truth)


def slice_dices(mask: Mask, truth: Mask) -> npt.NDArray[np.float64]:
    """Dice coefficient of each slice of two (Z, Y, X) volumes; NaN on slices without scar in the truth.

    Slices without scar in the truth are reported apart and never averaged in, so they hold no number here.
    """
    _counts(mask, truth)
    return np.array([dice(m, t) if np.any(t) else np.nan for m, t in zip(mask, truth, strict=True)], dtype=np.float64)


def perimeter_similarity(mask: Mask, truth: Mask, y_distance: float = 1.0, x_distance: float = 1.0) -> float:
    """Ratio of the smaller to the larger Crofton perimeter of two (Y, X) masks.

    A variant of the perimeter similarity of arXiv 2506.21151, whose formula was not published: it compares lengths
    only and hardly changes when a mask is moved.

    Parameters
    ----------
    mask, truth : ndarray, (Y, X)
    y_distance, x_distance : float
        Distance between rows and between columns in mm; 1 and 1 where unknown.

    Returns
    -------
    float in [0, 1]
        1 where both are empty, 0 where one is.

    Raises
    ------
    InputError
        If the shapes differ or are not 2-D.
    """
    _, in_mask, in_truth = _counts(mask, truth)
    if np.ndim(mask) != 2:
        raise InputError(f"A perimeter is measured on one slice (row, column), but the mask has {np.ndim(mask)} axes.")
    if not in_mask or not in_truth:
        return float(in_mask == in_truth)
    of_mask = crofton_perimeter(mask, y_distance, x_distance)
    of_truth = crofton_perimeter(truth, y_distance, x_distance)
    return min(of_mask, of_truth) / max(of_mask, of_truth)


def _counts(mask: Mask, truth: Mask) -> tuple[int, int, int]:
    """Pixels in both, in the mask and in the truth."""
    inside, true = np.asarray(mask) != 0, np.asarray(truth) != 0
    if inside.shape != true.shape:
        raise InputError(f"The mask has the shape {inside.shape} and the truth {true.shape}; compare equal grids.")
    return int(np.count_nonzero(inside & true)), int(np.count_nonzero(inside)), int(np.count_nonzero(true))
