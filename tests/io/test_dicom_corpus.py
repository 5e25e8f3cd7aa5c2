"""A phantom written as every kind of DICOM that labs have: order, spacing, intensities and mass come out right."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet
from pydicom.sequence import Sequence
from pydicom.uid import UID, EnhancedMRImageStorage, generate_uid

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.spacing import SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_labels, read_stack
from napari_scarseg.io.dicom import dicom_slices
from napari_scarseg.io.dicom_seg import write_segmentation
from napari_scarseg.measure import measure_labels
from napari_scarseg.phantom import Phantom, PhantomConfig, make_phantom

ROW = np.array([0.6, 0.64, -0.48])
COLUMN = np.array([-0.8, 0.48, -0.36])
NORMAL = np.cross(ROW, COLUMN)
ORIGIN = np.array([12.0, -30.0, 7.0])
Z_MM, Y_MM, X_MM = 10.0, 1.4, 1.5

Classic = Callable[..., list[Path]]
Write = Callable[[Classic, np.ndarray], object]


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(15, Phase.ACUTE, PhantomConfig(size_px=160))


@pytest.fixture
def classic(write_dicom) -> Classic:
    """One file per slice, oblique, with shuffled names and instance numbers, in the folder "case"."""

    def write(planes: np.ndarray, folder: str = "case", **attributes: Any) -> list[Path]:
        attributes = {"StudyInstanceUID": "1.2.3.4", "SeriesNumber": 5, **attributes}
        return write_dicom(
            planes,
            folder=folder,
            origin=tuple(ORIGIN),
            step=tuple(Z_MM * NORMAL),
            ImageOrientationPatient=[*ROW, *COLUMN],
            **attributes,
        )

    return write


def shuffled(classic: Classic, planes: np.ndarray) -> None:
    classic(planes)


def lying_tag(classic: Classic, planes: np.ndarray) -> None:
    classic(planes, SpacingBetweenSlices=2)


def duplicates(classic: Classic, planes: np.ndarray) -> None:
    paths = classic(planes)
    paths[0].with_name("copy").write_bytes(paths[2].read_bytes())
    again = pydicom.dcmread(paths[4])
    again.SOPInstanceUID = again.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    again.save_as(paths[0].with_name("again"))


def monochrome1(classic: Classic, planes: np.ndarray) -> None:
    classic(4095 - planes, PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11)


def rescaled(classic: Classic, planes: np.ndarray) -> None:
    classic(planes + 1024, RescaleIntercept=-1024, RescaleSlope=1)


def signed(classic: Classic, planes: np.ndarray) -> None:
    classic(planes.astype(np.int16) - 2048, RescaleIntercept=2048, RescaleSlope=1)


def latin1_name(classic: Classic, planes: np.ndarray) -> None:
    classic(planes, SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jürgen")


def empty_names(classic: Classic, planes: np.ndarray) -> None:
    classic(planes, PatientName="", PatientID="", SeriesDescription="")


def unnamed_charset(classic: Classic, planes: np.ndarray) -> None:
    for path in classic(planes, SeriesDescription="LGE"):
        path.write_bytes(path.read_bytes().replace(b"Smith^John", b"M\xfcller^Ja."))


def no_preamble(classic: Classic, planes: np.ndarray) -> None:
    for path in classic(planes):
        dataset = pydicom.dcmread(path)
        Dataset({element.tag: element for element in dataset}).save_as(path, implicit_vr=True, little_endian=True)


def compressed(syntax: UID) -> Write:
    def write(classic: Classic, planes: np.ndarray) -> None:
        for path in classic(planes):
            dataset = pydicom.dcmread(path)
            if syntax.is_encapsulated:
                dataset.compress(syntax)
            else:
                dataset.file_meta.TransferSyntaxUID = syntax
            dataset.save_as(path)

    return write


def big_endian(classic: Classic, planes: np.ndarray) -> None:
    for path in classic(planes):
        dataset = pydicom.dcmread(path)
        pixels = dataset.pixel_array.astype(">u2")
        swapped = Dataset({element.tag: element for element in dataset})
        swapped.file_meta = dataset.file_meta
        swapped.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRBigEndian
        swapped.PixelData = pixels.tobytes()
        swapped["PixelData"].VR = "OW"
        swapped.save_as(path, enforce_file_format=True)


def enhanced(classic: Classic, planes: np.ndarray, *, compress: bool = False) -> None:
    """One multi-frame file, its frames in a shuffled order, with an intercept of each frame's own."""
    order = np.random.default_rng(2).permutation(len(planes))
    paths = classic(planes)
    dataset = pydicom.dcmread(paths[0])
    shared, measures, turn = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness, measures.SpacingBetweenSlices = [Y_MM, X_MM], 8, 2
    turn.ImageOrientationPatient = [*ROW, *COLUMN]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Sequence([measures]), Sequence([turn])
    frames = []
    for z in order:
        frame, place, scale = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = pydicom.dcmread(paths[z]).ImagePositionPatient
        scale.RescaleIntercept, scale.RescaleSlope, scale.RescaleType = int(z) - 100, 1, "US"
        frame.PlanePositionSequence, frame.PixelValueTransformationSequence = Sequence([place]), Sequence([scale])
        frames.append(frame)
    for path in paths:
        path.unlink()
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"):
        delattr(dataset, keyword)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    dataset.NumberOfFrames = len(planes)
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
    dataset.PixelData = np.stack([planes[z] + 100 - np.uint16(z) for z in order]).astype("<u2").tobytes()
    if compress:
        dataset.compress(pydicom.uid.RLELossless)
    dataset.save_as(paths[0], enforce_file_format=True)


