"""How much was painted by hand, and the button that lets the model draw over it."""

import numpy as np
from napari.layers import Labels
from qtpy.QtWidgets import QHBoxLayout, QLabel, QWidget

from napari_scarseg.gui.label_layer import protected_voxels
from napari_scarseg.gui.layer_state import label_state
from napari_scarseg.gui.painting import labels_array, release_painting, watch_painting
from napari_scarseg.gui.parts import make_button
from napari_scarseg.gui.subscriptions import Subscriptions


class PaintedRow(QWidget):
    """View of the painting record of one Labels layer; hidden where nothing is painted.

    Parameters
    ----------
    parent : QWidget, optional
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._labels: Labels | None = None
        self._subscriptions = Subscriptions()
        self.destroyed.connect(self._subscriptions.close)
        self.count = QLabel(self)
        self.release_button = make_button(
            "Release", "", "Let the model draw over the voxels that you painted.", self.release, self
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.count, 1)
        row.addWidget(self.release_button)

    def watch(self, labels: Labels | None) -> None:
        """Watch `labels`, and no other layer any more."""
        self._subscriptions.close()
        self._labels = labels
        if labels is not None:
            watch_painting(labels)
            self._subscriptions.connect(labels.events.paint, self.refresh)
        self.refresh()

    def release(self) -> None:
        """Let the model write over hand-painted voxels again."""
        if self._labels is not None:
            release_painting(self._labels)
            self.refresh()

    def refresh(self, event: object = None) -> None:
        """Show how many voxels are protected now."""
        painted = None if self._labels is None else label_state(self._labels.metadata).painted
        voxels = 0 if painted is None else int(np.sum(protected_voxels(labels_array(self._labels), painted)))
        self.count.setText(f"Painted by hand, and kept: {voxels} voxel{'' if voxels == 1 else 's'}.")
        self.setVisible(voxels > 0)

    def shut(self) -> None:
        """Watch nothing any more."""
        self._subscriptions.close()
