"""The only file that changes the viewer: adds layers, sets boxes, writes labels. On the window's thread only."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Shapes

from napari_scarseg.core.box import Box, BoxOrigin
from napari_scarseg.core.case import CaseInfo
from napari_scarseg.core.spacing import Spacing
from napari_scarseg.errors import InputError
from napari_scarseg.gui.box_layer import (
    FEATURE_DEFAULTS,
    ReadBoxes,
    boxes_from_rows,
    detected_box,
    features_of_boxes,
    rows_from_boxes,
)
from napari_scarseg.gui.box_style import EDGE_WIDTH_PX, box_style, reset_defaults, restyle_boxes, same_features
from napari_scarseg.gui.image_layer import image_array, image_record
from napari_scarseg.gui.label_layer import LabelWrite
from napari_scarseg.gui.label_meaning import UnderstoodLabels, label_layers
from napari_scarseg.gui.layer_frame import LayerFrame, frame_from_spacing, frame_of, index_to_index
from napari_scarseg.gui.layer_record import (
    METADATA_KEY,
    ImageRecord,
    belongs_to,
    record_from_metadata,
    record_to_metadata,
)
from napari_scarseg.gui.layer_state import (
    BoxState,
    LabelState,
    box_state,
    box_state_to_metadata,
    label_state_to_metadata,
)
from napari_scarseg.gui.painting import labels_array, watch_painting, writing
from napari_scarseg.gui.plan import ShownBoxes


def add_stack(viewer: ViewerModel, data: Any, kwargs: Mapping[str, Any]) -> Image:
    """Show a stack that was read (`tasks.LoadedStack`), in the view of rows and columns, from its middle slice."""
    layer = viewer.add_image(data, **kwargs)
    viewer.dims.ndisplay = 2
    if layer.ndim == 3:
        viewer.dims.set_current_step(0, layer.data.shape[0] // 2)
    viewer.reset_view()
    return layer


def new_boxes_layer(viewer: ViewerModel, image: Image) -> Shapes:
    """Add an empty Shapes layer over `image`, ready to draw rectangles on."""
    record = image_record(image)
    layer = viewer.add_shapes(
        ndim=image.ndim,
        name=f"{record.stem} boxes",
        metadata={METADATA_KEY: {**record_to_metadata(record), **box_state_to_metadata(BoxState())}},
        **box_style(image.ndim),
        **frame_of(image).as_kwargs(),
    )
    layer.feature_defaults = dict(FEATURE_DEFAULTS)
    return layer


def read_boxes_layer(layer: Shapes, image: Image) -> ReadBoxes:
    """What the live Shapes layer says, in the image's index coordinates. Changes nothing.

    Raises
    ------
    InputError
        If the shapes have another number of axes than the image.
    """
    if layer.ndim != image.ndim:
        raise InputError(
            f"The boxes layer has {layer.ndim} axes, the image {image.ndim}; choose a boxes layer made on this image."
        )
    matrix = None if frame_of(layer).lies_on(frame_of(image)) else index_to_index(layer, image)
    shape = image_array(image).shape
    return boxes_from_rows(
        layer.data, layer.features, shape, detected=box_state(layer.metadata).detected, matrix=matrix
    )


def tidy_boxes(layer: Shapes, read: ReadBoxes) -> None:
    """Give every row the features of the box that was read from it; stray clicks are taken out."""
    wanted = features_of_boxes(read.boxes)
    features = layer.features.copy()
    rows = list(read.rows)
    if set(wanted) <= set(features) and not read.stray and same_features(features.iloc[rows], wanted):
        reset_defaults(layer)
        return
    for name in map(str, wanted):
        column = list(features[name]) if name in features else [FEATURE_DEFAULTS[name]] * layer.nshapes
        for row, value in zip(rows, wanted[name], strict=True):
            column[row] = value
        features[name] = pd.Series(column, index=features.index, dtype=wanted[name].dtype)
    layer.features = features
    if read.stray:
        layer.remove(list(read.stray))
    restyle_boxes(layer)
    reset_defaults(layer)


def show_boxes(layer: Shapes, image: Image, shown: ShownBoxes, engine: Mapping[str, Any] | None = None) -> None:
    """Replace the layer's shapes by `shown.boxes`, and remember the candidates and where the detector put its boxes."""
    state = box_state(layer.metadata)
    detected = dict(state.detected)
    for box in (*shown.boxes, *shown.candidates):
        if box.origin is BoxOrigin.DETECTOR:
            detected[box.box_id] = detected_box(box)
    present = {box.box_id for box in (*shown.boxes, *shown.candidates)}
    detected = {box_id: place for box_id, place in detected.items() if box_id in present}
    put_box_state(layer, BoxState(detected, shown.candidates, engine or state.engine), image_record(image))
    rows = rows_from_boxes(shown.boxes, layer.ndim)
    data = rows.data
    if not frame_of(layer).lies_on(frame_of(image)):
        matrix = index_to_index(image, layer)
        data = [vertices @ matrix[:-1, :-1].T + matrix[:-1, -1] for vertices in data]
    with layer.events.data.blocker(), layer.events.features.blocker():
        layer.selected_data = set()
        if layer.nshapes:
            layer.remove(list(range(layer.nshapes)))
        if data:
            layer.add(data, shape_type="rectangle", edge_width=EDGE_WIDTH_PX)
        layer.features = rows.features
        restyle_boxes(layer)
    reset_defaults(layer)
    layer.events.data(value=layer.data, action="changed", data_indices=tuple(range(len(data))), vertex_indices=((),))


