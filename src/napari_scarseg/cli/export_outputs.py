"""What `scarseg export` writes: one file per case, or one COCO file of all, with the record of what made it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np

from napari_scarseg.cli.export_inputs import ExportSource, Item, LabelChoices
from napari_scarseg.core.intensity import scale_pixels
from napari_scarseg.core.provenance import make_provenance
from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import InputError
from napari_scarseg.io import atomic_path, sidecar_path, write_boxes, write_json
from napari_scarseg.io.coco import CocoStack, count_holes_px, slice_picture_name, write_coco
from napari_scarseg.io.dicom import dicom_slices
from napari_scarseg.io.dicom_header import SliceHeader
from napari_scarseg.io.label_formats import ENDINGS, LabelFormat, LabelsOut, SegChoices, write_label_file
from napari_scarseg.io.yolo_txt import write_yolo

COCO_NAME = "coco.json"


class ExportFormat(StrEnum):
    """Formats of `scarseg export`."""

    NIFTI = "nifti"
    DICOM_SEG = "dicom-seg"
    OME_TIFF = "ome-tiff"
    NRRD = "nrrd"
    COCO = "coco"
    YOLO = "yolo"
    CSV = "csv"

    @property
    def holds_boxes(self) -> bool:
        """Whether there are only boxes in it."""
        return self in (ExportFormat.YOLO, ExportFormat.CSV)


@dataclass(frozen=True, slots=True)
class ExportChoices:
    """How to write.

    Parameters
    ----------
    kind : ExportFormat
    folder : Path
    labels : LabelChoices
    per_lesion, keep_identifiers : bool
        For DICOM SEG.
    polygons : bool
        For COCO.
    pictures : bool
        For COCO and YOLO.
    """

    kind: ExportFormat
    folder: Path
    labels: LabelChoices
    per_lesion: bool = False
    keep_identifiers: bool = False
    polygons: bool = False
    pictures: bool = False


def check_item(item: Item, source: ExportSource, choices: ExportChoices) -> None:
    """Raise InputError, with a sentence, where an item cannot be written so, or would replace one of the inputs."""
    kind = choices.kind
    if item.labels is None and kind not in (ExportFormat.COCO, ExportFormat.YOLO, ExportFormat.CSV):
        raise InputError(f"'{item.stem}' is boxes and {kind.value} holds labels; segment the boxes first.")
    if kind is ExportFormat.DICOM_SEG:
        if source.source.image is None:
            raise InputError("A DICOM SEG refers to the images that it belongs to; give their folder with --image.")
        dicom_slices(source.source.image, choices.labels.series)
    if choices.pictures and item.stack is None:
        raise InputError(f"There is no image for the pictures of '{item.stem}'; give it with --image.")
    inputs = {path.resolve() for path in (source.source.labels, source.source.image) if path is not None}
    target = _target(item, choices)
    if target.resolve() in inputs:
        raise InputError(
            f"'{target.name}' is one of the inputs and would be overwritten; choose another output folder."
        )


def write_item(item: Item, source: ExportSource, choices: ExportChoices) -> int:
    """Write one case, in any format but COCO; returns how many files besides the record."""
    target = _target(item, choices)
    count = 1
    if choices.kind is ExportFormat.CSV:
        write_boxes(target, item.as_boxes())
    elif choices.kind is ExportFormat.YOLO:
        count = len(write_yolo(choices.folder / "labels", item.stem, item.as_boxes(), item.shape))
    elif item.labels is not None:
        slices: tuple[SliceHeader, ...] = ()
        if choices.kind is ExportFormat.DICOM_SEG and source.source.image is not None:
            slices = dicom_slices(source.source.image, choices.labels.series)
        out = LabelsOut(item.labels, item.spacing, item.affine_ras, item.tissues, slices)
        write_label_file(target, out, SegChoices(choices.per_lesion, choices.keep_identifiers))
    if choices.pictures and item.stack is not None:
        _write_pictures(choices.folder / "images", item.stack, item.stem)
    record = target if choices.kind is ExportFormat.YOLO else sidecar_path(target)
    write_json(record, {"file": target.name, **_record([item], choices)})
    return count


def write_coco_items(items: Sequence[Item], choices: ExportChoices) -> tuple[str, ...]:
    """Write all cases into one COCO file; returns sentences about what it could not hold."""
    stacks = [
        CocoStack(item.stem, item.shape, item.boxes or (), item.labels if item.boxes is None else None)
        for item in items
    ]
    target = choices.folder / COCO_NAME
    write_coco(target, stacks, polygons=choices.polygons)
    for item in items:
        if choices.pictures and item.stack is not None:
            _write_pictures(choices.folder / "images", item.stack, item.stem)
    holes = sum(count_holes_px(s.labels) for s in stacks if s.labels is not None) if choices.polygons else 0
    findings = (f"Outlines have filled holes of {holes} pixels; leave --polygons out to keep them.",) if holes else ()
    record = _record(items, choices)
    record["findings"] += findings
    write_json(target.with_name("coco_record.json"), {"file": target.name, **record})
    return findings


def _target(item: Item, choices: ExportChoices) -> Path:
    if choices.kind is ExportFormat.COCO:
        return choices.folder / COCO_NAME
    if choices.kind is ExportFormat.YOLO:
        return choices.folder / f"{item.stem}_yolo.json"
    if choices.kind is ExportFormat.CSV:
        return choices.folder / f"{item.stem}_boxes.csv"
    role = "scar" if item.tissues is None else "tissues"
    return choices.folder / f"{item.stem}_{role}{ENDINGS[LabelFormat(choices.kind.value)]}"


def _write_pictures(folder: Path, stack: Stack, stem: str) -> None:
    """Slices as 8-bit PNG, each scaled between its own 1st and 99th percentile."""
    for z, plane in enumerate(stack.data):
        with atomic_path(folder / slice_picture_name(stem, z)) as temporary:
            iio.imwrite(temporary, np.rint(scale_pixels(plane) * 255).astype(np.uint8), extension=".png")


def _record(items: Sequence[Item], choices: ExportChoices) -> dict[str, Any]:
    labels = choices.labels
    record = make_provenance(
        "export",
        spacing=items[0].spacing if len({item.spacing for item in items}) == 1 else None,
        config={
            "format": choices.kind.value,
            "preset": None if labels.preset is None else labels.preset.value,
            "lesions": labels.lesions or choices.per_lesion,
            "polygons": choices.polygons,
            "identifiers_kept": choices.keep_identifiers,
        },
        inputs={item.stem: _hash(item) for item in items},
        findings=[f"{item.stem}: {finding}" for item in items for finding in item.findings],
    )
    record["tissues"] = {
        item.stem: {str(value): tissue.value for value, tissue in item.tissues.items()}
        for item in items
        if item.tissues is not None
    }
    return record


def _hash(item: Item) -> str:
    """Of what was exported: the labels' voxels, or the boxes' corners."""
    if item.labels is None:
        return hashlib.sha256(repr([(box.slice, box.corners) for box in item.boxes or ()]).encode()).hexdigest()
    digest = hashlib.sha256(f"{item.labels.dtype.str}{item.labels.shape}".encode())
    digest.update(np.ascontiguousarray(item.labels).tobytes())
    return digest.hexdigest()
