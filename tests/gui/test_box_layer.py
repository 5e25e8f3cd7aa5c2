"""Box ↔ Shapes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_scarseg.core.box import Box, BoxOrigin
from napari_scarseg.gui.box_layer import (
    FEATURE_DEFAULTS,
    DetectedBox,
    box_text,
    boxes_from_rows,
    detected_box,
    features_of_boxes,
    resolve_origin,
    rows_from_boxes,
)

SHAPE = (8, 64, 64)
NO_FEATURES: dict[str, list[object]] = {}

edges = st.floats(0, 60, allow_nan=False, width=32)
sides = st.floats(2.5, 40, allow_nan=False, width=32)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    """A box that begins inside the stack of `SHAPE`."""
    row, col = draw(edges), draw(edges)
    origin = draw(st.sampled_from(BoxOrigin))
    score = draw(st.floats(0, 1)) if origin is BoxOrigin.DETECTOR else None
    lesion = draw(st.none() | st.integers(1, 99))
    z = draw(st.integers(0, SHAPE[0] - 1))
    return Box(z, row, col, row + draw(sides), col + draw(sides), score, origin, lesion_id=lesion)


def corners_of(box: Box) -> np.ndarray:
    return rows_from_boxes([box]).data[0]


@settings(deadline=None, max_examples=200)
@given(st.lists(boxes(), max_size=6))
def test_boxes_survive_the_way_to_shapes_and_back(given_boxes: list[Box]) -> None:
    rows = rows_from_boxes(given_boxes)
    read = boxes_from_rows(rows.data, rows.features, SHAPE)
    assert [replace(b, row_min=0, col_min=0, row_max=1, col_max=1) for b in read.boxes] == [
        replace(b, row_min=0, col_min=0, row_max=1, col_max=1) for b in given_boxes
    ]
    assert np.allclose([b.corners for b in read.boxes], [b.corners for b in given_boxes])
    assert read.rows == tuple(range(len(given_boxes)))


@settings(deadline=None, max_examples=60)
@given(boxes())
def test_a_two_dimensional_layer_gives_the_same_box_on_slice_0(box: Box) -> None:
    box = replace(box, slice=0)
    rows = rows_from_boxes([box], ndim=2)
    assert rows.data[0].shape == (4, 2)
    (read,) = boxes_from_rows(rows.data, rows.features, (1, 64, 64)).boxes
    assert read.slice == 0
    assert np.allclose(read.corners, box.corners)


@settings(deadline=None, max_examples=100)
@given(boxes(), st.permutations(range(4)))
def test_corner_order_and_drag_direction_do_not_matter(box: Box, order: list[int]) -> None:
    (read,) = boxes_from_rows([corners_of(box)[order]], NO_FEATURES, SHAPE).boxes
    assert np.allclose(read.corners, box.corners)


@settings(deadline=None, max_examples=100)
@given(boxes(), st.floats(-0.49, 0.49))
def test_a_fractional_z_is_the_nearest_slice(box: Box, shift: float) -> None:
    vertices = corners_of(box) + np.array([shift, 0, 0])
    read = boxes_from_rows([vertices], NO_FEATURES, SHAPE).boxes
    if 0 <= box.slice + shift + 0.5 < SHAPE[0]:
        assert read[0].slice == box.slice


def test_pixel_edges_are_half_a_pixel_from_napari_s_centres() -> None:
    assert corners_of(Box(2, 10, 20, 14, 30)).tolist() == [
        [2, 9.5, 19.5],
        [2, 9.5, 29.5],
        [2, 13.5, 29.5],
        [2, 13.5, 19.5],
    ]


def test_a_rotated_rectangle_a_polygon_and_a_line_become_their_upright_box() -> None:
    diamond = np.array([[1, 10, 20], [1, 20, 30], [1, 30, 20], [1, 20, 10]], float)
    triangle = np.array([[0, 4.5, 4.5], [0, 4.5, 24.5], [0, 14.5, 14.5]])
    line = np.array([[3, 5, 5], [3, 25, 15]], float)
    read = boxes_from_rows([diamond, triangle, line], NO_FEATURES, SHAPE)
    assert [b.corners for b in read.boxes] == [(10.5, 10.5, 30.5, 30.5), (5, 5, 15, 25), (5.5, 5.5, 25.5, 15.5)]
    assert [b.slice for b in read.boxes] == [1, 0, 3]
    assert all(b.origin is BoxOrigin.USER and b.score is None for b in read.boxes)


def test_stray_clicks_are_dropped_and_named() -> None:
    click = np.array([[1, 10, 10], [1, 10, 11], [1, 11, 11], [1, 11, 10]], float)
    read = boxes_from_rows([click, corners_of(Box(1, 5, 5, 15, 15)), np.zeros((0, 3))], NO_FEATURES, SHAPE)
    assert len(read.boxes) == 1
    assert (read.rows, read.stray, read.findings) == ((1,), (0, 2), ())


@pytest.mark.parametrize(
    ("vertices", "words"),
    [
        ([[0, 10, 5], [0, 10, 15], [4, 10, 15], [4, 10, 5]], "across slices"),
        ([[9, 10, 5], [9, 20, 15]], "behind the last slice"),
        ([[-2, 10, 5], [-2, 20, 15]], "before the first"),
        ([[1, 80, 5], [1, 90, 15]], "outside the image"),
        ([[1, -20, 5], [1, -5, 15]], "outside the image"),
    ],
)
def test_shapes_that_are_no_boxes_are_left_out_with_a_sentence(vertices: list[list[float]], words: str) -> None:
    read = boxes_from_rows([np.array(vertices, float)], NO_FEATURES, SHAPE)
    assert read.boxes == ()
    (finding,) = read.findings
    assert words in finding


def test_a_box_half_outside_the_image_stays_as_it_was_drawn() -> None:
    (box,) = boxes_from_rows([corners_of(Box(0, -5, 50, 10, 80))], NO_FEATURES, SHAPE).boxes
    assert box.corners == (-5, 50, 10, 80)


def test_a_drawn_shape_gets_an_identity_of_its_own() -> None:
    data = [corners_of(Box(0, 5, 5, 15, 15)), corners_of(Box(0, 25, 25, 35, 35))]
    features = pd.DataFrame([FEATURE_DEFAULTS, FEATURE_DEFAULTS])
    first, second = boxes_from_rows(data, features, SHAPE).boxes
    assert first.box_id and second.box_id and first.box_id != second.box_id


def test_a_copy_never_inherits_the_detection() -> None:
    box = Box(0, 5, 5, 15, 15, 0.9, BoxOrigin.DETECTOR, "id", 4)
    features = pd.concat([features_of_boxes([box])] * 2, ignore_index=True)
    original, copy = boxes_from_rows([corners_of(box), corners_of(box) + np.array([0, 20, 20])], features, SHAPE).boxes
    assert original == box
    assert copy.box_id != "id"
    assert (copy.origin, copy.score, copy.lesion_id) == (BoxOrigin.USER, None, None)


def test_a_moved_detection_is_edited_and_comes_back_when_moved_back() -> None:
    box = Box(1, 5, 5, 15, 15, 0.9, BoxOrigin.DETECTOR, "id")
    detected = {"id": detected_box(box)}
    features = features_of_boxes([box])

    def read_at(shift: float) -> Box:
        return boxes_from_rows([corners_of(box) + np.array([0, shift, 0])], features, SHAPE, detected=detected).boxes[0]

    assert (read_at(0.4).origin, read_at(0.4).score) == (BoxOrigin.DETECTOR, 0.9)
    assert (read_at(0.6).origin, read_at(0.6).score) == (BoxOrigin.EDITED, None)
    assert read_at(0.6).box_id == "id"
    edited = read_at(3)
    assert resolve_origin(replace(edited, row_min=5, row_max=15), detected["id"]) == box


def test_a_detection_moved_to_another_slice_is_edited() -> None:
    box = Box(1, 5, 5, 15, 15, 0.9, BoxOrigin.DETECTOR, "id")
    assert resolve_origin(replace(box, slice=2), DetectedBox(1, box.corners, 0.9)).origin is BoxOrigin.EDITED


def test_a_layer_of_another_scale_is_brought_to_the_image() -> None:
    matrix = np.diag([1 / 8, 1 / 2, 1 / 2, 1.0])
    world = np.array([[16, 20, 20], [16, 40, 40]], float)
    (box,) = boxes_from_rows([world], NO_FEATURES, SHAPE, matrix=matrix).boxes
    assert (box.slice, box.corners) == (2, (10.5, 10.5, 20.5, 20.5))


def test_strange_features_of_other_plugins_do_no_harm() -> None:
    features = pd.DataFrame({"origin": ["alien"], "score": [7.0], "lesion_id": [-3], "box_id": ["x"], "mine": [1]})
    (box,) = boxes_from_rows([corners_of(Box(0, 5, 5, 15, 15))], features, SHAPE).boxes
    assert (box.origin, box.score, box.lesion_id, box.box_id) == (BoxOrigin.USER, None, None, "x")


@pytest.mark.parametrize(
    ("box", "text"),
    [
        (Box(0, 0, 0, 5, 5, 0.874, BoxOrigin.DETECTOR), "87%"),
        (Box(0, 0, 0, 5, 5, None, BoxOrigin.USER), ""),
        (Box(0, 0, 0, 5, 5, None, BoxOrigin.EDITED, lesion_id=2), "2 · edited"),
    ],
)
def test_the_text_says_lesion_and_source(box: Box, text: str) -> None:
    assert box_text(box) == text