def put_box_state(layer: Shapes, state: BoxState, record: ImageRecord) -> None:
    """Write what lasts of a boxes layer into its metadata."""
    layer.metadata.setdefault(METADATA_KEY, {}).update({**record_to_metadata(record), **box_state_to_metadata(state)})


def new_labels_layer(viewer: ViewerModel, image: Image, boxes: Shapes | None = None) -> Labels:
    """Add an empty Labels layer over `image`, and under `boxes`, which stay selected: work goes on in them."""
    record = image_record(image)
    shape = image_array(image).shape
    layer = viewer.add_labels(
        np.zeros(shape[3 - image.ndim :], dtype=np.int32),
        name=f"{record.stem} scar",
        opacity=0.55,
        metadata={METADATA_KEY: {**record_to_metadata(record), **label_state_to_metadata(LabelState())}},
        **frame_of(image).as_kwargs(),
    )
    watch_painting(layer)
    if boxes is not None and boxes in viewer.layers:
        viewer.layers.move(viewer.layers.index(layer), viewer.layers.index(boxes))
        viewer.layers.selection.select_only(boxes)
    return layer


def add_read_labels(viewer: ViewerModel, image: Image, labels: UnderstoodLabels) -> Labels:
    """Add labels that were read from elsewhere over `image`: the lesions, and below them the tissues, if any."""
    frame = frame_of(image).as_kwargs()
    for data, kwargs in label_layers(labels, image_record(image)):
        layer = viewer.add_labels(data if image.ndim == 3 else data[0], **kwargs, **frame)
    watch_painting(layer)
    return layer


def check_labels_room(layer: Labels, lesion_id: int) -> None:
    """Raise InputError, with a sentence, where the type of the labels has no room for a lesion id."""
    highest = np.iinfo(layer.data.dtype).max
    if lesion_id > highest:
        raise InputError(f"These labels hold numbers up to {highest} only; choose 'New labels layer'.")


def check_labels_layer(layer: Labels, image: Image) -> None:
    """Raise InputError, with a sentence, where the labels do not fit the image or cannot be edited."""
    if not isinstance(layer.data, np.ndarray):
        raise InputError("These labels are not kept in memory, so they cannot be edited; choose 'New labels layer'.")
    shape = tuple(image_array(image).shape[3 - image.ndim :])
    if tuple(layer.data.shape) != shape:
        raise InputError(
            f"The labels have the shape {tuple(layer.data.shape)}, the image {shape}; choose 'New labels layer'."
        )


