"""`scarseg export`: from every input to every format, with its record, and nothing half-written."""

import json
from pathlib import Path

import imageio.v3 as iio
import nibabel as nib
import numpy as np
import pydicom
import pytest

from napari_scarseg.core.box import Box
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.io import read_boxes, read_labels, read_stack, sidecar_path, write_boxes
from napari_scarseg.io.coco import read_coco
from napari_scarseg.io.write_image import SyntheticSeries, write_stack_dicom

AFFINE = np.array([[-1.5, 0, 0, 40], [0, 0, -10, 30], [0, -1.5, 0, 50], [0, 0, 0, 1.0]])


@pytest.fixture(autouse=True)
def salt(monkeypatch):
    monkeypatch.setenv("SCARSEG_SALT", "tests")


@pytest.fixture
def truth(heart) -> np.ndarray:
    """EMIDEC's values: myocardium around two scars, one with an obstruction."""
    labels = np.where(heart > 0, 1, 0)
    labels[heart == 250], labels[heart == 240] = 3, 3
    labels[2, 38:40, 38:40] = 4
    return labels.astype(np.uint8)


@pytest.fixture
def labels_file(tmp_path, truth, write_nifti) -> Path:
    return write_nifti(tmp_path / "P001_label.nii.gz", truth)


@pytest.fixture
def series(tmp_path, heart) -> Path:
    """The heart as a DICOM series whose SpacingBetweenSlices lies."""
    spacing = Spacing(10.0, 1.5, 1.5, SpacingOrigin.HEADER)
    stack = Stack(heart.astype(np.uint16), spacing, "x", AFFINE)
    write_stack_dicom(tmp_path / "series", stack, SyntheticSeries("SECRET-ID", "d", 8.0))
    for path in (tmp_path / "series").iterdir():
        dataset = pydicom.dcmread(path)
        dataset.SpacingBetweenSlices = 2
        dataset.save_as(path)
    return tmp_path / "series"


@pytest.mark.parametrize(
    ("kind", "name"),
    [("nifti", "P001_label_tissues.nii.gz"), ("ome-tiff", "P001_label_tissues.ome.tif")],
)
def test_tissues_stay_tissues(scarseg, tmp_path, labels_file, truth, kind, name):
    result = scarseg("export", labels_file, "-o", tmp_path / "out", "--format", kind, "--preset", "emidec")
    assert (result.status, result.out) == (0, f"1 case as {kind}: 1 file\n")
    back = read_labels(tmp_path / "out" / name)
    np.testing.assert_array_equal(back.labels, truth)
    np.testing.assert_allclose(back.affine_ras, nib.load(labels_file).affine, atol=1e-6)
    record = json.loads(sidecar_path(tmp_path / "out" / name).read_text())
    assert record["tissues"]["P001_label"] == {"1": "cavity", "3": "scar", "4": "mvo"}
    assert record["config"]["preset"] == "emidec"


def test_lesions_of_a_preset_are_numbered(scarseg, tmp_path, labels_file, truth):
    scarseg("export", labels_file, "-o", tmp_path / "out", "-f", "nifti", "--preset", "emidec", "--lesions")
    back = read_labels(tmp_path / "out" / "P001_label_scar.nii.gz").labels
    np.testing.assert_array_equal(back > 0, truth >= 3)
    assert np.unique(back).tolist() == [0, 1, 2]


