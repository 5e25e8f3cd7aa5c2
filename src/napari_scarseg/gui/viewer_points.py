"""The viewer's Points layer of point prompts: added, read and replaced. On the window's thread only."""

from collections.abc import Mapping, Sequence

from napari.components import ViewerModel
from napari.layers import Image, Points

from napari_scarseg.core.point import Point
from napari_scarseg.gui.image_layer import image_array, image_record
from napari_scarseg.gui.layer_frame import frame_of, index_to_index
from napari_scarseg.gui.layer_record import METADATA_KEY, record_to_metadata
from napari_scarseg.gui.point_layer import NEGATIVE, POSITIVE, SIGN, points_from_rows, rows_from_points

POINT_COLOURS: Mapping[str, str] = {POSITIVE: "#30d9a4", NEGATIVE: "#ff4d6d"}
_POINT_SIZE_PX = 3


def new_points_layer(viewer: ViewerModel, image: Image) -> Points:
    """Add an empty Points layer over `image`, for points where there is scar (positive) or none (negative)."""
    record = image_record(image)
    coordinates, features = rows_from_points((), image.ndim)
    layer = viewer.add_points(
        coordinates,
        ndim=image.ndim,
        name=f"{record.stem} points",
        features=features,
        feature_defaults={SIGN: POSITIVE},
        size=_POINT_SIZE_PX,
        face_color=POINT_COLOURS[POSITIVE],
        border_color="#000000",
        metadata={METADATA_KEY: record_to_metadata(record)},
        **frame_of(image).as_kwargs(),
    )
    return layer


def draw_points(layer: Points, is_positive: bool) -> None:
    """Let the next clicks add points of one sign."""
    sign = POSITIVE if is_positive else NEGATIVE
    layer.selected_data = set()
    layer.feature_defaults = {SIGN: sign}
    layer.current_face_color = POINT_COLOURS[sign]
    layer.current_symbol = "disc" if is_positive else "cross"
    layer.mode = "add"


def show_points(layer: Points, image: Image, points: Sequence[Point]) -> None:
    """Replace the layer's points."""
    coordinates, features = rows_from_points(points, layer.ndim)
    if not frame_of(layer).lies_on(frame_of(image)):
        matrix = index_to_index(image, layer)
        coordinates = coordinates @ matrix[:-1, :-1].T + matrix[:-1, -1]
    with layer.events.data.blocker(), layer.events.features.blocker():
        layer.selected_data = set()
        layer.data = coordinates
        layer.features = features
        if points:
            layer.face_color = [POINT_COLOURS[sign] for sign in features[SIGN]]
            layer.symbol = ["disc" if point.is_positive else "cross" for point in points]
    layer.events.data(value=layer.data, action="changed", data_indices=tuple(range(len(points))), vertex_indices=((),))


def read_points_layer(layer: Points, image: Image) -> tuple[Point, ...]:
    """What the live Points layer says, in the image's index coordinates; nothing where it has other axes."""
    if layer.ndim != image.ndim:
        return ()
    matrix = None if frame_of(layer).lies_on(frame_of(image)) else index_to_index(layer, image)
    return points_from_rows(layer.data, layer.features, image_array(image).shape, matrix=matrix)