def put_label_state(layer: Labels, state: LabelState, record: ImageRecord) -> None:
    """Write what lasts of a labels layer into its metadata."""
    layer.metadata.setdefault(METADATA_KEY, {}).update({**record_to_metadata(record), **label_state_to_metadata(state)})


def write_labels(layer: Labels, write: LabelWrite) -> int:
    """Write voxels as one step of the layer's own history: one Ctrl+Z takes all of it back.

    Voxels that changed since `write` was computed are left as they are.

    Returns
    -------
    int
        Number of voxels written.
    """
    write = write.still_valid(labels_array(layer))
    if write.size == 0:
        return 0
    watch_painting(layer)
    with writing(layer), layer.block_history():
        layer.data_setitem(write.indices[3 - layer.ndim :], write.after.astype(layer.data.dtype))
    return write.size


def set_spacing(viewer: ViewerModel, image: Image, spacing: Spacing) -> None:
    """Give the image another spacing, and with it every layer that lies on it."""
    old = frame_of(image)
    new = frame_from_spacing(spacing, image.ndim)
    # The image's place in the world stays where it was, in voxels.
    ratio = np.divide(new.scale, old.scale)
    new = replace(new, translate=tuple(np.multiply(old.translate, ratio)), axis_labels=old.axis_labels)
    for layer in list(viewer.layers):
        if layer == image or frame_of(layer).lies_on(old):
            _place(layer, new)
            _update_record(layer, image_record(image) if layer == image else None, spacing=spacing)


def set_case(viewer: ViewerModel, image: Image, case: CaseInfo) -> None:
    """Say who and when, for the image and for the boxes and labels made from it."""
    own = image_record(image)
    for layer in list(viewer.layers):
        if layer == image:
            _update_record(layer, own, case=case)
        elif belongs_to(layer.metadata, own):
            _update_record(layer, None, case=case)


def current_slice(viewer: ViewerModel, image: Image) -> int:
    """Index of the slice of `image` in view."""
    if image.ndim == 2:
        return 0
    point = image.world_to_data(viewer.dims.point[-image.ndim :])
    return int(np.clip(np.round(point[0]), 0, image_array(image).shape[0] - 1))


def go_to_slice(viewer: ViewerModel, image: Image, slice_index: int) -> None:
    """Bring a slice of `image` into view."""
    if image.ndim == 3:
        point = image.data_to_world((slice_index, *(0,) * (image.ndim - 1)))
        viewer.dims.set_point(viewer.dims.ndim - image.ndim, point[0])


def select_boxes(viewer: ViewerModel, layer: Shapes, image: Image, box_ids: Collection[str]) -> None:
    """Select boxes as a person would, ready to be moved: their layer is the active one."""
    read = read_boxes_layer(layer, image)
    viewer.layers.selection.select_only(layer)
    if layer.mode != "direct":
        layer.mode = "select"
    layer.selected_data = {row for row, box in zip(read.rows, read.boxes, strict=True) if box.box_id in box_ids}


def selected_boxes(layer: Shapes, image: Image) -> list[Box]:
    """The boxes that are selected."""
    read = read_boxes_layer(layer, image)
    return [box for row, box in zip(read.rows, read.boxes, strict=True) if row in layer.selected_data]


def _place(layer: Layer, frame: LayerFrame) -> None:
    layer.scale = frame.scale
    layer.translate = frame.translate
    layer.units = frame.units
    layer.axis_labels = frame.axis_labels


def _update_record(
    layer: Layer, record: ImageRecord | None, *, spacing: Spacing | None = None, case: CaseInfo | None = None
) -> None:
    record = record or record_from_metadata(layer.metadata)
    if record is None:
        return
    record = record.with_spacing(spacing) if spacing is not None else record
    record = record.with_case(case) if case is not None else record
    layer.metadata.setdefault(METADATA_KEY, {}).update(record_to_metadata(record))
