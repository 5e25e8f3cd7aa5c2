"""Stacks as files: NIfTI, OME-TIFF, and a DICOM series that says that it is synthetic."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage, generate_uid

from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import InputError
from napari_scarseg.io.atomic import refusals_told
from napari_scarseg.io.write_nifti import write_volume_nifti
from napari_scarseg.io.write_ome import write_volume_ome_tiff

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True, slots=True)
class SyntheticSeries:
    """What a synthetic DICOM series says about itself.

    Parameters
    ----------
    patient_id : str
        A made-up one, at most 64 characters; the patient's name is PHANTOM.
    description : str
        Series description, at most 64 characters.
    thickness_mm : float
        Slice thickness.
    inversion_times_ms : tuple of float
        One per slice; empty where they mean nothing.
    """

    patient_id: str
    description: str
    thickness_mm: float
    inversion_times_ms: tuple[float, ...] = ()


def write_stack_nifti(path: str | os.PathLike[str], stack: Stack) -> None:
    """Write a stack as NIfTI (.nii.gz or .nii) in its own type, with its affine and its spacing in mm.

    Parameters
    ----------
    path : path-like
    stack : Stack

    Raises
    ------
    InputError
        If the name ends otherwise, NIfTI has no such type, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from napari_scarseg.core.spacing import Spacing, SpacingOrigin
    >>> from napari_scarseg.io import read_stack
    >>> path = Path(tempfile.mkdtemp()) / "P001.nii.gz"
    >>> data = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    >>> write_stack_nifti(path, Stack(data, Spacing(10.0, 1.4, 1.4, SpacingOrigin.HEADER), "P001"))
    >>> read_stack(path).shape, read_stack(path).spacing.z_mm
    ((2, 3, 4), 10.0)
    """
    target = Path(path)
    if not target.name.casefold().endswith((".nii", ".nii.gz")):
        raise InputError(f"'{target.name}' has to end in .nii.gz to be written as NIfTI; rename it.")
    try:
        write_volume_nifti(target, stack.data, stack.spacing, stack.affine_ras)
    except nib.spatialimages.HeaderDataError as cause:
        raise InputError(f"NIfTI cannot hold values of type {stack.data.dtype}; convert them to int16.") from cause


def write_stack_ome_tiff(path: str | os.PathLike[str], stack: Stack) -> None:
    """Write a stack as OME-TIFF (.ome.tif), compressed, with PhysicalSize in mm where it is known.

    Parameters
    ----------
    path : path-like
    stack : Stack
        Its affine is kept in an annotation, as TIFF has no place for it.

    Raises
    ------
    InputError
        If the name ends otherwise or the file cannot be written.
    """
    write_volume_ome_tiff(path, stack.data, stack.spacing, stack.affine_ras)


def write_stack_dicom(folder: str | os.PathLike[str], stack: Stack, series: SyntheticSeries) -> None:
    """Write a synthetic stack as a classic DICOM series, one MR image per slice, into a folder of its own.

    The folder appears whole or not at all. UIDs follow from the voxels and the patient id, so the same stack gives
    the same series.

    Parameters
    ----------
    folder : path-like
        Must not exist, or be empty.
    stack : Stack
        uint16 or int16, with known spacing and an affine.
    series : SyntheticSeries

    Raises
    ------
    InputError
        If the stack has no geometry or another type, the folder holds files, or it cannot be written.
    """
    target = Path(folder)
    if stack.affine_ras is None or not stack.spacing.is_known:
        raise InputError("A DICOM series needs spacing and an affine, which this stack has not; write NIfTI instead.")
    if stack.data.dtype not in (np.dtype(np.uint16), np.dtype(np.int16)):
        raise InputError(f"A DICOM series holds 16-bit whole numbers, not {stack.data.dtype}; convert the stack first.")
    if series.inversion_times_ms and len(series.inversion_times_ms) != stack.shape[0]:
        raise InputError("A DICOM series needs one inversion time per slice, or none at all.")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"'{target.name}' exists already and is not an empty folder; choose another one.")
    datasets = _series_datasets(stack, stack.affine_ras, series)
    with refusals_told(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".series-", dir=target.parent))
        try:
            _save_slices(temporary, datasets)
            os.chmod(temporary, 0o777 & ~_umask())
            if target.exists():
                target.rmdir()
            os.replace(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _series_datasets(stack: Stack, affine_ras: npt.NDArray[np.float64], series: SyntheticSeries) -> list[FileDataset]:
    """One data set per slice."""
    entropy = [stack.sha256(), series.patient_id, series.description]
    study_uid, series_uid, frame_uid = (generate_uid(entropy_srcs=[*entropy, name]) for name in ("1", "2", "3"))
    row_lps, column_lps = (_RAS_TO_LPS @ affine_ras[:3, axis] / np.linalg.norm(affine_ras[:3, axis]) for axis in (0, 1))
    datasets = []
    for index, plane in enumerate(stack.data):
        dataset = _slice_dataset(generate_uid(entropy_srcs=[*entropy, f"slice {index}"]))
        _describe(dataset, stack, series, index)
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study_uid, series_uid
        dataset.FrameOfReferenceUID = frame_uid
        position = _RAS_TO_LPS @ (affine_ras @ [0.0, 0.0, float(index), 1.0])[:3]
        dataset.ImagePositionPatient = _decimals(position)
        dataset.ImageOrientationPatient = _decimals([*row_lps, *column_lps])
        _set_pixels(dataset, plane)
        datasets.append(dataset)
    return datasets


def _slice_dataset(instance_uid: str) -> FileDataset:
    """An MR image without content."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = UID(instance_uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = MRImageStorage
    dataset.SOPInstanceUID = UID(instance_uid)
    return dataset


