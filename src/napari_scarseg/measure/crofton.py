"""Perimeter after Cauchy and Crofton on a pixel grid with any row and column distance."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


def crofton_perimeter(mask: npt.NDArray[np.generic], y_distance: float = 1.0, x_distance: float = 1.0) -> float:
    """Length of the boundary of a (Y, X) mask, holes' boundaries included, in the unit of the distances.

    A boundary's length is half the integral, over all lines of the plane, of how often a line crosses it
    (Cauchy–Crofton). The lines here run along the rows, the columns and both diagonals of the grid; each direction
    stands for the angles nearest to it (Lehmann & Legland, Insight Journal 2012), which are not equal where a pixel
    is not square: 2α for the rows and π − 2α for the columns, π/2 for each diagonal (halved), α = atan(Δy / Δx). With
    square pixels this is `skimage.measure.perimeter_crofton(directions=4)`, number for number; with others
    scikit-image has no answer, and stretching the mask to square pixels would measure the steps that this makes.

    A straight edge's error depends on its direction (square pixels: −5.2 % along a row, +2.6 % between two
    directions; up to ±7 % for slender shapes where one distance is twice the other) and is zero on average over
    directions. Discs have a mean error under 0.5 % from a radius of 3 px on.

    Parameters
    ----------
    mask : ndarray, (Y, X)
        Non-zero inside.
    y_distance, x_distance : float
        Distance between rows and between columns: mm, or 1 for a length in pixels.

    Returns
    -------
    float
        0 for an empty mask.

    Examples
    --------
    >>> import numpy as np
    >>> rows, cols = np.mgrid[-40:41, -40:41]
    >>> round(crofton_perimeter(rows**2 + cols**2 <= 30**2) / (2 * np.pi * 30), 2)
    1.01
    """
    return count_crossings(mask).length(y_distance, x_distance)


@dataclass(frozen=True, slots=True)
class Crossings:
    """How often the grid's lines enter a mask, in each of the four directions.

    Parameters
    ----------
    along_rows, along_cols, diagonal : int
        Both diagonals together.
    """

    along_rows: int
    along_cols: int
    diagonal: int

    def length(self, y_distance: float = 1.0, x_distance: float = 1.0) -> float:
        """Length of the boundary, in the unit of the distances between rows and between columns."""
        angle = math.atan2(y_distance, x_distance)
        line_distance = y_distance * x_distance / math.hypot(y_distance, x_distance)
        return float(
            angle * y_distance * self.along_rows
            + (math.pi / 2 - angle) * x_distance * self.along_cols
            + math.pi / 4 * line_distance * self.diagonal
        )


def count_crossings(mask: npt.NDArray[np.generic]) -> Crossings:
    """Count the steps from outside to inside of a (Y, X) mask, non-zero inside."""
    height, width = np.shape(mask)
    inside = np.zeros((height + 2, width + 2), dtype=bool)
    inside[1:-1, 1:-1] = np.asarray(mask) != 0
    outside = ~inside
    return Crossings(
        along_rows=int(np.count_nonzero(inside[:, :-1] & outside[:, 1:])),
        along_cols=int(np.count_nonzero(inside[:-1] & outside[1:])),
        diagonal=int(
            np.count_nonzero(inside[:-1, :-1] & outside[1:, 1:]) + np.count_nonzero(inside[:-1, 1:] & outside[1:, :-1])
        ),
    )
