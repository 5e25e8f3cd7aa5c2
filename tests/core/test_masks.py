"""Components, their boxes, and labels composed of many masks."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage.measure import label as reference_label

from napari_scarseg.core.masks import BoxMask, component_boxes, compose_labels, grow_mask, hull_box, label_components

MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=14))


def make_mask(lesion, logits, row=0, col=0):
    return BoxMask(f"box{lesion}", lesion, 0, row, col, np.asarray(logits, dtype=np.float32))


def test_corners_connect_and_small_ones_fall_away():
    mask = np.zeros((8, 12), bool)
    mask[np.arange(5), np.arange(5)] = True
    mask[0, 8:12] = True
    labels = label_components(mask)
    assert labels.max() == 1
    assert (labels == 1).sum() == 5
    assert label_components(mask, min_px=4).max() == 2


@settings(deadline=None)
@given(MASKS, st.integers(1, 6))
def test_components_against_scikit_image(mask, min_px):
    labels = label_components(mask, min_px)
    reference = reference_label(mask, connectivity=2)
    kept = [n for n in range(1, reference.max() + 1) if (reference == n).sum() >= min_px]
    assert sorted(np.unique(labels[labels > 0])) == list(range(1, len(kept) + 1))
    np.testing.assert_array_equal(labels > 0, np.isin(reference, kept))
    for number in range(1, len(kept) + 1):
        assert len(np.unique(reference[labels == number])) == 1


@settings(deadline=None)
@given(MASKS)
def test_boxes_are_tight(mask):
    labels = label_components(mask)
    boxes = component_boxes(mask, 3)
    assert len(boxes) == labels.max()
    for number, box in enumerate(boxes, start=1):
        where = np.argwhere(labels == number)
        assert box.corners == (*where.min(0), *(where.max(0) + 1))
        assert box.slice == 3


def test_hull():
    mask = np.zeros((9, 9), np.uint8)
    assert hull_box(mask, 0) is None
    mask[2, 3] = mask[7, 5] = 4
    assert hull_box(mask, 2).corners == (2, 3, 8, 6)


def test_the_higher_logit_wins_and_ties_go_to_the_lower_id():
    first = make_mask(2, [[1, 3, 2, -1]])
    second = make_mask(1, [[2, 1, 2, -2]])
    expected = [[1, 2, 1, 0]]
    np.testing.assert_array_equal(compose_labels([first, second], (1, 4)), expected)
    np.testing.assert_array_equal(compose_labels([second, first], (1, 4)), expected)


def test_threshold_is_exceeded_not_reached():
    mask = make_mask(5, [[0.4, 0.5, 0.6]])
    np.testing.assert_array_equal(compose_labels([mask], (1, 3), threshold_logit=0.5), [[0, 0, 5]])
    np.testing.assert_array_equal(compose_labels([make_mask(5, [[0.0, 0.1]])], (1, 2)), [[0, 5]])


def test_masks_lie_where_they_belong():
    labels = compose_labels([make_mask(3, np.ones((2, 2)), row=4, col=1)], (7, 5))
    expected = np.zeros((7, 5), np.int32)
    expected[4:6, 1:3] = 3
    np.testing.assert_array_equal(labels, expected)
    assert labels.dtype == np.int32


@st.composite
def many_masks(draw):
    shape = (8, 9)
    masks = []
    # Whole numbers, so that ties happen.
    values = st.integers(-2, 2)
    for lesion in draw(st.lists(st.integers(1, 5), max_size=5)):
        row, col = draw(st.integers(0, 6)), draw(st.integers(0, 7))
        size = (draw(st.integers(1, shape[0] - row)), draw(st.integers(1, shape[1] - col)))
        masks.append(make_mask(lesion, draw(hnp.arrays(np.float32, size, elements=values)), row, col))
    return shape, masks


@settings(deadline=None)
@given(many_masks(), st.randoms())
def test_composition_by_definition_and_in_any_order(case, random):
    shape, masks = case
    expected = np.zeros(shape, np.int32)
    for row, col in np.ndindex(*shape):
        claims = []
        for mask in masks:
            y, x = row - mask.row, col - mask.col
            if 0 <= y < mask.logits.shape[0] and 0 <= x < mask.logits.shape[1] and mask.logits[y, x] > 0:
                claims.append((-mask.logits[y, x], mask.lesion_id))
        expected[row, col] = min(claims)[1] if claims else 0
    np.testing.assert_array_equal(compose_labels(masks, shape), expected)
    random.shuffle(masks)
    np.testing.assert_array_equal(compose_labels(masks, shape), expected)


@settings(deadline=None)
@given(MASKS, st.integers(1, 5))
def test_growing_looks_at_the_surroundings_only_and_gives_the_same(mask, reach_px):
    np.testing.assert_array_equal(
        grow_mask(mask, reach_px), ndimage.binary_dilation(mask, iterations=reach_px), strict=True
    )
