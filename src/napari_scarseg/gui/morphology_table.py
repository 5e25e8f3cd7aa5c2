"""Table of measures: a read-only model of a DataFrame, and a sortable view that speaks in rows of that frame."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt, Signal
from qtpy.QtGui import QColor, QGuiApplication, QKeyEvent, QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from napari_scarseg.gui.morphology_results import TableColumn

# Shown where a value is undefined; the column's tooltip says when that is.
UNDEFINED = "–"
_WIDEST_COLUMN_PX = 110
_ROW_PX = 22

RowColour = tuple[int, int, int]


def format_value(value: object) -> str:
    """Text of one cell: whole numbers whole, others with four significant digits, undefined as a dash.

    Examples
    --------
    >>> format_value(0.123456), format_value(12345.678), format_value(3), format_value(float("nan"))
    ('0.1235', '12346', '3', '–')
    """
    if value is None or value is pd.NA or (isinstance(value, float | np.floating) and not math.isfinite(value)):
        return UNDEFINED
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        number = float(value)
        if number == 0:
            return "0"
        digits = max(0, 3 - math.floor(math.log10(abs(number))))
        if digits > 7:
            return f"{number:.3e}"
        text = f"{number:.{digits}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)


class MeasuresModel(QAbstractTableModel):
    """Read-only Qt model over a DataFrame, with one colour mark per row.

    Parameters
    ----------
    parent : QWidget, optional
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._frame = pd.DataFrame()
        self._columns: tuple[TableColumn, ...] = ()
        self._colours: Mapping[int, RowColour] = {}
        self._values: list[list[Any]] = []

    @property
    def frame(self) -> pd.DataFrame:
        """The rows shown, in the order of the model (not of the sorted view)."""
        return self._frame

    def set_frame(
        self, frame: pd.DataFrame, columns: Sequence[TableColumn], colours: Mapping[int, RowColour] | None = None
    ) -> None:
        """Show other rows.

        Parameters
        ----------
        frame : DataFrame
            Its index is ignored: rows count from 0.
        columns : sequence of TableColumn
            Those that are shown, in this order; all must be in `frame`.
        colours : mapping of row → (r, g, b), 0–255
        """
        self.beginResetModel()
        self._frame = frame.reset_index(drop=True)
        self._columns = tuple(columns)
        self._colours = dict(colours or {})
        self._values = [self._frame[column.name].tolist() for column in self._columns]
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """Qt: number of rows."""
        return 0 if parent is not None and parent.isValid() else len(self._frame)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """Qt: number of columns shown."""
        return 0 if parent is not None and parent.isValid() else len(self._columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Qt: text, raw value (UserRole, for sorting), alignment, colour mark of one cell."""
        if not index.isValid():
            return None
        value = self._values[index.column()][index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return format_value(value)
        if role == Qt.ItemDataRole.UserRole:
            return value
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if isinstance(value, str) else Qt.AlignmentFlag.AlignRight
            return side | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 0:
            colour = self._colours.get(index.row())
            return None if colour is None else QColor(*colour)
        if role == Qt.ItemDataRole.ToolTipRole and format_value(value) == UNDEFINED:
            explanation = self._columns[index.column()].explanation
            return f"Undefined here. {explanation}".strip()
        return None

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Qt: titles and their explanations."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self._columns):
            return None
        column = self._columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.explanation or column.name
        return None


class MeasuresSorter(QSortFilterProxyModel):
    """Sorts by the raw values; undefined ones stay at the end whichever way."""

    def lessThan(self, left: QModelIndex, right: QModelIndex) -> bool:  # noqa: N802
        """Qt: order of two cells of one column."""
        ascending = self.sortOrder() == Qt.SortOrder.AscendingOrder
        first, second = (index.data(Qt.ItemDataRole.UserRole) for index in (left, right))
        first_undefined, second_undefined = (format_value(value) == UNDEFINED for value in (first, second))
        if first_undefined or second_undefined:
            return second_undefined > first_undefined if ascending else first_undefined > second_undefined
        if isinstance(first, str) or isinstance(second, str):
            return str(first).casefold() < str(second).casefold()
        return bool(first < second)


class MeasuresTable(QTableView):
    """Sortable table of measures.

    Signals
    -------
    row_chosen(int)
        The user clicked a row or moved to it with the keyboard; its position in the model's frame. Not sent for
        `highlight_row`.
    """

    row_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = MeasuresModel(self)
        self._sorter = MeasuresSorter(self)
        self._sorter.setSourceModel(self._model)
        self._highlighting = False
        self.setModel(self._sorter)
        self.setSortingEnabled(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setWordWrap(False)
        # Cases and patients of one study differ at their end.
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.verticalHeader().hide()
        self.verticalHeader().setMinimumSectionSize(_ROW_PX)
        self.verticalHeader().setDefaultSectionSize(_ROW_PX)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.clicked.connect(self._choose)
        self.selectionModel().currentRowChanged.connect(self._choose)
        self._unsort()

    @property
    def frame(self) -> pd.DataFrame:
        """The rows shown, unsorted: what `row_chosen` counts in."""
        return self._model.frame

    @property
    def titles(self) -> list[str]:
        """Headings in the order shown."""
        return [str(self._model.headerData(i, Qt.Orientation.Horizontal)) for i in range(self._model.columnCount())]

    def set_frame(
        self, frame: pd.DataFrame, columns: Sequence[TableColumn], colours: Mapping[int, RowColour] | None = None
    ) -> None:
        """Show other rows; the sorting stays where its column is still there. See `MeasuresModel.set_frame`."""
        titles = self.titles
        header = self.horizontalHeader()
        section, order = header.sortIndicatorSection(), header.sortIndicatorOrder()
        sorted_by = titles[section] if 0 <= section < len(titles) else None
        self._highlighting = True
        try:
            self._model.set_frame(frame, columns, colours)
            if sorted_by in self.titles:
                self.sortByColumn(self.titles.index(sorted_by), order)
            else:
                self._unsort()
        finally:
            self._highlighting = False
        if titles != self.titles:
            self._fit_columns()

    def shown_texts(self, column: int) -> list[str]:
        """Cells of one column from top to bottom, as shown."""
        return [str(self._sorter.index(row, column).data()) for row in range(self._sorter.rowCount())]

    def highlight_row(self, row: int | None) -> None:
        """Select and show a row of the frame (None: no row) without sending `row_chosen`."""
        self._highlighting = True
        try:
            if row is None:
                self.clearSelection()
                return
            index = self._sorter.mapFromSource(self._model.index(row, 0))
            self.setCurrentIndex(index)
            self.selectRow(index.row())
            self.scrollTo(index)
        finally:
            self._highlighting = False

    @property
    def highlighted_row(self) -> int | None:
        """Row of the frame that is selected."""
        rows = self.selectionModel().selectedRows()
        return self._sorter.mapToSource(rows[0]).row() if rows else None

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Qt: Ctrl+C copies the whole table, as shown, with its headings (tab-separated, for a spreadsheet)."""
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.as_text())
            return
        super().keyPressEvent(event)

    def as_text(self) -> str:
        """The table as shown, tab-separated, headings first."""
        columns = [self.shown_texts(column) for column in range(self._model.columnCount())]
        return "\n".join("\t".join(line) for line in [self.titles, *zip(*columns, strict=True)])

    def _choose(self, index: QModelIndex, *_: object) -> None:
        if not self._highlighting and index.isValid():
            self.row_chosen.emit(self._sorter.mapToSource(index).row())

    def _unsort(self) -> None:
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)

    def _fit_columns(self) -> None:
        self.resizeColumnsToContents()
        for column in range(self._model.columnCount()):
            self.setColumnWidth(column, min(self.columnWidth(column), _WIDEST_COLUMN_PX))
