"""Labels in every format: read back equal, and lie where a second reader says they lie."""

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.tissue import Tissue
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_labels
from napari_scarseg.io.label_formats import LabelFormat, LabelsOut, format_of_name, write_label_file

KNOWN = Spacing(10.0, 1.5, 1.4, SpacingOrigin.HEADER)


def oblique(spacing: Spacing, tilt: float = 0.3) -> np.ndarray:
    """An affine with a turn about two axes, a mirror, and an origin."""
    a, b = np.cos(tilt), np.sin(tilt)
    turn = np.array([[a, -b, 0], [b, a, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, b, -a], [0, a, b]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-spacing.x_mm, spacing.y_mm, spacing.z_mm])
    affine[:3, 3] = (12.5, -80.25, 33.0)
    return affine


@pytest.fixture
def labels() -> np.ndarray:
    result = np.zeros((4, 6, 5), np.int32)
    result[1, 2:4, 1:4], result[3, 5, 4] = 3, 300
    return result


NAMES = ["a.nii.gz", "a.nii", "a.seg.nrrd", "a.nrrd", "a.ome.tif"]


def itk_places(path, labels: np.ndarray) -> set[tuple[float, ...]]:
    """Values and positions in RAS mm, as SimpleITK has them."""
    image = sitk.ReadImage(str(path))
    found = set()
    for z, y, x in np.argwhere(sitk.GetArrayFromImage(image)):
        place = image.TransformIndexToPhysicalPoint((int(x), int(y), int(z)))
        found.add((*np.round(np.multiply(place, (-1, -1, 1)), 2), int(image[int(x), int(y), int(z)])))
    return found


def places(affine: np.ndarray, labels: np.ndarray) -> set[tuple[float, ...]]:
    return {(*np.round(affine @ [x, y, z, 1], 2)[:3], int(labels[z, y, x])) for z, y, x in np.argwhere(labels)}


@pytest.mark.parametrize("name", ["a.nii.gz", "a.seg.nrrd", "a.nrrd"])
def test_labels_lie_where_simpleitk_finds_them(tmp_path, labels, name):
    affine = oblique(KNOWN)
    write_label_file(tmp_path / name, LabelsOut(labels, KNOWN, affine))
    assert itk_places(tmp_path / name, labels) == places(affine, labels)
    assert sitk.ReadImage(str(tmp_path / name)).GetSpacing() == pytest.approx((1.4, 1.5, 10.0))


def test_tifffile_finds_the_labels_and_mm(tmp_path, labels):
    write_label_file(tmp_path / "a.ome.tif", LabelsOut(labels, KNOWN, oblique(KNOWN)))
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tif:
        assert tif.series[0].axes == "ZYX"
        np.testing.assert_array_equal(tif.asarray(), labels)
        assert tif.asarray().dtype == np.uint16
        for attribute in ('PhysicalSizeZ="10.0"', 'PhysicalSizeZUnit="mm"', 'PhysicalSizeX="1.4"'):
            assert attribute in tif.ome_metadata


def test_slicer_finds_named_segments(tmp_path, labels):
    tissues = {3: Tissue.SCAR}
    write_label_file(tmp_path / "a.seg.nrrd", LabelsOut(labels, KNOWN, None, tissues))
    image = sitk.ReadImage(str(tmp_path / "a.seg.nrrd"))
    read = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    assert (read["Segment0_Name"], read["Segment0_LabelValue"]) == ("Scar", "3")
    assert (read["Segment1_Name"], read["Segment1_LabelValue"]) == ("Something else", "300")
    assert read["Segmentation_MasterRepresentation"] == "Binary labelmap"
    write_label_file(tmp_path / "b.seg.nrrd", LabelsOut(labels, KNOWN, None))
    assert sitk.ReadImage(str(tmp_path / "b.seg.nrrd")).GetMetaData("Segment1_Name") == "Scar 300"