def test_dicom_seg_there_and_back(scarseg, tmp_path, labels_file, truth, series):
    arguments = ("export", labels_file, "--image", series, "-o", tmp_path / "out", "-f", "dicom-seg")
    # Both say where they are, and not the same: labels that were saved on another affine are not laid on the images.
    result = scarseg(*arguments, "--preset", "emidec")
    assert "another grid" in result.sentence or "outside the image" in result.sentence
    assert not (tmp_path / "out").exists()
    image = nib.Nifti1Image(truth.T, AFFINE)
    nib.save(image, labels_file)
    result = scarseg(*arguments, "--preset", "emidec")
    assert result.status == 0
    assert "SpacingBetweenSlices says 2 mm" in result.err
    seg = tmp_path / "out" / "P001_label_tissues.dcm"
    assert b"SECRET-ID" not in seg.read_bytes()
    back = read_labels(seg)
    # Segments count 1, 2, 3: cavity, scar, obstruction.
    np.testing.assert_array_equal(back.labels, np.select([truth == 1, truth == 3, truth == 4], [1, 2, 3]))
    # Only its scar is measured.
    assert scarseg("measure", seg, "-o", tmp_path / "seg.csv").out == "seg.csv: 3 rows, 2 lesions, 1 cases\n"
    result = scarseg("measure", seg, "--image", series, "-o", tmp_path / "with_image.csv")
    assert result.out == "with_image.csv: 3 rows, 2 lesions, 1 cases\n"
    result = scarseg("export", seg, "-o", tmp_path / "again", "-f", "nifti")
    assert result.status == 0
    (again,) = (tmp_path / "again").glob("case-*_tissues.nii.gz")
    np.testing.assert_array_equal(read_labels(again).labels, truth)
    np.testing.assert_allclose(read_labels(again).affine_ras, AFFINE, atol=1e-5)


def test_identifiers_are_kept_only_where_asked_for(scarseg, tmp_path, truth, series):
    nib.save(nib.Nifti1Image((truth >= 3).astype(np.uint8).T, AFFINE), tmp_path / "scar.nii.gz")
    arguments = ("export", tmp_path / "scar.nii.gz", "--image", series, "-o", tmp_path / "out", "-f", "dicom-seg")
    assert scarseg(*arguments, "--keep-identifiers").status == 0
    (seg,) = (tmp_path / "out").glob("*.dcm")
    assert str(pydicom.dcmread(seg).PatientID) == "SECRET-ID"
    assert json.loads(sidecar_path(seg).read_text())["config"]["identifiers_kept"] is True


def test_boxes_go_from_csv_to_yolo_and_back(scarseg, tmp_path, heart_file):
    boxes = [Box(1, 22, 24, 28, 32, lesion_id=1), Box(2, 36, 36, 42, 42, lesion_id=2)]
    write_boxes(tmp_path / "P001_boxes.csv", boxes)
    result = scarseg("export", tmp_path / "P001_boxes.csv", "-o", tmp_path / "out", "-f", "yolo")
    assert "do not say how large their image is" in result.sentence
    result = scarseg(
        "export", tmp_path / "P001_boxes.csv", "--image", heart_file, "-o", tmp_path / "out", "-f", "yolo", "--pictures"
    )
    assert result.out == "1 case as yolo: 4 files\n"
    assert {p.stem for p in (tmp_path / "out/labels").iterdir()} == {
        p.stem for p in (tmp_path / "out/images").iterdir()
    }
    picture = iio.imread(tmp_path / "out/images/P001_z001.png")
    assert (picture.shape, picture.dtype, picture.min(), picture.max()) == ((64, 64), np.uint8, 0, 255)
    result = scarseg("export", tmp_path / "out/labels", "--image", heart_file, "-o", tmp_path / "back", "-f", "csv")
    assert result.status == 0, result
    back = read_boxes(tmp_path / "back/P001_boxes.csv")
    assert [box.corners for box in back] == [pytest.approx(box.corners) for box in boxes]


