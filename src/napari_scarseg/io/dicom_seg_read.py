"""DICOM SEG in: frames to one label volume, placed by their positions, as any software writes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import RTStructureSetStorage, SegmentationStorage

from napari_scarseg.core.tissue import Tissue
from napari_scarseg.errors import InputError
from napari_scarseg.io.case_key import case_key, resolve_salt
from napari_scarseg.io.decoding import check_declared_size, decoding
from napari_scarseg.io.dicom_files import find_dicom, open_each
from napari_scarseg.io.dicom_geometry import OrderedSeries, along, order_series
from napari_scarseg.io.dicom_header import LABEL_MAP_STORAGE, SliceHeader, read_slice_headers
from napari_scarseg.io.dicom_seg_codes import LESION_TRACKING, tissue_of_segment
from napari_scarseg.io.folders import list_folder
from napari_scarseg.io.sniff import Format, sniff_format
from napari_scarseg.io.volume import Volume

_KINDS = (SegmentationStorage, LABEL_MAP_STORAGE)
# Where segments overlap, what lies inside the other one wins.
_INNERMOST = (Tissue.MVO, Tissue.SCAR, Tissue.EDEMA, Tissue.MYOCARDIUM, Tissue.CAVITY, Tissue.RV)
_SAME_POSITION_MM = 0.01
_GRID_TOLERANCE = 0.05
_MAX_SLICES = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """What a DICOM SEG holds.

    Parameters
    ----------
    volume : Volume
        Labels (Z, Y, X): a lesion's own number where this program wrote one, else the segment's.
    tissues : mapping of value → Tissue
        What the codes say; values whose codes are not known here are left out.
    """

    volume: Volume
    tissues: Mapping[int, Tissue]


def find_segmentation(path: Path) -> Path | None:
    """The DICOM SEG that a path means: itself, or the only DICOM file of a folder; None where it is no SEG."""
    files = list_folder(path).dicom if path.is_dir() else (path,)
    if len(files) != 1 or sniff_format(files[0]) is not Format.DICOM:
        return None
    return files[0] if is_segmentation(files[0]) else None


def segmentation_stem(path: Path) -> str | None:
    """The name that results of the segmented images carry; None where `path` is no DICOM SEG."""
    found = find_segmentation(path)
    if found is None:
        return None
    with decoding(found.name, "a DICOM segmentation"):
        tags = ["ReferencedSeriesSequence", "SeriesInstanceUID"]
        return _stem(pydicom.dcmread(found, force=True, stop_before_pixels=True, specific_tags=tags), found)


def is_segmentation(path: Path) -> bool:
    """Whether a DICOM file is a SEG.

    Raises
    ------
    InputError
        If it holds contours instead (RTSTRUCT), or is damaged.
    """
    with decoding(path.name, "a DICOM file"):
        dataset = pydicom.dcmread(path, force=True, stop_before_pixels=True, specific_tags=["SOPClassUID"])
        kind = dataset.get("SOPClassUID")
    if kind == RTStructureSetStorage:
        raise InputError(
            "This is an RT Structure Set, which holds contours and no voxels; open it in 3D Slicer with its images and "
            "save it as DICOM SEG or NRRD."
        )
    return kind in _KINDS


def read_segmentation(path: Path) -> Segmentation:
    """Read a BINARY, FRACTIONAL (from one half) or LABELMAP segmentation.

    Frames are placed by their positions. Other software leaves empty frames out: gaps between evenly spaced frames
    become empty slices, while slices missing at the ends are only known from the image (`label_grid.fit_labels`).

    Raises
    ------
    InputError
        If the file is damaged, absurdly large, or its frames have no common orientation.
    """
    for file, handle in open_each(find_dicom(path)):
        with decoding(file.label, "a DICOM segmentation"):
            frames = read_slice_headers(file, handle, masks=True)
            check_declared_size(file.label, (len(frames), frames[0].image.rows, frames[0].image.columns), 2)
            handle.seek(0)
            dataset = pydicom.dcmread(handle, force=True)
            return _assemble(dataset, frames, path)
    raise InputError(f"'{path.name}' holds no DICOM segmentation; choose another file.")


def _assemble(dataset: Dataset, frames: Sequence[SliceHeader], path: Path) -> Segmentation:
    numbers = _segment_numbers(dataset, len(frames))
    shape = (frames[0].image.rows, frames[0].image.columns)
    pixels = dataset.pixel_array.reshape(len(frames), *shape)
    if dataset.get("SegmentationType") == "FRACTIONAL":
        pixels = pixels >= float(dataset.MaximumFractionalValue) / 2
    segments = {int(item.SegmentNumber): item for item in dataset.SegmentSequence}
    values = {number: _value(number, item) for number, item in segments.items()}
    coded = ((values[number], tissue_of_segment(item)) for number, item in segments.items())
    tissues = {value: tissue for value, tissue in coded if tissue is not None}
    ordered, places = _place(frames, is_whole=dataset.get("ManufacturerModelName") == "napari-scarseg")
    labels = np.zeros((len(ordered.slices), *shape), dtype=np.int32)
    overlap = 0
    for index in sorted(range(len(frames)), key=lambda i: _rank(numbers[i], values, tissues)):
        plane = labels[places[index]]
        if dataset.SOPClassUID == LABEL_MAP_STORAGE:
            for number, value in values.items():
                plane[pixels[index] == number] = value
            continue
        inside = pixels[index] != 0
        value = values.get(numbers[index], numbers[index])
        overlap += int((inside & (plane != 0) & (plane != value)).sum())
        plane[inside] = value
    findings = list(ordered.findings)
    if overlap:
        findings.append(
            f"Segments overlap in {overlap} pixels; the inner tissue, or else the later segment, was taken."
        )
    volume = Volume(labels, ordered.spacing, ordered.affine_ras, tuple(findings), _stem(dataset, path))
    return Segmentation(volume, tissues)


def _segment_numbers(dataset: Dataset, count: int) -> list[int]:
    """The segment of each frame; 0 in label maps, whose frames hold several."""
    shared, groups = dataset.SharedFunctionalGroupsSequence[0], dataset.PerFrameFunctionalGroupsSequence
    if len(groups) != count:
        raise InputError("A DICOM segmentation declares another number of frames than it describes; export it again.")
    found = [
        group.get("SegmentIdentificationSequence") or shared.get("SegmentIdentificationSequence") for group in groups
    ]
    return [int(items[0].ReferencedSegmentNumber) if items else 0 for items in found]


def _place(frames: Sequence[SliceHeader], *, is_whole: bool) -> tuple[OrderedSeries, list[int]]:
    """The slices in order, and which of them each frame is. `is_whole` says that no empty frame was left out."""
    normal = frames[0].normal
    if normal is None or any(frame.position is None for frame in frames):
        raise InputError("The frames of the DICOM segmentation have no positions; export it again.")
    heights = np.array([along(frame, normal) for frame in frames])
    distinct: list[SliceHeader] = []
    for index in np.argsort(heights, kind="stable"):
        if not distinct or heights[index] - along(distinct[-1], normal) > _SAME_POSITION_MM:
            distinct.append(_without_lengths(frames[index]))
    ordered = order_series(distinct if is_whole else _fill_gaps(distinct, normal))
    levels = np.array([along(one, normal) for one in ordered.slices])
    return ordered, [int(np.abs(levels - height).argmin()) for height in heights]


def _without_lengths(frame: SliceHeader) -> SliceHeader:
    """What thickness and gap are is told when the image is read."""
    return replace(frame, values=replace(frame.values, thickness_mm=None, spacing_between_mm=None))


def _fill_gaps(slices: list[SliceHeader], normal: npt.NDArray[np.float64]) -> list[SliceHeader]:
    """Add slices whose frames were left out, where the others lie on an even grid."""
    if len(slices) < 3:
        return slices
    heights = np.array([along(one, normal) for one in slices])
    steps = (heights - heights[0]) / float(np.diff(heights).min())
    numbers = np.rint(steps).astype(int)
    if np.abs(steps - numbers).max() > _GRID_TOLERANCE or numbers[-1] >= _MAX_SLICES:
        return slices
    corners = np.stack([one.position for one in slices if one.position is not None])
    filled = []
    for number in range(int(numbers[-1]) + 1):
        place = np.array([np.interp(number, numbers, corners[:, axis]) for axis in range(3)])
        nearest = slices[int(np.searchsorted(numbers, number, side="right")) - 1]
        filled.append(replace(nearest, values=replace(nearest.values, position=place)))
    return filled


def _value(number: int, segment: Dataset) -> int:
    """A lesion's own number where this program wrote it; else the segment's."""
    text = str(segment.get("TrackingID", ""))
    digits = text.removeprefix(LESION_TRACKING)
    return int(digits) if text.startswith(LESION_TRACKING) and digits.isdigit() and len(digits) <= 9 else number


def _rank(number: int, values: Mapping[int, int], tissues: Mapping[int, Tissue]) -> tuple[int, int]:
    """Order of painting: the innermost tissue last."""
    tissue = tissues.get(values.get(number, number))
    return (-_INNERMOST.index(tissue) if tissue in _INNERMOST else -len(_INNERMOST), number)


def _stem(dataset: Dataset, path: Path) -> str:
    """The name that results of the segmented images carry, so that labels and images find each other."""
    referenced = dataset.get("ReferencedSeriesSequence") or [dataset]
    return case_key(str(referenced[0].get("SeriesInstanceUID", "")) or path.name, resolve_salt())
