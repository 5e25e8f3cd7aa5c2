"""Box ↔ Shapes: pure functions, inverse to each other.

A napari pixel's centre is a whole number, a box's pixel i covers [i, i + 1): Shapes coordinate = box value − 0.5,
here and nowhere else. The features travel with the geometry; whoever sets one sets the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_scarseg.core.box import Box, BoxOrigin, Review, new_box_id
from napari_scarseg.core.masks import MIN_COMPONENT_PX

PIXEL_CENTRE = 0.5

# Written to every new shape by napari: a drawn box is a person's, without a score, an id or a lesion.
FEATURE_DEFAULTS: Mapping[str, object] = {
    "score": np.nan,
    "origin": "user",
    "box_id": "",
    "lesion_id": 0,
    "review": "",
    "text": "",
}

_REVIEW_SIGNS: Mapping[Review, str] = {Review.NONE: "", Review.ACCEPTED: "✓", Review.REJECTED: "✗", Review.CHECK: "?"}

# A rectangle drawn on one slice has one z; a wider spread means that it was drawn in another view.
_MAX_SPREAD_Z = 0.5

# A box without room for the smallest lesion comes from a stray click.
_MIN_AREA_PX = float(MIN_COMPONENT_PX)

Vertices = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DetectedBox:
    """Where, and how sure, a detector was: kept while a person edits the box.

    Parameters
    ----------
    slice : int
    corners : tuple
        (row_min, col_min, row_max, col_max), px.
    score : float or None
    """

    slice: int
    corners: tuple[float, float, float, float]
    score: float | None


@dataclass(frozen=True, slots=True, eq=False)
class BoxRows:
    """Geometry and features of a Shapes layer, row by row.

    Parameters
    ----------
    data : list of ndarray (4, D)
        Corners in the layer's index coordinates.
    features : DataFrame
        Columns score, origin, box_id, lesion_id (0 for none), review, text.
    """

    data: list[Vertices]
    features: pd.DataFrame


@dataclass(frozen=True, slots=True)
class ReadBoxes:
    """What a Shapes layer says.

    Parameters
    ----------
    boxes : tuple of Box
    rows : tuple of int
        Row of the layer that each box came from.
    stray : tuple of int
        Rows that are stray clicks.
    findings : tuple of str
        Sentences about shapes that are no boxes.
    """

    boxes: tuple[Box, ...]
    rows: tuple[int, ...]
    stray: tuple[int, ...]
    findings: tuple[str, ...]


def rows_from_boxes(boxes: Sequence[Box], ndim: int = 3) -> BoxRows:
    """Rectangles with four corners in (z, y, x), or (y, x) where `ndim` is 2, and their features.

    Examples
    --------
    >>> rows_from_boxes([Box(2, 10, 20, 14, 30)]).data[0].tolist()
    [[2.0, 9.5, 19.5], [2.0, 9.5, 29.5], [2.0, 13.5, 29.5], [2.0, 13.5, 19.5]]
    """
    return BoxRows([_corners(box)[:, 3 - ndim :] for box in boxes], features_of_boxes(boxes))


def features_of_boxes(boxes: Sequence[Box]) -> pd.DataFrame:
    """One row per box: score, origin, box_id, lesion_id (0 for none), review, text."""
    return pd.DataFrame(
        {
            "score": np.array([np.nan if box.score is None else box.score for box in boxes], dtype=np.float64),
            "origin": np.array([box.origin.value for box in boxes], dtype=object),
            "box_id": np.array([box.box_id for box in boxes], dtype=object),
            "lesion_id": np.array([box.lesion_id or 0 for box in boxes], dtype=np.int64),
            "review": np.array([box.review.value for box in boxes], dtype=object),
            "text": np.array([box_text(box) for box in boxes], dtype=object),
        }
    )


def box_text(box: Box) -> str:
    """What stands beside a box: its lesion, the detector's confidence or who changed it, and a person's mark.

    Examples
    --------
    >>> box_text(Box(0, 0, 0, 5, 5, score=0.874, origin=BoxOrigin.DETECTOR, lesion_id=3, review=Review.ACCEPTED))
    '3 · 87% ✓'
    """
    lesion = "" if box.lesion_id is None else str(box.lesion_id)
    source = f"{box.score:.0%}" if box.score is not None else ("" if box.origin is BoxOrigin.USER else box.origin.value)
    said = " · ".join(part for part in (lesion, source) if part)
    return f"{said} {_REVIEW_SIGNS[box.review]}".strip()


def boxes_from_rows(
    data: Sequence[npt.NDArray[Any]],
    features: Mapping[str, Sequence[Any]] | pd.DataFrame,
    shape: tuple[int, int, int],
    *,
    detected: Mapping[str, DetectedBox] | None = None,
    matrix: npt.NDArray[np.float64] | None = None,
) -> ReadBoxes:
    """Read boxes from any shapes: rectangles drawn in any direction, rotated ones, ellipses, polygons, lines.

    Parameters
    ----------
    data : sequence of ndarray (N, D)
        Vertices of each shape, D is 2 or 3.
    features : mapping or DataFrame
        Columns as in `BoxRows`; any may be missing (layers of other plugins).
    shape : (Z, Y, X) of the image
    detected : mapping of box_id → DetectedBox, optional
        Where the detector had put boxes: a box there is the detector's, one moved away is an edited one.
    matrix : ndarray (D + 1, D + 1), optional
        From the layer's index coordinates to the image's, where they differ.

    Returns
    -------
    ReadBoxes
        One upright box per usable shape, in order. A repeated box_id (a pasted copy) becomes a new box of the user's.
    """
    boxes: list[Box] = []
    rows: list[int] = []
    stray: list[int] = []
    findings: list[str] = []
    taken: set[str] = set()
    columns = {name: list(features[name]) for name in FEATURE_DEFAULTS if name in features}
    for row, vertices in enumerate(data):
        placed = _placed(np.asarray(vertices, dtype=np.float64), matrix)
        finding = _why_no_box(placed, shape)
        if finding is not None:
            if finding:
                findings.append(finding)
            else:
                stray.append(row)
            continue
        box = _upright(placed)
        boxes.append(_with_features(box, _row_features(columns, row), taken, detected or {}))
        taken.add(boxes[-1].box_id)
        rows.append(row)
    return ReadBoxes(tuple(boxes), tuple(rows), tuple(stray), tuple(dict.fromkeys(findings)))


def resolve_origin(box: Box, detected: DetectedBox | None) -> Box:
    """Origin and score by rule: the detector's where it put it (within 0.5 px), edited elsewhere, else as they are."""
    if detected is None:
        return box
    if box.slice != detected.slice or box.moved_from(detected.corners):
        return replace(box, origin=BoxOrigin.EDITED, score=None)
    return replace(box, origin=BoxOrigin.DETECTOR, score=detected.score)