@pytest.mark.parametrize("name", ["a.nii.gz", "a.ome.tif", "a.seg.nrrd"])
@pytest.mark.parametrize("spacing", [KNOWN, Spacing(None, 1.5, 1.4, SpacingOrigin.HEADER), Spacing.unknown()])
@pytest.mark.parametrize("affine", [None, np.eye(4), oblique(KNOWN)])
def test_every_geometry_reads_back(tmp_path, labels, name, spacing, affine):
    write_label_file(tmp_path / name, LabelsOut(labels, spacing, affine))
    back = read_labels(tmp_path / name)
    np.testing.assert_array_equal(back.labels, labels)
    assert back.spacing == spacing
    if affine is None and name != "a.nii.gz":
        assert back.affine_ras is None
    if affine is not None and not np.array_equal(affine, np.eye(4)):
        np.testing.assert_allclose(back.affine_ras, affine, rtol=1e-6)


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    labels=hnp.arrays(
        np.int32, hnp.array_shapes(min_dims=3, max_dims=3, max_side=5), elements=st.integers(0, 2**31 - 1)
    ),
    sizes=st.tuples(*[st.floats(0.125, 50, width=32)] * 3),
    tilt=st.floats(0, 3),
    name=st.sampled_from(["a.nii.gz", "a.ome.tif", "a.nrrd"]),
)
def test_round_trip_property(tmp_path, labels, sizes, tilt, name):
    spacing = Spacing(*(float(str(np.float32(size))) for size in sizes), SpacingOrigin.HEADER)
    affine = oblique(spacing, tilt)
    write_label_file(tmp_path / name, LabelsOut(labels, spacing, affine))
    back = read_labels(tmp_path / name)
    np.testing.assert_array_equal(back.labels, labels)
    assert back.spacing == spacing
    np.testing.assert_allclose(back.affine_ras, affine, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_label_leaves_no_file(tmp_path, labels, name):
    with pytest.raises(InputError, match="go below 0"):
        write_label_file(tmp_path / name, LabelsOut(-labels, KNOWN, None))
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match="cannot be written"):
        write_label_file(tmp_path / "file" / name, LabelsOut(labels, KNOWN, None))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.nii", LabelFormat.NIFTI),
        ("A.NII.GZ", LabelFormat.NIFTI),
        ("a.seg.nrrd", LabelFormat.NRRD),
        ("a.ome.tiff", LabelFormat.OME_TIFF),
        ("a.dcm", LabelFormat.DICOM_SEG),
    ],
)
def test_the_ending_says_the_format(name, kind):
    assert format_of_name(name) is kind


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a"])
def test_other_endings_are_refused(labels, name):
    with pytest.raises(InputError, match=r"let the name end in \.nii\.gz, \.seg\.nrrd, \.ome\.tif or \.dcm"):
        format_of_name(name)


def test_a_seg_without_images_is_refused(tmp_path, labels):
    with pytest.raises(InputError, match="refers to the images"):
        write_label_file(tmp_path / "a.dcm", LabelsOut(labels, KNOWN, None))


def test_labels_of_an_image_whose_headers_contradict_lie_on_it(tmp_path, labels):
    """The EMIDEC trap: the affine says 1 mm and pixdim 13; the result lies on the image and knows 13."""
    spacing = Spacing(13.0, 1.40625, 1.40625, SpacingOrigin.HEADER)
    write_label_file(tmp_path / "a.seg.nrrd", LabelsOut(labels, spacing, np.eye(4) + np.eye(4, k=3) * 5))
    assert sitk.ReadImage(str(tmp_path / "a.seg.nrrd")).GetSpacing() == (1, 1, 1)
    back = read_labels(tmp_path / "a.seg.nrrd")
    assert (back.spacing, back.findings) == (spacing, ())
    np.testing.assert_allclose(back.affine_ras, np.eye(4) + np.eye(4, k=3) * 5)
