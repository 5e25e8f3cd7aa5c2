"""The keys on one sheet."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QGridLayout, QLabel, QWidget

from napari_scarseg.gui.keys import KEY_HELP

_NAPARI_KEYS = {
    "R": "Draw boxes (on the boxes layer)",
    "S": "Select and move boxes",
    "Delete": "Delete what is selected",
    "Ctrl+Z": "Take a change of the labels back (on the labels layer)",
    "Left, Right": "Slice before, next slice",
}


class CheatSheet(QDialog):
    """All keys of the plugin, and the few of napari's that go with them. Stays open beside the work.

    Parameters
    ----------
    parent : QWidget, optional
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Tool)
        self.setWindowTitle("Keys of the Scar workbench")
        grid = QGridLayout(self)
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(2)
        rows = [(key.value, text) for key, text in KEY_HELP.items()]
        half = (len(rows) + len(_NAPARI_KEYS) + 1) // 2
        for number, (key, text) in enumerate([*rows, *_NAPARI_KEYS.items()]):
            row, side = number % half, 2 * (number // half)
            grid.addWidget(QLabel(f"<b>{key}</b>", self), row, side)
            grid.addWidget(QLabel(text, self), row, side + 1)
        note = QLabel("They work while one of the workbench's layers is selected.", self)
        grid.addWidget(note, half, 0, 1, 4)