def detected_box(box: Box) -> DetectedBox:
    """What to remember of a detector's box."""
    return DetectedBox(box.slice, box.corners, box.score)


def _corners(box: Box) -> Vertices:
    row_min, col_min, row_max, col_max = (edge - PIXEL_CENTRE for edge in box.corners)
    return np.array(
        [
            [box.slice, row_min, col_min],
            [box.slice, row_min, col_max],
            [box.slice, row_max, col_max],
            [box.slice, row_max, col_min],
        ],
        dtype=np.float64,
    )


def _placed(vertices: Vertices, matrix: npt.NDArray[np.float64] | None) -> Vertices:
    """Vertices (N, 3) in the image's index coordinates; two axes get slice 0."""
    if matrix is not None:
        vertices = vertices @ matrix[:-1, :-1].T + matrix[:-1, -1]
    if vertices.shape[1] == 2:
        vertices = np.column_stack([np.zeros(len(vertices)), vertices])
    return vertices


def _why_no_box(vertices: Vertices, shape: tuple[int, int, int]) -> str | None:
    """None for a usable shape, an empty text for a stray click, else a sentence."""
    if vertices.shape[0] == 0 or not np.isfinite(vertices).all():
        return ""
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    if high[0] - low[0] > _MAX_SPREAD_Z:
        return "A shape reaches across slices and was left out; draw boxes in the view of rows and columns."
    if (high[1] - low[1]) * (high[2] - low[2]) < _MIN_AREA_PX:
        return ""
    if not 0 <= _slice_index(vertices) < shape[0]:
        return "A shape lies before the first or behind the last slice and was left out; move it onto a slice."
    row_max, col_max = high[1:] + PIXEL_CENTRE
    row_min, col_min = low[1:] + PIXEL_CENTRE
    if row_max <= 0 or col_max <= 0 or row_min >= shape[1] or col_min >= shape[2]:
        return "A shape lies outside the image and was left out; move it onto the image."
    return None


def _slice_index(vertices: Vertices) -> int:
    return int(np.floor(float(np.median(vertices[:, 0])) + 0.5))


def _upright(vertices: Vertices) -> Box:
    low, high = vertices.min(axis=0) + PIXEL_CENTRE, vertices.max(axis=0) + PIXEL_CENTRE
    return Box(_slice_index(vertices), float(low[1]), float(low[2]), float(high[1]), float(high[2]))


def _row_features(columns: Mapping[str, Sequence[Any]], row: int) -> dict[str, Any]:
    """Features of one shape, the defaults where a column or a value is missing."""
    values: dict[str, Any] = {}
    for name, default in FEATURE_DEFAULTS.items():
        column = columns.get(name, ())
        value: Any = column[row] if row < len(column) else default
        values[name] = default if value is None or (not isinstance(value, str) and pd.isna(value)) else value
    return values


def _with_features(box: Box, values: Mapping[str, Any], taken: set[str], detected: Mapping[str, DetectedBox]) -> Box:
    """Identity and confidence of a shape, if they are its own and not inherited from another row."""
    box_id = str(values["box_id"])
    if not box_id or box_id in taken:
        return replace(box, box_id=new_box_id())
    origin = BoxOrigin(values["origin"]) if values["origin"] in set(BoxOrigin) else BoxOrigin.USER
    score = float(values["score"])
    lesion = int(values["lesion_id"])
    box = replace(
        box,
        box_id=box_id,
        origin=origin,
        score=score if origin is BoxOrigin.DETECTOR and 0 <= score <= 1 else None,
        lesion_id=lesion if lesion > 0 else None,
        review=Review(values["review"]) if values["review"] in set(Review) else Review.NONE,
    )
    return resolve_origin(box, detected.get(box_id))
