"""From a row of the Morphology widget to its lesion in the viewer, and back."""

from napari.components import ViewerModel
from napari.layers import Labels

from napari_scarseg.gui.morphology_picture import Picture
from napari_scarseg.gui.morphology_results import LesionPlace, locate_row
from napari_scarseg.gui.morphology_view import lesion_middle, reveal_case, show_lesion, slice_shown


def locate_lesion(viewer: ViewerModel, picture: Picture, layer: Labels, lesion_id: int) -> LesionPlace | None:
    """Where a label of a layer is in the picture, on the slice in view; None where the layer was not measured."""
    names = [name for name, measured in picture.request.layer_of_case.items() if measured == layer]
    return LesionPlace(names[0], lesion_id, slice_shown(viewer, layer)) if names else None


def locate_picture_row(picture: Picture, row: int) -> tuple[LesionPlace, Labels]:
    """The lesion of a row of the picture's table, and its layer."""
    place = locate_row(picture.request.level, picture.table, row, picture.slices)
    return place, picture.request.layer_of_case[place.case]


def reveal_lesion(viewer: ViewerModel, picture: Picture, layer: Labels, place: LesionPlace) -> bool:
    """Show a lesion in the viewer; False where it is no longer there."""
    middle = lesion_middle(layer, place.lesion_id, place.slice)
    if middle is None:
        return False
    reveal_case(layer, picture.request.layers, viewer.layers)
    show_lesion(viewer, layer, place.lesion_id, place.slice, middle)
    return True
