"""What one DICOM file says about its slices: geometry, pixel kind and series, and nothing about the patient."""

import contextlib
import os
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from napari_scarseg.errors import InputError
from napari_scarseg.io.decoding import decoding
from napari_scarseg.io.dicom_files import DicomFile, check_inflated_size
from napari_scarseg.io.dicom_frames import FrameValues, frame_values
from napari_scarseg.io.dicom_values import integer, text

# The only attributes that are read before the pixels: an allow-list, so that nothing personal can get further.
_PLACE_TAGS = [
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality",
    "SeriesNumber", "InstanceNumber", "AcquisitionNumber", "ImageType", "ComplexImageComponent",
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices",
    "TriggerTime", "TemporalPositionIdentifier", "EchoNumbers", "InversionTime", "RescaleSlope", "RescaleIntercept",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
]  # fmt: skip
_TABLE_TAGS = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")
_PIXEL_TAGS = [
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PlanarConfiguration", "PhotometricInterpretation",
    "BitsAllocated", "BitsStored", "PixelRepresentation", "LossyImageCompression", "BurnedInAnnotation",
    *_TABLE_TAGS,
]  # fmt: skip
# Free text: it helps to tell LGE from cine, is shown in the list of candidates, and goes nowhere else.
_WORD_TAGS = ["SeriesDescription", "ProtocolName", "SequenceName"]
_TAGS = [*_PLACE_TAGS, *_PIXEL_TAGS, *_WORD_TAGS]
# Looked up once: by keyword, the lookups of a stack take as long as a tenth of its reading.
_TAG_NUMBERS = tuple(Tag(keyword) for keyword in _TAGS)

_LOSSY_SYNTAXES = frozenset(
    {
        pydicom.uid.JPEGBaseline8Bit,
        pydicom.uid.JPEGExtended12Bit,
        pydicom.uid.JPEG2000,
        pydicom.uid.JPEGLSNearLossless,
    }
)
# Images whose values are no intensities: masks and presentations of other images.
LABEL_MAP_STORAGE = pydicom.uid.UID("1.2.840.10008.5.1.4.1.1.66.7")
_NO_IMAGES = frozenset({pydicom.uid.SegmentationStorage, LABEL_MAP_STORAGE, pydicom.uid.SurfaceSegmentationStorage})


@dataclass(frozen=True, slots=True, eq=False)
class ImageHeader:
    """What all frames of one DICOM file share.

    `syntax` is the transfer syntax, found out where the file does not say. `pixel_offset` is where the pixel data
    element begins; None where the file is deflated and has to be read as a whole. `attributes` are the allow-listed
    ones.
    """

    file: DicomFile
    instance_uid: str
    study_uid: str
    series_uid: str
    series_number: int | None
    instance_number: int | None
    acquisition_number: int
    frame_of_reference_uid: str
    modality: str
    rows: int
    columns: int
    frames: int
    samples: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    is_lossy: bool
    has_burned_in_text: bool
    syntax: pydicom.uid.UID
    pixel_offset: int | None
    pixel_representation: int
    offset_table: tuple[bytes, bytes] | None = field(repr=False)
    attributes: Dataset = field(repr=False)

    @property
    def description(self) -> str:
        """The series' free text: for the list of candidates on the screen, and nothing else."""
        return _free_text(self.attributes, _WORD_TAGS[0])

    @property
    def all_words(self) -> str:
        """All free text about the series, to guess what it shows."""
        return " ".join(_free_text(self.attributes, keyword) for keyword in _WORD_TAGS)

    @property
    def pixel_options(self) -> dict[str, Any]:
        """What pydicom's decoders want to know."""
        options = {
            "transfer_syntax_uid": self.syntax,
            "rows": self.rows,
            "columns": self.columns,
            "samples_per_pixel": self.samples,
            "photometric_interpretation": self.photometric,
            "number_of_frames": self.frames,
            "bits_allocated": self.bits_allocated,
            "bits_stored": self.bits_stored,
            "pixel_representation": self.pixel_representation,
        }
        return options if self.offset_table is None else {**options, "extended_offsets": self.offset_table}


@dataclass(frozen=True, slots=True, eq=False)
class SliceHeader:
    """One slice: a frame of an image, in DICOM's own terms (LPS, mm)."""

    image: ImageHeader
    frame: int
    values: FrameValues

    @property
    def position(self) -> npt.NDArray[np.float64] | None:
        """(3,); None where it is missing or not usable."""
        return self.values.position

    @property
    def normal(self) -> npt.NDArray[np.float64] | None:
        """Unit vector from slice to slice: row direction × column direction."""
        return self.values.normal

    @property
    def image_type(self) -> tuple[str, ...]:
        """Words of the image type."""
        return self.values.image_type


