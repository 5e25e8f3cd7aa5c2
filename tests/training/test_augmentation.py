"""Draw, then apply: the same draw gives the same sample, and boxes keep their target."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_scarseg.core.box import Box
from napari_scarseg.core.intensity import scale_pixels
from napari_scarseg.core.windows import window_around
from napari_scarseg.engines.small_sam import SmallSamConfig
from napari_scarseg.training.augmentation import (
    apply_edge_shifts,
    apply_intensity,
    draw_augmentation,
    identity_augmentation,
)
from napari_scarseg.training.batches import apply_sample
from napari_scarseg.training.config import AugmentationRanges
from napari_scarseg.training.samples import Sample, soften

NETWORK = SmallSamConfig(window_size=64)


@pytest.fixture
def sample() -> Sample:
    rng = np.random.default_rng(0)
    target = np.zeros((90, 70), np.float32)
    target[30:48, 20:41] = 1
    plane = (rng.normal(100, 5, target.shape) + 60 * target).astype(np.float32)
    return Sample(plane, target, soften(target, 1.0), np.argwhere(target > 0).astype(float))


def test_without_augmentation_the_sample_is_what_the_program_sees(sample: Sample) -> None:
    window, box, mask, _ = apply_sample(sample, identity_augmentation(), NETWORK, 0.7)
    expected = window_around(Box(0, 30, 20, 48, 41), factor=1.8, min_side_px=48, size=64)
    np.testing.assert_allclose(window[0].numpy(), scale_pixels(expected.crop(sample.plane)), atol=2e-3)
    row_min, col_min, row_max, col_max = expected.corners_to_grid(30, 20, 48, 41)
    np.testing.assert_allclose(box.numpy(), [col_min, row_min, col_max, row_max], atol=1e-3)
    inside = mask.numpy()[
        round(row_min / 2) + 1 : round(row_max / 2) - 1, round(col_min / 2) + 1 : round(col_max / 2) - 1
    ]
    assert inside.all()
    assert mask.sum() == pytest.approx((row_max - row_min) * (col_max - col_min) / 4, rel=0.06)


def test_the_same_draw_is_the_same_sample(sample: Sample) -> None:
    drawn = [draw_augmentation(np.random.default_rng(5), AugmentationRanges()) for _ in range(2)]
    first, second = (apply_sample(sample, augmentation, NETWORK, 0.7) for augmentation in drawn)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=40)
def test_mask_and_box_move_together(seed: int) -> None:
    target = np.zeros((90, 70), np.float32)
    target[30:48, 20:41] = 1
    sample = Sample(target * 100, target, soften(target, 1.0), np.argwhere(target > 0).astype(float))
    ranges = AugmentationRanges(elastic_fraction=0, jitter_fraction=0)
    _, box, mask, soft = apply_sample(sample, draw_augmentation(np.random.default_rng(seed), ranges), NETWORK, 0.7)
    rows, cols = np.nonzero(mask.numpy())
    tight = [2 * cols.min(), 2 * rows.min(), 2 * cols.max() + 2, 2 * rows.max() + 2]
    np.testing.assert_allclose(box.numpy(), tight, atol=4.5)
    assert soft.min() >= 0 and soft.max() <= 1


@given(st.integers(0, 10_000), st.floats(0.3, 1.0))
@settings(deadline=None, max_examples=60)
def test_a_jittered_box_keeps_its_share_of_the_target(seed: int, keeps: float) -> None:
    ranges = AugmentationRanges(jitter_fraction=0.6)
    outline = np.argwhere(np.ones((18, 21))) + np.array([30.5, 20.5])
    augmentation = draw_augmentation(np.random.default_rng(seed), ranges)
    row_min, col_min, row_max, col_max = apply_edge_shifts((30, 20, 48, 41), augmentation, outline, keeps)
    inside = (outline >= [row_min, col_min]) & (outline <= [row_max, col_max])
    assert inside.all(axis=1).mean() >= keeps


def test_a_box_shrinks_by_its_own_size_and_not_by_pixels() -> None:
    ranges = AugmentationRanges(jitter_fraction=0.1)
    for seed in range(20):
        augmentation = draw_augmentation(np.random.default_rng(seed), ranges)
        shifted = np.array(apply_edge_shifts((0, 0, 10, 200), augmentation, np.zeros((1, 2)) + 5, 0.0))
        assert (np.abs(shifted - [0, 0, 10, 200]) <= np.array([1, 20, 1, 20]) + 1e-9).all()


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=30)
def test_intensities_stay_scaled_as_at_inference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    window = rng.normal(1000, 200, (64, 64)).astype(np.float32)
    changed = apply_intensity(window, draw_augmentation(rng, AugmentationRanges()))
    assert changed.dtype == np.float32
    assert changed.min() == 0 and changed.max() == 1
