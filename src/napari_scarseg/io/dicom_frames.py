"""Geometry, rescaling and time of each frame: of classic images from the data set, of enhanced ones from their groups.

Enhanced multi-frame images (DICOM PS3.3, A.36) keep these in functional groups: shared by all frames, or per frame.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from napari_scarseg.errors import InputError
from napari_scarseg.io.dicom_values import all_items, first_item, integer, length_mm, number, vector, words

# More frames than any heart scan has; a header that declares more is damaged.
_MAX_FRAMES = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class FrameValues:
    """What one frame says of itself.

    `position`, `row_direction` and `column_direction` are (3,), in mm and LPS; `pixel_spacing` is (row distance, column
    distance). They are None where missing or not usable. `time` sorts the frames at one position.
    """

    position: npt.NDArray[np.float64] | None
    row_direction: npt.NDArray[np.float64] | None
    column_direction: npt.NDArray[np.float64] | None
    pixel_spacing: tuple[float, float] | None
    thickness_mm: float | None
    spacing_between_mm: float | None
    image_type: tuple[str, ...]
    slope: float
    intercept: float
    time: tuple[float, ...]
    inversion_ms: float | None

    @property
    def normal(self) -> npt.NDArray[np.float64] | None:
        """Unit vector from slice to slice: row direction × column direction."""
        if self.row_direction is None or self.column_direction is None:
            return None
        (a, b, c), (d, e, f) = self.row_direction.tolist(), self.column_direction.tolist()
        return np.array([b * f - c * e, c * d - a * f, a * e - b * d])


def frame_values(dataset: Dataset) -> Iterator[FrameValues]:
    """The frames of a data set, in the order of the pixels.

    Raises
    ------
    InputError
        If it declares more frames than can be true.
    """
    count = max(integer(dataset, "NumberOfFrames") or 1, 1)
    if count > _MAX_FRAMES:
        raise InputError(f"A DICOM file declares {count} frames; it is damaged, or no LGE stack.")
    shared = first_item(dataset, "SharedFunctionalGroupsSequence")
    own = all_items(dataset, "PerFrameFunctionalGroupsSequence")
    if not len(own) and not len(shared):
        # A classic image; frames without groups have no positions of their own.
        for index in range(count):
            yield _classic(dataset, has_position=count == 1, index=index)
        return
    for index in range(count):
        yield _enhanced(dataset, own[index] if index < len(own) else Dataset(), shared, index)


def _classic(dataset: Dataset, *, has_position: bool, index: int) -> FrameValues:
    directions = _directions(vector(dataset, "ImageOrientationPatient", 6))
    return FrameValues(
        position=vector(dataset, "ImagePositionPatient", 3) if has_position else None,
        row_direction=directions[0] if directions else None,
        column_direction=directions[1] if directions else None,
        pixel_spacing=_pixel_spacing(dataset),
        thickness_mm=length_mm(dataset, "SliceThickness"),
        spacing_between_mm=length_mm(dataset, "SpacingBetweenSlices"),
        image_type=(*words(dataset, "ImageType"), *words(dataset, "ComplexImageComponent")),
        slope=number(dataset, "RescaleSlope") or 1.0,
        intercept=number(dataset, "RescaleIntercept") or 0.0,
        time=(
            number(dataset, "TemporalPositionIdentifier") or 0.0,
            number(dataset, "TriggerTime") or 0.0,
            number(dataset, "AcquisitionNumber") or 0.0,
            number(dataset, "EchoNumbers") or 0.0,
            number(dataset, "InstanceNumber") or 0.0,
            float(index),
        ),
        inversion_ms=number(dataset, "InversionTime"),
    )


def _enhanced(dataset: Dataset, own: Dataset, shared: Dataset, index: int) -> FrameValues:
    def group(keyword: str) -> Dataset:
        item = first_item(own, keyword)
        return item if len(item) else first_item(shared, keyword)

    content, measures = group("FrameContentSequence"), group("PixelMeasuresSequence")
    rescale, kind = group("PixelValueTransformationSequence"), group("MRImageFrameTypeSequence")
    modifier, beat = group("MRModifierSequence"), group("CardiacSynchronizationSequence")
    directions = _directions(vector(group("PlaneOrientationSequence"), "ImageOrientationPatient", 6))
    return FrameValues(
        position=vector(group("PlanePositionSequence"), "ImagePositionPatient", 3),
        row_direction=directions[0] if directions else None,
        column_direction=directions[1] if directions else None,
        pixel_spacing=_pixel_spacing(measures),
        thickness_mm=length_mm(measures, "SliceThickness"),
        spacing_between_mm=length_mm(measures, "SpacingBetweenSlices"),
        image_type=(
            *(words(kind, "FrameType") or words(dataset, "ImageType")),
            *(words(kind, "ComplexImageComponent") or words(dataset, "ComplexImageComponent")),
        ),
        slope=number(rescale, "RescaleSlope") or number(dataset, "RescaleSlope") or 1.0,
        intercept=number(rescale, "RescaleIntercept") or number(dataset, "RescaleIntercept") or 0.0,
        time=(
            number(content, "TemporalPositionIndex") or 0.0,
            number(beat, "NominalCardiacTriggerDelayTime") or 0.0,
            number(content, "FrameAcquisitionNumber") or 0.0,
            0.0,
            number(dataset, "InstanceNumber") or 0.0,
            float(index),
        ),
        inversion_ms=number(modifier, "InversionTimes"),
    )


def _pixel_spacing(dataset: Dataset) -> tuple[float, float] | None:
    spacing = vector(dataset, "PixelSpacing", 2)
    if spacing is None or not bool((spacing > 0).all()):
        return None
    return float(spacing[0]), float(spacing[1])


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