def read_slice_headers(file: DicomFile, handle: IO[bytes], *, masks: bool = False) -> tuple[SliceHeader, ...]:
    """Read the headers of a file's frames; none where it is a DICOM file without an image (a report, a mask).

    Parameters
    ----------
    file : DicomFile
    handle : binary file
        Open on `file`.
    masks : bool
        Take the frames of masks as well.

    Raises
    ------
    InputError
        If the header is damaged.
    """
    with decoding(file.label, "a DICOM file"):
        check_inflated_size(file, handle)
        dataset = pydicom.dcmread(handle, force=True, stop_before_pixels=True, specific_tags=list(_TAG_NUMBERS))
        offset = handle.tell()
        rows, columns = integer(dataset, "Rows"), integer(dataset, "Columns")
        if not rows or not columns or rows < 0 or columns < 0:
            return ()
        if not masks and text(dataset, "SOPClassUID") in _NO_IMAGES:
            return ()
        image = _read_image(file, dataset, offset, rows, columns)
        return tuple(SliceHeader(image, index, values) for index, values in enumerate(frame_values(dataset)))


def _read_image(file: DicomFile, dataset: Dataset, offset: int, rows: int, columns: int) -> ImageHeader:
    syntax = _find_syntax(dataset)
    return ImageHeader(
        file=file,
        instance_uid=text(dataset, "SOPInstanceUID"),
        study_uid=text(dataset, "StudyInstanceUID"),
        series_uid=text(dataset, "SeriesInstanceUID"),
        series_number=integer(dataset, "SeriesNumber"),
        instance_number=integer(dataset, "InstanceNumber"),
        acquisition_number=integer(dataset, "AcquisitionNumber") or 0,
        frame_of_reference_uid=text(dataset, "FrameOfReferenceUID"),
        modality=text(dataset, "Modality"),
        rows=rows,
        columns=columns,
        frames=max(integer(dataset, "NumberOfFrames") or 1, 1),
        samples=integer(dataset, "SamplesPerPixel") or 1,
        photometric=text(dataset, "PhotometricInterpretation"),
        bits_allocated=integer(dataset, "BitsAllocated") or 16,
        bits_stored=integer(dataset, "BitsStored") or integer(dataset, "BitsAllocated") or 16,
        is_lossy=text(dataset, "LossyImageCompression") == "01" or syntax in _LOSSY_SYNTAXES,
        has_burned_in_text=text(dataset, "BurnedInAnnotation").upper() == "YES",
        syntax=syntax,
        pixel_offset=None if syntax == pydicom.uid.DeflatedExplicitVRLittleEndian else offset,
        pixel_representation=integer(dataset, "PixelRepresentation") or 0,
        offset_table=_offset_table(dataset),
        attributes=dataset,
    )


def _free_text(dataset: Dataset, keyword: str) -> str:
    """Text in whatever character set the file names; empty where it is not in that set: nothing depends on it."""
    with contextlib.suppress(InputError), decoding("", "a DICOM file"):
        return text(dataset, keyword)
    return ""


def _offset_table(dataset: Dataset) -> tuple[bytes, bytes] | None:
    """Where the frames of an encapsulated image begin and how long they are, if the file says so in a table."""
    table = tuple(dataset[name].value for name in _TABLE_TAGS if name in dataset)
    return table if len(table) == len(_TABLE_TAGS) else None


def _find_syntax(dataset: Dataset) -> pydicom.uid.UID:
    """The transfer syntax; a file without the meta header is in one of three, and pydicom found out which."""
    given = dataset.file_meta.get("TransferSyntaxUID") if hasattr(dataset, "file_meta") else None
    if given is not None:
        return pydicom.uid.UID(given)
    is_implicit, is_little_endian = dataset.original_encoding
    if is_implicit:
        return pydicom.uid.ImplicitVRLittleEndian
    return pydicom.uid.ExplicitVRLittleEndian if is_little_endian else pydicom.uid.ExplicitVRBigEndian


def path_order(slice_: SliceHeader) -> tuple[str, str]:
    """Key that sorts slices by where their files are."""
    file = slice_.image.file
    return (os.fspath(file.path), file.member or "")
