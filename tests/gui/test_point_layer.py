"""Points ↔ point prompts, and the box that a point belongs to."""

import numpy as np
import pytest

from napari_scarseg.core.box import Box
from napari_scarseg.core.point import Point
from napari_scarseg.gui.point_layer import points_from_rows, points_of_boxes, rows_from_points
from napari_scarseg.gui.viewer_points import draw_points, new_points_layer, read_points_layer, show_points

POINTS = (Point(1, 10.5, 20.25), Point(3, 40.0, 8.5, False))


@pytest.mark.parametrize("ndim", [2, 3])
def test_there_and_back(ndim: int) -> None:
    coordinates, features = rows_from_points(POINTS, ndim)
    back = points_from_rows(coordinates, features, (5, 64, 64))
    assert back == (POINTS if ndim == 3 else tuple(Point(0, p.row, p.col, p.is_positive) for p in POINTS))


def test_points_of_another_plugin_are_positive_and_those_beside_the_stack_are_none() -> None:
    data = np.array([[1.0, 5.0, 6.0], [7.0, 5.0, 6.0], [-1.0, 5.0, 6.0], [1.0, np.nan, 6.0]])
    assert points_from_rows(data, {}, (5, 64, 64)) == (Point(1, 5.5, 6.5),)


def test_a_point_beside_a_box_belongs_to_the_box_whose_margin_it_meets() -> None:
    left, right = Box(0, 10, 10, 20, 20, box_id="left"), Box(0, 10, 21, 20, 31, box_id="right")
    assert points_of_boxes([Point(0, 15, 22)], [left, right]) == {"right": ((15, 22, True),)}
    assert set(points_of_boxes([Point(0, 15, 20.5)], [left])) == {"left"}
    assert points_of_boxes([Point(1, 15, 15), Point(0, 15, 40)], [left, right]) == {}


def test_drawn_points_have_the_sign_that_was_chosen(viewer, image) -> None:
    layer = new_points_layer(viewer, image)
    assert (layer.scale, layer.units) == (pytest.approx(image.scale), image.units)
    draw_points(layer, is_positive=False)
    layer.add([[2, 10, 10]])
    draw_points(layer, is_positive=True)
    layer.add([[2, 20, 10]])
    assert read_points_layer(layer, image) == (Point(2, 10.5, 10.5, False), Point(2, 20.5, 10.5, True))
    assert not np.array_equal(layer.face_color[0], layer.face_color[1])
    show_points(layer, image, POINTS)
    assert read_points_layer(layer, image) == POINTS
