"""What is decided from values alone."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_scarseg.core.box import Box, BoxOrigin, Review
from napari_scarseg.core.protocols import Prompt
from napari_scarseg.core.refinement import Refinement
from napari_scarseg.gui.plan import (
    ShownBoxes,
    drawn_box,
    plan_boxes_redraw,
    plan_changes,
    plan_confidence,
    plan_detection,
    plan_full_redraw,
    plan_prompts,
)


def found(z: int, row: float = 10, score: float = 0.8, lesion: int | None = None, name: str = "") -> Box:
    box = Box(z, row, 10, row + 12, 22, score, BoxOrigin.DETECTOR, lesion_id=lesion)
    return replace(box, box_id=name) if name else box


def drawn(*boxes: Box) -> dict:
    return {box.box_id: drawn_box(box) for box in boxes}


A, B, C = found(1, lesion=1, name="a"), found(1, 40, lesion=2, name="b"), found(2, lesion=1, name="c")


def test_nothing_changed_asks_for_nothing() -> None:
    changes = plan_changes(drawn(A, B, C), drawn(A, B, C))
    assert not changes
    assert (changes.added, changes.moved, changes.removed, changes.redraws) == ((), (), (), {})


def test_rounding_on_the_way_through_napari_is_no_change() -> None:
    assert not plan_changes(drawn(A), drawn(replace(A, row_min=A.row_min + 1e-6)))


def test_a_nudge_redraws_its_own_lesion_on_its_own_slice() -> None:
    moved = replace(A, row_min=11)
    changes = plan_changes(drawn(A, B, C), drawn(moved, B, C))
    assert changes.moved == ("a",)
    assert changes.redraws == {1: {1}}


def test_a_box_moved_to_another_slice_redraws_both() -> None:
    assert plan_changes(drawn(A, B), drawn(replace(A, slice=4), B)).redraws == {1: {1}, 4: {1}}


def test_added_and_removed_boxes() -> None:
    new = found(3, lesion=7, name="n")
    changes = plan_changes(drawn(A, B, C), drawn(A, C, new))
    assert (changes.added, changes.removed) == (("n",), ("b",))
    assert changes.redraws == {1: {2}, 3: {7}}


def test_a_waiting_box_is_drawn_when_it_is_moved_only() -> None:
    assert not plan_changes(drawn(A), drawn(A, B), drawn(B))
    assert plan_changes(drawn(A), drawn(A, replace(B, row_min=30)), drawn(B)).redraws == {1: {2}}
    assert not plan_changes(drawn(A), drawn(A), drawn(B))


def test_another_lesion_redraws_the_old_and_the_new() -> None:
    assert plan_changes(drawn(A, B), drawn(replace(A, lesion_id=2), B)).redraws == {1: {1, 2}}


def test_another_point_or_refinement_redraws_and_only_the_point_asks_the_network() -> None:
    before = {"a": drawn_box(A)}
    pointed = {"a": drawn_box(A, ((12.0, 12.0, True),))}
    refined = {"a": drawn_box(A, (), Refinement(grow_px=1))}
    assert plan_changes(before, pointed).redraws == plan_changes(before, refined).redraws == {1: {1}}
    assert not before["a"].asks_as(pointed["a"]) and before["a"].asks_as(refined["a"])
    assert not plan_changes(pointed, {"a": drawn_box(A, ((12.0, 12.0 + 1e-6, True),))})
    assert plan_changes(pointed, {"a": drawn_box(A, ((12.0, 12.0, False),))})


def test_a_full_redraw_erases_lesions_whose_boxes_are_gone() -> None:
    assert plan_full_redraw(drawn(A, B, C), drawn(A)) == {1: {1, 2}, 2: {1}}


def test_selected_boxes_redraw_where_they_are_and_where_they_were() -> None:
    assert plan_boxes_redraw(["a"], drawn(A, B), drawn(replace(A, slice=5))) == {1: {1}, 5: {1}}


def test_prompts_are_all_boxes_of_the_slices_the_one_in_view_first() -> None:
    far = found(9, lesion=5, name="far")
    assert [p.box.box_id for p in plan_prompts({1: {1}, 2: {1}}, [*map(Prompt, (A, B, C, far))], current_slice=2)] == [
        "c",
        "a",
        "b",
    ]


def test_detecting_replaces_only_the_detector_s_boxes_on_the_slices_it_saw() -> None:
    mine = Box(1, 100, 100, 120, 120)
    edited = replace(found(1, 70), origin=BoxOrigin.EDITED, score=None)
    elsewhere = found(3, name="elsewhere")
    shown = ShownBoxes((found(1, 30), mine, edited, elsewhere), (found(1, 55, 0.1), found(3, 60, 0.1, name="low")))
    fresh = found(1, 150)
    planned = plan_detection(shown, [fresh], [1, 2], 0.3)
    assert planned.boxes == (mine, edited, elsewhere, fresh)
    assert [box.box_id for box in planned.candidates] == ["low"]


def test_a_find_on_top_of_a_touched_box_is_left_out() -> None:
    mine = Box(1, 10, 10, 22, 22)
    assert plan_detection(ShownBoxes((mine,), ()), [found(1), found(1, 50)], [1], 0.3).boxes[0] == mine
    assert len(plan_detection(ShownBoxes((mine,), ()), [found(1), found(1, 50)], [1], 0.3).boxes) == 2


def test_a_box_found_again_keeps_its_identity_and_lesion() -> None:
    again = replace(found(1, score=0.5), row_min=10.3)
    (box,) = plan_detection(ShownBoxes((A,), ()), [again], [1], 0.3).boxes
    assert (box.box_id, box.lesion_id, box.score, box.row_min) == ("a", 1, 0.5, 10.3)


def test_two_finds_at_one_place_do_not_share_an_identity() -> None:
    boxes = plan_detection(ShownBoxes((A,), ()), [found(1), found(1)], [1], 0.3).boxes
    assert len({box.box_id for box in boxes}) == 2


def test_low_finds_wait_behind_the_slider() -> None:
    planned = plan_detection(ShownBoxes((), ()), [found(1, 10, 0.8), found(1, 40, 0.2)], [1], 0.3)
    assert [box.score for box in planned.boxes] == [0.8]
    assert [box.score for box in planned.candidates] == [0.2]


def test_a_marked_box_is_touched_and_a_rejected_find_does_not_come_back() -> None:
    rejected = replace(found(1, 30, name="no"), review=Review.REJECTED)
    planned = plan_detection(ShownBoxes((rejected,), ()), [found(1, 31, 0.9), found(1, 90, 0.9)], [1], 0.5)
    assert [box.row_min for box in planned.boxes] == [30, 90]
    assert plan_confidence(planned, 1.0).boxes == (rejected,)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), max_size=8), st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_the_slider_loses_no_box_and_forgets_where_it_was(scores: list[float], stops: list[float]) -> None:
    boxes = tuple(found(1, 10 * i, score, name=str(i)) for i, score in enumerate(scores))
    touched = Box(1, 0, 0, 9, 9, box_id="mine")
    shown = ShownBoxes((*boxes, touched), ())
    for stop in stops:
        shown = plan_confidence(shown, stop)
        assert {box.box_id for box in shown.boxes} == {b.box_id for b in boxes if b.score >= stop} | {"mine"}
        assert {box.box_id for box in (*shown.boxes, *shown.candidates)} == {*map(str, range(len(boxes))), "mine"}


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_a_person_s_boxes_are_never_hidden(confidence: float) -> None:
    mine = (Box(1, 0, 0, 9, 9), replace(A, origin=BoxOrigin.EDITED, score=None))
    assert plan_confidence(ShownBoxes(mine, ()), confidence).boxes == mine
