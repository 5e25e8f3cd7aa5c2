"""Says which images' work may have changed since somebody last asked. Never too little, sometimes too much."""

from typing import Any

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Points, Shapes

from napari_scarseg.gui.case_layers import find_case_layers
from napari_scarseg.gui.layer_record import METADATA_KEY
from napari_scarseg.gui.subscriptions import Subscriptions

# Dragging, undoing and what other plugins write say no more than `set_data`, which also comes when the slice moves.
_EDITS: dict[type[Layer], tuple[str, ...]] = {
    Shapes: ("data", "features", "set_data", "name"),
    Labels: ("data", "paint", "set_data", "name"),
    Points: ("data", "features", "set_data", "name"),
    Image: ("scale",),
}


class CaseWatch:
    """Listens to all layers of a viewer, and looks at what they remember.

    Parameters
    ----------
    viewer : ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._subscriptions = Subscriptions()
        self._edited: list[Layer] = []
        self._watched: list[Layer] = []
        self._memories: list[tuple[Layer, dict[str, Any]]] = []
        for emitter in (viewer.layers.events.inserted, viewer.layers.events.removed):
            self._subscriptions.connect(emitter, self._on_layers)
        self._on_layers()

    def mark(self, image: Image) -> None:
        """Count `image` as edited."""
        if image not in self._edited:
            self._edited.append(image)

    def take_edited(self) -> list[Image]:
        """Images whose work may have changed since the last call."""
        for layer, memory in self._memories:
            now = layer.metadata.get(METADATA_KEY, {})
            # By identity: what layers remember is replaced, and never changed in place.
            if now.keys() != memory.keys() or any(now[key] is not memory[key] for key in memory):
                self._edited.append(layer)
        edited, self._edited = self._edited, []
        if not edited:
            return []
        self._memories = [(layer, dict(layer.metadata.get(METADATA_KEY, {}))) for layer in self._watched]
        images = [layer for layer in self._viewer.layers if isinstance(layer, Image) and layer.ndim in (2, 3)]
        return [image for image in images if any(layer in edited for layer in self._layers_of(image))]

    def close(self) -> None:
        """Listen no more."""
        self._subscriptions.close()

    def _layers_of(self, image: Image) -> list[Layer]:
        return [image, *find_case_layers(self._viewer, image).work]

    def _on_layers(self, event: Any = None) -> None:
        now: list[Layer] = [
            layer for layer in self._viewer.layers if isinstance(layer, Shapes | Labels | Points | Image)
        ]
        for layer in self._watched:
            if layer not in now:
                for name in _names(layer):
                    self._subscriptions.disconnect(layer.events[name])
        for layer in now:
            for name in _names(layer):
                self._subscriptions.connect(layer.events[name], self._on_edit)
        # A layer that went is missing from its image's work.
        self._edited = [layer for layer in now if isinstance(layer, Image) or layer in self._edited]
        self._watched = now
        self._memories = [(layer, dict(layer.metadata.get(METADATA_KEY, {}))) for layer in now]

    def _on_edit(self, event: Any) -> None:
        if event.source not in self._edited:
            self._edited.append(event.source)


def _names(layer: Layer) -> tuple[str, ...]:
    return next(names for kind, names in _EDITS.items() if isinstance(layer, kind))
