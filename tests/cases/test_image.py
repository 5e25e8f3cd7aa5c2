"""Only the very image that a case was made on is taken for it."""

from dataclasses import replace

import numpy as np
import pytest

from napari_scarseg.cases import load_case, read_case_image, save_case
from napari_scarseg.errors import InputError


def test_the_image_is_found_again_with_the_spacing_that_a_person_entered(case, tmp_path):
    save_case(tmp_path / "study" / "P001.scarseg", case)
    stack = read_case_image(load_case(tmp_path / "study" / "P001.scarseg"))
    assert stack.spacing == case.spacing and stack.stem == "P001" and stack.sha256() == case.image.sha256


def test_an_image_that_moved_alone_can_be_pointed_at(case, image_path, tmp_path):
    image_path.rename(tmp_path / "moved.npy")
    with pytest.raises(InputError, match="choose where it is now"):
        read_case_image(case)
    assert read_case_image(case, tmp_path / "moved.npy").stem == "P001"


def test_an_image_with_one_other_voxel_is_refused(case, image_path):
    data = np.load(image_path, allow_pickle=False)
    data[0, 0, 0] += 1
    np.save(image_path, data)
    with pytest.raises(InputError, match="voxels differ"):
        read_case_image(case)


def test_an_image_from_no_file_cannot_be_found(case):
    with pytest.raises(InputError, match="came from no file"):
        read_case_image(replace(case, image=replace(case.image, path=None)))


def test_of_several_stacks_the_one_with_the_case_s_voxels_is_found(case, image_path):
    data = np.load(image_path, allow_pickle=False)
    np.save(image_path, np.stack([data + 1, data]))
    assert read_case_image(case).sha256() == case.image.sha256
