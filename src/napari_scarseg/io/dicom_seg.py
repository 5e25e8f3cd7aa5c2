"""Labels as DICOM SEG, through highdicom: BINARY, coded segments, on the source's own slices."""

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import highdicom as hd
import numpy as np
import numpy.typing as npt
from pydicom.dataset import FileDataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian

from napari_scarseg import __version__
from napari_scarseg.core.tissue import CLASS_VALUES, Tissue, class_labels
from napari_scarseg.errors import InputError
from napari_scarseg.io.atomic import atomic_path
from napari_scarseg.io.case_key import case_key, resolve_salt
from napari_scarseg.io.dicom_geometry import order_series
from napari_scarseg.io.dicom_header import SliceHeader
from napari_scarseg.io.dicom_seg_codes import LESION_TRACKING, SEGMENT_CODES
from napari_scarseg.io.dicom_sources import read_source_copies

_MAX_SEGMENTS = 2**16 - 1


@dataclass(frozen=True, slots=True)
class _Segment:
    """One segment: the label value that it holds, and what it is called."""

    value: int
    tissue: Tissue
    label: str
    tracking_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Planes:
    """Where the slices lie: said in full, so that nothing of it is guessed from the source."""

    slices: tuple[SliceHeader, ...]
    z_mm: float | None

    @property
    def positions(self) -> list[hd.PlanePositionSequence]:
        return [
            hd.PlanePositionSequence(hd.CoordinateSystemNames.PATIENT, [float(v) for v in one.position])
            for one in self.slices
            if one.position is not None
        ]

    @property
    def orientation(self) -> hd.PlaneOrientationSequence:
        first = self.slices[0].values
        if first.row_direction is None or first.column_direction is None:
            raise InputError("The DICOM images have no orientation; write NIfTI instead.")
        directions = [*first.row_direction, *first.column_direction]
        return hd.PlaneOrientationSequence(hd.CoordinateSystemNames.PATIENT, [float(v) for v in directions])

    @property
    def measures(self) -> hd.PixelMeasuresSequence:
        first = self.slices[0].values
        if first.pixel_spacing is None:
            raise InputError("The DICOM images have no PixelSpacing; write NIfTI instead.")
        thickness_mm = first.thickness_mm or self.z_mm
        if thickness_mm is None:
            raise InputError("The one DICOM image says no slice thickness; write NIfTI instead.")
        return hd.PixelMeasuresSequence(first.pixel_spacing, thickness_mm, self.z_mm)


def write_segmentation(
    path: str | os.PathLike[str],
    labels: npt.NDArray[np.integer],
    slices: Sequence[SliceHeader],
    *,
    tissues: Mapping[int, Tissue] | None = None,
    per_lesion: bool = False,
    keep_identifiers: bool = False,
) -> None:
    """Write labels as one BINARY DICOM SEG that refers to the images of its stack.

    Every slice of the stack is in the file, also empty ones, so that it can be read without the images. Patient and
    study are named by a salted hash of the series; their UIDs stay, since without them no viewer could lay the
    segments on the images.

    Parameters
    ----------
    path : path-like
        Ends in .dcm.
    labels : ndarray of int (Z, Y, X)
        On the grid of the images.
    slices : sequence of SliceHeader
        The DICOM images of the stack, in its order (`dicom.dicom_slices`).
    tissues : mapping of value → Tissue, optional
        What the values mean: one segment per tissue. Without it every value above 0 is scar.
    per_lesion : bool
        One segment per value, all coded as scar; the value is kept in the Tracking ID.
    keep_identifiers : bool
        Take over who and when from the images.

    Raises
    ------
    InputError
        If the labels are not on the stack's grid, hold nothing to write, or the images cannot be referred to.
    """
    target = Path(path)
    if target.suffix.casefold() not in (".dcm", ".dicom"):
        raise InputError(f"'{target.name}' has to end in .dcm to be written as DICOM SEG; rename it.")
    shape = (len(slices), slices[0].image.rows, slices[0].image.columns)
    if labels.shape != shape:
        raise InputError(
            f"The labels have the shape {labels.shape} and the DICOM images {shape}; they must lie on one grid."
        )
    if any(one.position is None or one.normal is None for one in slices):
        raise InputError("A DICOM SEG needs one DICOM image with a position for each slice; write NIfTI instead.")
    segments, values = _plan_segments(labels, tissues, per_lesion=per_lesion)
    masks = np.zeros((*labels.shape, len(segments)), dtype=np.uint8)
    for index, segment in enumerate(segments):
        masks[..., index] = values == segment.value
    image = slices[0].image
    key = None if keep_identifiers else case_key(image.series_uid or image.instance_uid, resolve_salt())
    z_mm = order_series(slices).spacing.z_mm
    copies = read_source_copies(slices, z_mm, case=key)
    segmentation = _make_segmentation(copies, masks, segments, _Planes(tuple(slices), z_mm))
    if not keep_identifiers:
        segmentation.PatientIdentityRemoved = "YES"
        segmentation.DeidentificationMethod = "Names, ids, dates and free text left out; UIDs kept"
    with atomic_path(target) as temporary:
        segmentation.save_as(temporary, enforce_file_format=True)


