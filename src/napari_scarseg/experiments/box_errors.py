"""Mistakes of a detector, made on purpose and by a known amount."""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

import numpy as np

from napari_scarseg.core.box import Box
from napari_scarseg.core.masks import hull_box
from napari_scarseg.datasets import LabelledCase
from napari_scarseg.experiments.run import patient_stream

# Spurious boxes on a slice without any true one to copy the size of: sides in sides of the LV.
_USUAL_SIDE = 0.3


class BoxError(StrEnum):
    """What is done to the true boxes. At its neutral amount (0, of SCALE 1) each leaves them as they are."""

    SHIFT = "shift"  # moved by so many of its sides, in a random direction
    SCALE = "scale"  # sides times so much, about the middle
    MISS = "miss"  # each box is lost with this probability
    SPURIOUS = "spurious"  # so many boxes too many per slice that shows the LV, on average
    MERGE = "merge"  # with this probability, all boxes of a slice become the one around them
    SPLIT = "split"  # with this probability, a box becomes the two halves of its longer side

    @property
    def neutral(self) -> float:
        """The amount that changes nothing."""
        return 1.0 if self is BoxError.SCALE else 0.0


def apply_box_error(case: LabelledCase, boxes: Sequence[Box], error: BoxError, amount: float, seed: int) -> list[Box]:
    """The boxes of a case with one kind of error.

    Draws depend on seed, patient and kind, not on the amount: what is lost at a low amount is lost at a higher one too,
    so that a curve over amounts is one of amounts alone.

    Parameters
    ----------
    case : LabelledCase
    boxes : sequence of Box
        The true ones.
    error : BoxError
    amount : float
        See `BoxError`.
    seed : int
    """
    rng = np.random.default_rng((seed, patient_stream(case.record.patient), list(BoxError).index(error)))
    match error:
        case BoxError.SHIFT:
            angles = rng.uniform(0, 2 * np.pi, len(boxes))
            moves = zip(boxes, angles, strict=True)
            return [_move(box, amount * np.sin(angle), amount * np.cos(angle)) for box, angle in moves]
        case BoxError.SCALE:
            return [_scale(box, amount) for box in boxes]
        case BoxError.MISS:
            lots = rng.uniform(0, 1, len(boxes))
            return [box for box, lot in zip(boxes, lots, strict=True) if lot >= amount]
        case BoxError.SPURIOUS:
            return [*boxes, *_spurious(case, boxes, amount, rng)]
        case BoxError.MERGE:
            return _merge(boxes, amount, rng)
        case BoxError.SPLIT:
            lots = rng.uniform(0, 1, len(boxes))
            return [
                part for box, lot in zip(boxes, lots, strict=True) for part in (_split(box) if lot < amount else [box])
            ]


def _move(box: Box, rows: float, cols: float) -> Box:
    """Moved by so many of its own sides."""
    down, right = rows * box.height, cols * box.width
    return _box(box, box.row_min + down, box.col_min + right, box.row_max + down, box.col_max + right)


def _scale(box: Box, factor: float) -> Box:
    row, col = box.centre
    height, width = factor * box.height / 2, factor * box.width / 2
    return _box(box, row - height, col - width, row + height, col + width)


def _split(box: Box) -> list[Box]:
    row, col = box.centre
    top, left, bottom, right = box.corners
    if box.height >= box.width:
        return [_box(box, top, left, row, right), _box(box, row, left, bottom, right)]
    return [_box(box, top, left, bottom, col), _box(box, top, col, bottom, right)]


def _merge(boxes: Sequence[Box], amount: float, rng: np.random.Generator) -> list[Box]:
    merged: list[Box] = []
    for z in sorted({box.slice for box in boxes}):
        own = [box for box in boxes if box.slice == z]
        if rng.uniform() >= amount or len(own) < 2:
            merged += own
            continue
        corners = np.array([box.corners for box in own])
        low, high = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
        merged.append(_box(own[0], *low.tolist(), *high.tolist()))
    return merged


def _spurious(case: LabelledCase, boxes: Sequence[Box], amount: float, rng: np.random.Generator) -> list[Box]:
    """Boxes with their middle anywhere in the LV's own box, as large as a true one of the case."""
    false: list[Box] = []
    for z in range(case.stack.shape[0]):
        heart = hull_box(case.scar[z] if case.lv is None else case.lv[z], z)
        # The draws of a slice are made whatever the amount is, so that a higher one adds boxes to those of a lower.
        lots, places, picks = rng.uniform(size=8), rng.uniform(size=(8, 2)), rng.integers(2**31, size=8)
        if heart is None:
            continue
        for lot, place, pick in zip(np.cumsum(-np.log(lots)), places, picks, strict=True):
            if lot > amount:
                break
            side = _USUAL_SIDE * max(heart.height, heart.width)
            height, width = (side, side) if not boxes else _sides(boxes[int(pick) % len(boxes)])
            row = heart.row_min + place[0] * heart.height
            col = heart.col_min + place[1] * heart.width
            false.append(Box(z, row - height / 2, col - width / 2, row + height / 2, col + width / 2))
    return false


def _sides(box: Box) -> tuple[float, float]:
    return box.height, box.width


def _box(box: Box, row_min: float, col_min: float, row_max: float, col_max: float) -> Box:
    return replace(box, row_min=float(row_min), col_min=float(col_min), row_max=float(row_max), col_max=float(col_max))
