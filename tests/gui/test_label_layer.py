"""Masks ↔ Labels."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_scarseg.core.masks import BoxMask, compose_labels
from napari_scarseg.gui.label_layer import (
    NOT_PAINTED,
    compose_slice,
    compose_volume,
    empty_painting,
    protected_voxels,
    record_painting,
    write_from_planes,
)

SHAPE = (3, 64, 64)
OPEN = np.zeros(SHAPE[1:], dtype=bool)


def mask(z: int, row: int, col: int, lesion: int, side: int = 12) -> BoxMask:
    """Positive in a disc of diameter `side`, 4 at its centre."""
    way = (np.arange(side) + 0.5 - side / 2) / (side / 2)
    logits = 4 * (1 - way[:, None] ** 2 - way[None, :] ** 2)
    return BoxMask(f"{lesion}", lesion, z, row, col, logits.astype(np.float32))


def square(lesion: int, row: int, col: int, logit: float, side: int = 6) -> BoxMask:
    return BoxMask(f"{lesion}-{row}-{col}", lesion, 0, row, col, np.full((side, side), logit, np.float32))


def test_a_redraw_of_everything_is_the_composition() -> None:
    masks = [mask(0, 5, 5, 1), mask(0, 10, 10, 2)]
    drawn = compose_slice(np.zeros(SHAPE[1:], int), masks, {1, 2}, OPEN, 0.0)
    assert np.array_equal(drawn, compose_labels(masks, SHAPE[1:], 0.0))


def test_a_redraw_of_one_lesion_changes_no_other() -> None:
    masks = [mask(0, 5, 5, 1), mask(0, 30, 30, 2)]
    current = compose_labels(masks, SHAPE[1:], 0.0)
    current[30:36, 30:36] = 0  # an undone part of lesion 2
    moved = [mask(0, 7, 7, 1), masks[1]]
    drawn = compose_slice(current, moved, {1}, OPEN, 0.0)
    assert np.array_equal(drawn == 2, current == 2)
    assert np.array_equal(drawn == 1, compose_labels(moved, SHAPE[1:], 0.0) == 1)


def test_a_lesion_without_masks_is_erased() -> None:
    masks = [mask(0, 5, 5, 1), mask(0, 30, 30, 2)]
    current = compose_labels(masks, SHAPE[1:], 0.0)
    drawn = compose_slice(current, masks[1:], {1}, OPEN, 0.0)
    assert not (drawn == 1).any()
    assert np.array_equal(drawn == 2, current == 2)


def test_the_higher_logit_wins_and_gives_back_what_it_no_longer_covers() -> None:
    weak, strong = square(1, 10, 10, 1.0), square(2, 13, 10, 3.0)
    current = compose_slice(np.zeros(SHAPE[1:], int), [weak, strong], {1, 2}, OPEN, 0.0)
    assert (current[13:16, 10:16] == 2).all()
    away = square(2, 40, 40, 3.0)
    drawn = compose_slice(current, [weak, away], {2}, OPEN, 0.0)
    assert (drawn[10:16, 10:16] == 1).all()
    assert (drawn[40:46, 40:46] == 2).all()


def test_ties_go_to_the_lower_id() -> None:
    drawn = compose_slice(np.zeros(SHAPE[1:], int), [square(2, 10, 10, 1), square(1, 10, 10, 1)], {1, 2}, OPEN, 0.0)
    assert set(np.unique(drawn)) == {0, 1}


def test_labels_without_a_mask_are_not_drawn_over() -> None:
    current = np.zeros(SHAPE[1:], int)
    current[10:14, 10:14] = 9  # somebody else's
    drawn = compose_slice(current, [square(1, 10, 10, 5.0)], {1}, OPEN, 0.0)
    assert (drawn[10:14, 10:14] == 9).all()
    assert (drawn[14:16, 10:16] == 1).all()


def test_protected_voxels_keep_their_label_and_their_emptiness() -> None:
    current = compose_labels([square(1, 10, 10, 5.0)], SHAPE[1:], 0.0)
    current[10, 10], current[20, 20] = 0, 1  # erased and added by hand
    protected = OPEN.copy()
    protected[10, 10] = protected[20, 20] = True
    drawn = compose_slice(current, [square(1, 11, 11, 5.0)], {1}, protected, 0.0)
    assert drawn[10, 10] == 0 and drawn[20, 20] == 1
    assert not drawn[10, 11:16].any()
    assert (drawn[11:17, 11:17] == 1).all()


def test_the_threshold_is_a_logit() -> None:
    assert not compose_slice(np.zeros(SHAPE[1:], int), [square(1, 10, 10, 1.0)], {1}, OPEN, 1.0).any()
    assert compose_slice(np.zeros(SHAPE[1:], int), [square(1, 10, 10, 1.01)], {1}, OPEN, 1.0).sum() == 36


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(4, 20)), min_size=1, max_size=5), st.data()
)
def test_a_box_that_goes_and_comes_back_leaves_no_trace(
    places: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    masks = [mask(0, row, col, lesion, side) for lesion, (row, col, side) in enumerate(places, start=1)]
    everything = set(range(1, len(masks) + 1))
    before = compose_slice(np.zeros(SHAPE[1:], int), masks, everything, OPEN, 0.0)
    which = data.draw(st.integers(0, len(masks) - 1))
    lesion = which + 1
    away = list(masks)
    away[which] = mask(0, data.draw(st.integers(0, 40)), data.draw(st.integers(0, 40)), lesion, 10)
    there = compose_slice(before, away, {lesion}, OPEN, 0.0)
    back = compose_slice(there, masks, {lesion}, OPEN, 0.0)
    assert np.array_equal(back, before)


def test_only_the_named_slices_are_composed() -> None:
    labels = np.zeros(SHAPE, int)
    planes = compose_volume(labels, None, [mask(0, 5, 5, 1), mask(2, 5, 5, 1)], {2: {1}}, 0.0)
    assert list(planes) == [2]


def test_a_write_holds_exactly_the_changed_voxels() -> None:
    labels = np.zeros(SHAPE, np.int32)
    labels[1, 5, 5] = 7
    plane = labels[1].copy()
    plane[5, 5], plane[6, 6] = 0, 3
    write = write_from_planes(labels, {0: labels[0].copy(), 1: plane})
    assert write.size == 2
    assert [axis.tolist() for axis in write.indices] == [[1, 1], [5, 6], [5, 6]]
    assert (write.before.tolist(), write.after.tolist()) == ([7, 0], [0, 3])
    labels[write.indices] = write.after
    assert np.array_equal(labels[1], plane)


def test_a_write_of_nothing_is_empty() -> None:
    labels = np.zeros(SHAPE, np.int32)
    assert write_from_planes(labels, {}).size == 0
    assert write_from_planes(labels, {0: labels[0]}).size == 0


def test_voxels_that_changed_in_the_meantime_are_left_out() -> None:
    labels = np.zeros(SHAPE, np.int32)
    plane = labels[0].copy()
    plane[1, 1] = plane[2, 2] = 4
    write = write_from_planes(labels, {0: plane})
    labels[0, 1, 1] = 8
    assert [axis.tolist() for axis in write.still_valid(labels).indices] == [[0], [2], [2]]


def test_painting_protects_until_it_is_undone() -> None:
    labels = np.zeros(SHAPE, np.int32)
    indices = (np.array([0, 0]), np.array([4, 5]), np.array([4, 5]))
    labels[indices] = 2
    painted = record_painting(empty_painting(SHAPE), [(indices, 2)])
    assert np.argwhere(protected_voxels(labels, painted)).tolist() == [[0, 4, 4], [0, 5, 5]]
    labels[0, 4, 4] = 0  # Ctrl+Z
    assert np.argwhere(protected_voxels(labels, painted)).tolist() == [[0, 5, 5]]


def test_erasing_by_hand_protects_too() -> None:
    labels = np.ones(SHAPE, np.int32)
    labels[0, 4, 4] = 0
    painted = record_painting(empty_painting(SHAPE), [((np.array([0]), np.array([4]), np.array([4])), 0)])
    assert protected_voxels(labels, painted)[0, 4, 4]
    assert (painted == NOT_PAINTED).sum() == labels.size - 1
