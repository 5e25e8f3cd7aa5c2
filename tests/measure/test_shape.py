"""Axes, solidity, extent and topology against closed forms and scikit-image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.measure import regionprops

from napari_scarseg.measure.crofton import crofton_perimeter
from napari_scarseg.measure.hull import find_hull
from napari_scarseg.measure.shape import (
    measure_circularity,
    measure_convexity,
    measure_extent,
    measure_moments,
    measure_solidity,
    measure_topology,
)

MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)).filter(np.any)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (4, 10), (7, 3)])
@pytest.mark.parametrize(("y_mm", "x_mm"), [(1.0, 1.0), (1.4, 1.4), (1.0, 2.5)])
def test_rectangle_axes_are_exact(height, width, y_mm, x_mm):
    # Variance of a uniform side s is s²/12, so an axis is 4 s / √12.
    axes = measure_moments(np.ones((height, width), bool), y_mm, x_mm)
    sides = sorted((height * y_mm, width * x_mm))
    assert axes.major == pytest.approx(4 * sides[1] / np.sqrt(12))
    assert axes.minor == pytest.approx(4 * sides[0] / np.sqrt(12))
    assert axes.eccentricity == pytest.approx(np.sqrt(1 - (sides[0] / sides[1]) ** 2), abs=1e-7)


@pytest.mark.parametrize(("y_mm", "x_mm"), [(1.0, 1.0), (1.4, 1.8), (1.0, 2.0)])
@pytest.mark.parametrize("angle", [0.0, 0.4, 1.1, 2.5])
def test_ellipse_axes_within_one_percent(draw_ellipse, y_mm, x_mm, angle):
    axes = measure_moments(draw_ellipse(30, 12, angle, y_mm, x_mm), y_mm, x_mm)
    assert axes.major == pytest.approx(60, rel=0.01)
    assert axes.minor == pytest.approx(24, rel=0.015)
    assert axes.eccentricity == pytest.approx(np.sqrt(1 - (12 / 30) ** 2), rel=0.01)
    assert axes.elongation == pytest.approx(1 - 12 / 30, abs=0.015)
    # Rows count downwards, so the drawn angle is clockwise on the screen.
    difference = (axes.orientation_deg + np.degrees(angle)) % 180
    assert min(difference, 180 - difference) < 1


@settings(max_examples=60, deadline=None)
@given(MASKS)
def test_against_scikit_image(mask):
    region = regionprops(mask.astype(np.uint8))[0]
    axes = measure_moments(mask)
    # scikit-image takes pixels as points: each squared axis is 16/12 px² smaller.
    assert axes.major**2 - region.axis_major_length**2 == pytest.approx(4 / 3, abs=1e-6)
    assert axes.minor**2 - region.axis_minor_length**2 == pytest.approx(4 / 3, abs=1e-6)
    assert measure_solidity(mask, find_hull(mask)) == pytest.approx(region.solidity)
    assert measure_extent(mask) == pytest.approx(region.extent)
    assert measure_topology(mask).euler_number == region.euler_number
    hull = find_hull(mask)
    np.testing.assert_array_equal(hull.mask[region.slice], region.image_convex)
    # scikit-image draws its contour round the hull's pixels, some of whose centres the hull only touches.
    assert hull.feret_max() == pytest.approx(region.feret_diameter_max, abs=1)
    if axes.orientation_deg is not None and axes.elongation > 1e-3:
        # Theirs counts from the rows' axis, counter-clockwise.
        difference = (axes.orientation_deg - (np.degrees(region.orientation) - 90)) % 180
        assert min(difference, 180 - difference) < 1e-3


@settings(max_examples=60, deadline=None)
@given(MASKS)
def test_ranges(mask):
    topology = measure_topology(mask)
    assert 0 < measure_solidity(mask, find_hull(mask)) <= 1
    assert 0 < measure_extent(mask) <= 1
    assert 0 < topology.largest_component_share <= 1
    assert topology.n_holes >= 0
    moments, hull = measure_moments(mask), find_hull(mask)
    assert 0 <= moments.eccentricity < 1
    assert 0 <= moments.elongation < 1
    assert 0 < moments.compactness <= 1
    assert moments.minor >= 4 / np.sqrt(12) - 1e-6
    assert 0 < hull.feret_min() <= hull.feret_max()
    assert hull.feret_min() <= moments.major


@settings(max_examples=60, deadline=None)
@given(MASKS, st.sampled_from([1, 2, 3]), st.booleans())
def test_turning_and_mirroring_by_the_grid_change_nothing(mask, turns, is_mirrored):
    turned = np.rot90(mask[:, ::-1] if is_mirrored else mask, turns)
    before, after = measure_moments(mask), measure_moments(turned)
    for name in ("major", "minor", "eccentricity", "elongation", "compactness"):
        assert getattr(after, name) == pytest.approx(getattr(before, name), abs=1e-6), name
    hulls = find_hull(mask), find_hull(turned)
    assert hulls[1].feret_max() == pytest.approx(hulls[0].feret_max())
    assert hulls[1].feret_min() == pytest.approx(hulls[0].feret_min())
    assert measure_topology(turned) == measure_topology(mask)
    if not is_mirrored and before.orientation_deg is not None and before.elongation > 1e-3:
        difference = (after.orientation_deg - before.orientation_deg - 90 * turns) % 180
        assert min(difference, 180 - difference) < 1e-3


@settings(max_examples=40, deadline=None)
@given(MASKS, st.floats(0.1, 10), st.floats(0.2, 5))
def test_lengths_scale_with_the_spacing_and_ratios_do_not(mask, scale, aspect):
    plain, scaled = measure_moments(mask, aspect, 1.0), measure_moments(mask, aspect * scale, scale)
    assert scaled.major == pytest.approx(scale * plain.major)
    assert scaled.minor == pytest.approx(scale * plain.minor)
    for name in ("eccentricity", "elongation", "compactness"):
        assert getattr(scaled, name) == pytest.approx(getattr(plain, name), abs=1e-6), name
    hull = find_hull(mask)
    assert hull.feret_max(aspect * scale, scale) == pytest.approx(scale * hull.feret_max(aspect, 1.0))
    assert hull.feret_min(aspect * scale, scale) == pytest.approx(scale * hull.feret_min(aspect, 1.0))


@pytest.mark.parametrize(("y_mm", "x_mm"), [(1.0, 1.0), (1.4, 1.8), (1.0, 2.0)])
@pytest.mark.parametrize("angle", [0.0, 0.4, 1.1, 2.5])
def test_feret_diameters_of_an_ellipse(draw_ellipse, y_mm, x_mm, angle):
    hull = find_hull(draw_ellipse(30, 12, angle, y_mm, x_mm))
    assert hull.feret_max(y_mm, x_mm) == pytest.approx(60, abs=2)
    assert hull.feret_min(y_mm, x_mm) == pytest.approx(24, abs=2)


def test_compactness_and_convexity_of_known_shapes(draw_ellipse):
    disc = draw_ellipse(20, 20)
    assert measure_moments(disc).compactness == pytest.approx(1, abs=0.002)
    assert measure_moments(np.ones((9, 9), bool)).compactness == pytest.approx(3 / np.pi)
    assert measure_convexity(find_hull(disc), crofton_perimeter(disc)) == pytest.approx(1)
    ring = disc & ~np.pad(draw_ellipse(16, 16), 4)
    # The inner edge counts: 2πR / (2πR + 2πr).
    assert measure_convexity(find_hull(ring), crofton_perimeter(ring)) == pytest.approx(20 / 36, abs=0.01)
    half = ring.copy()
    half[: len(half) // 2] = False
    hull_length, length = 20 * (np.pi + 2), np.pi * (20 + 16) + 2 * 4
    assert measure_convexity(find_hull(half), crofton_perimeter(half)) == pytest.approx(hull_length / length, abs=0.03)


def test_equal_axes_have_no_direction():
    assert measure_moments(np.ones((4, 4), bool)).orientation_deg is None


@pytest.mark.parametrize("radius_px", [4, 8, 12, 20])
def test_disc_is_round_and_solid(draw_ellipse, radius_px):
    masks = [
        draw_ellipse(radius_px, radius_px, shift=tuple(shift))
        for shift in np.random.default_rng(radius_px).uniform(-0.5, 0.5, (60, 2))
    ]
    circularity = [measure_circularity(np.count_nonzero(mask), crofton_perimeter(mask)) for mask in masks]
    assert np.mean(circularity) == pytest.approx(1, abs=0.02)
    # scikit-image's hull reaches half a pixel beyond the pixels' centres, so no small disc is fully solid.
    assert min(measure_solidity(mask, find_hull(mask)) for mask in masks) > 0.9
    assert np.mean([measure_extent(mask) for mask in masks]) == pytest.approx(np.pi / 4, abs=0.03)


def test_circularity_of_a_square_in_theory():
    assert measure_circularity(9.0, 12.0) == pytest.approx(np.pi / 4)


def test_half_ring_is_little_solid(draw_ellipse):
    ring = draw_ellipse(20, 20) & ~np.pad(draw_ellipse(16, 16), 4)
    half = ring.copy()
    half[: ring.shape[0] // 2] = False
    # (πR²/2 − πr²/2) / (πR²/2): the hull of half a ring is half a disc.
    assert measure_solidity(half, find_hull(half)) == pytest.approx(1 - (16 / 20) ** 2, abs=0.05)


def test_topology_of_a_ring_a_crumb_and_a_blob():
    mask = np.zeros((20, 30), bool)
    mask[2:9, 2:9] = True
    mask[4:7, 4:7] = False  # ring of 40 px
    mask[12:15, 12:15] = True  # blob of 9 px
    mask[18, 28] = True  # crumb of 1 px
    topology = measure_topology(mask)
    assert topology.n_components == 2  # the crumb has less than 5 px
    assert topology.largest_component_share == pytest.approx(40 / 50)
    assert topology.n_holes == 1
    assert topology.euler_number == 3 - 1


def test_diagonal_pixels_are_one_component():
    assert measure_topology(np.eye(6, dtype=bool)).n_components == 1


def test_less_than_five_pixels_are_no_component():
    assert measure_topology(np.ones((2, 2), bool)).n_components == 0
