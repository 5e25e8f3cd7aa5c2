"""Where the left ventricle is: its myocardium, or at least its centre, on each slice."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_scarseg.core.masks import Mask
from napari_scarseg.errors import InputError
from napari_scarseg.measure.hull import find_hull


@dataclass(frozen=True, slots=True, eq=False)
class Wall:
    """The left ventricle in the stack that lesions lie in. Made by `wall_from_masks` or `wall_from_centres`.

    Parameters
    ----------
    centres : mapping of slice → (row, column)
        In px; slices whose centre is unknown are left out.
    myocardium : ndarray of bool, (Z, Y, X), or None
        With or without the scar: lesions count as wall wherever they lie. None where only the centres are known.
    """

    centres: Mapping[int, tuple[float, float]]
    myocardium: Mask | None

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raise InputError where this wall is not of a stack with that (Z, Y, X) shape."""
        if self.myocardium is not None and self.myocardium.shape != shape:
            raise InputError(
                f"The myocardium has the shape {self.myocardium.shape} and the labels {shape}; give the one of the "
                "same stack."
            )
        beyond = [z for z in self.centres if not 0 <= z < shape[0]]
        if beyond:
            raise InputError(f"The LV's centre is given on slice {beyond[0]}, but the labels have {shape[0]} slices.")


def wall_from_masks(myocardium: npt.NDArray[np.generic], cavity: npt.NDArray[np.generic] | None = None) -> Wall:
    """Wall from contours.

    The centre of a slice is the middle of the cavity there; where none is given or drawn, the middle of what the
    myocardium encloses, and for an open ring that of its convex hull.

    Parameters
    ----------
    myocardium, cavity : ndarray, (Z, Y, X)
        Non-zero inside.

    Raises
    ------
    InputError
        If the two differ in shape, are not 3-D, or the myocardium is empty.

    Examples
    --------
    >>> import numpy as np
    >>> ring = np.zeros((1, 9, 9), bool); ring[0, 1:8, 1:8] = True; ring[0, 3:6, 3:6] = False
    >>> wall_from_masks(ring).centres
    {0: (4.0, 4.0)}
    """
    muscle = np.asarray(myocardium) != 0
    blood = np.zeros_like(muscle) if cavity is None else np.asarray(cavity) != 0
    if muscle.ndim != 3 or blood.shape != muscle.shape:
        raise InputError(
            f"Myocardium {muscle.shape} and cavity {blood.shape} must be (slice, row, column) arrays of one shape."
        )
    if not muscle.any():
        raise InputError("The myocardium is empty; choose the labels that mean myocardium.")
    centres = {
        z: _middle(plane_blood if plane_blood.any() else _enclosed(plane))
        for z, (plane, plane_blood) in enumerate(zip(muscle, blood, strict=True))
        if plane.any() or plane_blood.any()
    }
    return Wall(centres, muscle)


def wall_from_centres(centres: Mapping[int, tuple[float, float]]) -> Wall:
    """Wall of which only the LV's centre is known: slice → (row, column) in px, pixel centres on whole numbers.

    Raises
    ------
    InputError
        If there is none, or one is not finite.
    """
    if not centres:
        raise InputError("No LV centre is given; give one (row, column) per slice.")
    for z, place in centres.items():
        if not np.isfinite(place).all():
            raise InputError(f"The LV's centre on slice {z} is not a pair of numbers; correct it.")
    return Wall(dict(centres), None)


def _enclosed(plane: Mask) -> Mask:
    """Holes of a ring, else its hull."""
    filled = ndimage.binary_fill_holes(plane)
    holes = filled & ~plane
    return np.asarray(holes) if holes.any() else find_hull(plane).mask


def _middle(mask: Mask) -> tuple[float, float]:
    rows, cols = np.nonzero(mask)
    return float(rows.mean()), float(cols.mean())
