"""A person who closes the window is asked about unsaved work; a script is not."""

import numpy as np
import pytest
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QMainWindow, QMessageBox, QWidget

from napari_scarseg.cases import find_unsaved, has_autosave
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.case_desk import CaseDesk
from napari_scarseg.gui.image_layer import image_kwargs
from napari_scarseg.gui.unsaved_question import Answer, UnsavedQuestion
from napari_scarseg.io import read_stack


@pytest.fixture
def window(qtbot):
    window = QMainWindow()
    centre = QWidget(window)
    canvas = QWidget(centre)
    window.setCentralWidget(centre)
    window.canvas = canvas
    qtbot.addWidget(window)
    window.show()
    return window


def test_only_a_person_is_asked_and_only_about_unsaved_work(window, monkeypatch):
    names, answers, carried = ["heart"], [Answer.STAY, Answer.SAVE], []
    question = UnsavedQuestion(lambda: names, lambda is_save: bool(carried.append(is_save)), window)
    monkeypatch.setattr(question, "ask", lambda _: answers.pop(0))
    question.watch(window)
    assert not window.close() and carried == []
    assert not window.close() and carried == [True], "a save that failed keeps the window"
    names.clear()
    assert window.close()
    window.show()
    names.append("heart")
    window.canvas.close()
    assert window.close(), "a script closes the canvas first, and is not asked"
    question.watch(None)


@pytest.mark.parametrize(
    ("button", "answer"),
    [("Save", Answer.SAVE), ("Discard", Answer.DISCARD), ("Cancel", Answer.STAY)],
)
def test_the_buttons_mean_what_they_say(window, monkeypatch, button, answer):
    monkeypatch.setattr(QMessageBox, "exec", lambda box: getattr(QMessageBox.StandardButton, button))
    assert UnsavedQuestion(list, bool, window).ask(["heart"]) is answer


@pytest.fixture
def desk(window, viewer, tmp_path, stack):
    """A desk in the window, with unsaved work on a stack."""
    path = tmp_path / "heart.npy"
    np.save(path, stack.data)
    stack = read_stack(path)
    image = on_viewer.add_stack(viewer, stack.data, image_kwargs(stack, source=path))
    desk = CaseDesk(viewer, window)
    desk.join(window)
    on_viewer.new_labels_layer(viewer, image).data[1, 2:9, 2:9] = 1
    return desk


@pytest.mark.parametrize("answer", [Answer.SAVE, Answer.DISCARD, Answer.STAY])
def test_what_becomes_of_the_work(desk, window, monkeypatch, tmp_path, answer):
    monkeypatch.setattr(UnsavedQuestion, "ask", lambda *_: answer)
    closes = window.close()
    # Of this window alone: what other tests have left to Qt is not ours to delete.
    QApplication.sendPostedEvents(window, QEvent.Type.DeferredDelete)
    assert closes is (answer is not Answer.STAY)
    desk.leave(window)
    folder = tmp_path / "heart.scarseg"
    assert folder.exists() is (answer is Answer.SAVE) and not has_autosave(folder)
    assert len(find_unsaved()) == (1 if answer is Answer.STAY else 0)
