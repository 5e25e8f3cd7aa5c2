"""The measures table: texts, sorting, and rows that mean rows of the frame whatever the order."""

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor

from napari_scarseg.gui.morphology_results import TableColumn
from napari_scarseg.gui.morphology_table import MeasuresTable, format_value

COLUMNS = (
    TableColumn("lesion_id", "Lesion"),
    TableColumn("mass_g", "Mass (g)", "Empty when unknown."),
    TableColumn("case", "Case"),
)


@pytest.fixture
def table(qtbot: object) -> MeasuresTable:
    """Three lesions, the second without a mass."""
    widget = MeasuresTable()
    qtbot.addWidget(widget)
    frame = pd.DataFrame({"lesion_id": [1, 2, 10], "mass_g": [9.5, np.nan, 10.25], "case": ["b", "a", "C"], "x": 0})
    widget.set_frame(frame, COLUMNS, {0: (255, 0, 0)})
    return widget


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (np.int64(7), "7"),
        (5.0, "5"),
        (0.0, "0"),
        (0.123456, "0.1235"),
        (12345.678, "12346"),
        (99.999, "100"),
        (-2.5, "-2.5"),
        (1e-9, "1.000e-09"),
        (float("nan"), "–"),
        (float("inf"), "–"),
        (None, "–"),
        (pd.NA, "–"),
        (True, "yes"),
        ("acute", "acute"),
    ],
)
def test_values_are_written_for_people(value: object, text: str) -> None:
    assert format_value(value) == text


def test_only_the_columns_asked_for_are_shown(table: MeasuresTable) -> None:
    assert table.titles == ["Lesion", "Mass (g)", "Case"]
    assert list(table.frame) == ["lesion_id", "mass_g", "case", "x"]


@pytest.mark.parametrize(
    ("order", "masses"),
    [
        (Qt.SortOrder.AscendingOrder, ["9.5", "10.25", "–"]),
        (Qt.SortOrder.DescendingOrder, ["10.25", "9.5", "–"]),
    ],
)
def test_numbers_sort_as_numbers_and_undefined_ones_last(
    table: MeasuresTable, order: Qt.SortOrder, masses: list[str]
) -> None:
    table.sortByColumn(1, order)
    assert table.shown_texts(1) == masses


def test_text_sorts_without_regard_to_case(table: MeasuresTable) -> None:
    table.sortByColumn(2, Qt.SortOrder.AscendingOrder)
    assert table.shown_texts(2) == ["a", "b", "C"]


def test_a_chosen_row_counts_in_the_frame(table: MeasuresTable, qtbot: object) -> None:
    table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    with qtbot.waitSignal(table.row_chosen) as chosen:
        table.setCurrentIndex(table.model().index(0, 0))
    assert chosen.args == [2]
    with qtbot.waitSignal(table.row_chosen) as again:
        table.clicked.emit(table.model().index(0, 1))
    assert again.args == [2], "a click on the row that is current already goes there again"


def test_highlighting_selects_without_choosing(table: MeasuresTable, qtbot: object) -> None:
    table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    with qtbot.assertNotEmitted(table.row_chosen):
        table.highlight_row(0)
    assert table.highlighted_row == 0
    table.highlight_row(None)
    assert table.highlighted_row is None


def test_the_sorting_stays_when_rows_change(table: MeasuresTable, qtbot: object) -> None:
    table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    frame = pd.DataFrame({"lesion_id": [1, 2], "mass_g": [1.0, 2.0], "case": "a"})
    with qtbot.assertNotEmitted(table.row_chosen):
        table.set_frame(frame, COLUMNS)
    assert table.shown_texts(0) == ["2", "1"]
    table.set_frame(frame, COLUMNS[:1])
    assert table.shown_texts(0) == ["1", "2"], "a column that is gone sorts nothing"


def test_rows_carry_their_colour_and_reason(table: MeasuresTable) -> None:
    model = table.model()
    assert model.index(0, 0).data(Qt.ItemDataRole.DecorationRole) == QColor(255, 0, 0)
    assert model.index(1, 0).data(Qt.ItemDataRole.DecorationRole) is None
    assert model.index(1, 1).data(Qt.ItemDataRole.ToolTipRole) == "Undefined here. Empty when unknown."
    assert model.index(0, 1).data(Qt.ItemDataRole.ToolTipRole) is None


def test_copies_as_a_spreadsheet_reads_it(table: MeasuresTable) -> None:
    table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    assert table.as_text() == "Lesion\tMass (g)\tCase\n10\t10.25\tC\n2\t–\ta\n1\t9.5\tb"