def _describe(dataset: Dataset, stack: Stack, series: SyntheticSeries, index: int) -> None:
    """Everything but geometry in space and pixels."""
    spacing = stack.spacing
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.ImageType = ["DERIVED", "SECONDARY", "SYNTHETIC"]
    dataset.Modality, dataset.Manufacturer = "MR", "napari-scarseg phantom"
    dataset.PatientName, dataset.PatientID = "PHANTOM", series.patient_id
    dataset.PatientBirthDate = dataset.PatientSex = ""
    dataset.StudyDate = dataset.StudyTime = dataset.AccessionNumber = dataset.ReferringPhysicianName = ""
    dataset.StudyID, dataset.SeriesNumber, dataset.InstanceNumber = "1", 1, index + 1
    dataset.SeriesDescription = series.description
    dataset.ImageComments = "Synthetic phantom image; it shows no patient."
    dataset.BurnedInAnnotation, dataset.QualityControlImage = "NO", "YES"
    dataset.ScanningSequence, dataset.SequenceVariant, dataset.ScanOptions = ["IR", "GR"], "NONE", ""
    dataset.MRAcquisitionType, dataset.EchoTime, dataset.EchoTrainLength, dataset.RepetitionTime = "2D", "", "", ""
    dataset.PositionReferenceIndicator = ""
    dataset.PixelSpacing = _decimals([spacing.y_mm or 0.0, spacing.x_mm or 0.0])
    dataset.SliceThickness = _decimals([series.thickness_mm])[0]
    dataset.SpacingBetweenSlices = _decimals([spacing.z_mm or 0.0])[0]
    if series.inversion_times_ms:
        dataset.InversionTime = _decimals([series.inversion_times_ms[index]])[0]


def _set_pixels(dataset: Dataset, plane: npt.NDArray[np.generic]) -> None:
    dataset.Rows, dataset.Columns = plane.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = int(plane.dtype.kind == "i")
    dataset.PixelData = plane.astype(plane.dtype.newbyteorder("<")).tobytes()


def _save_slices(folder: Path, datasets: Sequence[FileDataset]) -> None:
    for index, dataset in enumerate(datasets):
        with open(folder / f"{index + 1:03d}.dcm", "xb") as handle:
            dataset.save_as(handle, enforce_file_format=True)
            handle.flush()
            os.fsync(handle.fileno())


def _umask() -> int:
    """The process's mask for new files; reading it means setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _decimals(values: Sequence[float] | npt.NDArray[np.floating]) -> list[str]:
    """Decimal strings of at most 16 characters, as DICOM wants them."""
    texts = []
    for value in values:
        digits = next(d for d in range(14, 0, -1) if len(f"{float(value):.{d}g}") <= 16)
        texts.append(f"{float(value):.{digits}g}")
    return texts
