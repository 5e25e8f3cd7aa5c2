"""Through a folder of stacks: open, work, save, next."""

import numpy as np
import pytest

from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.case_desk import CaseDesk
from napari_scarseg.gui.worklist_widget import WorklistWidget


@pytest.fixture
def worklist(dock, viewer, tmp_path, stack, qtbot):
    """A worklist of three stacks."""
    for n in (1, 2, 10):
        (tmp_path / "study").mkdir(exist_ok=True)
        np.save(tmp_path / "study" / f"P{n}.npy", stack.data + n)
    widget = dock(WorklistWidget(viewer, CaseDesk(viewer)))
    widget.read(tmp_path / "study")
    qtbot.waitUntil(lambda: bool(widget.entries), timeout=5000)
    return widget


def rows(widget: WorklistWidget) -> list[tuple[str, str]]:
    return [
        (widget.table.item(row, 0).text(), widget.table.item(row, 1).text()) for row in range(widget.table.rowCount())
    ]


def names(viewer) -> list[str]:
    return [layer.name for layer in viewer.layers]


def test_open_work_save_next(worklist, viewer, qtbot, tmp_path):
    assert rows(worklist) == [("P1", "not started"), ("P2", "not started"), ("P10", "not started")]
    worklist.save_and_next()
    qtbot.waitUntil(lambda: names(viewer) == ["P1"], timeout=5000)
    assert worklist.current.stem == "P1" and worklist.table.currentRow() == 0
    on_viewer.new_labels_layer(viewer, viewer.layers["P1"]).data[1, 2:9, 2:9] = 1
    worklist.save_and_next()
    qtbot.waitUntil(lambda: names(viewer) == ["P2"] and not worklist.is_running, timeout=5000)
    qtbot.waitUntil(lambda: rows(worklist)[0] == ("P1", "done"), timeout=5000)
    assert (tmp_path / "study" / "P1.scarseg" / "case.json").exists()
    assert worklist.note.text() == "1 of 3 done."
    worklist.table.selectRow(0)
    worklist.open_selected()
    qtbot.waitUntil(lambda: "P1 scar" in viewer.layers, timeout=5000)
    assert int(viewer.layers["P1 scar"].data.sum()) == 49


def test_the_last_one_ends_the_list(worklist, viewer, qtbot):
    for done in range(3):
        worklist.save_and_next()
        qtbot.waitUntil(lambda: len(viewer.layers) == 1 and not worklist.is_running, timeout=5000)
        qtbot.waitUntil(lambda done=done: worklist.note.text() == f"{done} of 3 done.", timeout=5000)
    worklist.save_and_next()
    qtbot.waitUntil(lambda: worklist.note.text() == "3 of 3 done.", timeout=5000)
    assert names(viewer) == []


def test_a_damaged_case_is_said(worklist, qtbot, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr("napari_scarseg.gui.worklist_widget.show_warning", said.append)
    worklist.open_selected()
    folder = tmp_path / "study" / "P2.scarseg"
    folder.mkdir()
    (folder / "case.json").write_text("nothing", encoding="utf-8")
    worklist.read(tmp_path / "study")
    qtbot.waitUntil(lambda: rows(worklist)[1] == ("P2", "damaged"), timeout=5000)
    worklist.table.selectRow(1)
    worklist.open_selected()
    assert len(said) == 2 and "damaged" in said[1]
