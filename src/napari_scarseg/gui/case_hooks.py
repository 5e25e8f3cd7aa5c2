"""What npe2 calls to open a case folder: dropped on the window, or opened from napari's menu.

As `hooks`, this module imports nothing heavy by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PathOrPaths = str | Sequence[str]
LayerData = tuple[Any, dict[str, Any], str]

CASE_SUFFIX = ".scarseg"


def get_case_reader(path: PathOrPaths) -> Callable[[PathOrPaths], list[LayerData]] | None:
    """Reader of case folders; None for anything else."""
    return read_case_layers if is_case(path) else None


def is_case(path: PathOrPaths) -> bool:
    """Whether a path, or each of several, is that of a case folder."""
    paths = [path] if isinstance(path, str) else list(path)
    return all(Path(one).suffix.lower() == CASE_SUFFIX for one in paths)


def read_case_layers(path: PathOrPaths) -> list[LayerData]:
    """The image, labels, boxes and points of each case, as they were; work that was not saved is among them.

    With *Scar workbench* open, or when it is opened later, the case goes on from there.

    Raises
    ------
    InputError
        If there is no case, it is damaged or open already, or its image is not where it was.
    """
    from napari import current_viewer
    from napari.components import ViewerModel

    from napari_scarseg.gui.opened_case import show_opened

    apart = ViewerModel()
    paths = [path] if isinstance(path, str) else path
    for one in paths:
        shown = show_opened(apart, _read_case(Path(one), current_viewer()))
        if shown is not None and shown.findings:
            from napari.utils.notifications import show_warning

            show_warning("\n".join(shown.findings))
    return [layer.as_layer_data_tuple() for layer in apart.layers]


def _read_case(folder: Path, viewer: Any) -> Any:
    from napari.layers import Image

    from napari_scarseg.errors import InputError
    from napari_scarseg.gui.case_tasks import ImageMissing, open_task
    from napari_scarseg.gui.image_layer import image_record

    (opened,) = open_task(folder)
    if isinstance(opened, ImageMissing):
        raise InputError(f"{opened.sentence.rstrip('.')}: use Open case… in Scar workbench, which asks for it.")
    images = [layer for layer in viewer.layers if isinstance(layer, Image)] if viewer is not None else []
    if any(image_record(image).sha256 == opened.case.image.sha256 for image in images):
        raise InputError(
            f"The image of '{folder.name}' is open in this window; use Open case… in Scar workbench, which puts the "
            "case over it, or close it first."
        )
    return opened
