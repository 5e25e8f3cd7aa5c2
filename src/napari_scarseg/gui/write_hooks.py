"""What npe2 calls to write layers for other programs: labels in four formats, boxes as COCO and YOLO."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_scarseg.core.box import Box
    from napari_scarseg.gui.layer_record import ImageRecord
    from napari_scarseg.io.dicom_header import SliceHeader


def write_labels_layer(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a Labels layer in the format of the ending, on the grid and affine of the image that it belongs to.

    DICOM SEG has one segment per lesion; its images are found through the Image layer that is open.
    """
    import numpy as np

    from napari_scarseg.io.label_formats import LabelFormat, LabelsOut, SegChoices, format_of_name, write_label_file

    record = _record(path, meta)
    labels = np.asarray(data)
    labels = labels if labels.ndim == 3 else labels[None]
    slices = _source_slices(record) if format_of_name(path) is LabelFormat.DICOM_SEG else ()
    tissues = None if slices else _tissues(meta)
    write_label_file(
        path, LabelsOut(labels, record.spacing, record.affine_ras, tissues, slices), SegChoices(tissues is None)
    )
    return [path]


def write_labels_coco(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a Labels layer as COCO: one mask per lesion and slice."""
    import numpy as np

    from napari_scarseg.io.coco import CocoStack, write_coco
    from napari_scarseg.io.labels import compact_labels

    labels = np.asarray(data)
    labels = compact_labels(labels if labels.ndim == 3 else labels[None], Path(path).name)
    write_coco(path, [CocoStack(_record(path, meta).stem, labels.shape, labels=labels)])
    return [path]


def write_boxes_coco(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a Shapes layer as COCO: one box per shape, on the slices of its image."""
    from napari_scarseg.io.coco import CocoStack, write_coco

    record = _record(path, meta)
    write_coco(path, [CocoStack(record.stem, _image_shape(record), tuple(_boxes(data, meta)))])
    return [path]


def write_boxes_yolo(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a Shapes layer as YOLO text files beside each other, one per slice: `<name>_z000.txt`, …"""
    from napari_scarseg.io.yolo_txt import write_yolo

    target = Path(path)
    written = write_yolo(target.parent, target.stem, _boxes(data, meta), _image_shape(_record(path, meta)))
    return [str(one) for one in written]


def _record(path: str, meta: dict[str, Any]) -> ImageRecord:
    """What the layer knows of its image; of a layer of another plugin, what its scale and units say."""
    from napari_scarseg.gui.hooks import record_of_arguments
    from napari_scarseg.gui.layer_record import METADATA_KEY, record_from_metadata

    metadata = meta.get("metadata") or {}
    record = record_from_metadata(metadata)
    if record is not None:
        return record
    return replace(record_of_arguments(path, meta), affine_ras=(metadata.get(METADATA_KEY) or {}).get("affine_ras"))


def _boxes(data: Any, meta: dict[str, Any]) -> list[Box]:
    from napari_scarseg.gui.box_layer import boxes_from_rows
    from napari_scarseg.gui.layer_state import box_state

    features = meta.get("features")
    everywhere = (2**31, 2**31, 2**31)
    detected = box_state(meta.get("metadata") or {}).detected
    return list(boxes_from_rows(data, {} if features is None else features, everywhere, detected=detected).boxes)


def _tissues(meta: dict[str, Any]) -> dict[int, Any] | None:
    """What the values of a layer of tissues mean; None for lesions."""
    from napari_scarseg.core.tissue import Tissue
    from napari_scarseg.gui.layer_record import METADATA_KEY

    kept = (meta.get("metadata") or {}).get(METADATA_KEY) or {}
    named = kept.get("tissues")
    return {int(value): Tissue(name) for value, name in named.items()} if named else None


def _image_layer(record: ImageRecord) -> Any:
    """The open Image layer of the same stack."""
    from napari import current_viewer
    from napari.layers import Image

    from napari_scarseg.errors import InputError
    from napari_scarseg.gui.image_layer import image_record

    viewer = current_viewer()
    images = [layer for layer in viewer.layers if isinstance(layer, Image)] if viewer is not None else []
    found = [layer for layer in images if image_record(layer).stem == record.stem] or images
    if len(found) != 1:
        raise InputError("This format needs the image that the layer belongs to; open it beside the layer.")
    return found[0]


def _image_shape(record: ImageRecord) -> tuple[int, int, int]:
    from napari_scarseg.gui.image_layer import image_array

    z, y, x = image_array(_image_layer(record)).shape
    return (z, y, x)


def _source_slices(record: ImageRecord) -> tuple[SliceHeader, ...]:
    """The DICOM images of the stack."""
    from napari_scarseg.errors import InputError
    from napari_scarseg.gui.image_layer import SOURCE_KEY
    from napari_scarseg.gui.layer_record import METADATA_KEY
    from napari_scarseg.io.dicom import dicom_slices

    layer = _image_layer(record)
    source = (layer.metadata.get(METADATA_KEY) or {}).get(SOURCE_KEY) or layer.source.path
    if not source or not Path(source).exists():
        raise InputError("DICOM SEG refers to DICOM images, and this stack was not read from any; save as .nii.gz.")
    return dicom_slices(Path(source), stem=record.stem)
