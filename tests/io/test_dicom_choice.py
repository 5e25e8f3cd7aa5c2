"""Several stacks behind one path: they come apart, are listed without free text, and the most LGE-like is proposed."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import SegmentationStorage, generate_uid

from napari_scarseg.errors import InputError
from napari_scarseg.io import collect_stacks, propose_candidate, read_stack, resolve_stems
from napari_scarseg.io.dicom import offer_dicom

ROW = np.array([0.6, 0.64, -0.48])
COLUMN = np.array([-0.8, 0.48, -0.36])
LONG_AXIS = {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1], "origin": (0.0, 0.0, 99.0), "step": (9.0, 0.0, 0.0)}
PSIR = ["ORIGINAL", "PRIMARY", "PSIR"]


def described(folder: Path) -> list[tuple[str, str, int]]:
    return [(c.key, c.kind, c.shape[0]) for c in offer_dicom(folder).candidates]


def test_long_and_short_axis_in_one_series(write_dicom, volume):
    uid = generate_uid()
    write_dicom(volume, SeriesInstanceUID=uid)
    folder = write_dicom(volume[:1] + 50, SeriesInstanceUID=uid, SeriesNumber=8, **LONG_AXIS)[0].parent
    assert described(folder) == [("7", "magnitude", 5), ("8", "magnitude", 1)]
    np.testing.assert_array_equal(read_stack(folder, series="7").data, volume)
    np.testing.assert_array_equal(read_stack(folder, series="8").data, volume[:1] + 50)


def test_repeats_are_stacks_of_their_own(write_dicom, volume):
    uid = generate_uid()
    write_dicom(volume, SeriesInstanceUID=uid, AcquisitionNumber=1)
    again = write_dicom(volume + 9, folder="again", SeriesInstanceUID=uid, AcquisitionNumber=2)
    folder = again[0].parent.with_name("series")
    for path in again:
        path.rename(folder / f"b{path.name}")
    assert described(folder) == [("7.1", "magnitude, repeat 1 of 2", 5), ("7.2", "magnitude, repeat 2 of 2", 5)]
    np.testing.assert_array_equal(read_stack(folder, series="7.1").data, volume)
    stack = read_stack(folder, series="7.2")
    np.testing.assert_array_equal(stack.data, volume + 9)
    assert any("5 of 5 positions have several images (repeats)" in finding for finding in stack.findings)
    assert propose_candidate(offer_dicom(folder).candidates).key == "7.2", "what was repeated was not good enough"


def test_a_slice_that_was_repeated_alone(write_dicom, volume):
    uid = generate_uid()
    paths = write_dicom(volume, SeriesInstanceUID=uid, AcquisitionNumber=1)
    later = pydicom.dcmread(paths[2])
    later.SOPInstanceUID, later.AcquisitionNumber = generate_uid(), 2
    later.PixelData = (volume[2] + 1).tobytes()
    later.save_as(paths[0].with_name("later"))
    first, last = (read_stack(paths[0].parent, series=key) for key in ("7.1", "7.2"))
    np.testing.assert_array_equal(first.data, volume)
    expected = volume.copy()
    expected[2] += 1
    np.testing.assert_array_equal(last.data, expected)
    assert any("1 of 5 positions have several images" in finding for finding in last.findings)


def test_cine_is_one_candidate_and_not_proposed(write_dicom, volume):
    write_dicom(volume, SeriesNumber=20, InversionTime=300, ImageType=PSIR)
    uid = generate_uid()
    for phase in range(9):
        planes = volume + 10 * phase
        write_dicom(planes, folder=f"series/{phase}", SeriesInstanceUID=uid, SeriesNumber=3, TriggerTime=40 * phase)
    folder = write_dicom(volume[:1], folder="series", SeriesNumber=1, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])[
        0
    ].parent
    offer = offer_dicom(folder)
    assert [(c.key, c.kind, c.shape[0]) for c in offer.candidates] == [
        ("1", "kind not named", 1),
        ("3", "magnitude, 9 time points", 5),
        ("20", "phase-sensitive", 5),
    ]
    assert propose_candidate(offer.candidates).key == "20"
    cine = read_stack(folder, series="3")
    np.testing.assert_array_equal(cine.data, volume)
    assert any("up to 9 images at a position" in finding for finding in cine.findings)


@pytest.mark.parametrize("words", ["LGE sax", "PSIR_SA", "late gad", "DE_overview_sa", "viability"])
def test_the_description_helps_to_propose_and_is_said_nowhere(write_dicom, volume, words):
    write_dicom(volume, SeriesNumber=4, SeriesDescription="cine sax Smith")
    folder = write_dicom(volume, SeriesNumber=9, SeriesDescription=f"{words} Smith")[0].parent
    candidates = offer_dicom(folder).candidates
    assert propose_candidate(candidates).key == "9"
    assert propose_candidate(candidates).description == f"{words} Smith", "for the screen"
    with pytest.raises(InputError) as caught:
        read_stack(folder)
    assert "Smith" not in f"{caught.value} {candidates} {read_stack(folder, series='9').findings}"


def test_series_by_number_uid_and_name(write_dicom, volume):
    uid = generate_uid()
    write_dicom(volume, SeriesInstanceUID=uid)
    write_dicom(volume * 2, folder="series/psir", SeriesInstanceUID=uid, ImageType=PSIR)
    folder = write_dicom(volume[:3], SeriesNumber=8)[0].parent
    np.testing.assert_array_equal(read_stack(folder, series="7.2").data, volume * 2)
    np.testing.assert_array_equal(read_stack(folder, series=" 8 ").data, volume[:3])
    for name in ("7", uid):
        with pytest.raises(InputError, match=r"asked for holds 2 stacks: 7\.1 \(magnitude.*7\.2 \(phase-sensitive"):
            read_stack(folder, series=name)
    with pytest.raises(InputError, match="no stack of the name"):
        read_stack(folder, series="7.3")


def test_results_of_two_stacks_have_two_names(write_dicom, volume):
    write_dicom(volume)
    folder = write_dicom(volume, SeriesNumber=8)[0].parent
    stems = {series: resolve_stems([folder], series)[folder] for series in ("7", "8")}
    assert len(set(stems.values())) == 2
    assert stems["8"] == read_stack(folder, series="8").stem
    with pytest.raises(InputError, match="2 stacks to choose from"):
        resolve_stems([folder])


def test_thumbnail_is_the_middle_slice(write_dicom, volume):
    offer = offer_dicom(write_dicom(volume)[0].parent)
    np.testing.assert_array_equal(offer.thumbnail(offer.candidates[0]), volume[2])


def test_masks_are_no_images(write_dicom, volume):
    paths = write_dicom(volume)
    mask = pydicom.dcmread(paths[0])
    mask.SOPClassUID, mask.SOPInstanceUID = SegmentationStorage, generate_uid()
    mask.SeriesInstanceUID = generate_uid()
    mask.save_as(paths[0].with_name("mask"))
    np.testing.assert_array_equal(read_stack(paths[0].parent).data, volume)
    with pytest.raises(InputError, match="hold no image"):
        read_stack(paths[0].with_name("mask"))
    assert resolve_stems([paths[0].with_name("mask")])[paths[0].with_name("mask")].startswith("case-")


def test_a_damaged_file_beside_a_series_is_told(write_dicom, volume):
    paths = write_dicom(volume)
    broken = paths[0].with_name("broken")
    broken.write_bytes(paths[0].read_bytes()[:150] + b"\xff" * 80)
    stack = read_stack(paths[0].parent)
    np.testing.assert_array_equal(stack.data, volume)
    assert any("left out" in finding for finding in stack.findings)


def test_a_study_of_several_folders_is_one_choice(write_dicom, volume, tmp_path):
    for patient in (1, 2):
        for number in (1, 2):
            write_dicom(
                volume, folder=f"all/{patient}/{number}", SeriesNumber=number, StudyInstanceUID=f"1.2.{patient}"
            )
    found = collect_stacks([tmp_path / "all"])
    assert [path.name for path in found] == ["1", "2"]
    assert {c.key for c in offer_dicom(found[0]).candidates} == {"1", "2"}


def test_slices_shifted_in_their_plane_are_told(write_dicom, volume):
    def change(z, slice_):
        if z == 2:
            slice_.ImagePositionPatient = [slice_.ImagePositionPatient[0] + 6, *slice_.ImagePositionPatient[1:]]

    stack = read_stack(write_dicom(volume, change=change)[0].parent)
    assert any("shifted against each other in their plane, by up to 6 mm" in finding for finding in stack.findings)


def test_contradictions_loss_and_text_are_told(write_dicom, volume):
    def change(z, slice_):
        slice_.SliceThickness = 8 + z % 2
        slice_.FrameOfReferenceUID = f"1.2.{z % 2}"
        slice_.LossyImageCompression, slice_.BurnedInAnnotation = "01", "YES"

    said = " ".join(read_stack(write_dicom(volume, change=change)[0].parent).findings)
    for words in ("slice thickness (8, 9 mm)", "different frames of reference", "with loss", "burned-in text"):
        assert words in said
