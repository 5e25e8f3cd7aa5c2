"""Labels: what is written lies on its source voxel for voxel, and reads back as it was."""

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_labels, read_stack, write_labels

KNOWN = Spacing(10.0, 1.5, 1.4, SpacingOrigin.HEADER)
OBLIQUE = np.array([[-1.0, 0.2, 3.0, 11], [0.3, -1.3, 2.0, -7], [0.1, 0.4, 9.0, 5], [0, 0, 0, 1]])


@pytest.fixture
def labels(volume):
    return (volume % 7 == 0).astype(np.int32) * (np.arange(5, dtype=np.int32)[:, None, None] + 1)


def lengths(header):
    return tuple(float(str(size)) for size in header.get_zooms())


def test_round_trip_with_geometry(tmp_path, labels):
    affine = np.diag([-1.4, -1.5, 10, 1])
    write_labels(tmp_path / "a_scar.nii.gz", labels, KNOWN, affine)
    result = read_labels(tmp_path / "a_scar.nii.gz")
    np.testing.assert_array_equal(result.labels, labels)
    assert result.labels.dtype == np.int32
    assert result.spacing == KNOWN
    np.testing.assert_allclose(result.affine_ras, affine, rtol=1e-6)
    assert (result.stem, result.findings) == ("a_scar", ())
    image = nib.load(tmp_path / "a_scar.nii.gz")
    assert image.get_data_dtype() == np.uint8
    assert lengths(image.header) == (1.4, 1.5, 10)
    assert image.header.get_xyzt_units()[0] == "mm"
    np.testing.assert_allclose(image.header.get_qform(), affine, rtol=1e-5)


def test_without_geometry_identity_and_unknown(tmp_path, labels):
    write_labels(tmp_path / "a.nii.gz", labels, Spacing.unknown(), None)
    image = nib.load(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(image.affine, np.eye(4))
    assert image.header.get_xyzt_units()[0] == "unknown"
    result = read_labels(tmp_path / "a.nii.gz")
    assert result.spacing == Spacing.unknown()
    assert result.affine_ras is None
    assert result.findings == ()


@pytest.mark.parametrize(
    "spacing",
    [
        KNOWN,
        Spacing(None, 1.5, 1.4, SpacingOrigin.HEADER),
        Spacing(1.0, 1.0, 1.0, SpacingOrigin.HEADER),
        Spacing(None, 1.0, 1.0, SpacingOrigin.HEADER),
        Spacing.unknown(),
    ],
)
@pytest.mark.parametrize("affine", [None, np.eye(4), np.diag([1.4, 1.5, 10, 1]), OBLIQUE])
def test_every_spacing_reads_back_beside_every_affine(tmp_path, labels, spacing, affine):
    """The user may know better than the affine, which stays the source's own."""
    write_labels(tmp_path / "a.nii.gz", labels, spacing, affine)
    result = read_labels(tmp_path / "a.nii.gz")
    written = np.eye(4) if affine is None and not spacing.in_plane_is_known else affine
    if written is not None:
        np.testing.assert_allclose(nib.load(tmp_path / "a.nii.gz").affine, written, rtol=1e-6)
    assert result.spacing == spacing


def test_a_slice_distance_alone_reads_back(tmp_path, labels):
    spacing = Spacing(8.0, None, None, SpacingOrigin.USER)
    write_labels(tmp_path / "a.nii.gz", labels, spacing, None)
    back = read_labels(tmp_path / "a.nii.gz").spacing
    assert (back.z_mm, back.y_mm, back.x_mm) == (8.0, None, None)


@pytest.mark.parametrize("source", ["sform", "qform", "none", "emidec", "no unit"])
def test_result_lies_on_its_nifti_source(tmp_path, write_nifti, volume, labels, source):
    affine = np.diag([-1.25, 1.25, 8.0, 1.0])
    affine[:3, 3] = 5, 6, 7
    options = {
        "sform": {"sform": affine},
        "qform": {"qform": affine},
        "none": {},
        "emidec": {"sform": np.eye(4)},
        "no unit": {"sform": affine, "unit": "unknown"},
    }[source]
    path = write_nifti(volume, pixdim=(1.25, 1.25, 8), **options)
    stack = read_stack(path)
    target = tmp_path / "a_scar.nii.gz"
    write_labels(target, labels, stack.spacing, stack.affine_ras)
    before, after = nib.load(path), nib.load(target)
    np.testing.assert_allclose(after.affine, before.affine, rtol=1e-6)
    assert after.shape == before.shape
    assert after.header.get_zooms() == before.header.get_zooms()
    # Software that looks at the codes (ITK) must see no geometry where the source had none.
    has_code = [bool(h["sform_code"] > 0 or h["qform_code"] > 0) for h in (before.header, after.header)]
    assert has_code[0] == has_code[1]
    assert read_labels(target).spacing == stack.spacing


@pytest.mark.parametrize(("largest", "dtype"), [(255, np.uint8), (256, np.int16), (32768, np.int32)])
def test_smallest_type(tmp_path, labels, largest, dtype):
    labels[0, 0, 0] = largest
    write_labels(tmp_path / "a.nii.gz", labels, KNOWN, None)
    assert nib.load(tmp_path / "a.nii.gz").get_data_dtype() == dtype
    np.testing.assert_array_equal(read_labels(tmp_path / "a.nii.gz").labels, labels)


def test_semantic(tmp_path, labels):
    write_labels(tmp_path / "a.nii.gz", labels, KNOWN, None, semantic=True)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.nii.gz").labels, labels > 0)


def test_equal_labels_make_equal_files(tmp_path, labels):
    for name in ("a.nii.gz", "b.nii.gz"):
        write_labels(tmp_path / name, labels, KNOWN, None)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_empty_labels_are_labels(tmp_path, labels):
    write_labels(tmp_path / "a.nii", labels * 0, KNOWN, None)
    assert not read_labels(tmp_path / "a.nii").labels.any()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda a: a + 0.5, "not whole numbers, so they are no labels"),
        (lambda a: -a, "below 0 or above"),
        (lambda a: np.where(a > 0, np.nan, 0), "not whole numbers"),
        (lambda a: a * 1e12, "below 0 or above"),
    ],
)
def test_values_that_are_no_labels(tmp_path, labels, change, sentence):
    np.save(tmp_path / "a.npy", change(labels.astype(np.float64)))
    with pytest.raises(InputError, match=sentence):
        read_labels(tmp_path / "a.npy")
    with pytest.raises(InputError, match=sentence):
        write_labels(tmp_path / "a.nii.gz", change(labels.astype(np.float64)), KNOWN, None)
    assert not (tmp_path / "a.nii.gz").exists()


