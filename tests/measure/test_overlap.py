"""Overlap metrics: closed forms and the rule for empty masks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import dice as dice_distance
from scipy.spatial.distance import jaccard as jaccard_distance

from napari_scarseg.errors import InputError
from napari_scarseg.measure import dice, iou, perimeter_similarity, slice_dices, volume_dice

PAIRS = hnp.arrays(bool, (2, 6, 6))


def test_half_overlapping_squares():
    mask, truth = np.zeros((10, 10)), np.zeros((10, 10))
    mask[0:4, 0:4] = 1
    truth[0:4, 2:6] = 3
    assert dice(mask, truth) == 0.5
    assert iou(mask, truth) == pytest.approx(1 / 3)


@settings(max_examples=50, deadline=None)
@given(PAIRS)
def test_against_scipy(pair):
    mask, truth = pair
    if mask.any() or truth.any():
        assert dice(mask, truth) == pytest.approx(1 - dice_distance(mask.ravel(), truth.ravel()))
        assert iou(mask, truth) == pytest.approx(1 - jaccard_distance(mask.ravel(), truth.ravel()))


@settings(max_examples=50, deadline=None)
@given(PAIRS)
def test_symmetric_bounded_and_one_for_itself(pair):
    mask, truth = pair
    for metric in (dice, iou, perimeter_similarity):
        assert metric(mask, truth) == metric(truth, mask)
        assert 0 <= metric(mask, truth) <= 1
        assert metric(mask, mask) == 1


@pytest.mark.parametrize("metric", [dice, iou, perimeter_similarity])
def test_empty_rule(metric):
    empty, full = np.zeros((5, 5), bool), np.ones((5, 5), bool)
    assert metric(empty, empty) == 1
    assert metric(empty, full) == 0
    assert metric(full, empty) == 0


def test_perimeter_similarity_is_free_of_position_and_right_for_discs(draw_ellipse):
    small, large = np.pad(draw_ellipse(10, 10), 10), draw_ellipse(20, 20)
    assert perimeter_similarity(small, large) == pytest.approx(0.5, abs=0.02)
    assert perimeter_similarity(small, np.roll(small, 7, axis=1)) == 1


def test_perimeter_similarity_uses_the_distances():
    tall, wide = np.zeros((30, 30), bool), np.zeros((30, 30), bool)
    tall[5:25, 10:14] = True
    wide[10:14, 5:25] = True
    assert perimeter_similarity(tall, wide) == pytest.approx(1)
    assert perimeter_similarity(tall, wide, 1.0, 2.0) < 0.75


def test_volume_dice_is_over_voxels_and_slice_dices_skip_empty_truth():
    mask, truth = np.zeros((3, 4, 4)), np.zeros((3, 4, 4))
    mask[0, :2] = truth[0, :2] = 1  # 8 px, perfect
    truth[1, 0, 0] = 1  # missed
    mask[2, 0, 0] = 1  # false
    assert volume_dice(mask, truth) == pytest.approx(2 * 8 / (9 + 9))
    np.testing.assert_array_equal(slice_dices(mask, truth), [1, 0, np.nan])


def test_sentences_for_wrong_shapes():
    with pytest.raises(InputError, match=r"shape \(2, 2\) and the truth \(2, 3\)"):
        dice(np.ones((2, 2)), np.ones((2, 3)))
    with pytest.raises(InputError, match="three axes"):
        volume_dice(np.ones((2, 2)), np.ones((2, 2)))
    with pytest.raises(InputError, match="one slice"):
        perimeter_similarity(np.ones((2, 2, 2)), np.ones((2, 2, 2)))
