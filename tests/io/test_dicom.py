"""DICOM: positions and not names, values and not stored bits, and nothing about the patient."""

import contextlib

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError, ScarSegError
from napari_scarseg.io import read_stack, resolve_stems

# Two directions in space that are perpendicular and nowhere near an axis.
ROW = np.array([0.6, 0.64, -0.48])
COLUMN = np.array([-0.8, 0.48, -0.36])
NORMAL = np.cross(ROW, COLUMN)


def test_shuffled_series(write_dicom, volume):
    paths = write_dicom(volume)
    stack = read_stack(paths[0].parent)
    np.testing.assert_array_equal(stack.data, volume)
    assert stack.data.dtype == np.int16
    assert stack.spacing == Spacing(10.0, 1.4, 1.5, SpacingOrigin.HEADER)
    # x runs left in DICOM and right in RAS, y posterior and anterior.
    expected = [[-1.5, 0, 0, 100], [0, -1.4, 0, 90], [0, 0, 10, 40], [0, 0, 0, 1]]
    np.testing.assert_allclose(stack.affine_ras, expected)
    assert stack.findings == ("The slices are 8 mm thick and 10 mm apart; the distance was used.",)


def test_oblique_series_against_the_direction_of_its_names(write_dicom, volume):
    origin = np.array([12.0, -30, 7])
    paths = write_dicom(volume, origin=tuple(origin), step=tuple(-10 * NORMAL), ImageOrientationPatient=[*ROW, *COLUMN])
    stack = read_stack(paths[0].parent)
    np.testing.assert_array_equal(stack.data, volume[::-1])
    assert stack.spacing.z_mm == pytest.approx(10)
    column, row, z = 3, 2, 1
    in_lps = origin - 30 * NORMAL + column * 1.5 * ROW + row * 1.4 * COLUMN
    np.testing.assert_allclose(stack.affine_ras @ [column, row, z, 1], [-in_lps[0], -in_lps[1], in_lps[2], 1])


def test_wrong_spacing_between_slices_is_a_finding(write_dicom, volume):
    stack = read_stack(write_dicom(volume, SpacingBetweenSlices=2)[0].parent)
    assert stack.spacing.z_mm == 10
    assert any("SpacingBetweenSlices says 2 mm and the positions 10 mm" in finding for finding in stack.findings)


def test_missing_slice_is_a_finding(write_dicom, volume):
    paths = write_dicom(volume)
    paths[2].unlink()
    stack = read_stack(paths[0].parent)
    np.testing.assert_array_equal(stack.data, np.delete(volume, 2, axis=0))
    assert stack.spacing.z_mm == 10
    assert any("uneven (10 to 20 mm apart" in finding and "slices 1 and 2" in finding for finding in stack.findings)


def test_rescale(write_dicom, volume):
    stack = read_stack(write_dicom(volume, RescaleSlope=0.5, RescaleIntercept=-3)[0].parent)
    assert stack.data.dtype == np.float32
    np.testing.assert_array_equal(stack.data, volume * 0.5 - 3)


def test_whole_rescale_stays_whole(write_dicom, volume):
    stack = read_stack(write_dicom(volume.astype(np.uint16), RescaleSlope=2, RescaleIntercept=-2048)[0].parent)
    assert stack.data.dtype == np.int32
    np.testing.assert_array_equal(stack.data, volume.astype(int) * 2 - 2048)


def test_each_slice_has_its_own_slope(write_dicom, volume):
    def change(z, slice_):
        slice_.RescaleSlope, slice_.RescaleIntercept = z + 1, 0

    stack = read_stack(write_dicom(volume, change=change)[0].parent)
    np.testing.assert_array_equal(stack.data, volume * np.arange(1, 6)[:, None, None])


def test_monochrome1_is_inverted_within_its_bits(write_dicom, volume):
    data = volume.astype(np.uint16)
    paths = write_dicom(data, PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11)
    stack = read_stack(paths[0].parent)
    np.testing.assert_array_equal(stack.data, 4095 - data)


def test_monochrome1_signed(write_dicom, volume):
    stack = read_stack(write_dicom(volume - 100, PhotometricInterpretation="MONOCHROME1")[0].parent)
    np.testing.assert_array_equal(stack.data, -1 - (volume - 100))


