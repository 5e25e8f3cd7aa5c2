"""DICOM SEG: what is written is read back exactly, by us and by highdicom, and names nobody."""

import warnings

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from napari_scarseg.core.tissue import Tissue
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_labels, read_stack, resolve_stems
from napari_scarseg.io.dicom import dicom_slices
from napari_scarseg.io.dicom_seg import write_segmentation

PERSONAL = {
    "PatientName": "Smith^John",
    "PatientID": "ID-4711",
    "PatientBirthDate": "19500203",
    "PatientAge": "070Y",
    "StudyDate": "20200304",
    "StudyTime": "111213",
    "AcquisitionDate": "20200305",
    "AccessionNumber": "ACC-99",
    "ReferringPhysicianName": "House^Gregory",
    "InstitutionName": "St Elsewhere",
    "StudyDescription": "Smith follow-up",
    "SeriesDescription": "LGE of Smith",
    "StationName": "MR-ROOM-2",
    "DeviceSerialNumber": "SN-12345",
    "OperatorsName": "Nurse^Joy",
    "StudyID": "STUDY-1",
}


@pytest.fixture
def source(write_dicom, volume):
    """Writer of a series with everything that a SEG needs, 10 mm between oblique slices, and a tag that says 2."""

    def write(data=volume, **options):
        attributes = {
            "StudyInstanceUID": generate_uid(),
            "FrameOfReferenceUID": generate_uid(),
            "SpacingBetweenSlices": 2,
            "ImageOrientationPatient": [0.8, 0.6, 0, 0, 0, -1],
            **PERSONAL,
        }
        folder = write_dicom(data, step=(-6.0, 8.0, 0.0), **{**attributes, **options})[0].parent
        return folder, read_stack(folder)

    return write


@pytest.fixture
def labels(volume):
    result = np.zeros(volume.shape, np.int32)
    result[1, 2:5, 1:4] = 3
    result[2, 2:4, 2:6] = 3
    result[2, 6:8, 0:2] = 41
    return result


def test_lesions_read_back_exactly_where_the_tag_lies(tmp_path, source, labels):
    folder, stack = source()
    write_segmentation(tmp_path / "a.dcm", labels, dicom_slices(folder), per_lesion=True)
    back = read_labels(tmp_path / "a.dcm")
    np.testing.assert_array_equal(back.labels, labels)
    np.testing.assert_allclose(back.affine_ras, stack.affine_ras, atol=1e-9)
    assert back.spacing.z_mm == pytest.approx(10)
    assert (back.spacing.y_mm, back.spacing.x_mm) == (1.4, 1.5)
    assert back.findings == ()
    assert back.tissues == {3: Tissue.SCAR, 41: Tissue.SCAR}
    # Labels and images find each other by their name.
    assert back.stem == stack.stem
    assert resolve_stems([tmp_path / "a.dcm"])[tmp_path / "a.dcm"] == stack.stem
    assert all(pydicom.dcmread(path).SpacingBetweenSlices == 2 for path in folder.iterdir())


def test_tissues_are_coded_segments(tmp_path, source, labels):
    folder, _stack = source()
    tissues = {3: Tissue.SCAR, 41: Tissue.MVO}
    write_segmentation(tmp_path / "a.dcm", labels, dicom_slices(folder), tissues=tissues)
    back = read_labels(tmp_path / "a.dcm")
    assert set(back.tissues.values()) == {Tissue.SCAR, Tissue.MVO}
    for value, tissue in tissues.items():
        (own,) = (number for number, what in back.tissues.items() if what is tissue)
        np.testing.assert_array_equal(back.labels == own, labels == value)


def test_without_meaning_all_lesions_are_one_scar_segment(tmp_path, source, labels):
    folder, _stack = source()
    write_segmentation(tmp_path / "a.dcm", labels, dicom_slices(folder))
    back = read_labels(tmp_path / "a.dcm")
    np.testing.assert_array_equal(back.labels, labels > 0)
    assert back.tissues == {1: Tissue.SCAR}


