"""A box to choose one of the viewer's layers, kept up to date as layers come, go and change their names."""

from collections.abc import Callable
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Points, Shapes
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy, QWidget

from napari_scarseg.gui.image_layer import image_record
from napari_scarseg.gui.layer_record import belongs_to
from napari_scarseg.gui.subscriptions import Subscriptions


class LayerChoice(QComboBox):
    """Choice among the layers that suit.

    Parameters
    ----------
    viewer : ViewerModel
    suits : callable
        Whether a layer may be chosen.
    new_text : str
        First entry, that stands for a layer yet to be made; none where empty.
    empty_text : str
        Shown where there is nothing to choose.
    follow_new : bool
        Whether a suitable layer that is added becomes the choice.
    parent : QWidget, optional

    Signals
    -------
    layer_changed(object)
        The chosen layer, or None.
    """

    layer_changed = Signal(object)

    def __init__(
        self,
        viewer: ViewerModel,
        suits: Callable[[Layer], bool],
        *,
        new_text: str = "",
        empty_text: str = "",
        follow_new: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._suits = suits
        self._new_text = new_text
        self._follow_new = follow_new
        self._layers: list[Layer] = []
        self._chosen: Layer | None = None
        self._subscriptions = Subscriptions()
        self.destroyed.connect(self._subscriptions.close)
        self.setPlaceholderText(empty_text)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self._subscriptions.connect(viewer.layers.events.inserted, self._on_inserted)
        self._subscriptions.connect(viewer.layers.events.removed, self._on_removed)
        self._subscriptions.connect(viewer.layers.events.reordered, self._fill)
        self.currentIndexChanged.connect(self._on_index)
        self._fill()
        suitable = self._layers
        if suitable and not new_text:
            active = viewer.layers.selection.active
            self.choose(active if active in suitable else suitable[-1])

    @property
    def layer(self) -> Layer | None:
        """The chosen layer; None where it is yet to be made, or there is none."""
        return self._chosen

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All suitable layers, bottom first."""
        return tuple(self._layers)

    def choose(self, layer: Layer | None) -> None:
        """Choose `layer`, which must suit; None for the new one."""
        if layer is not None and layer not in self._layers:
            self._fill()
        if layer is not None and layer not in self._layers:
            return
        changed = not _same(self._chosen, layer)
        self._chosen = layer
        self._show_chosen()
        if changed:
            self.layer_changed.emit(layer)

    def shut(self) -> None:
        """Disconnect from the viewer."""
        self._subscriptions.close()

    def _on_inserted(self, event: Any) -> None:
        self._fill()
        if self._follow_new and event.value in self._layers:
            self.choose(event.value)
        elif self._chosen is None and not self._new_text and self._layers:
            self.choose(self._layers[-1])

    def _on_removed(self, event: Any) -> None:
        self._subscriptions.disconnect(event.value.events.name)
        self._fill()
        if self._chosen is not None and self._chosen not in self._layers:
            self.choose(None if self._new_text or not self._layers else self._layers[-1])

    def _fill(self, event: Any = None) -> None:
        self._layers = [layer for layer in self._viewer.layers if self._suits(layer)]
        for layer in self._layers:
            self._subscriptions.connect(layer.events.name, self._fill)
        self.blockSignals(True)
        self.clear()
        if self._new_text:
            self.addItem(self._new_text)
        self.addItems([layer.name for layer in self._layers])
        self.blockSignals(False)
        self._show_chosen()

    def _show_chosen(self) -> None:
        offset = 1 if self._new_text else 0
        index = next((i for i, layer in enumerate(self._layers) if _same(layer, self._chosen)), -1)
        self.blockSignals(True)
        self.setCurrentIndex(index + offset if index >= 0 else offset - 1)
        self.blockSignals(False)
        self.setToolTip(self.currentText())

    def _on_index(self, index: int) -> None:
        offset = 1 if self._new_text else 0
        self.choose(self._layers[index - offset] if index >= offset else None)


def is_image(layer: Layer) -> bool:
    """Whether it is an Image layer."""
    return isinstance(layer, Image)


def is_shapes(layer: Layer) -> bool:
    """Whether it is a Shapes layer."""
    return isinstance(layer, Shapes)


def is_points(layer: Layer) -> bool:
    """Whether it is a Points layer."""
    return isinstance(layer, Points)


def is_labels(layer: Layer) -> bool:
    """Whether it is a Labels layer."""
    return isinstance(layer, Labels)


def is_of_image(layer: Layer, image: Image) -> bool:
    """Whether boxes, points or labels were made from `image`."""
    return belongs_to(layer.metadata, image_record(image))


def _same(a: Layer | None, b: Layer | None) -> bool:
    # napari hands plugins proxies of layers, so identity says nothing; equality of layers is identity behind the proxy.
    return bool(a == b)
