"""Lesions out of tissue classes."""

import numpy as np
import pytest

from napari_scarseg.errors import InputError
from napari_scarseg.measure.scar_lesions import find_scar_lesions


@pytest.fixture
def classes():
    """EMIDEC values: a scar with MVO over slices 0–1, another on slice 2, a crumb of 4 px."""
    volume = np.zeros((3, 20, 20), np.uint8)
    volume[:, 1:19, 1:19] = 2
    volume[0, 3:8, 3:8] = 3
    volume[0, 5, 5] = 4
    volume[1, 6:10, 6:10] = 3
    volume[2, 14:17, 14:17] = 4
    volume[2, 2:4, 2:4] = 3
    return volume


def test_components_are_linked_across_slices_and_numbered_from_one(classes):
    lesions = find_scar_lesions(classes, [3, 4])
    assert lesions.dtype == np.int32
    assert np.unique(lesions).tolist() == [0, 1, 2]
    assert np.count_nonzero(lesions[0] == 1) == 25  # MVO is part of it
    assert np.count_nonzero(lesions[1] == 1) == 16
    assert np.count_nonzero(lesions[2] == 2) == 9


def test_less_than_five_pixels_are_no_lesion(classes):
    assert not find_scar_lesions(classes, [3, 4])[2, 2:4, 2:4].any()


def test_only_the_given_values_count(classes):
    assert np.count_nonzero(find_scar_lesions(classes, [3])[0]) == 24
    assert not find_scar_lesions(classes, [9]).any()


def test_branches_that_meet_are_one_lesion():
    volume = np.zeros((2, 12, 20), int)
    volume[0, 2:6, 2:6] = volume[0, 2:6, 12:16] = 1
    volume[1, 2:6, 2:16] = 1
    assert np.unique(find_scar_lesions(volume, [1])).tolist() == [0, 1]


def test_sentences(classes):
    with pytest.raises(InputError, match="2 axes"):
        find_scar_lesions(classes[0], [3])
    with pytest.raises(InputError, match="at least one label value"):
        find_scar_lesions(classes, [])