def test_whole_floats_are_labels(tmp_path, labels):
    np.save(tmp_path / "a.npy", labels.astype(np.float32))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.npy").labels, labels)


def test_user_spacing(tmp_path, labels):
    write_labels(tmp_path / "a.nii.gz", labels, KNOWN, None)
    given_ = Spacing(8.0, 1.0, 1.0, SpacingOrigin.USER)
    result = read_labels(tmp_path / "a.nii.gz", spacing=given_)
    assert result.spacing == given_
    assert result.findings == ("The spacing was given by the user; the file itself says 10 × 1.5 × 1.4 mm (z, y, x).",)


def test_other_endings_are_refused(tmp_path, labels):
    with pytest.raises(InputError, match=r"'a\.tif' has to end in \.nii\.gz"):
        write_labels(tmp_path / "a.tif", labels, KNOWN, None)


def test_nothing_half_written(tmp_path, labels):
    blocker = tmp_path / "file"
    blocker.write_text("not a folder")
    with pytest.raises(InputError, match="cannot be written"):
        write_labels(blocker / "a.nii.gz", labels, KNOWN, None)
    assert list(tmp_path.iterdir()) == [blocker]


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    labels=hnp.arrays(
        np.int32, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6), elements=st.integers(0, 2**31 - 1)
    ),
    sizes=st.tuples(*[st.floats(0.125, 50, width=32)] * 3),
)
def test_round_trip_property(tmp_path, labels, sizes):
    spacing = Spacing(*(float(str(np.float32(size))) for size in sizes), SpacingOrigin.HEADER)
    write_labels(tmp_path / "a.nii.gz", labels, spacing, None)
    result = read_labels(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(result.labels, labels)
    assert result.spacing == spacing
