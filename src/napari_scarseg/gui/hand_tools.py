"""napari's own tools, taken up for a lesion: the point tool, the brush and the eraser."""

from napari.components import ViewerModel
from napari.layers import Image, Labels, Points
from napari.utils.colormaps.standardize_color import rgb_to_hex

from napari_scarseg.gui.layer_choice import is_of_image
from napari_scarseg.gui.viewer_points import draw_points, new_points_layer


def points_of(viewer: ViewerModel, image: Image | None) -> Points | None:
    """The newest Points layer made on `image`."""
    if image is None:
        return None
    own = [layer for layer in viewer.layers if isinstance(layer, Points) and is_of_image(layer, image)]
    return own[-1] if own else None


def take_point_tool(viewer: ViewerModel, image: Image, is_positive: bool) -> Points:
    """Let clicks add points of one sign to the image's Points layer, which is made on first need."""
    layer = points_of(viewer, image)
    if layer is None:
        layer = new_points_layer(viewer, image)
    viewer.layers.selection.select_only(layer)
    draw_points(layer, is_positive)
    return layer


def take_brush(viewer: ViewerModel, labels: Labels, lesion_id: int | None, is_erasing: bool) -> None:
    """Take up the brush in a lesion's colour, or the eraser."""
    viewer.layers.selection.select_only(labels)
    if lesion_id:
        labels.selected_label = lesion_id
    labels.mode = "erase" if is_erasing else "paint"


def label_colour(labels: Labels, lesion_id: int) -> str:
    """Colour of a label, hexadecimal; empty where it is see-through."""
    rgba = labels.get_color(lesion_id)
    # Without its alpha, which Qt would read as the first part.
    return "" if rgba is None else str(rgb_to_hex(rgba[None, :3])[0])[:7]
