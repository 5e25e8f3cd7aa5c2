"""Wrong boxes, by exactly the amount asked for."""

import numpy as np
import pytest

from napari_scarseg.core.box import Box
from napari_scarseg.datasets import LabelledCase
from napari_scarseg.experiments.box_errors import BoxError, apply_box_error

BOXES = [Box(1, 10, 20, 20, 40), Box(1, 30, 20, 36, 26), Box(2, 10, 20, 20, 40)]


def corners(boxes: list[Box]) -> list[tuple[float, ...]]:
    return [(box.slice, *box.corners) for box in boxes]


@pytest.mark.parametrize("error", list(BoxError))
def test_neutral_amount_changes_nothing(ring_case: LabelledCase, error: BoxError) -> None:
    assert corners(apply_box_error(ring_case, BOXES, error, error.neutral, 0)) == corners(BOXES)


def test_shift_moves_by_a_share_of_the_sides_and_keeps_them(ring_case: LabelledCase) -> None:
    for box, moved in zip(BOXES, apply_box_error(ring_case, BOXES, BoxError.SHIFT, 0.3, 0), strict=True):
        down = (moved.row_min - box.row_min) / box.height
        right = (moved.col_min - box.col_min) / box.width
        assert np.hypot(down, right) == pytest.approx(0.3)
        assert (moved.height, moved.width) == pytest.approx((box.height, box.width))


def test_scale_keeps_the_middle(ring_case: LabelledCase) -> None:
    for box, scaled in zip(BOXES, apply_box_error(ring_case, BOXES, BoxError.SCALE, 1.5, 0), strict=True):
        assert scaled.centre == pytest.approx(box.centre)
        assert (scaled.height, scaled.width) == pytest.approx((1.5 * box.height, 1.5 * box.width))


def test_what_is_missed_at_a_low_amount_is_missed_at_a_higher_one(ring_case: LabelledCase) -> None:
    many = [Box(1, row, 0, row + 2, 4) for row in range(40)]
    kept = [set(corners(apply_box_error(ring_case, many, BoxError.MISS, amount, 3))) for amount in (0.2, 0.5, 0.9, 1.0)]
    assert kept[0] > kept[1] > kept[2] > kept[3] == set()
    assert 20 <= len(kept[0]) <= 38


def test_spurious_boxes_are_added_on_every_slice_with_a_heart(ring_case: LabelledCase) -> None:
    few = apply_box_error(ring_case, BOXES, BoxError.SPURIOUS, 1.0, 0)
    more = apply_box_error(ring_case, BOXES, BoxError.SPURIOUS, 4.0, 0)
    assert corners(few)[:3] == corners(BOXES)
    assert set(corners(few)) < set(corners(more))
    assert {box.slice for box in more} == {0, 1, 2}


def test_merge_and_split(ring_case: LabelledCase) -> None:
    merged = apply_box_error(ring_case, BOXES, BoxError.MERGE, 1.0, 0)
    assert corners(merged) == [(1, 10, 20, 36, 40), (2, 10, 20, 20, 40)]
    halves = apply_box_error(ring_case, BOXES[:1], BoxError.SPLIT, 1.0, 0)
    assert corners(halves) == [(1, 10, 20, 20, 30), (1, 10, 30, 20, 40)]


def test_draws_depend_on_seed_and_patient(ring_case: LabelledCase) -> None:
    first, again, other = (corners(apply_box_error(ring_case, BOXES, BoxError.SHIFT, 0.3, seed)) for seed in (0, 0, 1))
    assert first == again != other