def test_single_file_has_no_slice_distance(write_dicom, volume):
    stack = read_stack(write_dicom(volume)[2])
    np.testing.assert_array_equal(stack.data, volume[2:3])
    assert stack.spacing == Spacing(None, 1.4, 1.5, SpacingOrigin.HEADER)
    assert "There is only one slice, so the distance between slices is not known." in stack.findings


def test_several_series_are_listed_by_number(write_dicom, volume):
    write_dicom(volume, SeriesNumber=7, SeriesDescription="Smith LGE")
    paths = write_dicom(volume[:2] + 1, SeriesNumber=12)
    folder = paths[0].parent
    with pytest.raises(InputError) as caught:
        read_stack(folder)
    assert str(caught.value) == (
        "There are 2 stacks to choose from: 7 (magnitude, 5 slices of 8 × 7, 10 × 1.4 × 1.5 mm), 12 (magnitude, 2 "
        "slices of 8 × 7, 10 × 1.4 × 1.5 mm). The most LGE-like is 7; choose one by its name (--series on the command "
        "line)."
    )
    np.testing.assert_array_equal(read_stack(folder, series="12").data, volume[:2] + 1)
    uid = pydicom.dcmread(paths[0]).SeriesInstanceUID
    np.testing.assert_array_equal(read_stack(folder, series=uid).data, volume[:2] + 1)
    with pytest.raises(InputError, match="no stack of the name or UID"):
        read_stack(folder, series="99")


def test_copies_of_a_file_count_once(write_dicom, volume):
    paths = write_dicom(volume)
    (paths[0].parent / "copy.dcm").write_bytes(paths[3].read_bytes())
    stack = read_stack(paths[0].parent)
    np.testing.assert_array_equal(stack.data, volume)
    assert any(finding.startswith("1 images are copies") for finding in stack.findings)


def test_without_positions_the_instance_number_decides(write_dicom, volume):
    def change(z, slice_):
        del slice_.ImagePositionPatient
        slice_.InstanceNumber = 50 - z

    stack = read_stack(write_dicom(volume, change=change)[0].parent)
    np.testing.assert_array_equal(stack.data, volume[::-1])
    assert stack.spacing == Spacing(None, 1.4, 1.5, SpacingOrigin.HEADER)
    assert stack.affine_ras is None
    assert any("sorted by InstanceNumber" in finding for finding in stack.findings)


def test_without_pixel_spacing(write_dicom, volume):
    stack = read_stack(write_dicom(volume, PixelSpacing=None)[0].parent)
    assert stack.spacing == Spacing(10.0, None, None, SpacingOrigin.HEADER)
    assert any("no usable PixelSpacing" in finding for finding in stack.findings)


def test_reports_and_other_files_are_left_out(write_dicom, volume):
    paths = write_dicom(volume)
    report = pydicom.dcmread(paths[0])
    for keyword in ("PixelData", "Rows", "Columns"):
        delattr(report, keyword)
    report.SOPInstanceUID = generate_uid()
    report.save_as(paths[0].parent / "report.dcm")
    (paths[0].parent / "notes.txt").write_text("hello")
    stack = read_stack(paths[0].parent)
    np.testing.assert_array_equal(stack.data, volume)
    assert any(finding.startswith("1 DICOM files without an image") for finding in stack.findings)


def test_without_preamble_and_meta_header(write_dicom, volume):
    paths = write_dicom(volume)
    for path in paths:
        dataset = pydicom.dcmread(path)
        bare = pydicom.Dataset({element.tag: element for element in dataset})
        bare.save_as(path, implicit_vr=True, little_endian=True)
        assert path.read_bytes()[128:132] != b"DICM"
    np.testing.assert_array_equal(read_stack(paths[0].parent).data, volume)


@pytest.mark.parametrize(
    "syntax",
    [pydicom.uid.RLELossless, pydicom.uid.JPEG2000Lossless, pydicom.uid.DeflatedExplicitVRLittleEndian],
    ids=lambda syntax: syntax.keyword,
)
def test_compressed_without_loss(write_dicom, volume, syntax):
    # JPEG 2000 needs room for its resolutions.
    data = np.tile(volume, (1, 8, 8)).astype(np.uint16)
    paths = write_dicom(data)
    for path in paths:
        dataset = pydicom.dcmread(path)
        if syntax.is_encapsulated:
            dataset.compress(syntax)
        else:
            dataset.file_meta.TransferSyntaxUID = syntax
        dataset.save_as(path)
    np.testing.assert_array_equal(read_stack(paths[0].parent).data, data)


