"""Boxes: what one is, when it counts as edited, and how two overlap."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_scarseg.core.box import Box, box_iou
from napari_scarseg.errors import InputError

EDGES = st.floats(-500, 500)
SIDES = st.floats(0.5, 500)


@st.composite
def boxes(draw):
    row, col = draw(EDGES), draw(EDGES)
    return Box(draw(st.integers(0, 1)), row, col, row + draw(SIDES), col + draw(SIDES))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((0, 0, 0, math.nan, 1), "not a finite number"),
        ((0, 0, 0, math.inf, 1), "not a finite number"),
        ((0, 5, 0, 5, 1), "has no area"),
        ((0, 0, 9, 5, 1), "has no area"),
        ((-1, 0, 0, 1, 1), "slices count from 0"),
    ],
)
def test_what_is_no_box(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        Box(*arguments)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"lesion_id": 0}, "count from 1"),
        ({"score": 1.01}, "between 0 and 1"),
        ({"score": math.nan}, "between 0 and 1"),
    ],
)
def test_what_no_box_carries(options, sentence):
    with pytest.raises(InputError, match=sentence):
        Box(0, 0, 0, 1, 1, **options)


def test_every_box_has_its_own_id():
    assert len({Box(0, 0, 0, 1, 1).box_id for _ in range(100)}) == 100


def test_extent_and_centre():
    box = Box(3, 10, 12, 20, 30)
    assert (box.height, box.width, box.centre, box.corners) == (10, 18, (15, 21), (10, 12, 20, 30))


@pytest.mark.parametrize(("shift", "moved"), [(0.0, False), (0.5, False), (0.51, True), (-0.6, True)])
@pytest.mark.parametrize("edge", range(4))
def test_moved_means_more_than_half_a_pixel(edge, shift, moved):
    original = [10.0, 12.0, 20.0, 30.0]
    corners = list(original)
    corners[edge] += shift
    assert Box(0, *corners).moved_from(tuple(original)) is moved


def test_with_lesion_keeps_the_rest():
    box = Box(0, 0, 0, 1, 1, score=0.5)
    other = box.with_lesion(7)
    assert (other.lesion_id, other.box_id, other.score) == (7, box.box_id, 0.5)
    assert box.lesion_id is None


def test_iou_by_hand():
    assert box_iou(Box(0, 0, 0, 2, 2), Box(0, 1, 1, 3, 3)) == pytest.approx(1 / 7)
    assert box_iou(Box(0, 0, 0, 2, 2), Box(0, 2, 0, 4, 2)) == 0
    assert box_iou(Box(0, 0, 0, 2, 2), Box(1, 0, 0, 2, 2)) == 0


@given(boxes(), boxes())
def test_iou_properties(a, b):
    assert box_iou(a, a) == pytest.approx(1)
    assert box_iou(a, b) == pytest.approx(box_iou(b, a))
    assert 0 <= box_iou(a, b) <= 1 + 1e-9