def enhanced_rle(classic: Classic, planes: np.ndarray) -> None:
    enhanced(classic, planes, compress=True)


def deep_folders(classic: Classic, planes: np.ndarray) -> None:
    classic(planes, "case/DICOM/PA0/ST0/SE0")


def zipped(classic: Classic, planes: np.ndarray) -> None:
    paths = classic(planes, "unzipped")
    folder = paths[0].parent.with_name("case")
    folder.mkdir()
    with zipfile.ZipFile(folder / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Smith John/readme.txt", "hello")
        for path in paths:
            archive.write(path, f"Smith John/series/{path.name}")


def dicomdir(classic: Classic, planes: np.ndarray) -> None:
    files = FileSet()
    paths = classic(planes, "sources", StudyDate="20200101", StudyTime="120000", StudyID="1")
    for path in paths:
        files.add(path)
    files.write(paths[0].parent.with_name("case"))


CASES: dict[str, Write] = {
    function.__name__: function
    for function in (
        shuffled, lying_tag, duplicates, monochrome1, rescaled, signed, latin1_name, empty_names, unnamed_charset,
        no_preamble, big_endian, enhanced, enhanced_rle, deep_folders, zipped, dicomdir,
    )
} | {
    f"compressed {syntax.keyword}": compressed(syntax)
    for syntax in (
        pydicom.uid.RLELossless, pydicom.uid.JPEG2000Lossless, pydicom.uid.JPEGLSLossless,
        pydicom.uid.DeflatedExplicitVRLittleEndian,
    )
}  # fmt: skip


def path_of(folder: Path) -> Path:
    """What a user would choose: an archive, a DICOMDIR, or the folder."""
    special = [path for path in folder.iterdir() if path.suffix == ".zip" or path.name == "DICOMDIR"]
    return special[0] if special else folder


def infarct_mass_g(labels: np.ndarray, stack: Stack) -> float:
    table = measure_labels((labels >= 3).astype(np.int32), stack.spacing, CaseInfo(stack.stem))
    return float(table["mass_g"].sum())


@pytest.mark.parametrize("write", CASES.values(), ids=CASES.keys())
def test_order_spacing_intensities_and_mass(phantom, tmp_path, classic, write):
    write(classic, phantom.stack.data)
    stack = read_stack(path_of(tmp_path / "case"))
    np.testing.assert_array_equal(stack.data, phantom.stack.data)
    assert (stack.spacing.z_mm, stack.spacing.y_mm, stack.spacing.x_mm) == (pytest.approx(Z_MM), Y_MM, X_MM)
    assert stack.spacing.origin is SpacingOrigin.HEADER
    assert stack.stem.startswith("case-")
    truth_g = np.count_nonzero(phantom.labels >= 3) * Z_MM * Y_MM * X_MM * 1.05e-3
    assert infarct_mass_g(phantom.labels, stack) == pytest.approx(truth_g, rel=0.01)
    place = ORIGIN + 2 * Z_MM * NORMAL + 3 * X_MM * ROW + 4 * Y_MM * COLUMN
    np.testing.assert_allclose(stack.affine_ras @ [3, 4, 2, 1], [-place[0], -place[1], place[2], 1], atol=1e-6)
    said = " ".join([stack.stem, *stack.findings]).casefold()
    assert not any(word in said for word in ("smith", "john", "müller", "mrn4711"))
    assert "4711" not in " ".join(stack.findings)


@pytest.mark.parametrize("write", [enhanced, enhanced_rle, zipped, dicomdir, deep_folders])
def test_labels_go_back_as_a_segmentation_of_any_of_them(tmp_path, classic, write):
    def with_frame_of_reference(planes: np.ndarray, *arguments: Any, **options: Any) -> list[Path]:
        return classic(planes, *arguments, FrameOfReferenceUID="1.2.3.5", **options)

    write(with_frame_of_reference, np.arange(5 * 8 * 7, dtype=np.uint16).reshape(5, 8, 7))
    path = path_of(tmp_path / "case")
    stack = read_stack(path)
    labels = np.zeros(stack.shape, np.int32)
    labels[1, 2:5, 1:4], labels[2, 6:, :2] = 3, 41
    write_segmentation(tmp_path / "a.dcm", labels, dicom_slices(path), per_lesion=True)
    back = read_labels(tmp_path / "a.dcm")
    np.testing.assert_array_equal(back.labels, labels)
    np.testing.assert_allclose(back.affine_ras, stack.affine_ras, atol=1e-9)
    assert back.stem == stack.stem
    volume = hd.seg.segread(tmp_path / "a.dcm").get_volume(combine_segments=True)
    ours = {tuple(np.round(stack.affine_ras @ [x, y, z, 1], 3)) for z, y, x in np.argwhere(labels)}
    theirs = np.diag([-1, -1, 1, 1]) @ volume.affine
    assert {tuple(np.round(theirs @ [*index, 1], 3)) for index in np.argwhere(volume.array)} == ours


def test_a_missing_slice_is_told_and_the_rest_is_right(phantom, tmp_path, classic):
    paths = classic(phantom.stack.data)
    paths[3].unlink()
    stack = read_stack(tmp_path / "case")
    np.testing.assert_array_equal(stack.data, np.delete(phantom.stack.data, 3, axis=0))
    left = np.delete(phantom.labels, 3, axis=0)
    truth_g = np.count_nonzero(left >= 3) * Z_MM * Y_MM * X_MM * 1.05e-3
    assert infarct_mass_g(left, stack) == pytest.approx(truth_g, rel=0.01)
    assert any(
        "1 slice seems to be missing, and what it shows is not measured" in finding for finding in stack.findings
    )


def test_copies_are_told(phantom, tmp_path, classic):
    duplicates(classic, phantom.stack.data)
    assert "2 images are copies of other slices and were left out." in read_stack(tmp_path / "case").findings


def test_magnitude_with_psir_gives_both_and_proposes_one(phantom, tmp_path, classic):
    uid = generate_uid()
    classic(phantom.stack.data, SeriesInstanceUID=uid)
    psir = (phantom.stack.data // 2 + 1000).astype(np.uint16)
    kind = ["DERIVED", "PRIMARY", "PSIR"]
    for path in classic(psir, "more", SeriesInstanceUID=uid, ImageType=kind):
        path.rename(tmp_path / "case" / f"P{path.name}")
    magnitude, signed_image = (read_stack(tmp_path / "case", series=key) for key in ("5.1", "5.2"))
    np.testing.assert_array_equal(magnitude.data, phantom.stack.data)
    np.testing.assert_array_equal(signed_image.data, psir)
    assert magnitude.stem != signed_image.stem
    with pytest.raises(InputError, match=r"The most LGE-like is 5\.2"):
        read_stack(tmp_path / "case")
