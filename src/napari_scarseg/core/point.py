"""A point prompt on one slice: here is scar, or here is none."""

import math
from dataclasses import dataclass

from napari_scarseg.errors import InputError


@dataclass(frozen=True, slots=True)
class Point:
    """Place on one slice, in continuous pixels: the centre of pixel i is i + 0.5.

    Parameters
    ----------
    slice : int
        Index of the slice (Z).
    row, col : float
    is_positive : bool
        True where there is scar, False where there is none.

    Raises
    ------
    InputError
        If the place is not finite, or the slice is negative.
    """

    slice: int
    row: float
    col: float
    is_positive: bool = True

    def __post_init__(self) -> None:
        if not (math.isfinite(self.row) and math.isfinite(self.col)):
            raise InputError("A point has a coordinate that is not a finite number; correct it.")
        if self.slice < 0:
            raise InputError(f"A point lies on slice {self.slice}; slices count from 0.")
