"""Flags that need no truth, one planted at a time."""

import numpy as np
import pytest
from scipy import ndimage

from napari_scarseg.core.case import CaseInfo
from napari_scarseg.core.spacing import Spacing
from napari_scarseg.measure import measure_labels, summarise_lesions
from napari_scarseg.measure.review_flags import ReviewFlag, flag_lesions


@pytest.fixture
def labels() -> np.ndarray:
    """Lesion 2 on slices 0 and 1, large, whole, and in the same place."""
    volume = np.zeros((4, 40, 40), int)
    volume[:2, 10:20, 10:20] = 2
    return volume


def test_a_plain_lesion_has_no_flag(labels: np.ndarray) -> None:
    assert flag_lesions(labels, {2: 0.9}) == {(2, 0): (), (2, 1): ()}


def test_pieces_count_on_their_slice_and_corners_join(labels: np.ndarray) -> None:
    labels[1, 15, 10:20] = 0
    labels[0, 20, 20] = 2
    assert flag_lesions(labels) == {(2, 0): (), (2, 1): (ReviewFlag.PIECES,)}


def test_tiny_is_about_the_whole_lesion(labels: np.ndarray) -> None:
    labels[0, 30:34, 30:34] = 5
    assert flag_lesions(labels)[5, 0] == (ReviewFlag.TINY, ReviewFlag.ALONE)
    labels[1, 30:34, 30:34] = 5
    assert flag_lesions(labels)[5, 0] == ()


@pytest.mark.parametrize(("moved", "is_alone"), [(0, False), (12, False), (13, True)])
def test_a_neighbour_counts_within_three_pixels(labels: np.ndarray, moved: int, is_alone: bool) -> None:
    labels[1] = 0
    labels[1, 10:20, 10 + moved : 20 + moved] = 3
    assert (ReviewFlag.ALONE in flag_lesions(labels)[2, 0]) is is_alone


def test_one_slice_alone_is_not_flagged_for_it(labels: np.ndarray) -> None:
    assert flag_lesions(labels[:1])[2, 0] == ()


def test_confidence_counts_where_it_is_known(labels: np.ndarray) -> None:
    assert flag_lesions(labels, {2: 0.59})[2, 0] == (ReviewFlag.UNSURE,)
    assert flag_lesions(labels, {7: 0.1})[2, 0] == ()


def test_tables_carry_the_flags(labels: np.ndarray) -> None:
    labels[1, 15, 10:20] = 0
    table = measure_labels(labels, Spacing.unknown(), CaseInfo("case"), confidence={2: 0.3})
    assert table["review_flags"].tolist() == ["low confidence", "in pieces; low confidence"]
    assert summarise_lesions(table)["review_flags"].tolist() == ["low confidence; in pieces"]


@pytest.mark.parametrize("seed", range(6))
def test_crowded_slices_are_flagged_as_by_looking_at_whole_slices(seed: int) -> None:
    rng = np.random.default_rng(seed)
    volume = np.zeros((4, 50, 60), np.int64)
    for _ in range(25):
        z, row, col = rng.integers(0, (4, 48, 58))
        volume[z, row : row + rng.integers(1, 12), col : col + rng.integers(1, 12)] = rng.choice([1, 7, 2**40, 900])
    eight = np.ones((3, 3), bool)
    for (lesion, z), flags in flag_lesions(volume).items():
        mask = volume[z] == lesion
        near = ndimage.binary_dilation(mask, structure=eight, iterations=3)
        beside = [volume[index] for index in (z - 1, z + 1) if 0 <= index < len(volume)]
        assert (ReviewFlag.PIECES in flags) is (ndimage.label(mask, structure=eight)[1] > 1)
        assert (ReviewFlag.ALONE in flags) is not any((near & (plane != 0)).any() for plane in beside)
        assert (ReviewFlag.TINY in flags) is bool((volume == lesion).sum() < 25)
