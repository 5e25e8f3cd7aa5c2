"""What a person paints in a Labels layer: noted as it happens, so that the model leaves it alone.

The callback belongs to the layer and not to any widget: it is a function of this module, and lives as long as the
layer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from napari.layers import Labels

from napari_scarseg.gui.label_layer import IndexArrays, LabelArray, empty_painting, record_painting
from napari_scarseg.gui.layer_record import METADATA_KEY

_WRITING = "writing"


def labels_array(layer: Labels) -> LabelArray:
    """The layer's voxels as (Z, Y, X), a view: a 2-D layer is one slice."""
    data: LabelArray = layer.data
    return data if layer.ndim == 3 else data[None]


def watch_painting(layer: Labels) -> None:
    """From now on, remember which voxels of `layer` a person paints."""
    if record_stroke not in layer.events.paint.callbacks:
        layer.events.paint.connect(record_stroke)


def release_painting(layer: Labels) -> None:
    """Let the model write where a person had painted."""
    layer.metadata.setdefault(METADATA_KEY, {})["painted"] = None


@contextmanager
def writing(layer: Labels) -> Iterator[None]:
    """What is written meanwhile is the model's."""
    values = layer.metadata.setdefault(METADATA_KEY, {})
    values[_WRITING] = True
    try:
        yield
    finally:
        values.pop(_WRITING, None)


def record_stroke(event: Any) -> None:
    """Paint event of a Labels layer: note the voxels and the value they got, unless it is the model that writes."""
    layer = event.source
    values = layer.metadata.setdefault(METADATA_KEY, {})
    if values.get(_WRITING):
        return
    labels = labels_array(layer)
    painted = values.get("painted")
    if painted is None or painted.shape != labels.shape:
        painted = empty_painting((labels.shape[0], labels.shape[1], labels.shape[2]))
    # napari may tell before it writes, so the values come from what it tells.
    values["painted"] = record_painting(painted, [_painted_voxels(atom) for atom in event.value])


def _painted_voxels(atom: Any) -> tuple[IndexArrays, Any]:
    """(z, row, column) and new values of one piece of napari's history: painted with a mask, or set by index."""
    if hasattr(atom, "slice_key"):
        starts = [key.start for key in atom.slice_key]
        shape = tuple(key.stop - key.start for key in atom.slice_key)
        found = np.nonzero(np.ones(shape, dtype=bool) if atom.mask is None else np.broadcast_to(atom.mask, shape))
        indices, new_values = [axis + start for axis, start in zip(found, starts, strict=True)], atom.new_value
    else:
        indices, new_values = [np.atleast_1d(np.asarray(axis)) for axis in atom[0]], atom[2]
    z = indices[0] if len(indices) == 3 else np.zeros_like(indices[0])
    return (z, indices[-2], indices[-1]), new_values
