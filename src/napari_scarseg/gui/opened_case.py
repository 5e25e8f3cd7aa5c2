"""A case that was read, shown as layers; its image remembers where it came from until a desk takes it over.

Cases arrive by *Open case…*, by a drop on the widgets, and by napari's own opening, where no desk may be at hand.
"""

from dataclasses import dataclass

from napari.components import ViewerModel
from napari.layers import Image

from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.case_layers import find_free_images, show_case
from napari_scarseg.gui.case_tasks import OpenedCase
from napari_scarseg.gui.image_layer import image_record
from napari_scarseg.gui.layer_record import METADATA_KEY

_OPENED = "opened_case"


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A case in the viewer: its image, and sentences about what could not be brought back."""

    image: Image
    findings: tuple[str, ...]


def free_hashes(viewer: ViewerModel) -> set[str]:
    """Hashes of the images that nobody has worked on: a case's image that is among them need not be read again."""
    return {image_record(image).sha256 for image in find_free_images(viewer)}


def show_opened(viewer: ViewerModel, opened: OpenedCase) -> Shown | None:
    """Add a case's layers, over its image if that is open and free; None where it went while the case was read."""
    sha256 = opened.case.image.sha256
    free = [image for image in find_free_images(viewer) if image_record(image).sha256 == sha256]
    if free:
        image = free[0]
    elif opened.stack is not None:
        image = on_viewer.add_stack(viewer, opened.stack.data, opened.kwargs)
    else:
        return None
    on_viewer.set_spacing(viewer, image, opened.case.spacing)
    on_viewer.set_case(viewer, image, opened.case.info)
    findings = show_case(viewer, image, opened.case)
    image.metadata.setdefault(METADATA_KEY, {})[_OPENED] = opened
    return Shown(image, tuple(findings))


def take_opened(image: Image) -> OpenedCase | None:
    """What `show_opened` left on an image, once."""
    opened = image.metadata.get(METADATA_KEY, {}).pop(_OPENED, None)
    return opened if isinstance(opened, OpenedCase) else None
