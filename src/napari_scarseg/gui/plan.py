"""What to do, decided from values alone: what an edit redraws, what Detect may replace, what the slider shows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from napari_scarseg.core.box import Box, box_iou
from napari_scarseg.core.protocols import Prompt
from napari_scarseg.core.refinement import Refinement

# Two positions closer than this (px) are the same: coordinates make the way through napari and back.
_SAME_PX = 1e-3

# A new detection that overlaps a box a person has touched by more than this (IoU) is that box again.
_SAME_FIND_IOU = 0.5

# (row, col, is_positive) of each point, as in `Prompt`.
Points = tuple[tuple[float, float, bool], ...]


@dataclass(frozen=True, slots=True)
class DrawnBox:
    """What a box's label is drawn from.

    Parameters
    ----------
    slice : int
    corners : tuple
        (row_min, col_min, row_max, col_max), px.
    lesion_id : int
    points : tuple of (row, col, is_positive)
        Point prompts, as in `Prompt`.
    refinement : Refinement
        Of its lesion.
    """

    slice: int
    corners: tuple[float, float, float, float]
    lesion_id: int
    points: Points = ()
    refinement: Refinement = Refinement()

    def asks_as(self, other: "DrawnBox") -> bool:
        """Whether both would ask the segmenter the same, apart from rounding."""
        return (
            self.slice == other.slice
            and len(self.points) == len(other.points)
            and all(mine[2] is its[2] for mine, its in zip(self.points, other.points, strict=True))
            and _all_same(self.corners, other.corners)
            and all(_all_same(mine[:2], its[:2]) for mine, its in zip(self.points, other.points, strict=True))
        )

    def matches(self, other: "DrawnBox") -> bool:
        """Whether both would draw the same label at the same place."""
        return self.lesion_id == other.lesion_id and self.refinement == other.refinement and self.asks_as(other)


DrawnBoxes = Mapping[str, DrawnBox]


@dataclass(frozen=True, slots=True)
class BoxChanges:
    """How the boxes differ from those the labels were drawn from.

    Parameters
    ----------
    added, moved, removed : tuple of str
        box_id of the boxes that are new, that would be drawn otherwise, that are gone or rejected.
    redraws : mapping of slice → lesion ids
        What has to be drawn again.
    """

    added: tuple[str, ...]
    moved: tuple[str, ...]
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


def drawn_box(box: Box, points: Points = (), refinement: Refinement = Refinement()) -> DrawnBox:
    """What the label of `box` is drawn from; the box has a lesion by then."""
    return DrawnBox(box.slice, box.corners, box.lesion_id or 0, points, refinement)


def plan_changes(drawn: DrawnBoxes, wanted: DrawnBoxes, waiting: DrawnBoxes | None = None) -> BoxChanges:
    """Compare what is to be drawn with what the labels were drawn from: geometry, points, lesion and refinement.

    A changed box redraws its lesion where it was and where it is; an added or a removed one its own lesion on its own
    slice; nothing else is redrawn.

    Parameters
    ----------
    drawn, wanted : mapping of box_id → DrawnBox
        What the labels were drawn from, and what they should be drawn from now.
    waiting : mapping of box_id → DrawnBox, optional
        Boxes that are not to be drawn as long as they stay as they are.
    """
    wanted = without_waiting(wanted, waiting or {})
    added = tuple(box_id for box_id in wanted if box_id not in drawn)
    moved = tuple(box_id for box_id in wanted if box_id in drawn and not drawn[box_id].matches(wanted[box_id]))
    removed = tuple(box_id for box_id in drawn if box_id not in wanted)
    changed = [wanted[box_id] for box_id in (*added, *moved)] + [drawn[box_id] for box_id in (*moved, *removed)]
    return BoxChanges(added, moved, removed, _by_slice(changed))


def plan_full_redraw(drawn: DrawnBoxes, wanted: DrawnBoxes) -> Mapping[int, frozenset[int]]:
    """Redraw every lesion that has a box, and erase those whose boxes are gone: slice → lesions."""
    return _by_slice([*wanted.values(), *drawn.values()])


def plan_boxes_redraw(box_ids: Collection[str], drawn: DrawnBoxes, wanted: DrawnBoxes) -> Mapping[int, frozenset[int]]:
    """Redraw the lesions of some boxes on their slices, and where they were drawn before: slice → lesions."""
    return _by_slice([boxes[box_id] for boxes in (wanted, drawn) for box_id in box_ids if box_id in boxes])


def without_waiting(wanted: DrawnBoxes, waiting: DrawnBoxes) -> dict[str, DrawnBox]:
    """Those of `wanted` that are not among `waiting`, or not as they were when they were left out."""
    return {box_id: box for box_id, box in wanted.items() if box_id not in waiting or not waiting[box_id].matches(box)}


def plan_prompts(redraws: Mapping[int, Collection[int]], prompts: Iterable[Prompt], current_slice: int) -> list[Prompt]:
    """Prompts whose masks a redraw needs: all on its slices, since the higher logit wins; the one in view first."""
    wanted = [prompt for prompt in prompts if prompt.box.slice in redraws]
    return sorted(wanted, key=lambda prompt: (abs(prompt.box.slice - current_slice), prompt.box.slice))


def plan_detection(shown: ShownBoxes, found: Sequence[Box], slices: Collection[int], confidence: float) -> ShownBoxes:
    """Put what a detector found on `slices` in the place of what it had found there before.

    Boxes of a person's, and boxes a person has edited or marked, stay; a find on top of one of them is left out. A box
    found again where it was keeps its identity and its lesion.

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
    old = [b for b in (*shown.boxes, *shown.candidates) if not b.is_touched and b.slice in looked]
    kept = [box for box in shown.boxes if box.is_touched or box.slice not in looked]
    waiting = [box for box in shown.candidates if box.slice not in looked]
    touched = [box for box in kept if box.is_touched]
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
    >>> from napari_scarseg.core.box import BoxOrigin
    >>> box = Box(0, 0, 0, 5, 5, 0.4, BoxOrigin.DETECTOR)
    >>> hidden = plan_confidence(ShownBoxes((box,), ()), 0.5)
    >>> len(hidden.boxes), plan_confidence(hidden, 0.3).boxes == (box,)
    (0, True)
    """

    def below(box: Box) -> bool:
        return not box.is_touched and box.score is not None and box.score < confidence

    everything = (*shown.boxes, *shown.candidates)
    return ShownBoxes(
        tuple(box for box in everything if not below(box)), tuple(box for box in everything if below(box))
    )


def _by_slice(boxes: Iterable[DrawnBox]) -> dict[int, frozenset[int]]:
    redraws: dict[int, set[int]] = {}
    for box in boxes:
        redraws.setdefault(box.slice, set()).add(box.lesion_id)
    return {slice_index: frozenset(lesions) for slice_index, lesions in sorted(redraws.items())}


def _all_same(mine: Sequence[float], its: Sequence[float]) -> bool:
    return all(abs(a - b) < _SAME_PX for a, b in zip(mine, its, strict=True))
