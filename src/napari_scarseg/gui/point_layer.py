"""Point ↔ Points: pure functions, inverse to each other, and the rule which box a point belongs to."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_scarseg.core.box import Box
from napari_scarseg.core.point import Point
from napari_scarseg.engines.window_answers import BOX_MARGIN_SHARE, MIN_BOX_MARGIN_PX
from napari_scarseg.gui.box_layer import PIXEL_CENTRE
from napari_scarseg.gui.plan import Points

SIGN = "sign"
POSITIVE, NEGATIVE = "positive", "negative"


def rows_from_points(points: Sequence[Point], ndim: int = 3) -> tuple[npt.NDArray[np.float64], pd.DataFrame]:
    """Coordinates (N, `ndim`) of a Points layer and its features: one column, `sign`.

    Examples
    --------
    >>> rows_from_points([Point(2, 10.5, 20)])[0].tolist()
    [[2.0, 10.0, 19.5]]
    """
    places = [(point.slice, point.row - PIXEL_CENTRE, point.col - PIXEL_CENTRE) for point in points]
    coordinates = np.array(places, dtype=np.float64).reshape(-1, 3)[:, 3 - ndim :]
    signs = [POSITIVE if point.is_positive else NEGATIVE for point in points]
    return coordinates, pd.DataFrame({SIGN: np.array(signs, dtype=object)})


def points_from_rows(
    data: npt.NDArray[Any],
    features: Mapping[str, Sequence[Any]] | pd.DataFrame,
    shape: tuple[int, int, int],
    *,
    matrix: npt.NDArray[np.float64] | None = None,
) -> tuple[Point, ...]:
    """Read the points that lie on a slice of the image, in order; without a `sign` they are positive.

    Parameters
    ----------
    data : ndarray (N, D)
        Coordinates in the layer, D is 2 or 3.
    features : mapping or DataFrame
    shape : (Z, Y, X) of the image
    matrix : ndarray (D + 1, D + 1), optional
        From the layer's index coordinates to the image's, where they differ.
    """
    coordinates = np.asarray(data, dtype=np.float64)
    if matrix is not None:
        coordinates = coordinates @ matrix[:-1, :-1].T + matrix[:-1, -1]
    signs = list(features[SIGN]) if SIGN in features else [POSITIVE] * len(coordinates)
    points = []
    for place, sign in zip(coordinates, signs, strict=True):
        z = float(np.floor(place[0] + 0.5)) if len(place) == 3 else 0.0
        if np.isfinite(place).all() and 0 <= z < shape[0]:
            row, col = (float(value) + PIXEL_CENTRE for value in place[-2:])
            points.append(Point(int(z), row, col, sign != NEGATIVE))
    return tuple(points)


def points_of_boxes(points: Iterable[Point], boxes: Sequence[Box]) -> dict[str, Points]:
    """Give each point to one box: box_id → (row, col, is_positive) of its points.

    It belongs to the smallest box around it; where there is none, to the smallest box into whose margin it falls, the
    strip that a mask may use beyond its box. A point far from all boxes belongs to none.

    Examples
    --------
    >>> large, small = Box(0, 0, 0, 30, 30, box_id="large"), Box(0, 5, 5, 15, 15, box_id="small")
    >>> points_of_boxes([Point(0, 6, 6), Point(0, 25, 25, False), Point(0, 60, 60)], [large, small])
    {'small': ((6, 6, True),), 'large': ((25, 25, False),)}
    """
    owned: dict[str, list[tuple[float, float, bool]]] = {}
    for point in points:
        near = [box for box in boxes if box.slice == point.slice and _covers(box, point, is_grown=True)]
        if near:
            owner = min(near, key=lambda box: (not _covers(box, point, is_grown=False), box.height * box.width))
            owned.setdefault(owner.box_id, []).append((point.row, point.col, point.is_positive))
    return {box_id: tuple(places) for box_id, places in owned.items()}


def _covers(box: Box, point: Point, *, is_grown: bool) -> bool:
    rows = max(BOX_MARGIN_SHARE * box.height, MIN_BOX_MARGIN_PX) if is_grown else 0.0
    cols = max(BOX_MARGIN_SHARE * box.width, MIN_BOX_MARGIN_PX) if is_grown else 0.0
    return box.row_min - rows <= point.row < box.row_max + rows and box.col_min - cols <= point.col < box.col_max + cols
