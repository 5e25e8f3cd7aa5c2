"""What a person's commands do to boxes, from values alone: copy, fill in, merge, split, and whose turn it is."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from napari_scarseg.core.box import Box, BoxOrigin, Review, box_iou, new_box_id

# A copy that would lie on a box of its own lesion by more than this (IoU) is there already.
_THERE_ALREADY_IOU = 0.5


@dataclass(frozen=True, slots=True)
class LesionBoxes:
    """One lesion, as its boxes say.

    Parameters
    ----------
    lesion_id : int
    slices : tuple of int
        Where it has boxes, ascending.
    box_count : int
    score : float or None
        Highest confidence of its detector's boxes.
    to_review : int
        Boxes that nobody has looked at, or that are marked to be checked.
    review : Review
        The mark that all its boxes share; NONE where they differ.
    """

    lesion_id: int
    slices: tuple[int, ...]
    box_count: int
    score: float | None
    to_review: int
    review: Review


def wants_review(box: Box) -> bool:
    """Whether a person still has to look at a box: the detector's without a mark, and any that is to be checked.

    Examples
    --------
    >>> wants_review(Box(0, 0, 0, 5, 5)), wants_review(Box(0, 0, 0, 5, 5, 0.9, BoxOrigin.DETECTOR))
    (False, True)
    """
    return box.review is Review.CHECK or not box.is_touched


def summarise_lesions(boxes: Sequence[Box]) -> list[LesionBoxes]:
    """Lesions in ascending order; boxes without a lesion come under 0."""
    by_lesion: dict[int, list[Box]] = {}
    for box in boxes:
        by_lesion.setdefault(box.lesion_id or 0, []).append(box)
    rows = []
    for lesion_id, own in sorted(by_lesion.items()):
        scores = [box.score for box in own if box.score is not None]
        reviews = {box.review for box in own}
        rows.append(
            LesionBoxes(
                lesion_id=lesion_id,
                slices=tuple(sorted({box.slice for box in own})),
                box_count=len(own),
                score=max(scores, default=None),
                to_review=sum(wants_review(box) for box in own),
                review=reviews.pop() if len(reviews) == 1 else Review.NONE,
            )
        )
    return rows


def next_to_review(boxes: Sequence[Box], current_slice: int, after: str = "") -> Box | None:
    """The next box that wants a look: on the slice in view first, then on those behind it, then from the start.

    Parameters
    ----------
    boxes : sequence of Box
    current_slice : int
    after : str
        box_id of the one being looked at now, which is not its own successor while there are others.
    """
    waiting = sorted((box for box in boxes if wants_review(box)), key=_place)
    here = next((_place(box) for box in boxes if box.box_id == after), (current_slice, -1.0, -1.0, ""))
    behind = [box for box in waiting if _place(box) > here]
    before = [box for box in waiting if box.box_id != after]
    return next(iter((*behind, *before, *waiting)), None)


def mark_boxes(boxes: Sequence[Box], box_ids: Collection[str], review: Review) -> list[Box]:
    """The boxes, those chosen with another mark."""
    return [replace(box, review=review) if box.box_id in box_ids else box for box in boxes]


def copy_boxes(boxes: Sequence[Box], box_ids: Collection[str], step: int, slice_count: int) -> list[Box]:
    """Copies of the chosen boxes `step` slices further, of the same lesions and the user's.

    Left out are copies beyond the stack, and those that lie on a box of their own lesion already.
    """
    copies = []
    for box in boxes:
        copy = _own(box, box.slice + step) if box.box_id in box_ids and 0 <= box.slice + step < slice_count else None
        if copy is not None and not _is_there(copy, boxes):
            copies.append(copy)
    return copies


def fill_between(boxes: Sequence[Box], lesion_ids: Collection[int]) -> list[Box]:
    """Boxes for the slices between two boxes of a lesion, their edges interpolated between the two.

    Where a lesion has several boxes on one slice, the rectangle around all of them counts.

    Examples
    --------
    >>> ends = [Box(1, 10, 10, 20, 20, lesion_id=4), Box(3, 14, 10, 24, 30, lesion_id=4)]
    >>> [(box.slice, box.corners) for box in fill_between(ends, {4})]
    [(2, (12.0, 10.0, 22.0, 25.0))]
    """
    added = []
    for lesion_id in sorted(lesion_ids):
        hulls = _hulls([box for box in boxes if box.lesion_id == lesion_id and box.review is not Review.REJECTED])
        for low, high in zip(hulls[:-1], hulls[1:], strict=True):
            for z in range(low.slice + 1, high.slice):
                share = (z - low.slice) / (high.slice - low.slice)
                edges = (a + share * (b - a) for a, b in zip(low.corners, high.corners, strict=True))
                row_min, col_min, row_max, col_max = edges
                added.append(Box(z, row_min, col_min, row_max, col_max, lesion_id=lesion_id))
    return added


def give_lesion(boxes: Sequence[Box], box_ids: Collection[str], lesion_id: int) -> list[Box]:
    """The boxes, those chosen of another lesion."""
    return [box.with_lesion(lesion_id) if box.box_id in box_ids else box for box in boxes]


def merge_map(lesion_ids: Collection[int]) -> dict[int, int]:
    """Which lesions change when some become one: the oldest id stays.

    Examples
    --------
    >>> merge_map({7, 3, 5})
    {5: 3, 7: 3}
    """
    oldest = min(lesion_ids, default=0)
    return {lesion: oldest for lesion in sorted(lesion_ids) if lesion != oldest}


def chain_relabels(
    pending: Mapping[tuple[int, int], int], more: Mapping[tuple[int, int], int]
) -> dict[tuple[int, int], int]:
    """Relabels, (slice, lesion) → lesion, that do what `pending` and after it `more` do."""
    chained = {(z, old): more.get((z, new), new) for (z, old), new in pending.items()}
    return {**{place: new for place, new in more.items() if place not in chained}, **chained}


def _own(box: Box, slice_index: int) -> Box:
    return replace(box, slice=slice_index, score=None, origin=BoxOrigin.USER, box_id=new_box_id(), review=Review.NONE)


def _is_there(copy: Box, boxes: Sequence[Box]) -> bool:
    return any(box.lesion_id == copy.lesion_id and box_iou(box, copy) > _THERE_ALREADY_IOU for box in boxes)


def _hulls(boxes: Sequence[Box]) -> list[Box]:
    """One box per slice, ascending."""
    hulls = []
    for z in sorted({box.slice for box in boxes}):
        corners = list(zip(*(box.corners for box in boxes if box.slice == z), strict=True))
        hulls.append(Box(z, min(corners[0]), min(corners[1]), max(corners[2]), max(corners[3])))
    return hulls


def _place(box: Box) -> tuple[int, float, float, str]:
    return (box.slice, box.row_min, box.col_min, box.box_id)
