"""What one DICOM file says about its slice: geometry, pixel kind and series, and nothing about the patient."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset

from napari_scarseg.io.decoding import decoding

# The only attributes that are read before the pixels: an allow-list, so that nothing personal can get further.
_TAGS = [
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "InstanceNumber", "ImageType",
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices",
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated",
    "BitsStored", "PixelRepresentation", "LossyImageCompression", "BurnedInAnnotation",
]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class SliceHeader:
    """Header of one DICOM image, in DICOM's own terms (LPS, mm).

    `position` (3,), `row_direction` and `column_direction` (3,) are None where they are missing or not usable;
    `pixel_spacing` is (row distance, column distance).
    """

    path: Path
    instance_uid: str
    series_uid: str
    series_number: int | None
    instance_number: int | None
    image_type: tuple[str, ...]
    position: npt.NDArray[np.float64] | None
    row_direction: npt.NDArray[np.float64] | None
    column_direction: npt.NDArray[np.float64] | None
    pixel_spacing: tuple[float, float] | None
    thickness_mm: float | None
    spacing_between_mm: float | None
    rows: int
    columns: int
    frames: int
    samples: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    is_lossy: bool
    has_burned_in_text: bool

    @property
    def normal(self) -> npt.NDArray[np.float64] | None:
        """Unit vector from slice to slice: row direction × column direction."""
        if self.row_direction is None or self.column_direction is None:
            return None
        return np.cross(self.row_direction, self.column_direction)


def read_slice_header(path: Path) -> SliceHeader | None:
    """Read the header of one file; None where it is a DICOM file without an image (a report, a DICOMDIR)."""
    with decoding(path.name, "a DICOM file"):
        dataset = pydicom.dcmread(path, force=True, stop_before_pixels=True, specific_tags=list(_TAGS))
        rows, columns = _integer(dataset, "Rows"), _integer(dataset, "Columns")
        if not rows or not columns:
            return None
        directions = _directions(_numbers(dataset, "ImageOrientationPatient", 6))
        spacing = _numbers(dataset, "PixelSpacing", 2)
        is_spacing = spacing is not None and bool((spacing > 0).all())
        return SliceHeader(
            path=path,
            instance_uid=_text(dataset, "SOPInstanceUID"),
            series_uid=_text(dataset, "SeriesInstanceUID"),
            series_number=_integer(dataset, "SeriesNumber"),
            instance_number=_integer(dataset, "InstanceNumber"),
            image_type=_words(dataset, "ImageType"),
            position=_numbers(dataset, "ImagePositionPatient", 3),
            row_direction=directions[0] if directions else None,
            column_direction=directions[1] if directions else None,
            pixel_spacing=(float(spacing[0]), float(spacing[1])) if spacing is not None and is_spacing else None,
            thickness_mm=_length(dataset, "SliceThickness"),
            spacing_between_mm=_length(dataset, "SpacingBetweenSlices"),
            rows=rows,
            columns=columns,
            frames=_integer(dataset, "NumberOfFrames") or 1,
            samples=_integer(dataset, "SamplesPerPixel") or 1,
            photometric=_text(dataset, "PhotometricInterpretation"),
            bits_allocated=_integer(dataset, "BitsAllocated") or 16,
            bits_stored=_integer(dataset, "BitsStored") or _integer(dataset, "BitsAllocated") or 16,
            is_lossy=_text(dataset, "LossyImageCompression") == "01",
            has_burned_in_text=_text(dataset, "BurnedInAnnotation").upper() == "YES",
        )


def _directions(
    values: npt.NDArray[np.float64] | None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Unit row and column direction, if the six numbers are two perpendicular unit vectors."""
    if values is None:
        return None
    row, column = values[:3], values[3:]
    lengths = (float(np.linalg.norm(row)), float(np.linalg.norm(column)))
    if any(abs(length - 1) > 0.01 for length in lengths) or abs(float(row @ column)) > 0.01:
        return None
    return row / lengths[0], column / lengths[1]


def _text(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    return "" if value is None else str(value).strip()


def _words(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    value = dataset.get(keyword)
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(word) for word in value)


def _integer(dataset: Dataset, keyword: str) -> int | None:
    """First whole number of an attribute; None where there is none."""
    value = dataset.get(keyword)
    if isinstance(value, list | tuple | pydicom.multival.MultiValue):
        value = value[0] if len(value) else None
    try:
        return int(value) if value is not None else None
    except (TypeError, ValueError, OverflowError):
        return None


def _numbers(dataset: Dataset, keyword: str, count: int) -> npt.NDArray[np.float64] | None:
    try:
        values = np.asarray([float(value) for value in dataset.get(keyword) or ()], dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return values if values.shape == (count,) and bool(np.isfinite(values).all()) else None


def _length(dataset: Dataset, keyword: str) -> float | None:
    try:
        value = float(dataset.get(keyword) or math.nan)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) and value > 0 else None