def test_labels_become_boxes_and_coco(scarseg, tmp_path, labels_file, truth):
    assert scarseg("export", labels_file, "-o", tmp_path / "a", "-f", "csv", "--preset", "emidec").status == 0
    boxes = read_boxes(tmp_path / "a/P001_label_boxes.csv")
    assert [(b.slice, b.corners) for b in boxes] == [
        (1, (22, 24, 28, 32)), (2, (22, 24, 28, 32)), (2, (36, 36, 42, 42))
    ]  # fmt: skip
    assert scarseg("export", labels_file, "-o", tmp_path / "b", "-f", "coco", "--preset", "emidec").status == 0
    np.testing.assert_array_equal(read_coco(tmp_path / "b/coco.json").labels > 0, truth >= 3)
    assert scarseg("export", tmp_path / "b/coco.json", "-o", tmp_path / "c", "-f", "nifti").status == 0
    np.testing.assert_array_equal(read_labels(tmp_path / "c/P001_label_scar.nii.gz").labels > 0, truth >= 3)


def test_outlines_tell_of_the_holes_they_fill(scarseg, tmp_path, truth, write_nifti):
    truth[2, 38:40, 38:40] = 1
    path = write_nifti(tmp_path / "a.nii.gz", truth)
    result = scarseg("export", path, "-o", tmp_path / "out", "-f", "coco", "--preset", "emidec", "--polygons")
    assert "filled holes of 4 pixels" in result.err
    assert "holes" in json.loads((tmp_path / "out/coco_record.json").read_text())["findings"][0]


def test_a_folder_of_results_is_all_its_labels(scarseg, tmp_path, truth, write_nifti):
    (tmp_path / "results").mkdir()
    for name in ("a", "b"):
        write_nifti(tmp_path / "results" / f"{name}_scar.nii.gz", (truth >= 3).astype(np.uint8))
    result = scarseg("export", tmp_path / "results", "-o", tmp_path / "out", "-f", "ome-tiff")
    assert result.out == "2 cases as ome-tiff: 2 files\n"
    assert (tmp_path / "out/b_scar.ome.tif").is_file()


def test_bad_inputs_end_in_a_sentence_and_leave_nothing(scarseg, tmp_path, labels_file, heart_file):
    cases = [
        ("which acdc has not", (labels_file, "-f", "nifti", "--preset", "acdc")),
        ("refers to the images", (labels_file, "-f", "dicom-seg")),
        ("no DICOM file", (labels_file, "-f", "dicom-seg", "--image", heart_file, "--preset", "emidec")),
        ("no file or folder 'nothing.csv'", (tmp_path / "nothing.csv", "-f", "csv")),
        ("no image for the pictures", (labels_file, "-f", "coco", "--pictures")),
    ]
    write_boxes(tmp_path / "P001_boxes.csv", [Box(0, 1, 1, 2, 2)])
    cases.append(("segment the boxes first", (tmp_path / "P001_boxes.csv", "--image", heart_file, "-f", "nifti")))
    for sentence, arguments in cases:
        assert sentence in scarseg("export", *arguments, "-o", tmp_path / "out").sentence
        assert not (tmp_path / "out").exists()
    assert scarseg("export", labels_file, "-o", tmp_path / "out", "-f", "nifti", "--pictures").status == 2


def test_inputs_are_never_replaced(scarseg, tmp_path, truth, write_nifti):
    path = write_nifti(tmp_path / "a_scar.nii.gz", (truth >= 3).astype(np.uint8))
    before = path.read_bytes()
    assert "would be overwritten" in scarseg("export", path, "-o", tmp_path, "-f", "nifti").sentence
    assert path.read_bytes() == before


def test_the_stack_is_read_as_elsewhere(scarseg, tmp_path, series):
    """The fixture means what the tests above take it to mean."""
    assert read_stack(series).affine_ras == pytest.approx(AFFINE)


def test_a_binary_mask_is_numbered(scarseg, tmp_path, truth, write_nifti):
    path = write_nifti(tmp_path / "a.nii.gz", np.where(truth >= 3, 255, 0).astype(np.uint8))
    assert scarseg("export", path, "-o", tmp_path / "out", "-f", "nifti", "--preset", "binary").status == 0
    assert np.unique(read_labels(tmp_path / "out/a_scar.nii.gz").labels).tolist() == [0, 1, 2]
