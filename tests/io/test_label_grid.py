"""Labels of other software come onto their image's grid by whole voxels, or not at all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import InputError
from napari_scarseg.io import LabelVolume
from napari_scarseg.io.label_grid import fit_labels, lay_labels

SPACING = Spacing(10.0, 1.5, 1.25, SpacingOrigin.HEADER)
AFFINE = np.array([[-1.25, 0, 0, 60], [0, 0, 10, -40], [0, 1.5, 0, 20], [0, 0, 0, 1.0]])


def stack(affine=AFFINE, shape=(4, 6, 5)) -> Stack:
    return Stack(np.arange(np.prod(shape), dtype=np.int16).reshape(shape), SPACING, "heart", affine)


@pytest.fixture
def labels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 4, (4, 6, 5)).astype(np.int32)


def test_the_same_grid_stays(labels):
    fitted = fit_labels(LabelVolume(labels, SPACING, AFFINE, "other"), stack())
    np.testing.assert_array_equal(fitted.labels, labels)
    assert (fitted.stem, fitted.spacing) == ("heart", SPACING)


@settings(deadline=None, max_examples=40)
@given(
    order=st.permutations([0, 1, 2]),
    flips=st.lists(st.booleans(), min_size=3, max_size=3),
    low=st.lists(st.integers(-2, 1), min_size=3, max_size=3),
    high=st.lists(st.integers(-1, 2), min_size=3, max_size=3),
)
def test_turned_and_cropped_labels_come_back(order, flips, low, high):
    """Whatever was cut off held nothing."""
    labels = np.zeros((4, 6, 5), np.int32)
    labels[1:3, 1:5, 1:4] = np.random.default_rng(1).integers(1, 9, (2, 4, 3))
    # x, y, z of the other grid in x, y, z of the image's.
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    start = -np.array(low[::-1])
    padded = np.pad(labels, [(max(-a, 0), max(b, 0)) for a, b in zip(low, high, strict=True)])
    cut = padded[tuple(slice(max(a, 0), padded.shape[i] + min(high[i], 0)) for i, a in enumerate(low))]
    theirs = cut.transpose(order)
    for axis, flip in enumerate(flips):
        theirs = np.flip(theirs, axis) if flip else theirs
    for axis in range(3):
        source, target = 2 - axis, 2 - order[axis]
        matrix[target, source] = -1 if flips[axis] else 1
        matrix[target, 3] = (theirs.shape[axis] - 1 if flips[axis] else 0) - start[target]
    affine = AFFINE @ matrix
    fitted = fit_labels(LabelVolume(np.ascontiguousarray(theirs), SPACING, affine, "x"), stack())
    np.testing.assert_array_equal(fitted.labels, labels)


def test_without_an_affine_the_shape_decides(labels):
    for affine, image in ((None, stack()), (AFFINE, stack(None)), (None, stack(None))):
        np.testing.assert_array_equal(fit_labels(LabelVolume(labels, SPACING, affine, "x"), image).labels, labels)
    with pytest.raises(InputError, match="must lie on one grid"):
        fit_labels(LabelVolume(labels[1:], SPACING, None, "x"), stack())


def test_an_affine_of_software_that_knew_no_voxel_size_is_told(labels):
    fitted = fit_labels(LabelVolume(labels, SPACING, np.eye(4), "x"), stack())
    np.testing.assert_array_equal(fitted.labels, labels)
    assert "laid on each other" in fitted.findings[-1]


def test_an_affine_of_units_that_leads_outside_is_told_too(labels):
    """An image of software that counts from right to left, and labels that were saved with no affine at all."""
    fitted = fit_labels(LabelVolume(labels, SPACING, np.eye(4), "x"), stack(np.diag([-1.0, -1, 1, 1])))
    np.testing.assert_array_equal(fitted.labels, labels)
    assert "laid on each other" in fitted.findings[-1]


def test_an_affine_of_voxel_sizes_alone_is_told_too(labels):
    """A script's np.diag, against an image where the scanner saw it; of other sizes it means another image."""
    for sizes, fits in (((1.25, 1.5, 10.0), True), ((1.25, 10.0, 1.5), False)):
        volume = LabelVolume(labels, SPACING, np.diag([*sizes, 1.0]), "x")
        if fits:
            assert "laid on each other" in fit_labels(volume, stack()).findings[-1]
        else:
            with pytest.raises(InputError, match="another grid"):
                fit_labels(volume, stack())


def test_the_labels_own_spacing_turns_with_them(labels):
    turned = AFFINE @ np.array([[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    own = Spacing(1.25, 10.0, 1.5, SpacingOrigin.HEADER)
    laid = lay_labels(LabelVolume(np.ascontiguousarray(labels.transpose(2, 0, 1)), own, turned, "x"), stack())
    np.testing.assert_array_equal(laid.labels, labels)
    assert laid.spacing == SPACING


@pytest.mark.parametrize("change", ["half a voxel", "other voxels", "turned"])
def test_grids_between_the_voxels_are_refused(labels, change):
    affine = AFFINE.copy()
    if change == "half a voxel":
        affine[:3, 3] += AFFINE[:3, 0] / 2
    elif change == "other voxels":
        affine[:3, 0] *= 2
    else:
        affine[:3, :3] = AFFINE[:3, :3] @ [[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]]
    with pytest.raises(InputError, match="another grid"):
        fit_labels(LabelVolume(labels, SPACING, affine, "x"), stack())


def test_labels_outside_the_image_are_refused(labels):
    affine = AFFINE.copy()
    affine[:3, 3] += 30 * AFFINE[:3, 0]
    with pytest.raises(InputError, match="outside the image"):
        fit_labels(LabelVolume(labels, SPACING, affine, "x"), stack())
