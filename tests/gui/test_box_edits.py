"""Commands on boxes, from values alone."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_scarseg.core.box import Box, BoxOrigin, Review
from napari_scarseg.gui.box_edits import (
    chain_relabels,
    copy_boxes,
    fill_between,
    give_lesion,
    mark_boxes,
    merge_map,
    next_to_review,
    summarise_lesions,
)


def box(z: int, row: float = 10, name: str = "", lesion: int = 1, review: Review = Review.NONE) -> Box:
    name = name or f"{lesion}:{z}:{row}"
    return Box(z, row, 10, row + 12, 22, 0.8, BoxOrigin.DETECTOR, name, lesion, review)


def test_a_copy_is_the_user_s_of_the_same_lesion_with_a_new_name() -> None:
    (copy,) = copy_boxes([box(1, review=Review.ACCEPTED), box(1, 40)], {"1:1:10"}, 1, 5)
    assert (copy.slice, copy.corners, copy.lesion_id) == (2, box(1).corners, 1)
    assert (copy.origin, copy.score, copy.review) == (BoxOrigin.USER, None, Review.NONE)
    assert copy.box_id != "1:1:10"


def test_nothing_is_copied_beyond_the_stack_or_twice() -> None:
    assert copy_boxes([box(4)], {"1:4:10"}, 1, 5) == copy_boxes([box(0)], {"1:0:10"}, -1, 5) == []
    assert copy_boxes([box(1), box(2, 11)], {"1:1:10"}, 1, 5) == []
    assert len(copy_boxes([box(1), box(2, 11, lesion=2)], {"1:1:10"}, 1, 5)) == 1


def test_gaps_are_filled_per_lesion_and_rejected_boxes_do_not_count() -> None:
    boxes = [box(0), box(3, 16), box(1, lesion=2), box(2, lesion=2), box(4, 90, review=Review.REJECTED)]
    filled = fill_between(boxes, {1, 2})
    assert [(b.slice, b.row_min, b.lesion_id, b.origin) for b in filled] == [
        (1, 12.0, 1, BoxOrigin.USER),
        (2, 14.0, 1, BoxOrigin.USER),
    ]
    assert fill_between([*boxes, *filled], {1}) == []


def test_two_boxes_on_a_slice_are_filled_in_from_the_rectangle_around_both() -> None:
    (middle,) = fill_between([box(0, 10), box(0, 40), box(2, 10)], {1})
    assert middle.corners == (10, 10, 37, 22)


def test_review_goes_on_from_here_and_round() -> None:
    boxes = [box(0), box(2, 10), box(2, 30), box(3, review=Review.ACCEPTED), Box(1, 0, 0, 9, 9, box_id="mine")]
    assert next_to_review(boxes, 1).box_id == "1:2:10"
    assert next_to_review(boxes, 2, "1:2:10").box_id == "1:2:30"
    assert next_to_review(boxes, 2, "1:2:30").box_id == "1:0:10"
    done = mark_boxes(boxes, {b.box_id for b in boxes}, Review.REJECTED)
    assert next_to_review(done, 0) is None
    assert next_to_review(mark_boxes(done, {"mine"}, Review.CHECK), 4).box_id == "mine"


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 50)), max_size=12, unique=True), st.integers(0, 5))
def test_reviewing_ends_and_sees_every_box_once(places: list[tuple[int, int]], start: int) -> None:
    boxes = [box(z, row) for z, row in places]
    seen, current, looking = [], start, ""
    while (turn := next_to_review(boxes, current, looking)) is not None:
        seen.append(turn.box_id)
        boxes = mark_boxes(boxes, {turn.box_id}, Review.ACCEPTED)
        current, looking = turn.slice, turn.box_id
    assert sorted(seen) == sorted(b.box_id for b in boxes)


def test_lesions_are_summarised() -> None:
    rows = summarise_lesions([box(0), replace(box(1), score=0.9), box(4, lesion=3, review=Review.ACCEPTED)])
    assert [(r.lesion_id, r.slices, r.box_count, r.score, r.to_review, r.review) for r in rows] == [
        (1, (0, 1), 2, 0.9, 2, Review.NONE),
        (3, (4,), 1, 0.8, 0, Review.ACCEPTED),
    ]


def test_merging_and_giving() -> None:
    assert merge_map([]) == merge_map([4]) == {}
    assert [b.lesion_id for b in give_lesion([box(0), box(1)], {"1:1:10"}, 9)] == [1, 9]


@pytest.mark.parametrize(
    ("pending", "more", "chained"),
    [
        ({(0, 3): 2}, {(0, 2): 1}, {(0, 3): 1, (0, 2): 1}),
        ({(0, 3): 2}, {(1, 2): 1}, {(0, 3): 2, (1, 2): 1}),
        ({}, {(0, 2): 1}, {(0, 2): 1}),
    ],
)
def test_relabels_that_wait_are_followed_by_later_ones(pending, more, chained) -> None:
    assert chain_relabels(pending, more) == chained
