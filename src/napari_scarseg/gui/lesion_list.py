"""The list of lesions: one row each, that takes you to the lesion and says which ones commands are about."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from qtpy.QtCore import QItemSelectionModel, QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from napari_scarseg.core.box import Review
from napari_scarseg.gui.box_edits import LesionBoxes
from napari_scarseg.measure.review_flags import ReviewFlag

FLAGGED = "⚑"
COLUMNS = ("Lesion", "Slices", "Boxes", "Sure", "Voxels", "Review", FLAGGED)
_REVIEW_TEXTS = {Review.NONE: "", Review.ACCEPTED: "✓", Review.REJECTED: "✗", Review.CHECK: "?"}
_STEPS = {Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter}
_VISIBLE_ROWS = 4


@dataclass(frozen=True, slots=True)
class LesionRow:
    """What the list says of one lesion.

    Parameters
    ----------
    boxes : LesionBoxes
    voxels : int or None
        Size of its label; None where that is not known.
    colour : str
        Of its label; empty for none.
    flags : tuple of ReviewFlag
        Why to look again; a ⚑ in the last column, in words in its tooltip.
    """

    boxes: LesionBoxes
    voxels: int | None
    colour: str
    flags: tuple[ReviewFlag, ...] = ()


class LesionList(QTableWidget):
    """View of lesions.

    Signals
    -------
    picked(int)
        A person has clicked a lesion, or stepped to it by key: go there.
    chosen_changed()
        Other lesions are selected.
    """

    picked = Signal(int)
    chosen_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(COLUMNS), parent)
        self._lesions: list[int] = []
        self.setHorizontalHeaderLabels(COLUMNS)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.horizontalHeader().setMinimumSectionSize(20)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setToolTip(
            "Click a lesion to go to it, again for its next slice. With Ctrl or Shift choose several: merging, filling "
            "in and the shape below are about the lesions chosen."
        )
        height = (
            self.horizontalHeader().sizeHint().height() + _VISIBLE_ROWS * self.verticalHeader().defaultSectionSize()
        )
        self.setFixedHeight(height + 4)
        self.cellClicked.connect(lambda row, _: self._pick(row))
        self.itemSelectionChanged.connect(self.chosen_changed)

    @property
    def chosen(self) -> tuple[int, ...]:
        """Lesions selected, ascending."""
        rows = {index.row() for index in self.selectionModel().selectedRows()}
        return tuple(self._lesions[row] for row in sorted(rows) if row < len(self._lesions))

    def show_rows(self, rows: Sequence[LesionRow]) -> None:
        """Show these lesions; those that were selected stay so."""
        chosen = self.chosen
        with QSignalBlocker(self):
            self.setRowCount(len(rows))
            self._lesions = [row.boxes.lesion_id for row in rows]
            for number, row in enumerate(rows):
                for column, text in enumerate(_texts(row)):
                    self._put(number, column, text, row.colour if column == 0 else "")
                why = f"Look again: {', '.join(row.flags)}." if row.flags else ""
                self.item(number, COLUMNS.index(FLAGGED)).setToolTip(why)
        self.choose(chosen)
        if self.chosen != chosen:
            self.chosen_changed.emit()

    def choose(self, lesion_ids: Collection[int]) -> None:
        """Select these lesions; tells nothing."""
        if self.chosen == tuple(sorted(set(lesion_ids) & set(self._lesions))):
            return
        with QSignalBlocker(self):
            self.clearSelection()
            flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
            for row, lesion in enumerate(self._lesions):
                if lesion in lesion_ids:
                    self.selectionModel().select(self.model().index(row, 0), flags)
                    self.scrollTo(self.model().index(row, 0))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Qt: arrows and Enter go to the lesion, too."""
        super().keyPressEvent(event)
        if event.key() in _STEPS:
            self._pick(self.currentRow())

    def _pick(self, row: int) -> None:
        if 0 <= row < len(self._lesions):
            self.picked.emit(self._lesions[row])

    def _put(self, row: int, column: int, text: str, colour: str) -> None:
        item = self.item(row, column)
        if item is None:
            item = QTableWidgetItem()
            item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
            self.setItem(row, column, item)
        if item.text() != text:
            item.setText(text)
        if colour:
            item.setData(Qt.ItemDataRole.DecorationRole, QColor(colour))


def slice_range(slices: Sequence[int]) -> str:
    """Slices as a person writes them.

    Examples
    --------
    >>> slice_range((3,)), slice_range((3, 4, 5, 8))
    ('3', '3–5, 8')
    """
    runs: list[list[int]] = []
    for z in slices:
        if runs and z == runs[-1][-1] + 1:
            runs[-1].append(z)
        else:
            runs.append([z])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def _texts(row: LesionRow) -> tuple[str, ...]:
    boxes = row.boxes
    waiting = f"{boxes.to_review} to do" if boxes.to_review and boxes.review is not Review.CHECK else ""
    return (
        str(boxes.lesion_id) if boxes.lesion_id else "–",
        slice_range(boxes.slices),
        str(boxes.box_count) if boxes.box_count else "–",
        "" if boxes.score is None else f"{boxes.score:.0%}",
        "" if row.voxels is None else str(row.voxels),
        waiting or _REVIEW_TEXTS[boxes.review],
        FLAGGED if row.flags else "",
    )