def test_highdicom_reads_the_same(tmp_path, source, labels):
    folder, stack = source()
    write_segmentation(tmp_path / "a.dcm", labels, dicom_slices(folder), per_lesion=True)
    segmentation = hd.seg.segread(tmp_path / "a.dcm")
    assert segmentation.SegmentationType == "BINARY"
    first = segmentation.get_segment_description(1)
    assert first.segmented_property_type.value == "122113"
    assert first.segmented_property_category.value == "49755003"
    assert first.anatomic_regions[0].value == "49848007"
    # From base to apex or back: highdicom chooses its own direction along the normal.
    array = segmentation.get_volume(combine_segments=True)
    expected = np.searchsorted([3, 41], labels, side="left") + 1
    expected[labels == 0] = 0
    ours = np.diag([-1, -1, 1, 1]) @ stack.affine_ras
    places = {tuple(np.round(ours @ [x, y, z, 1], 3)[:3]): expected[z, y, x] for z, y, x in np.argwhere(labels)}
    theirs = {
        tuple(np.round(array.affine @ [*index, 1], 3)[:3]): array.array[tuple(index)]
        for index in np.argwhere(array.array)
    }
    assert theirs == places
    assert array.spacing == pytest.approx((10, 1.4, 1.5))


def test_nothing_personal_gets_into_the_file(tmp_path, source, labels):
    folder, stack = source()
    write_segmentation(tmp_path / "a.dcm", labels, dicom_slices(folder), per_lesion=True)
    content = (tmp_path / "a.dcm").read_bytes()
    for name, value in PERSONAL.items():
        assert value.encode() not in content, name
    dataset = pydicom.dcmread(tmp_path / "a.dcm")
    assert str(dataset.PatientID) == stack.stem
    assert dataset.PatientIdentityRemoved == "YES"


def test_identifiers_are_kept_where_asked_for(tmp_path, source, labels):
    folder, _stack = source()
    write_segmentation(tmp_path / "a.dcm", labels, dicom_slices(folder), keep_identifiers=True)
    dataset = pydicom.dcmread(tmp_path / "a.dcm")
    assert str(dataset.PatientName) == PERSONAL["PatientName"]
    assert dataset.StudyDate == PERSONAL["StudyDate"]
    assert "PatientIdentityRemoved" not in dataset


def test_uneven_slices_come_back_as_they_were(tmp_path, source, volume, labels):
    def move(z, slice_):
        slice_.ImagePositionPatient = [-6.0 * (z + (z > 2)), 8.0 * (z + (z > 2)), 0.0]

    folder, stack = source(change=move)
    assert any("uneven" in finding for finding in stack.findings)
    write_segmentation(tmp_path / "a.dcm", labels, dicom_slices(folder), per_lesion=True)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.dcm").labels, labels)


def test_empty_labels_are_an_empty_scar(tmp_path, source, labels):
    folder, _stack = source()
    write_segmentation(tmp_path / "a.dcm", labels * 0, dicom_slices(folder))
    back = read_labels(tmp_path / "a.dcm")
    assert back.labels.shape == labels.shape
    assert not back.labels.any()