def _plan_segments(
    labels: npt.NDArray[np.integer], tissues: Mapping[int, Tissue] | None, *, per_lesion: bool
) -> tuple[list[_Segment], npt.NDArray[np.int32]]:
    """Segments in order, and labels whose values they hold. There is one segment at least: an empty scar."""
    if per_lesion:
        found = [int(value) for value in np.unique(labels) if value > 0]
        if len(found) > _MAX_SEGMENTS:
            raise InputError(f"A DICOM SEG holds {_MAX_SEGMENTS} segments at most; write NIfTI instead.")
        segments = [_Segment(n, Tissue.SCAR, f"Scar, lesion {n}", f"{LESION_TRACKING}{n}") for n in found]
        return segments or [_scar_segment()], labels.astype(np.int32)
    values = class_labels(labels, tissues or {int(n): Tissue.SCAR for n in np.unique(labels) if n > 0})
    present = set(np.unique(values).tolist())
    classes = [tissue for tissue, value in CLASS_VALUES.items() if value in present]
    return [_Segment(CLASS_VALUES[tissue], tissue, tissue.words) for tissue in classes] or [_scar_segment()], values


def _scar_segment() -> _Segment:
    return _Segment(CLASS_VALUES[Tissue.SCAR], Tissue.SCAR, Tissue.SCAR.words)


def _make_segmentation(
    copies: Sequence[FileDataset], masks: npt.NDArray[np.uint8], segments: Sequence[_Segment], planes: _Planes
) -> hd.seg.Segmentation:
    algorithm = hd.AlgorithmIdentificationSequence(
        name="napari-scarseg", version=__version__, family=codes.DCM.ArtificialIntelligence
    )
    with warnings.catch_warnings():
        # highdicom warns of odd values in the source, which are not ours to change.
        warnings.simplefilter("ignore")
        return hd.seg.Segmentation(
            source_images=list(copies),
            pixel_array=masks,
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[_describe(n, segment, algorithm) for n, segment in enumerate(segments, start=1)],
            series_instance_uid=hd.UID(),
            series_number=100,
            sop_instance_uid=hd.UID(),
            instance_number=1,
            manufacturer="napari-scarseg",
            manufacturer_model_name="napari-scarseg",
            software_versions=__version__,
            device_serial_number="none",
            content_label="SCAR",
            content_description="Scar on LGE; research use only",
            transfer_syntax_uid=ExplicitVRLittleEndian,
            omit_empty_frames=False,
            plane_positions=planes.positions,
            plane_orientation=planes.orientation,
            pixel_measures=planes.measures,
        )


def _describe(
    number: int, segment: _Segment, algorithm: hd.AlgorithmIdentificationSequence
) -> hd.seg.SegmentDescription:
    known = SEGMENT_CODES[segment.tissue]
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=segment.label,
        segmented_property_category=known.category,
        segmented_property_type=known.kind,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
        algorithm_identification=algorithm,
        tracking_uid=None if segment.tracking_id is None else hd.UID(),
        tracking_id=segment.tracking_id,
        anatomic_regions=None if known.region is None else [known.region],
        display_color=hd.color.CIELabColor.from_rgb(*known.colour),
    )
