"""The stacks behind one path: a picture, a description and sizes of each, with the most LGE-like one proposed."""

import numpy as np
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from napari_scarseg.gui.parts import make_button, make_note, make_row
from napari_scarseg.gui.reading import Choice, Thumbnail
from napari_scarseg.io import StackCandidate, describe_size

_PICTURE_PX = 64
_ROWS_SHOWN = 4


class CandidateList(QWidget):
    """View of one `Choice`; hidden while there is none.

    Descriptions are the file's own free text. They are shown here, where the user asked what there is, and kept
    nowhere.

    Signals
    -------
    chosen(Choice, StackCandidate)
    """

    chosen = Signal(object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self.heading = make_note()
        self.list = QListWidget(self)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.setIconSize(QSize(_PICTURE_PX, _PICTURE_PX))
        self.list.setWordWrap(True)
        self.list.setMinimumHeight(_ROWS_SHOWN * (_PICTURE_PX + 6))
        self.list.itemDoubleClicked.connect(lambda *_: self._choose())
        self.take = make_button("Load the chosen stack", "", "Read the stack that is selected.", self._choose, self)
        self.leave = make_button("Dismiss", "", "Read none of them.", self.rest, self)
        column.addWidget(self.heading)
        column.addWidget(self.list, 1)
        column.addLayout(make_row(self.take, self.leave))
        self._choice: Choice | None = None
        self.setVisible(False)

    @property
    def selected(self) -> StackCandidate | None:
        """The candidate that is selected."""
        row = self.list.currentRow()
        return self._choice.offer.candidates[row] if self._choice is not None and row >= 0 else None

    def show_choice(self, choice: Choice) -> None:
        """List the candidates, the proposed one selected."""
        self._choice = choice
        candidates = choice.offer.candidates
        self.heading.setText(f"{len(candidates)} stacks were found; the most LGE-like is selected.")
        self.list.clear()
        for candidate, picture in zip(candidates, choice.thumbnails, strict=True):
            item = QListWidgetItem(_words(candidate, is_proposed=candidate is choice.proposed))
            if picture is not None:
                item.setIcon(_icon(picture))
            self.list.addItem(item)
        self.list.setCurrentRow(candidates.index(choice.proposed))
        self.setVisible(True)
        self.list.scrollToItem(self.list.currentItem())

    def rest(self) -> None:
        """Forget the candidates and their descriptions."""
        self._choice = None
        self.list.clear()
        self.setVisible(False)

    def _choose(self) -> None:
        candidate = self.selected
        if candidate is not None:
            self.chosen.emit(self._choice, candidate)


def _words(candidate: StackCandidate, *, is_proposed: bool) -> str:
    head = f"{candidate.key}: {candidate.kind}{' (proposed)' if is_proposed else ''}"
    return "\n".join(part for part in (head, candidate.description, describe_size(candidate)) if part)


def _icon(picture: Thumbnail) -> QIcon:
    """The picture as it is, also where the row is selected: Qt would tint it."""
    icon, pixmap = QIcon(), _pixmap(picture)
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
        icon.addPixmap(pixmap, mode)
    return icon


def _pixmap(picture: Thumbnail) -> QPixmap:
    grey = np.ascontiguousarray(picture)
    rows, columns = grey.shape
    # Qt does not own these bytes, but the scaled picture owns its own.
    content = grey.tobytes()
    image = QImage(content, columns, rows, columns, QImage.Format.Format_Grayscale8)
    return QPixmap.fromImage(
        image.scaled(
            _PICTURE_PX, _PICTURE_PX, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
    )
