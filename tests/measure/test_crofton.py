"""Crofton perimeter against closed forms, scikit-image, and the alternative of stretching the mask."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import ellipe
from skimage.measure import perimeter_crofton

from napari_scarseg.measure.crofton import crofton_perimeter


def ellipse_perimeter(semi_major, semi_minor):
    return 4 * semi_major * ellipe(1 - (semi_minor / semi_major) ** 2)


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14)))
def test_square_pixels_give_scikit_images_number(mask):
    assert crofton_perimeter(mask) == pytest.approx(perimeter_crofton(mask, directions=4), abs=1e-9)


@pytest.mark.parametrize(("radius_px", "worst"), [(4, 0.06), (8, 0.035), (12, 0.02), (20, 0.015)])
def test_disc_anywhere_on_the_grid(draw_ellipse, radius_px, worst):
    shifts = np.random.default_rng(radius_px).uniform(-0.5, 0.5, (100, 2))
    errors = [
        crofton_perimeter(draw_ellipse(radius_px, radius_px, shift=tuple(shift))) / (2 * np.pi * radius_px) - 1
        for shift in shifts
    ]
    assert np.abs(errors).max() < worst
    assert abs(np.mean(errors)) < 0.01


@pytest.mark.parametrize(("y_mm", "x_mm"), [(1.4, 1.8), (1.8, 1.4), (1.0, 1.5), (1.0, 2.0), (2.0, 1.0)])
def test_disc_on_unequal_pixels_is_within_three_percent(draw_ellipse, y_mm, x_mm):
    mask = draw_ellipse(20, 20, 0, y_mm, x_mm)
    assert crofton_perimeter(mask, y_mm, x_mm) == pytest.approx(2 * np.pi * 20, rel=0.03)


@pytest.mark.parametrize(("y_mm", "x_mm", "worst"), [(1.4, 1.4, 0.03), (1.4, 1.8, 0.05), (1.0, 2.0, 0.08)])
@pytest.mark.parametrize(("semi_major", "semi_minor"), [(20, 10), (30, 8)])
def test_ellipse_at_any_angle(draw_ellipse, y_mm, x_mm, worst, semi_major, semi_minor):
    truth = ellipse_perimeter(semi_major, semi_minor)
    rng = np.random.default_rng(0)
    errors = []
    for angle in np.linspace(0, np.pi, 72, endpoint=False):
        mask = draw_ellipse(semi_major, semi_minor, angle, y_mm, x_mm, tuple(rng.uniform(-0.5, 0.5, 2)))
        errors.append(crofton_perimeter(mask, y_mm, x_mm) / truth - 1)
    assert np.abs(errors).max() < worst
    assert abs(np.mean(errors)) < 0.008  # no bias over directions


def test_stretching_to_square_pixels_is_worse(draw_ellipse):
    # Why the formula is our own: a mask repeated to square pixels has steps, and its perimeter counts them.
    y_mm, x_mm = 1.0, 2.0
    mask = draw_ellipse(20, 20, 0, y_mm, x_mm)
    truth = 2 * np.pi * 20
    stretched = crofton_perimeter(np.repeat(mask, 2, axis=1))
    assert abs(stretched / truth - 1) > 0.08
    assert abs(crofton_perimeter(mask, y_mm, x_mm) / truth - 1) < 0.03


def test_rectangle_is_short_by_the_known_quadrature_error():
    # A straight edge along the grid is seen by 4 directions as (π/8)(1 + √2) of its length, corners aside.
    mask = np.ones((400, 600), bool)
    assert crofton_perimeter(mask) / 2000 == pytest.approx(np.pi / 8 * (1 + np.sqrt(2)), abs=0.002)


def test_holes_count():
    ring = np.ones((41, 41), bool)
    ring[15:26, 15:26] = False
    full = crofton_perimeter(np.ones((41, 41), bool))
    assert crofton_perimeter(ring) > full
    assert crofton_perimeter(ring) == pytest.approx(perimeter_crofton(ring, directions=4))


def test_two_blobs_have_the_sum():
    one = np.zeros((20, 40), bool)
    one[5:10, 5:12] = True
    two = one | np.roll(one, 20, axis=1)
    assert crofton_perimeter(two, 1.2, 1.7) == pytest.approx(2 * crofton_perimeter(one, 1.2, 1.7))


def test_empty_is_zero():
    assert crofton_perimeter(np.zeros((4, 4))) == 0.0


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)),
    st.floats(0.3, 5),
    st.floats(0.3, 5),
    st.floats(0.2, 4),
)
def test_scaling_and_symmetry(mask, y_mm, x_mm, factor):
    length = crofton_perimeter(mask, y_mm, x_mm)
    assert crofton_perimeter(mask, y_mm * factor, x_mm * factor) == pytest.approx(length * factor, abs=1e-9)
    assert crofton_perimeter(mask[::-1], y_mm, x_mm) == pytest.approx(length)
    assert crofton_perimeter(mask.T, x_mm, y_mm) == pytest.approx(length)
