"""The files that pydicom and nibabel test themselves with: each is read, or refused in one sentence."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pydicom
import pytest

from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import InputError, ScarSegError
from napari_scarseg.io import LabelVolume, read_labels, read_stack


def those_of(package: str, folder: str) -> list[Path]:
    """All files that a package ships in a folder; none where it was installed without them."""
    root = Path(str(files(package))) / folder
    return sorted(path for path in root.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc"))


DICOM, NIFTI = those_of("pydicom", "data/test_files"), those_of("nibabel", "tests/data")
# What pydicom itself decodes to one grey plane, and is a picture.
GREY = (
    "CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "MR_small_bigendian.dcm", "MR_small_expb.dcm",
    "MR_small_implicit.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_padded.dcm",
    "JPEG2000.dcm", "image_dfl.dcm", "liver_1frame.dcm",
)  # fmt: skip


@pytest.mark.parametrize("path", [*DICOM, *NIFTI], ids=lambda path: path.name)
@pytest.mark.parametrize("read", [read_stack, read_labels])
def test_read_or_refused_in_a_sentence(path, read):
    try:
        found = read(path)
    except ScarSegError as error:
        assert str(error).endswith((".", ".)")) and "\n" not in str(error)
    else:
        assert isinstance(found, Stack | LabelVolume)


def test_contours_are_told_from_images():
    path = next((path for path in DICOM if path.name == "rtstruct.dcm"), None)
    if path is None:
        pytest.skip("pydicom was installed without this file")
    with pytest.raises(InputError, match=r"RT Structure Set, .* save it as DICOM SEG or NRRD"):
        read_labels(path)


@pytest.mark.parametrize("name", GREY)
def test_grey_planes_agree_with_pydicom(name):
    path = next((path for path in DICOM if path.name == name), None)
    if path is None:
        pytest.skip("pydicom was installed without this file")
    dataset = pydicom.dcmread(path)
    slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
    if dataset.PhotometricInterpretation == "MONOCHROME1" or dataset.BitsAllocated == 1:
        pytest.skip("not stored as it is shown")
    np.testing.assert_allclose(read_stack(path).data[0], dataset.pixel_array * slope + intercept)


@pytest.mark.parametrize("folder", sorted({path.parent for path in DICOM}), ids=lambda folder: folder.name)
def test_whole_folders(folder):
    try:
        read_stack(folder)
    except ScarSegError as error:
        assert "\n" not in str(error)
