"""Copies in memory of the DICOM images that a result belongs to: put right, and without names."""

from collections.abc import Sequence

import pydicom
from pydicom.dataset import FileDataset

from napari_scarseg.errors import InputError
from napari_scarseg.io.decoding import decoding
from napari_scarseg.io.dicom_files import check_inflated_size, open_each
from napari_scarseg.io.dicom_header import SliceHeader

# All that a derived object takes from its source: what kind it is, where it lies, and the UIDs that tie it to the
# images (the "Retain UIDs" option of PS3.15, annex E). An allow-list, so that nothing personal can get further.
_ALLOWED = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality",
    "ImageType", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness",
    "SpacingBetweenSlices", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "LossyImageCompression",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "DimensionOrganizationType",
)  # fmt: skip
# What a derived object must have, empty where nothing is known.
_REQUIRED_EMPTY = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
    "AccessionNumber", "ReferringPhysicianName", "PositionReferenceIndicator",
)  # fmt: skip
_REQUIRED_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "FrameOfReferenceUID")


def read_source_copies(slices: Sequence[SliceHeader], z_mm: float | None, *, case: str | None) -> list[FileDataset]:
    """Read the images of a stack, in the order of its slices, as copies that a derived object can be made from.

    There is one for each file: one per slice of a classic series, or a single one of an enhanced image.

    SpacingBetweenSlices says the distance of the positions, whatever the files say: a wrong one would be copied on.
    The files themselves are not touched, and the pixels are left out.

    Parameters
    ----------
    slices : sequence of SliceHeader
        In order (`dicom_slices`).
    z_mm : float or None
        Distance between the slices, by their positions.
    case : str or None
        Name to put in place of the patient's; None keeps who and when as they are.

    Raises
    ------
    InputError
        If a file cannot be read or lacks what ties a result to it.
    """
    copies = []
    files = list(dict.fromkeys(one.image.file for one in slices))
    for file, handle in open_each(files):
        with decoding(file.label, "a DICOM file"):
            check_inflated_size(file, handle)
            tags = None if case is None else list(_ALLOWED)
            dataset = pydicom.dcmread(handle, force=True, stop_before_pixels=True, specific_tags=tags)
            dataset.decode()
        missing = [name for name in _REQUIRED_UIDS if not dataset.get(name)]
        if missing:
            raise InputError(
                f"The DICOM images lack {missing[0]}, so no DICOM result can be tied to them; write NIfTI instead."
            )
        if z_mm is not None:
            dataset.SpacingBetweenSlices = f"{z_mm:.10g}"
        if case is not None:
            dataset.PatientName = dataset.PatientID = case
        for name in _REQUIRED_EMPTY:
            if name not in dataset:
                setattr(dataset, name, "")
        copies.append(dataset)
    if len({str(copy.StudyInstanceUID) for copy in copies}) > 1:
        raise InputError("The DICOM images belong to several studies; keep one stack in a folder.")
    return copies
