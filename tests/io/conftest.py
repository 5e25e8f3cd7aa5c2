"""Files of every format, made small."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

Array = npt.NDArray[np.generic]
PATIENT = "Smith^John"

WriteNifti = Callable[..., Path]
WriteDicom = Callable[..., list[Path]]


@pytest.fixture(autouse=True)
def salt(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test leaves a salt in the user's folder."""
    monkeypatch.setenv("SCARSEG_SALT", "tests")


@pytest.fixture
def volume() -> Array:
    """(5, 8, 7) int16, every voxel another value, so that every mix-up of axes or order shows."""
    return np.arange(5 * 8 * 7, dtype=np.int16).reshape(5, 8, 7)


@pytest.fixture
def write_nifti(tmp_path: Path) -> WriteNifti:
    """Write a (Z, Y, X) array as NIfTI with exactly the given header fields."""

    def write(
        data: Array,
        *,
        name: str = "scan.nii.gz",
        pixdim: tuple[float, ...] = (1.0, 1.0, 1.0),
        sform: Array | None = None,
        qform: Array | None = None,
        unit: str = "mm",
        kind: type[nib.Nifti1Image] = nib.Nifti1Image,
    ) -> Path:
        image = kind(data.T, None)
        header = image.header
        if qform is not None:
            header.set_qform(qform, 1)
        header["pixdim"][1 : 1 + len(pixdim)] = pixdim
        if sform is not None:
            header.set_sform(sform, 1)
        header.set_xyzt_units(unit)
        path = tmp_path / name
        image.to_filename(path)
        return path

    return write


def make_slice(plane: Array, **attributes: Any) -> FileDataset:
    """One classic MR image with a name in it that must never come out."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = pydicom.uid.MRImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    slice_ = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    slice_.SOPClassUID = meta.MediaStorageSOPClassUID
    slice_.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    slice_.PatientName = PATIENT
    slice_.PatientID = "MRN4711"  # no digits of a hash spell it
    slice_.Modality = "MR"
    slice_.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    slice_.PhotometricInterpretation = "MONOCHROME2"
    slice_.SamplesPerPixel = 1
    slice_.Rows, slice_.Columns = plane.shape
    slice_.BitsAllocated = slice_.BitsStored = 16
    slice_.HighBit = 15
    slice_.PixelRepresentation = 1 if plane.dtype.kind == "i" else 0
    slice_.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    slice_.ImagePositionPatient = [0, 0, 0]
    slice_.PixelSpacing = [1.4, 1.5]
    slice_.SliceThickness = 8
    for keyword, value in attributes.items():
        if value is None:
            delattr(slice_, keyword)
        else:
            setattr(slice_, keyword, value)
    slice_.PixelData = plane.astype(plane.dtype.newbyteorder("<")).tobytes()
    return slice_


@pytest.fixture
def write_dicom(tmp_path: Path) -> WriteDicom:
    """Write a (Z, Y, X) array as one series, 10 mm from slice to slice, with shuffled names and instance numbers."""

    def write(
        data: Array,
        *,
        folder: str = "series",
        origin: tuple[float, float, float] = (-100.0, -90.0, 40.0),
        step: tuple[float, float, float] = (0.0, 0.0, 10.0),
        change: Callable[[int, Dataset], None] | None = None,
        **attributes: Any,
    ) -> list[Path]:
        target = tmp_path / folder
        target.mkdir(parents=True, exist_ok=True)
        attributes.setdefault("SeriesInstanceUID", generate_uid())
        attributes.setdefault("SeriesNumber", 7)
        shuffled = np.random.default_rng(0).permutation(len(data))
        paths = []
        for z, plane in enumerate(data):
            slice_ = make_slice(plane, **attributes)
            slice_.ImagePositionPatient = [o + z * s for o, s in zip(origin, step, strict=True)]
            slice_.InstanceNumber = int(shuffled[z])
            if change is not None:
                change(z, slice_)
            path = target / f"IM{shuffled[z]:04d}_{attributes['SeriesNumber']}"
            slice_.save_as(path, enforce_file_format=True)
            paths.append(path)
        return paths

    return write
