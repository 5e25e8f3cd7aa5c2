"""What the Morphology widget does to the viewer: goes to a lesion, reads its colour, fills the features table."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from napari.components import ViewerModel
from napari.layers import Labels, Layer

from napari_scarseg.gui.morphology_cases import find_image
from napari_scarseg.measure import FEATURE_BY_NAME

# napari matches rows to labels by this column.
INDEX_COLUMN = "index"


def show_lesion(
    viewer: ViewerModel, layer: Labels, lesion_id: int, slice_index: int, place: tuple[float, float]
) -> None:
    """Go to a lesion: its slice, its label selected, and the camera over it where it was out of sight.

    Parameters
    ----------
    viewer : ViewerModel
    layer : Labels
        2-D or (Z, Y, X).
    lesion_id : int
    slice_index : int
    place : (row, column)
        Middle of the lesion on that slice, px.
    """
    point = place if layer.ndim == 2 else (slice_index, *place)
    world = np.asarray(layer.data_to_world(point), dtype=np.float64)
    # A layer's axes are the last ones of the viewer.
    first_axis = viewer.dims.ndim - layer.ndim
    for axis in viewer.dims.not_displayed:
        if axis >= first_axis:
            viewer.dims.set_point(axis, world[axis - first_axis])
    if not _is_in_sight(layer, place):
        centre = list(viewer.camera.center)
        centre[-2:] = world[-2:].tolist()
        viewer.camera.center = tuple(centre)
    viewer.layers.selection.active = layer
    layer.selected_label = lesion_id


def slice_shown(viewer: ViewerModel, layer: Labels) -> int:
    """Slice of the layer that the viewer is at."""
    point = layer.world_to_data(viewer.dims.point[-layer.ndim :])
    return round(float(point[0])) if layer.ndim == 3 else 0


def reveal_case(layer: Labels, measured: Iterable[Labels], layers: Iterable[Layer]) -> None:
    """Make `layer` and its image visible, and hide the other measured cases, which may lie in front of it.

    Other labels of the same image stay as they are: they are there to be compared.

    Parameters
    ----------
    layer : Labels
    measured : iterable of Labels
        All measured layers.
    layers : iterable of Layer
        All layers of the viewer.
    """
    present = list(layers)
    image = find_image(layer, present)
    for other in measured:
        other_image = find_image(other, present)
        if other == layer or (other_image is not None and other_image == image):
            continue
        for hidden in (other, other_image):
            if hidden is not None:
                hidden.visible = False
    for shown in (layer, image):
        if shown is not None:
            shown.visible = True


def lesion_middle(layer: Labels, lesion_id: int, slice_index: int) -> tuple[float, float] | None:
    """Mean (row, column) of a lesion's pixels on one slice of a layer; None where it has none (any more)."""
    data = layer.data[0] if layer.multiscale else layer.data
    if layer.ndim == 3 and not 0 <= slice_index < data.shape[0]:
        return None
    plane = np.asarray(data if layer.ndim == 2 else data[slice_index])
    rows, cols = np.nonzero(plane == lesion_id)
    return None if rows.size == 0 else (float(rows.mean()), float(cols.mean()))


def label_colour(layer: Labels, lesion_id: int) -> tuple[int, int, int]:
    """(r, g, b), 0–255, of a label as the layer draws it."""
    colour = np.asarray(layer.colormap.map(lesion_id), dtype=np.float64).reshape(-1)[:3]
    red, green, blue = (round(255 * value) for value in colour)
    return (red, green, blue)


def fill_features(layer: Labels, lesions: pd.DataFrame) -> None:
    """Put one row per lesion into `layer.features`; columns of others stay where their label still has a row.

    Parameters
    ----------
    layer : Labels
    lesions : DataFrame
        One row per lesion with `lesion_id`; columns without any value are left out.
    """
    ours = lesions.dropna(axis="columns", how="all").rename(columns={"lesion_id": INDEX_COLUMN})
    if INDEX_COLUMN not in ours:
        ours = pd.DataFrame({INDEX_COLUMN: pd.Series(dtype="int64")})
    theirs = layer.features
    if INDEX_COLUMN not in theirs:
        # Rows without an index stand for the labels 0, 1, 2, … (napari's own rule).
        theirs = theirs.assign(**{INDEX_COLUMN: range(len(theirs))})
    known = {INDEX_COLUMN, *lesions.columns, *FEATURE_BY_NAME}
    foreign = [name for name in theirs if name not in known]
    if foreign:
        ours = ours.merge(theirs[[INDEX_COLUMN, *foreign]].drop_duplicates(INDEX_COLUMN), on=INDEX_COLUMN, how="left")
    columns = [INDEX_COLUMN, *(name for name in ours if name != INDEX_COLUMN)]
    layer.features = ours[columns].reset_index(drop=True)


def _is_in_sight(layer: Labels, place: tuple[float, float]) -> bool:
    """Whether (row, column) lies in the part of the layer that the canvas shows; yes where that is not known."""
    low, high = np.asarray(layer.corner_pixels)[:, -2:]
    if not (high > low).all():
        return True
    return bool((np.asarray(place) >= low).all() and (np.asarray(place) <= high).all())
