"""A box prompt on one slice."""

import math
import uuid
from dataclasses import dataclass, field, replace
from enum import StrEnum

from napari_scarseg.errors import InputError

# A corner that moved further than this (in pixels) makes a detector's box an edited one.
EDIT_TOLERANCE_PX = 0.5


class BoxOrigin(StrEnum):
    """Who put a box where it is."""

    DETECTOR = "detector"
    USER = "user"
    EDITED = "edited"


class Review(StrEnum):
    """What a person has said of a box."""

    NONE = ""
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CHECK = "check"


def new_box_id() -> str:
    """Random identifier of a box (uuid4, hexadecimal)."""
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Box:
    """Half-open rectangle on one slice, in pixels: pixel i covers [i, i + 1).

    Parameters
    ----------
    slice : int
        Index of the slice (Z).
    row_min, col_min, row_max, col_max : float
        Edges; `row_max` and `col_max` are exclusive. May lie outside the slice (a person may draw there).
    score : float or None
        Detector's confidence in [0, 1]; None for a user's or an edited box.
    origin : BoxOrigin
    box_id : str
        Identifier that stays with the box through every edit.
    lesion_id : int or None
        Label of the lesion the box belongs to (positive); None before one was given.
    review : Review
        A person's mark. A rejected box stays on record and draws no label.

    Raises
    ------
    InputError
        If an edge is not finite, the box has no area, or the slice or lesion is negative.

    Examples
    --------
    >>> box = Box(3, 10, 12, 20, 30)
    >>> box.height, box.width, box.origin.value
    (10, 18, 'user')
    """

    slice: int
    row_min: float
    col_min: float
    row_max: float
    col_max: float
    score: float | None = None
    origin: BoxOrigin = BoxOrigin.USER
    box_id: str = field(default_factory=new_box_id)
    lesion_id: int | None = None
    review: Review = Review.NONE

    def __post_init__(self) -> None:
        if not all(math.isfinite(edge) for edge in self.corners):
            raise InputError("A box has an edge that is not a finite number; correct its coordinates.")
        if self.row_max <= self.row_min or self.col_max <= self.col_min:
            raise InputError(
                f"A box on slice {self.slice} has no area (rows {self.row_min}–{self.row_max}, columns "
                f"{self.col_min}–{self.col_max}); give it a maximum above its minimum."
            )
        if self.slice < 0:
            raise InputError(f"A box lies on slice {self.slice}; slices count from 0.")
        if self.lesion_id is not None and self.lesion_id < 1:
            raise InputError(f"A box has lesion_id {self.lesion_id}; lesions count from 1.")
        if self.score is not None and not 0 <= self.score <= 1:
            raise InputError(f"A box has the score {self.score}; scores lie between 0 and 1.")

    @property
    def is_touched(self) -> bool:
        """Whether a person has drawn, edited or marked it: a detector does not replace or hide it."""
        return self.origin is not BoxOrigin.DETECTOR or self.review is not Review.NONE

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """(row_min, col_min, row_max, col_max)."""
        return (self.row_min, self.col_min, self.row_max, self.col_max)

    @property
    def height(self) -> float:
        """Extent along the rows, px."""
        return self.row_max - self.row_min

    @property
    def width(self) -> float:
        """Extent along the columns, px."""
        return self.col_max - self.col_min

    @property
    def centre(self) -> tuple[float, float]:
        """(row, column) of the middle, px."""
        return ((self.row_min + self.row_max) / 2, (self.col_min + self.col_max) / 2)

    def moved_from(self, original: tuple[float, float, float, float]) -> bool:
        """Whether any edge lies more than `EDIT_TOLERANCE_PX` from `original` (row_min, col_min, row_max, col_max)."""
        return any(abs(a - b) > EDIT_TOLERANCE_PX for a, b in zip(self.corners, original, strict=True))

    def with_lesion(self, lesion_id: int) -> "Box":
        """The same box, belonging to lesion `lesion_id`."""
        return replace(self, lesion_id=lesion_id)


def box_iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes; 0 on different slices."""
    if a.slice != b.slice:
        return 0.0
    height = min(a.row_max, b.row_max) - max(a.row_min, b.row_min)
    width = min(a.col_max, b.col_max) - max(a.col_min, b.col_min)
    shared = max(height, 0.0) * max(width, 0.0)
    return shared / (a.height * a.width + b.height * b.width - shared)
