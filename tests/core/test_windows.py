"""Windows: there and back without a shift, from any place and at any size."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_scarseg.core.box import Box
from napari_scarseg.core.windows import Window, whole_slice_window, window_around

SHAPES = st.tuples(st.integers(8, 60), st.integers(8, 60))
EDGES = st.floats(-40, 60, width=32)
SIDES = st.floats(4, 80, width=32)


@st.composite
def windows(draw):
    row, col = draw(EDGES), draw(EDGES)
    return Window(2, row, col, row + draw(SIDES), col + draw(SIDES), draw(st.integers(4, 96)), draw(st.booleans()))


@settings(deadline=None, max_examples=60)
@given(SHAPES, st.integers(-20, 40), st.integers(-20, 40), st.integers(4, 40))
def test_a_window_on_the_pixels_is_a_plain_crop(shape, row, col, side):
    plane = np.random.default_rng(0).random(shape).astype(np.float32)
    window = Window(0, row, col, row + side, col + side, side)
    crop = window.crop(plane)
    expected = plane[np.clip(np.arange(row, row + side), 0, shape[0] - 1)]
    expected = expected[:, np.clip(np.arange(col, col + side), 0, shape[1] - 1)]
    np.testing.assert_allclose(crop, expected, atol=1e-6)
    rows, cols, back = window.paste(crop, shape)
    np.testing.assert_allclose(back, plane[rows, cols], atol=1e-6)
    assert (rows.start, rows.stop) == (min(max(row, 0), shape[0]), max(min(row + side, shape[0]), rows.start))
    assert (cols.start, cols.stop) == (min(max(col, 0), shape[1]), max(min(col + side, shape[1]), cols.start))


@settings(deadline=None, max_examples=60)
@given(SHAPES, windows())
def test_constant_stays_constant_and_pixels_stay_in_the_slice(shape, window):
    crop = window.crop(np.full(shape, 3.5))
    np.testing.assert_allclose(crop, 3.5, rtol=1e-5)
    rows, cols, back = window.paste(crop, shape)
    np.testing.assert_allclose(back, 3.5, rtol=1e-5)
    assert back.shape == (rows.stop - rows.start, cols.stop - cols.start)
    assert 0 <= rows.start <= rows.stop <= shape[0]
    assert 0 <= cols.start <= cols.stop <= shape[1]


@settings(deadline=None, max_examples=60)
@given(windows())
def test_pasted_pixels_are_those_whose_centres_lie_in_the_window(window):
    shape = (60, 60)
    rows, cols, _ = window.paste(np.zeros((7, 7)), shape)
    centres = np.arange(60) + 0.5
    np.testing.assert_array_equal(
        np.flatnonzero((centres >= window.row_min) & (centres < window.row_max)), np.arange(60)[rows]
    )
    np.testing.assert_array_equal(
        np.flatnonzero((centres >= window.col_min) & (centres < window.col_max)), np.arange(60)[cols]
    )


@settings(deadline=None, max_examples=60)
@given(st.floats(8, 14, width=32), st.floats(8, 14, width=32), st.floats(30, 38, width=32), st.integers(40, 128))
def test_round_trip_of_a_ramp_has_no_shift(row, col, side, size):
    """A ramp of 2 and 3 per pixel comes back in its place: any slip shows in the mean."""
    y, x = np.mgrid[:64, :64] + 0.5
    plane = 2 * y + 3 * x
    window = Window(0, row, col, row + side, col + side, size)
    centres = (np.arange(size) + 0.5) * side / size
    np.testing.assert_allclose(window.crop(plane), 2 * (row + centres)[:, None] + 3 * (col + centres), rtol=1e-4)
    rows, cols, back = window.paste(window.crop(plane), plane.shape)
    error = (back - plane[rows, cols])[2:-2, 2:-2]
    # Reducing by a fraction ripples by up to 0.09 samples on either axis; half a pixel's shift would be 2.5.
    assert np.abs(error).max() < 0.09 * (2 + 3)
    assert abs(error.mean()) < 0.02 * (2 + 3)


def test_masks_come_back_from_a_coarser_grid():
    """A square mask answered on a quarter of the samples lies where it was."""
    window = Window(0, 10.0, 20.0, 42.0, 52.0, 128)
    logits = np.full((32, 32), -5.0)
    logits[8:16, 4:12] = 5
    rows, cols, back = window.paste(logits, (64, 64))
    mask = np.zeros((64, 64), bool)
    mask[rows, cols] = back > 0
    found = np.argwhere(mask)
    assert (*found.min(0), *(found.max(0) + 1)) == (18, 24, 26, 32)
    assert mask.sum() == 64


def test_reducing_averages_thin_structures():
    plane = np.zeros((64, 64))
    plane[:, ::4] = 1
    crop = Window(0, 0, 0, 64, 64, 16).crop(plane)
    np.testing.assert_allclose(crop[:, 1:-1], 0.25, atol=1e-6)


@settings(deadline=None, max_examples=100)
@given(windows(), EDGES, EDGES, SIDES, SIDES)
def test_corners_there_and_back(window, row, col, height, width):
    corners = (row, col, row + height, col + width)
    back = window.corners_to_slice(*window.corners_to_grid(*corners))
    assert back == pytest.approx(corners, abs=1e-6)


def test_corners_of_the_window_are_the_ends_of_the_grid():
    window = Window(0, 3, 5, 13, 25, 64)
    assert window.corners_to_grid(3, 5, 13, 25) == (0, 0, 64, 64)


def test_a_turned_window_shows_the_same_pixels_turned_and_brings_them_back():
    plane = np.zeros((40, 50), dtype=np.float32)
    plane[12:15, 20:26] = 1
    upright = Window(0, 4, 6, 36, 38, 64)
    turned = replace(upright, is_turned=True)
    crop = turned.crop(plane)
    np.testing.assert_array_equal(crop, upright.crop(plane)[::-1, ::-1])
    row_min, col_min, row_max, col_max = (int(edge) for edge in turned.corners_to_grid(12, 20, 15, 26))
    assert (row_min, col_min, row_max, col_max) == (42, 24, 48, 36)
    assert crop[row_min + 1 : row_max - 1, col_min + 1 : col_max - 1].min() == 1, "a box lies where its pixels are"
    assert crop.sum() == pytest.approx(plane.sum() * 4)
    for window in (upright, turned):
        rows, cols, back = window.paste(window.crop(plane), plane.shape)
        assert (rows, cols) == (slice(4, 36), slice(6, 38))
        np.testing.assert_array_equal(back > 0.5, plane[rows, cols] > 0.5)


def test_whole_slice_is_padded_below_and_right():
    window = whole_slice_window(4, (30, 50), 100)
    assert (window.row_min, window.col_min, window.row_max, window.col_max) == (0, 0, 50, 50)
    assert (window.slice, window.size) == (4, 100)


@settings(deadline=None, max_examples=100)
@given(EDGES, EDGES, SIDES, SIDES)
def test_window_around_holds_its_box(row, col, height, width):
    box = Box(1, row, col, row + height, col + width)
    window = window_around(box, factor=1.8, min_side_px=48, size=192)
    side = window.row_max - window.row_min
    assert side == pytest.approx(window.col_max - window.col_min)
    wanted = max(48, 1.8 * max(box.height, box.width))
    assert wanted * (1 - 1e-6) <= side <= wanted * 2 ** (1 / 8) * (1 + 1e-6)
    assert window.row_min <= row and window.row_max >= row + height
    assert window.col_min <= col and window.col_max >= col + width
    centre = ((window.row_min + window.row_max) / 2, (window.col_min + window.col_max) / 2)
    assert np.abs(np.subtract(centre, box.centre)).max() <= side / 32 + 1e-6


def test_small_nudges_mostly_reuse_the_window():
    """Of nudges by half a pixel, at least four in five keep the window and so the embedding."""
    kept = 0
    for step in range(50):
        box = Box(0, 20 + step / 7, 30, 50 + step / 7, 55)
        nudged = Box(0, box.row_min + 0.5, 30, box.row_max + 0.5, 55)
        kept += window_around(box, factor=1.8, min_side_px=48, size=192) == window_around(
            nudged, factor=1.8, min_side_px=48, size=192
        )
    assert kept >= 40
