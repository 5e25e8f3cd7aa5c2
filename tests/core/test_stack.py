"""Stack: what is an image and what is refused, and a hash that names it."""

import numpy as np
import pytest

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack, constant_slices, voxel_sha256
from napari_scarseg.errors import InputError


@pytest.fixture
def data():
    return np.arange(24, dtype=np.int16).reshape(2, 3, 4)


def test_data_cannot_be_written_to(data):
    stack = Stack(data, Spacing.unknown(), "a")
    with pytest.raises(ValueError, match="read-only"):
        stack.data[0, 0, 0] = 1
    data[0, 0, 0] = 5
    assert stack.shape == (2, 3, 4)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_real_types_are_taken_as_they_are(data, dtype):
    assert Stack(data.astype(dtype), Spacing.unknown(), "a").data.dtype == dtype


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (np.zeros((3, 4)), r"has 2 axes \(3, 4\), but a stack has three"),
        (np.zeros((1, 2, 3, 4, 5)), r"has 5 axes \(1, 2, 3, 4, 5\).*choose one channel and one time point"),
        (np.zeros((0, 4, 4)), r"is empty \(shape \(0, 4, 4\)\)"),
        (np.zeros((2, 4, 4), complex), "of type complex128, but intensities are real numbers"),
        (np.zeros((2, 4, 4), object), "of type object"),
        (np.full((2, 4, 4), 7), "Every slice of the image is constant"),
        (np.arange(2)[:, None, None] * np.ones((2, 4, 4)), "Every slice of the image is constant"),
    ],
)
def test_what_is_no_image(bad, sentence):
    with pytest.raises(InputError, match=sentence):
        Stack(bad, Spacing.unknown(), "a")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite(data, value):
    bad = data.astype(np.float32)
    bad[1, 0, :2] = value
    with pytest.raises(InputError, match="holds 2 values that are not finite .*, the first on slice 1;"):
        Stack(bad, Spacing.unknown(), "a")


def test_one_constant_slice_is_no_reason_to_refuse(data):
    data[0] = 3
    assert constant_slices(Stack(data, Spacing.unknown(), "a").data) == (0,)


def test_with_spacing_keeps_the_rest(data):
    stack = Stack(data, Spacing.unknown(), "a", np.eye(4), ("odd",))
    other = stack.with_spacing(Spacing(8, 1, 1, SpacingOrigin.USER))
    assert other.spacing.z_mm == 8
    assert (other.stem, other.findings) == ("a", ("odd",))
    np.testing.assert_array_equal(other.affine_ras, np.eye(4))
    assert other.sha256() == stack.sha256()


def test_hash_sees_values_shape_and_type_and_not_the_layout(data):
    own = voxel_sha256(data)
    assert own == voxel_sha256(np.asfortranarray(data)) == Stack(data, Spacing.unknown(), "b").sha256()
    assert own != voxel_sha256(data.reshape(2, 4, 3))
    assert own != voxel_sha256(data.astype(np.uint16))
    data[1, 2, 3] += 1
    assert own != voxel_sha256(data)
