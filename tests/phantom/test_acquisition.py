"""Noise, reconstruction and storage."""

import numpy as np
import pytest

from napari_scarseg.phantom.acquisition import acquire, store
from napari_scarseg.phantom.config import ImageKind, Range, SignalConfig

QUIET = SignalConfig(ghosting=Range(0.0, 0.0), contrast_to_noise=Range(10.0, 10.0))
EMPTY = np.zeros((4, 128, 128), dtype=np.float32)


def test_psir_noise_has_the_standard_deviation_asked_for():
    image = acquire(np.random.default_rng(0), EMPTY, 0.2, QUIET, ImageKind.PSIR)
    assert image.std() == pytest.approx(0.02, rel=0.03)
    assert image.mean() == pytest.approx(0, abs=5e-4)


def test_magnitude_noise_of_air_is_rayleigh():
    image = acquire(np.random.default_rng(0), EMPTY, 0.2, QUIET, ImageKind.MAGNITUDE)
    assert image.min() >= 0
    assert image.mean() == pytest.approx(0.02 * np.sqrt(np.pi / 2), rel=0.03)
    assert image.std() == pytest.approx(0.02 * np.sqrt(2 - np.pi / 2), rel=0.05)


def test_magnitude_loses_the_sign_and_psir_keeps_it():
    negative = np.full((1, 64, 64), -0.5, dtype=np.float32)
    rng = np.random.default_rng
    assert acquire(rng(0), negative, 0.1, QUIET, ImageKind.PSIR).mean() == pytest.approx(-0.5, abs=1e-3)
    assert acquire(rng(0), negative, 0.1, QUIET, ImageKind.MAGNITUDE).mean() == pytest.approx(0.5, abs=1e-3)


def test_zero_filling_correlates_neighbouring_noise():
    image = acquire(np.random.default_rng(0), EMPTY, 0.2, QUIET, ImageKind.PSIR)
    neighbours = np.corrcoef(image[..., :-1].ravel(), image[..., 1:].ravel())[0, 1]
    assert 0.2 < neighbours < 0.9


def test_storage_is_twelve_bits_about_the_offset():
    image = np.array([[[-9.0, -0.001, 0.0, 0.25, 9.0]]])
    assert store(image, 1000.0, ImageKind.PSIR, 2048).tolist() == [[[0, 2047, 2048, 2298, 4095]]]
    assert store(np.abs(image), 1000.0, ImageKind.MAGNITUDE, 2048).tolist() == [[[4095, 1, 0, 250, 4095]]]
