"""Says when the boxes or points of a layer may have changed: at once when the mouse is released, later while it drags.

napari says different things for drawing, moving, deleting, pasting and dragging, and nothing at all for some; so
whoever listens compares the boxes with what it knew, and this only says when to look.
"""

from typing import Any

from napari.layers import Points, Shapes
from qtpy.QtCore import QObject, QTimer, Signal

from napari_scarseg.gui.subscriptions import Subscriptions

# While a shape is dragged, look after the mouse has rested this long.
DRAG_REST_MS = 150
# Lists and buttons are shown anew after this long: the label of a moved box comes first.
LATER_MS = 30

_DONE = {"added", "removed", "changed"}


class BoxWatch(QObject):
    """Watches one Shapes or Points layer at a time.

    Parameters
    ----------
    parent : QObject, optional
    is_urgent : bool
        Whether to say so at once; others come when that is on its way.

    Signals
    -------
    changed(is_settled)
        The boxes may have changed; `is_settled` is False while a shape is being dragged or drawn.
    """

    changed = Signal(bool)

    def __init__(self, parent: QObject | None = None, *, is_urgent: bool = False) -> None:
        super().__init__(parent)
        self._subscriptions = Subscriptions()
        self.destroyed.connect(self._subscriptions.close)
        self._soon = _single_shot(self, 0 if is_urgent else LATER_MS, self._say_settled)
        self._rested = _single_shot(self, DRAG_REST_MS, self._say_dragging)

    @property
    def is_waiting(self) -> bool:
        """Whether `changed` is to be emitted soon."""
        return self._soon.isActive()

    def watch(self, layer: Shapes | Points | None) -> None:
        """Watch `layer`, and no other any more."""
        self.shut()
        if layer is not None:
            self._subscriptions.connect(layer.events.data, self._on_data)
            # Pasting says only this.
            self._subscriptions.connect(layer.events.features, self._on_features)
            # Dragging refreshes what is shown, and says no more than that.
            self._subscriptions.connect(layer.events.set_data, self._on_shown)

    def shut(self) -> None:
        """Watch nothing."""
        self._subscriptions.close()
        self._soon.stop()
        self._rested.stop()

    def _on_data(self, event: Any) -> None:
        if str(getattr(event.action, "value", event.action)) in _DONE:
            # Not within the event: napari goes on working on the shape when it has told us.
            self._rested.stop()
            self._soon.start()

    def _on_features(self, event: Any) -> None:
        self._soon.start()

    def _on_shown(self, event: Any) -> None:
        self._rested.start()

    def _say_settled(self) -> None:
        self.changed.emit(True)

    def _say_dragging(self) -> None:
        self.changed.emit(False)


def _single_shot(parent: QObject, delay_ms: int, call: Any) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(delay_ms)
    timer.timeout.connect(call)
    return timer