@pytest.mark.parametrize("at", range(0, 260, 20))
def test_damaged_run_lengths_are_refused_or_read(write_dicom, volume, at):
    path = write_dicom(np.tile(volume[:1], (1, 8, 8)).astype(np.uint16))[0]
    dataset = pydicom.dcmread(path)
    dataset.compress(pydicom.uid.RLELossless)
    dataset.save_as(path)
    raw = path.read_bytes()
    start = raw.rindex(b"\x02\x00\x00\x00\x40\x00\x00\x00")
    path.write_bytes(raw[: start + at] + b"\xff" * 6 + raw[start + at + 6 :])
    with contextlib.suppress(ScarSegError):
        read_stack(path)


def test_a_syntax_that_is_none_is_refused(write_dicom, volume):
    path = write_dicom(volume[:1])[0]
    path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.1.1\0"))
    with pytest.raises(InputError, match="looks like a DICOM file but cannot be read"):
        read_stack(path)


def test_colour_is_refused(write_dicom, volume):
    def change(z, slice_):
        slice_.SamplesPerPixel, slice_.PhotometricInterpretation = 3, "RGB"

    with pytest.raises(InputError, match="DICOM images are in colour"):
        read_stack(write_dicom(volume, change=change)[0].parent)


def test_frames_without_positions_stay_in_their_order(write_dicom, volume):
    paths = write_dicom(volume[:1], NumberOfFrames=1)
    dataset = pydicom.dcmread(paths[0])
    dataset.NumberOfFrames, dataset.PixelData = 5, volume.tobytes()
    dataset.save_as(paths[0])
    stack = read_stack(paths[0])
    np.testing.assert_array_equal(stack.data, volume)
    assert stack.spacing == Spacing(None, 1.4, 1.5, SpacingOrigin.HEADER)
    assert any("no usable position" in finding for finding in stack.findings)


def test_truncated_pixels(write_dicom, volume):
    paths = write_dicom(volume)
    paths[1].write_bytes(paths[1].read_bytes()[:-40])
    with pytest.raises(InputError, match="damaged"):
        read_stack(paths[0].parent)


def test_absurd_size(write_dicom, volume):
    def change(z, slice_):
        slice_.Rows = slice_.Columns = 65535

    with pytest.raises(InputError, match="GiB"):
        read_stack(write_dicom(volume, change=change)[0].parent)


def test_nothing_personal_comes_out(write_dicom, volume, capfd):
    def change(z, slice_):
        slice_.PatientBirthDate = "19610203"
        slice_.SeriesDescription = "Smith viability"
        slice_.SpacingBetweenSlices = 2

    folder = write_dicom(volume, folder="Smith_John", change=change)[0].parent
    stack = read_stack(folder)
    stems = [stack.stem, *resolve_stems([folder]).values()]
    told = " ".join([*stack.findings, *capfd.readouterr()])
    # A stem ends in a salted hash, which may spell a short number by chance.
    for word in ("smith", "john", "mrn4711", "19610203"):
        assert word not in " ".join([told, *stems]).casefold()
    assert "4711" not in told and "1961" not in told
    assert stack.stem.startswith("case-")


def test_stem_depends_on_series_and_salt_only(write_dicom, volume, monkeypatch):
    paths = write_dicom(volume)
    other = write_dicom(volume, folder="other")
    stem = read_stack(paths[0].parent).stem
    assert stem == read_stack(paths[3]).stem
    assert stem == resolve_stems([paths[0].parent])[paths[0].parent]
    assert stem != read_stack(other[0].parent).stem
    monkeypatch.setenv("SCARSEG_SALT", "another")
    assert stem != read_stack(paths[0].parent).stem


def test_salt_is_made_once_and_kept(tmp_path, monkeypatch):
    from napari_scarseg.io import case_key

    monkeypatch.setattr(case_key.platformdirs, "user_data_path", lambda name: tmp_path / "home" / name)
    first = case_key.resolve_salt({})
    assert len(first) == 32
    assert case_key.resolve_salt({}) == first
    (tmp_path / "home" / "napari-scarseg" / "case-salt").unlink()
    assert case_key.resolve_salt({}) != first
