"""Layers ↔ case: what the layers of one image say, as a value; and a case as layers again. On the window's thread."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Points, Shapes

from napari_scarseg.cases import BoxesPart, Case, ImageReference, LabelsPart, PointsPart
from napari_scarseg.errors import InputError
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.box_layer import FEATURE_DEFAULTS
from napari_scarseg.gui.case_memory import memory_from_json, memory_to_json
from napari_scarseg.gui.image_layer import SOURCE_KEY, image_array, image_record
from napari_scarseg.gui.layer_frame import frame_of
from napari_scarseg.gui.layer_record import (
    METADATA_KEY,
    ImageRecord,
    belongs_to,
    record_from_metadata,
    record_to_metadata,
)
from napari_scarseg.gui.layer_state import box_state
from napari_scarseg.gui.painting import labels_array
from napari_scarseg.gui.plan import ShownBoxes
from napari_scarseg.gui.viewer_points import new_points_layer, read_points_layer, show_points

# Kept by the case itself, or for the moment only.
_NOT_MEMORY = frozenset({"stem", "spacing", "case", "affine_ras", "findings", "sha256", "writing", "painted"})


@dataclass(frozen=True, slots=True, eq=False)
class CaseLayers:
    """The layers of one case.

    Parameters
    ----------
    image : Image
    boxes, labels, points : tuple of Shapes, Labels, Points
        From the bottom up.
    """

    image: Image
    boxes: tuple[Shapes, ...]
    labels: tuple[Labels, ...]
    points: tuple[Points, ...]

    @property
    def work(self) -> tuple[Layer, ...]:
        """All but the image."""
        return (*self.boxes, *self.labels, *self.points)


def find_case_layers(viewer: ViewerModel, image: Image) -> CaseLayers:
    """The layers that were made from `image`; layers that know no image count where they lie on the only one."""
    record = image_record(image)
    images = [layer for layer in viewer.layers if isinstance(layer, Image)]

    def is_own(layer: Layer) -> bool:
        if layer.ndim != image.ndim or (isinstance(layer, Labels) and not _fits(layer, image)):
            return False
        if record_from_metadata(layer.metadata) is None:
            return len(images) == 1 and frame_of(layer).lies_on(frame_of(image))
        return belongs_to(layer.metadata, record)

    own = [layer for layer in viewer.layers if isinstance(layer, Shapes | Labels | Points) and is_own(layer)]
    return CaseLayers(
        image,
        tuple(layer for layer in own if isinstance(layer, Shapes)),
        tuple(layer for layer in own if isinstance(layer, Labels)),
        tuple(layer for layer in own if isinstance(layer, Points)),
    )


def find_free_images(viewer: ViewerModel) -> list[Image]:
    """Images that nobody has worked on."""
    images = [layer for layer in viewer.layers if isinstance(layer, Image) and layer.ndim in (2, 3)]
    return [image for image in images if not find_case_layers(viewer, image).work]


def read_case(layers: CaseLayers, sha256: str, choices: Mapping[str, Any], is_done: bool = False) -> Case:
    """What the layers say now. Labels are copied, everything else is a value.

    Parameters
    ----------
    layers : CaseLayers
    sha256 : str
        Hash of the image's voxels.
    choices : mapping of str → JSON value
    is_done : bool
    """
    image = layers.image
    record = image_record(image)
    shape = image_array(image).shape
    source = image.metadata.get(METADATA_KEY, {}).get(SOURCE_KEY)
    boxes = tuple(_read_boxes(layer, image) for layer in layers.boxes)
    labels = tuple(_read_labels(layer) for layer in layers.labels)
    engines = {
        role: dict(values)
        for role, owners in (("detector", layers.boxes), ("segmenter", layers.labels))
        for layer in owners
        if isinstance(values := layer.metadata.get(METADATA_KEY, {}).get("engine"), Mapping)
    }
    return Case(
        image=ImageReference(Path(source) if source else None, sha256, (shape[0], shape[1], shape[2])),
        info=record.case,
        spacing=record.spacing,
        affine_ras=record.affine_ras,
        boxes=boxes,
        labels=labels,
        points=tuple(_read_points(layer, image) for layer in layers.points),
        choices=dict(choices),
        engines=engines,
        is_done=is_done,
    )


def show_case(viewer: ViewerModel, image: Image, case: Case) -> list[str]:
    """Add the layers of `case` over its image, as they were.

    Returns
    -------
    list of str
        Sentences about what could not be brought back.
    """
    findings: list[str] = []
    record = image_record(image)
    for part in case.labels:
        labels = on_viewer.new_labels_layer(viewer, image)
        labels.name = part.name
        labels.data[...] = part.labels[0] if labels.ndim == 2 else part.labels
        _remember(labels, record, part.memory, findings)
        labels.metadata[METADATA_KEY]["painted"] = part.painted
        labels.refresh()
    for boxes in case.boxes:
        shapes = on_viewer.new_boxes_layer(viewer, image)
        shapes.name = boxes.name
        _remember(shapes, record, boxes.memory, findings)
        state = box_state(shapes.metadata)
        on_viewer.show_boxes(shapes, image, ShownBoxes(boxes.boxes, state.candidates), state.engine)
        _set_marks(shapes, boxes)
    for points in case.points:
        layer = new_points_layer(viewer, image)
        layer.name = points.name
        _remember(layer, record, points.memory, findings)
        show_points(layer, image, points.points)
    return findings


def close_case(viewer: ViewerModel, image: Image) -> None:
    """Take the layers of a case out of the viewer."""
    for layer in (*find_case_layers(viewer, image).work, image):
        viewer.layers.remove(layer)


def _read_boxes(layer: Shapes, image: Image) -> BoxesPart:
    read = on_viewer.read_boxes_layer(layer, image)
    extra = layer.features[[name for name in layer.features if name not in FEATURE_DEFAULTS]]
    rows = extra.to_dict("records") if len(extra.columns) else []
    marks = {
        box.box_id: memory_to_json({str(key): value for key, value in rows[row].items()})
        for box, row in zip(read.boxes, read.rows, strict=True)
        if rows
    }
    return BoxesPart(layer.name, read.boxes, marks, _memory(layer))


def _read_labels(layer: Labels) -> LabelsPart:
    painted = layer.metadata.get(METADATA_KEY, {}).get("painted")
    labels = np.array(labels_array(layer), dtype=np.int32)
    fits = isinstance(painted, np.ndarray) and painted.shape == labels.shape
    return LabelsPart(layer.name, labels, painted if fits else None, _memory(layer))


def _read_points(layer: Points, image: Image) -> PointsPart:
    return PointsPart(layer.name, read_points_layer(layer, image), _memory(layer))


def _memory(layer: Layer) -> dict[str, Any]:
    return memory_to_json(layer.metadata.get(METADATA_KEY, {}), skip=_NOT_MEMORY)


def _remember(layer: Layer, record: ImageRecord, memory: Mapping[str, Any], findings: list[str]) -> None:
    values = layer.metadata.setdefault(METADATA_KEY, {})
    values.update(record_to_metadata(record))
    try:
        values.update(memory_from_json(memory))
    except InputError as error:
        findings.append(f"'{layer.name}': {error}")


def _set_marks(layer: Shapes, part: BoxesPart) -> None:
    """Columns of features that are not the boxes' own."""
    rows = [memory_from_json(part.marks.get(box.box_id, {})) for box in part.boxes]
    names = list(dict.fromkeys(name for row in rows for name in row if name not in layer.features))
    if names:
        extra = {name: pd.Series([row.get(name) for row in rows], index=layer.features.index) for name in names}
        layer.features = layer.features.assign(**extra)


def _fits(layer: Labels, image: Image) -> bool:
    return isinstance(layer.data, np.ndarray) and layer.data.shape == image_array(image).shape[3 - image.ndim :]
