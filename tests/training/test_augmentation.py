"""Draw, then apply: the same draw gives the same sample, and boxes keep their target."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_scarseg.core.box import Box
from napari_scarseg.core.intensity import scale_pixels
from napari_scarseg.core.masks import hull_box
from napari_scarseg.core.windows import crop_context
from napari_scarseg.datasets.magnitude import fold_signal
from napari_scarseg.engines.segmenter import box_window, lv_window
from napari_scarseg.engines.small_sam import SCAR, SmallSamConfig
from napari_scarseg.training.augmentation import (
    Augmentation,
    apply_edge_shifts,
    apply_intensity,
    draw_augmentation,
    identity_augmentation,
)
from napari_scarseg.training.config import AugmentationRanges, PromptShares
from napari_scarseg.training.samples import Sample, Softening, slice_components
from napari_scarseg.training.sampling import NOT_SCAR, PromptDraw, SampleDraw, apply_sample, draw_sample
from napari_scarseg.training.views import SmallView

NETWORK = SmallSamConfig(window_size=128, box_min_px=24)
VIEW = SmallView(NETWORK)
IDENTITY = SampleDraw(identity_augmentation(), (PromptDraw(0, np.zeros(4)),), False, np.zeros(4))


@pytest.fixture
def sample() -> Sample:
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[:90, :70]
    radius = np.hypot(rows - 45, cols - 33)
    lv, myocardium = radius < 22, (radius < 22) & (radius > 12)
    scar = myocardium & (rows > 48) & (cols > 20)
    volume = rng.normal(100, 5, (3, 90, 70)) + 60 * scar
    volume[0] += 20
    outline = np.argwhere(lv).astype(float)
    return Sample(volume.astype(np.float32), 1, scar, lv, myocardium, outline, slice_components(scar, Softening()))


def test_without_augmentation_the_sample_is_what_the_program_sees_round_a_box(sample: Sample) -> None:
    picture = apply_sample(sample, IDENTITY, VIEW, 0.7)
    expected_box = hull_box(sample.scar, 1)
    assert isinstance(expected_box, Box) and len(picture.boxes) == 1
    window = box_window(expected_box, sample.scar.shape, NETWORK)
    expected = np.stack([scale_pixels(crop) for crop in crop_context(sample.volume, window, 1)])
    assert picture.window == window
    np.testing.assert_allclose(picture.pixels.numpy(), expected, atol=5e-3)
    row_min, col_min, row_max, col_max = window.corners_to_grid(*expected_box.corners)
    np.testing.assert_allclose(picture.boxes[0].numpy(), [col_min, row_min, col_max, row_max], atol=1e-3)
    np.testing.assert_array_equal(picture.classes.numpy() == SCAR, picture.mask[0].numpy() > 0.5)
    scale = window.size / (window.row_max - window.row_min)
    assert picture.mask[0].sum() == pytest.approx(sample.scar.sum() * scale**2, rel=0.05)


def test_without_augmentation_the_sample_is_what_the_program_sees_round_the_lv(sample: Sample) -> None:
    picture = apply_sample(sample, replace(IDENTITY, around_lv=True), VIEW, 0.7)
    lv = hull_box(sample.lv, 1)
    assert isinstance(lv, Box)
    window = lv_window(lv, NETWORK)
    expected = np.stack([scale_pixels(crop) for crop in crop_context(sample.volume, window, 1)])
    np.testing.assert_allclose(picture.pixels.numpy(), expected, atol=5e-3)
    assert set(np.unique(picture.classes)) == {0, 1, 2, 3}


def test_dark_windows_are_lifted_in_training_as_in_the_program(sample: Sample) -> None:
    dark = replace(sample, volume=(sample.volume - sample.volume.min()) ** 4)
    network = replace(NETWORK, least_median=0.4)
    picture = apply_sample(dark, replace(IDENTITY, around_lv=True), SmallView(network), 0.7)
    expected = [scale_pixels(crop, 0.4) for crop in crop_context(dark.volume, picture.window, 1)]
    np.testing.assert_allclose(picture.pixels.numpy(), expected, atol=5e-3)
    plain = apply_sample(dark, replace(IDENTITY, around_lv=True), VIEW, 0.7)
    assert picture.pixels.median() > plain.pixels.median() + 0.1


def test_where_the_labels_know_no_anatomy_only_scar_is_taught(sample: Sample) -> None:
    unknown = replace(sample, lv=None, myocardium=None, outline=None)
    picture = apply_sample(unknown, IDENTITY, VIEW, 0.7)
    assert set(np.unique(picture.classes)) == {NOT_SCAR, SCAR}


def test_a_slice_without_scar_asks_for_nothing_and_teaches_the_wall(sample: Sample) -> None:
    healthy = replace(sample, scar=np.zeros_like(sample.scar), components=())
    draw = draw_sample(np.random.default_rng(3), healthy, AugmentationRanges(), PromptShares())
    picture = apply_sample(healthy, draw, VIEW, 0.7)
    assert picture.boxes.shape == (0, 4) and picture.mask.shape == picture.soft.shape == (0, 128, 128)
    assert SCAR not in picture.classes and draw.around_lv


def test_the_same_draw_is_the_same_sample(sample: Sample) -> None:
    drawn = [draw_sample(np.random.default_rng(5), sample, AugmentationRanges(), PromptShares()) for _ in range(2)]
    first, second = (apply_sample(sample, draw, VIEW, 0.7) for draw in drawn)
    assert first.window == second.window
    for a, b in zip(first[1:], second[1:], strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=40)
def test_mask_and_box_move_together(seed: int) -> None:
    scar = np.zeros((90, 70), bool)
    scar[30:48, 20:41] = True
    sample = Sample(scar[None].astype(np.float32), 0, scar, None, None, None, slice_components(scar, Softening()))
    ranges = AugmentationRanges(elastic_fraction=0, jitter_fraction=0)
    draw = draw_sample(np.random.default_rng(seed), sample, ranges, PromptShares())
    picture = apply_sample(sample, draw, VIEW, 0.7)
    rows, cols = np.nonzero(picture.mask[0].numpy())
    tight = [cols.min(), rows.min(), cols.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(picture.boxes[0].numpy(), tight, atol=4.5)
    assert picture.soft.min() >= 0 and picture.soft.max() <= 1


@given(st.integers(0, 10_000), st.floats(0.3, 1.0))
@settings(deadline=None, max_examples=60)
def test_a_jittered_box_keeps_its_share_of_the_target(seed: int, keeps: float) -> None:
    ranges = AugmentationRanges(jitter_fraction=0.6)
    outline = np.argwhere(np.ones((18, 21))) + np.array([30.5, 20.5])
    augmentation = draw_augmentation(np.random.default_rng(seed), ranges)
    row_min, col_min, row_max, col_max = apply_edge_shifts((30, 20, 48, 41), augmentation.edge_shifts, outline, keeps)
    inside = (outline >= [row_min, col_min]) & (outline <= [row_max, col_max])
    assert inside.all(axis=1).mean() >= keeps


def test_a_box_shrinks_by_its_own_size_and_not_by_pixels() -> None:
    ranges = AugmentationRanges(jitter_fraction=0.1)
    for seed in range(20):
        shifts = draw_augmentation(np.random.default_rng(seed), ranges).edge_shifts
        shifted = np.array(apply_edge_shifts((0, 0, 10, 200), shifts, np.zeros((1, 2)) + 5, 0.0))
        assert (np.abs(shifted - [0, 0, 10, 200]) <= np.array([1, 20, 1, 20]) + 1e-9).all()


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=30)
def test_intensities_stay_scaled_as_at_inference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    window = rng.normal(1000, 200, (64, 64)).astype(np.float32)
    changed = apply_intensity(window, draw_augmentation(rng, AugmentationRanges()))
    assert changed.dtype == np.float32
    assert changed.min() == 0 and changed.max() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"gamma": 1.5},
        {"bias": np.array([0.3, 0, 0, 0, 0])},
        {"blur_sigma_samples": 1.5},
        {"noise_sd": 0.05},
        {"null": 0.2},
        {"clip": (0.1, 0.8)},
        {"equalises": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_change_of_intensity_does_something(change: dict[str, object]) -> None:
    window = np.random.default_rng(1).normal(100, 20, (64, 64)).astype(np.float32)
    changed: Augmentation = replace(identity_augmentation(), **change)
    assert np.abs(apply_intensity(window, changed) - apply_intensity(window, identity_augmentation())).mean() > 0.005


def test_null_levels_reach_their_limit_and_not_beyond() -> None:
    ranges = AugmentationRanges(magnitude_probability=1.0, null_limit=0.4)
    levels = [draw_augmentation(np.random.default_rng(seed), ranges).null for seed in range(200)]
    assert 0.38 < max(levels) <= 0.4 and 0 <= min(levels) < 0.02


def test_the_chosen_share_of_magnitude_windows_nulls_healthy_myocardium() -> None:
    ranges = AugmentationRanges(magnitude_probability=0.5, nulled_probability=0.75)
    draws = [draw_augmentation(np.random.default_rng(seed), ranges) for seed in range(1000)]
    nulled = np.array([draw.nulled_sds for draw in draws if draw.nulled_sds is not None])
    assert all(draw.null is None or draw.nulled_sds is None for draw in draws), "folded once"
    assert 0.33 < len(nulled) / 1000 < 0.42
    assert abs(nulled.mean()) < 0.15 and 0.85 < nulled.std() < 1.15
    without = AugmentationRanges(magnitude_probability=0.5)
    plain = [draw_augmentation(np.random.default_rng(seed), without) for seed in range(50)]
    for draw, other in zip(draws, plain, strict=False):
        assert draw.noise_seed == other.noise_seed, "all else is drawn as without it"
        assert (draw.null is None and draw.nulled_sds is None) == (other.null is None)


def test_a_nulled_window_is_a_window_of_the_magnitude_stack(sample: Sample) -> None:
    """Folded before it is resampled: half a pixel of blood beside half a pixel of muscle is not nulled."""
    nulled = replace(sample, healthy=np.array([(120.0, 5.0), (100.0, 5.0), (100.0, 4.0)]))
    folded = replace(sample, volume=fold_signal(sample.volume, np.array([130.0, 110.0, 108.0])[:, None, None]))
    drawn = replace(IDENTITY, augmentation=replace(identity_augmentation(), nulled_sds=2.0))
    before = sample.volume.copy()
    seen, expected = (apply_sample(*pair, VIEW, 0.7).pixels for pair in ((nulled, drawn), (folded, IDENTITY)))
    assert seen is not None and expected is not None
    # Each slice's own darkest pixel counts as padding, so neighbours may differ in one pixel.
    assert float((seen - expected).abs().mean()) < 1e-3
    np.testing.assert_array_equal(sample.volume, before)


def test_a_large_pattern_scales_and_is_not_undone_by_the_window(sample: Sample) -> None:
    """In the released code RandomScale is followed by Resize, which takes it back."""
    twice = replace(identity_augmentation(), matrix=np.diag([2.0, 2.0]))
    wide = SmallView(SmallSamConfig(window_size=128, box_min_px=200.0))
    small, large = (
        apply_sample(sample, replace(IDENTITY, augmentation=drawn), wide, 0.7).mask
        for drawn in (identity_augmentation(), twice)
    )
    assert small.any()
    assert large.sum() == pytest.approx(4 * float(small.sum()), rel=0.15)


def test_neighbours_are_shifted_reversed_and_dropped(sample: Sample) -> None:
    def context(**change: object) -> np.ndarray:
        augmentation = replace(identity_augmentation(), **change)
        return apply_sample(sample, replace(IDENTITY, augmentation=augmentation), VIEW, 0.7).pixels.numpy()

    plain = context()
    np.testing.assert_array_equal(context(reverses_context=True), plain[::-1])
    dropped = context(drops_context=True)
    np.testing.assert_array_equal(dropped[0], dropped[1])
    shifted = context(slice_shift=np.array([0.1, 0.0]))
    np.testing.assert_array_equal(shifted[1], plain[1])
    assert np.abs(shifted[0] - plain[0]).mean() > 0.01
