"""Texture and entropy against scikit-image and closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.feature import graycomatrix, graycoprops
from skimage.measure import shannon_entropy

from napari_scarseg.measure.features_intensity import GREY_LEVELS
from napari_scarseg.measure.texture import entropy_bits, measure_texture, quantise

ANGLES = (0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 9), st.integers(2, 9))
def test_a_full_rectangle_has_scikit_images_texture(seed, height, width):
    image = np.random.default_rng(seed).normal(200, 40, (height, width))
    mask = np.ones(image.shape, bool)
    levels = quantise(image[mask])
    ours = measure_texture(mask, levels)
    pairs = graycomatrix(levels.reshape(image.shape), (1,), ANGLES, levels=GREY_LEVELS, symmetric=True)
    merged = (pairs.sum(axis=(2, 3)) / pairs.sum())[:, :, None, None]
    for name in ("contrast", "homogeneity", "energy", "correlation"):
        assert getattr(ours, name) == pytest.approx(graycoprops(merged, name)[0, 0]), name
    assert entropy_bits(levels) == pytest.approx(shannon_entropy(levels))


def test_pairs_with_the_outside_do_not_count():
    image = np.random.default_rng(0).integers(0, GREY_LEVELS, (12, 12)).astype(np.uint8)
    mask = np.zeros(image.shape, bool)
    mask[3:8, 2:9] = True
    cut = np.ones((5, 7), bool)
    assert measure_texture(mask, image[mask]) == measure_texture(cut, image[3:8, 2:9][cut])


def test_checkerboard_in_closed_form():
    rows, cols = np.mgrid[:2, :2]
    levels = ((rows + cols) % 2 * 15).astype(np.uint8).ravel()
    texture = measure_texture(np.ones((2, 2), bool), levels)
    # Four pairs side by side differ by 15, two diagonal pairs are equal.
    assert texture.contrast == pytest.approx(4 / 6 * 15**2)
    assert texture.homogeneity == pytest.approx(2 / 6 + 4 / 6 / (1 + 15**2))
    assert texture.correlation == pytest.approx(1 - 2 * 4 / 6)
    assert texture.entropy_bits == pytest.approx(-(2 * (1 / 3) * np.log2(1 / 3) + 2 * (1 / 6) * np.log2(1 / 6)))


def test_one_grey_value_has_no_correlation_and_one_pixel_no_texture():
    flat = measure_texture(np.ones((3, 3), bool), quantise(np.full(9, 7.0)))
    assert (flat.contrast, flat.homogeneity, flat.energy, flat.entropy_bits) == (0, 1, 1, 0)
    assert flat.correlation is None
    assert measure_texture(np.ones((1, 1), bool), np.zeros(1, np.uint8)) is None


def test_scale_and_offset_of_the_image_change_nothing():
    values = np.random.default_rng(3).normal(size=50)
    np.testing.assert_array_equal(quantise(values), quantise(4 * values + 32))
