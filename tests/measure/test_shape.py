"""Axes, solidity, extent and topology against closed forms and scikit-image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from skimage.measure import regionprops

from napari_scarseg.measure.crofton import crofton_perimeter
from napari_scarseg.measure.shape import (
    measure_axes,
    measure_circularity,
    measure_extent,
    measure_solidity,
    measure_topology,
)

MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)).filter(np.any)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (4, 10), (7, 3)])
@pytest.mark.parametrize(("y_mm", "x_mm"), [(1.0, 1.0), (1.4, 1.4), (1.0, 2.5)])
def test_rectangle_axes_are_exact(height, width, y_mm, x_mm):
    # Variance of a uniform side s is s²/12, so an axis is 4 s / √12.
    axes = measure_axes(np.ones((height, width), bool), y_mm, x_mm)
    sides = sorted((height * y_mm, width * x_mm))
    assert axes.major == pytest.approx(4 * sides[1] / np.sqrt(12))
    assert axes.minor == pytest.approx(4 * sides[0] / np.sqrt(12))
    assert axes.eccentricity == pytest.approx(np.sqrt(1 - (sides[0] / sides[1]) ** 2), abs=1e-7)


@pytest.mark.parametrize(("y_mm", "x_mm"), [(1.0, 1.0), (1.4, 1.8), (1.0, 2.0)])
@pytest.mark.parametrize("angle", [0.0, 0.4, 1.1, 2.5])
def test_ellipse_axes_within_one_percent(draw_ellipse, y_mm, x_mm, angle):
    axes = measure_axes(draw_ellipse(30, 12, angle, y_mm, x_mm), y_mm, x_mm)
    assert axes.major == pytest.approx(60, rel=0.01)
    assert axes.minor == pytest.approx(24, rel=0.015)
    assert axes.eccentricity == pytest.approx(np.sqrt(1 - (12 / 30) ** 2), rel=0.01)


@settings(max_examples=60, deadline=None)
@given(MASKS)
def test_against_scikit_image(mask):
    region = regionprops(mask.astype(np.uint8))[0]
    axes = measure_axes(mask)
    # scikit-image takes pixels as points: each squared axis is 16/12 px² smaller.
    assert axes.major**2 - region.axis_major_length**2 == pytest.approx(4 / 3, abs=1e-6)
    assert axes.minor**2 - region.axis_minor_length**2 == pytest.approx(4 / 3, abs=1e-6)
    assert measure_solidity(mask) == pytest.approx(region.solidity)
    assert measure_extent(mask) == pytest.approx(region.extent)
    assert measure_topology(mask).euler_number == region.euler_number


@settings(max_examples=60, deadline=None)
@given(MASKS)
def test_ranges(mask):
    topology = measure_topology(mask)
    assert 0 < measure_solidity(mask) <= 1
    assert 0 < measure_extent(mask) <= 1
    assert 0 < topology.largest_component_share <= 1
    assert topology.n_holes >= 0
    assert 0 <= measure_axes(mask).eccentricity < 1
    assert measure_axes(mask).minor >= 4 / np.sqrt(12) - 1e-6


@pytest.mark.parametrize("radius_px", [4, 8, 12, 20])
def test_disc_is_round_and_solid(draw_ellipse, radius_px):
    masks = [
        draw_ellipse(radius_px, radius_px, shift=tuple(shift))
        for shift in np.random.default_rng(radius_px).uniform(-0.5, 0.5, (60, 2))
    ]
    circularity = [measure_circularity(np.count_nonzero(mask), crofton_perimeter(mask)) for mask in masks]
    assert np.mean(circularity) == pytest.approx(1, abs=0.02)
    # scikit-image's hull reaches half a pixel beyond the pixels' centres, so no small disc is fully solid.
    assert min(measure_solidity(mask) for mask in masks) > 0.9
    assert np.mean([measure_extent(mask) for mask in masks]) == pytest.approx(np.pi / 4, abs=0.03)


def test_circularity_of_a_square_in_theory():
    assert measure_circularity(9.0, 12.0) == pytest.approx(np.pi / 4)


def test_half_ring_is_little_solid(draw_ellipse):
    ring = draw_ellipse(20, 20) & ~np.pad(draw_ellipse(16, 16), 4)
    half = ring.copy()
    half[: ring.shape[0] // 2] = False
    # (πR²/2 − πr²/2) / (πR²/2): the hull of half a ring is half a disc.
    assert measure_solidity(half) == pytest.approx(1 - (16 / 20) ** 2, abs=0.05)


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
