"""What to do, decided from values alone: what an edit redraws, what Detect may replace, what the slider shows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from napari_scarseg.core.box import Box, BoxOrigin, box_iou

# Two positions closer than this (px) are the same: coordinates make the way through napari and back.
_SAME_PX = 1e-3

# A new detection that overlaps a box a person has touched by more than this (IoU) is that box again.
_SAME_FIND_IOU = 0.5


@dataclass(frozen=True, slots=True)
class DrawnBox:
    """The box that a label was last drawn from.

    Parameters
    ----------
    slice : int
    corners : tuple
        (row_min, col_min, row_max, col_max), px.
    lesion_id : int
    """

    slice: int
    corners: tuple[float, float, float, float]
    lesion_id: int

    def matches(self, box: Box) -> bool:
        """Whether `box` would draw the same label at the same place."""
        return self.lesion_id == box.lesion_id and same_place(box, self.slice, self.corners)


@dataclass(frozen=True, slots=True)
class BoxChanges:
    """How the boxes differ from those the labels were drawn from.

    Parameters
    ----------
    added, moved : tuple of Box
        As they are now.
    removed : tuple of str
        box_id of boxes that are gone.
    redraws : mapping of slice → lesion ids
        What has to be drawn again.
    """

    added: tuple[Box, ...]
    moved: tuple[Box, ...]
    removed: tuple[str, ...]
    redraws: Mapping[int, frozenset[int]]

    def __bool__(self) -> bool:
        return bool(self.redraws)


@dataclass(frozen=True, slots=True)
class ShownBoxes:
    """Boxes in the layer, and the detector's candidates behind the confidence slider.

    Parameters
    ----------
    boxes, candidates : tuple of Box
    """

    boxes: tuple[Box, ...]
    candidates: tuple[Box, ...]


def same_place(box: Box, slice_index: int, corners: tuple[float, float, float, float]) -> bool:
    """Whether `box` lies on that slice with those edges, apart from rounding."""
    return box.slice == slice_index and all(
        abs(mine - its) < _SAME_PX for mine, its in zip(box.corners, corners, strict=True)
    )


def drawn_box(box: Box) -> DrawnBox:
    """What to remember of a box whose label was drawn; it has a lesion by then."""
    return DrawnBox(box.slice, box.corners, box.lesion_id or 0)


def plan_changes(
    drawn: Mapping[str, DrawnBox], boxes: Sequence[Box], waiting: Mapping[str, DrawnBox] | None = None
) -> BoxChanges:
    """Compare boxes with those that the labels were drawn from, by geometry and lesion.

    A moved box redraws its lesion where it was and where it is; an added or a removed one its own lesion on its own
    slice; nothing else is redrawn.

    Parameters
    ----------
    drawn : mapping of box_id → DrawnBox
    boxes : sequence of Box
        All have a lesion.
    waiting : mapping of box_id → DrawnBox, optional
        Boxes that are not to be drawn as long as they stay where they are.
    """
    waiting = waiting or {}
    boxes = [box for box in boxes if box.box_id not in waiting or not waiting[box.box_id].matches(box)]
    now = {box.box_id: box for box in boxes}
    added = tuple(box for box in boxes if box.box_id not in drawn)
    moved = tuple(box for box in boxes if box.box_id in drawn and not drawn[box.box_id].matches(box))
    removed = tuple(box_id for box_id in drawn if box_id not in now)
    places = [(box.slice, box.lesion_id or 0) for box in (*added, *moved)]
    places += [(drawn[box.box_id].slice, drawn[box.box_id].lesion_id) for box in moved]
    places += [(drawn[box_id].slice, drawn[box_id].lesion_id) for box_id in removed]
    return BoxChanges(added, moved, removed, _by_slice(places))


def plan_full_redraw(drawn: Mapping[str, DrawnBox], boxes: Sequence[Box]) -> Mapping[int, frozenset[int]]:
    """Redraw every lesion that has a box, and erase those whose boxes are gone: slice → lesions."""
    places = [(box.slice, box.lesion_id or 0) for box in boxes]
    places += [(box.slice, box.lesion_id) for box in drawn.values()]
    return _by_slice(places)


def plan_boxes_redraw(boxes: Iterable[Box], drawn: Mapping[str, DrawnBox]) -> Mapping[int, frozenset[int]]:
    """Redraw the lesions of `boxes` on their slices, and where those boxes were drawn before: slice → lesions."""
    boxes = tuple(boxes)
    places = [(box.slice, box.lesion_id or 0) for box in boxes]
    places += [(drawn[b.box_id].slice, drawn[b.box_id].lesion_id) for b in boxes if b.box_id in drawn]
    return _by_slice(places)


def plan_prompts(redraws: Mapping[int, Collection[int]], boxes: Iterable[Box], current_slice: int) -> list[Box]:
    """Boxes whose masks a redraw needs: all on its slices (overlaps go to the higher logit), the one in view first."""
    wanted = [box for box in boxes if box.slice in redraws]
    return sorted(wanted, key=lambda box: (abs(box.slice - current_slice), box.slice))


def plan_detection(shown: ShownBoxes, found: Sequence[Box], slices: Collection[int], confidence: float) -> ShownBoxes:
    """Put what a detector found on `slices` in the place of what it had found there before.

    Boxes of a person's, and boxes a person has edited, stay; a find on top of one of them is left out. A box found
    again where it was keeps its identity and its lesion.

    Parameters
    ----------
    shown : ShownBoxes
        As they are.
    found : sequence of Box
        All candidates, each with a score.
    slices : collection of int
        Where the detector looked.
    confidence : float
        Candidates below it stay behind the slider.
    """
    looked = set(slices)
    old = [b for b in (*shown.boxes, *shown.candidates) if b.origin is BoxOrigin.DETECTOR and b.slice in looked]
    kept = [box for box in shown.boxes if box.origin is not BoxOrigin.DETECTOR or box.slice not in looked]
    waiting = [box for box in shown.candidates if box.slice not in looked]
    touched = [box for box in kept if box.origin is not BoxOrigin.DETECTOR]
    fresh = []
    for box in found:
        if any(box_iou(box, mine) > _SAME_FIND_IOU for mine in touched):
            continue
        same = next((b for b in old if b.slice == box.slice and not box.moved_from(b.corners)), None)
        if same is not None:
            old.remove(same)
            box = replace(box, box_id=same.box_id, lesion_id=same.lesion_id)
        fresh.append(box)
    return plan_confidence(ShownBoxes((*kept, *fresh), tuple(waiting)), confidence)


def plan_confidence(shown: ShownBoxes, confidence: float) -> ShownBoxes:
    """Show the detector's boxes at or above `confidence` and keep the rest as candidates; touched boxes stay.

    Examples
    --------
    >>> box = Box(0, 0, 0, 5, 5, score=0.4, origin=BoxOrigin.DETECTOR)
    >>> hidden = plan_confidence(ShownBoxes((box,), ()), 0.5)
    >>> len(hidden.boxes), plan_confidence(hidden, 0.3).boxes == (box,)
    (0, True)
    """

    def below(box: Box) -> bool:
        return box.origin is BoxOrigin.DETECTOR and box.score is not None and box.score < confidence

    everything = (*shown.boxes, *shown.candidates)
    return ShownBoxes(
        tuple(box for box in everything if not below(box)), tuple(box for box in everything if below(box))
    )


def _by_slice(places: Iterable[tuple[int, int]]) -> dict[int, frozenset[int]]:
    redraws: dict[int, set[int]] = {}
    for slice_index, lesion in places:
        redraws.setdefault(slice_index, set()).add(lesion)
    return {slice_index: frozenset(lesions) for slice_index, lesions in sorted(redraws.items())}