def foreign(folder, planes, **options):
    """A SEG as other software writes it: its own maker, and empty frames left out."""
    images = [pydicom.dcmread(one.image.file.path) for one in dicom_slices(folder)]
    descriptions = [
        hd.seg.SegmentDescription(
            number,
            f"thing {number}",
            pydicom.sr.coding.Code("49755003", "SCT", "Morphologically Abnormal Structure"),
            kind,
            hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, kind in enumerate(options.pop("kinds"), start=1)
    ]
    for image in images:
        image.SpacingBetweenSlices = 10
        image.PositionReferenceIndicator = ""
        image.PatientSex = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hd.seg.Segmentation(
            images, planes, options.pop("kind", "BINARY"), descriptions, generate_uid(), 2, generate_uid(), 1,
            "Acme", "Segmenter", "1", "1", **options
        )  # fmt: skip


SCAR = pydicom.sr.coding.Code("12402003", "SCT", "Scar")
WALL = pydicom.sr.coding.Code("74281007", "SCT", "Myocardium")


def test_left_out_frames_are_empty_slices_and_inner_tissue_wins(tmp_path, source, labels):
    folder, _ = source()
    planes = np.zeros((*labels.shape, 2), np.uint8)
    planes[0, 2:7, 1:6, 0] = 1
    planes[4, 2:7, 1:6, 0] = 1
    planes[3, 3:5, 2:4, :] = 1
    foreign(folder, planes, kinds=[SCAR, WALL]).save_as(tmp_path / "a.dcm")
    back = read_labels(tmp_path / "a.dcm")
    assert back.labels.shape == labels.shape
    assert back.tissues == {1: Tissue.SCAR, 2: Tissue.MYOCARDIUM}
    np.testing.assert_array_equal(back.labels, planes[..., 0])
    assert "overlap in 4 pixels" in " ".join(back.findings)


def test_fractional_counts_from_one_half(tmp_path, source, labels):
    folder, _ = source()
    planes = np.zeros(labels.shape, np.float32)
    planes[:, 2, 2], planes[:, 3, 3] = 0.4, 0.6
    foreign(folder, planes, kinds=[SCAR], kind="FRACTIONAL").save_as(tmp_path / "a.dcm")
    back = read_labels(tmp_path / "a.dcm")
    np.testing.assert_array_equal(back.labels, planes > 0.5)


def test_label_maps_are_read(tmp_path, source, labels):
    folder, _ = source()
    planes = (labels > 0).astype(np.uint8) + (labels == 41)
    foreign(folder, planes, kinds=[WALL, SCAR], kind="LABELMAP").save_as(tmp_path / "a.dcm")
    back = read_labels(tmp_path / "a.dcm")
    assert back.tissues == {1: Tissue.MYOCARDIUM, 2: Tissue.SCAR}
    # Frames without any label are left out, at the ends too.
    np.testing.assert_array_equal(back.labels, planes[1:3])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda d: d.__delattr__("FrameOfReferenceUID"), "lack FrameOfReferenceUID"),
        (lambda d: setattr(d, "StudyInstanceUID", generate_uid()), "several studies"),
    ],
)
def test_images_that_nothing_can_be_tied_to(tmp_path, source, labels, change, sentence):
    folder, _stack = source(change=lambda z, slice_: change(slice_))
    with pytest.raises(InputError, match=sentence):
        write_segmentation(tmp_path / "a.dcm", labels, dicom_slices(folder))
    assert not (tmp_path / "a.dcm").exists()


def test_other_grids_and_endings_are_refused(tmp_path, source, labels):
    folder, _stack = source()
    with pytest.raises(InputError, match="must lie on one grid"):
        write_segmentation(tmp_path / "a.dcm", labels[1:], dicom_slices(folder))
    with pytest.raises(InputError, match=r"has to end in \.dcm"):
        write_segmentation(tmp_path / "a.seg", labels, dicom_slices(folder))
    assert {path.name for path in tmp_path.iterdir()} == {"series"}


def test_damaged_segmentations_end_in_a_sentence(tmp_path, source, labels):
    folder, _stack = source()
    write_segmentation(tmp_path / "a.dcm", labels, dicom_slices(folder))
    content = (tmp_path / "a.dcm").read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(40):
        damaged = bytearray(content[: rng.integers(len(content) // 2, len(content))])
        for place in rng.integers(400, len(damaged), 8):
            damaged[place] = rng.integers(256)
        (tmp_path / "b.dcm").write_bytes(damaged)
        try:
            read_labels(tmp_path / "b.dcm")
        except InputError as error:
            assert str(error).endswith(".")
