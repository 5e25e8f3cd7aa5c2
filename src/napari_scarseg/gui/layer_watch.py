"""Tells what happens to the Labels layers of a viewer, for as long as somebody listens."""

from typing import Any

from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

from napari_scarseg.gui.subscriptions import Subscriptions

# After an undo napari only redraws (`set_data`); it also redraws when the slice moves, so an edit is a maybe.
_MAYBE_EDITS = ("paint", "data", "set_data", "scale", "units")


class LabelsWatch(QObject):
    """Every callback on the viewer and its Labels layers, in one place, so that all can be taken off again.

    Parameters
    ----------
    viewer : ViewerModel
    parent : QObject, optional

    Signals
    -------
    layers_changed()
        A layer came, went, moved or has another name.
    labels_edited(Labels)
        Labels, scale or units may have changed. Also sent when only the slice moved: look before acting.
    lesion_picked(Labels, int)
        Another label is selected.
    theme_changed()
    """

    layers_changed = Signal()
    labels_edited = Signal(object)
    lesion_picked = Signal(object, int)
    theme_changed = Signal()

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._watched: list[Labels] = []
        self._subscriptions = Subscriptions()
        self._is_running = False

    @property
    def is_running(self) -> bool:
        """Whether callbacks are connected."""
        return self._is_running

    def start(self) -> None:
        """Connect the callbacks; nothing where they are."""
        if self._is_running:
            return
        self._is_running = True
        events = self._viewer.layers.events
        for emitter in (events.inserted, events.removed, events.reordered):
            self._subscriptions.connect(emitter, self._on_layers)
        self._subscriptions.connect(self._viewer.events.theme, self._on_theme)
        self._watch_all()

    def stop(self) -> None:
        """Disconnect them all."""
        self._is_running = False
        self._subscriptions.close()
        self._watched = []

    def _watch_all(self) -> None:
        present = [layer for layer in self._viewer.layers if isinstance(layer, Labels)]
        for layer in self._watched:
            if layer not in present:
                for name in (*_MAYBE_EDITS, "name", "selected_label"):
                    self._subscriptions.disconnect(layer.events[name])
        for layer in present:
            for name in _MAYBE_EDITS:
                self._subscriptions.connect(layer.events[name], self._on_edit)
            self._subscriptions.connect(layer.events.name, self._on_layers)
            self._subscriptions.connect(layer.events.selected_label, self._on_pick)
        self._watched = present

    def _on_layers(self, event: Any = None) -> None:
        self._watch_all()
        self.layers_changed.emit()

    def _on_edit(self, event: Any) -> None:
        self.labels_edited.emit(event.source)

    def _on_pick(self, event: Any) -> None:
        self.lesion_picked.emit(event.source, int(event.source.selected_label))

    def _on_theme(self, event: Any = None) -> None:
        self.theme_changed.emit()
