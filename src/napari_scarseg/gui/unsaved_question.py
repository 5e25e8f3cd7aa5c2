"""Asks, when a person closes the window, what shall become of unsaved work. A script that closes is let go."""

import weakref
from collections.abc import Callable
from enum import StrEnum

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QMainWindow, QMessageBox, QWidget


class Answer(StrEnum):
    """What a person wants."""

    SAVE = "save"
    DISCARD = "discard"
    STAY = "stay"


class UnsavedQuestion(QObject):
    """Stands between a window and its closing.

    Parameters
    ----------
    names : callable
        Gives the names of the stacks with unsaved work.
    carry_out : callable
        Told whether to save or to forget it; whether the window may close then.
    parent : QObject, optional
    """

    def __init__(
        self, names: Callable[[], list[str]], carry_out: Callable[[bool], bool], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._names = names
        self._carry_out = carry_out
        # Weakly: whoever holds a closed widget of ours must not hold its window.
        self._watched: weakref.ref[QMainWindow] | None = None

    def watch(self, window: QObject | None) -> None:
        """Watch this window and no other any more; None watches none."""
        if self._window is not None:
            self._window.removeEventFilter(self)
        self._watched = weakref.ref(window) if isinstance(window, QMainWindow) else None
        if self._window is not None:
            self._window.installEventFilter(self)

    @property
    def _window(self) -> QMainWindow | None:
        return self._watched() if self._watched is not None else None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Qt: keep the window open where the person, or the file system, wants it so."""
        if event.type() != QEvent.Type.Close or watched is not self._window or not self._is_by_person(event):
            return False
        names = self._names()
        if not names:
            return False
        answer = self.ask(names)
        if answer is not Answer.STAY and self._carry_out(answer is Answer.SAVE):
            return False
        event.ignore()
        return True

    def ask(self, names: list[str]) -> Answer:
        """Show the question."""
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Unsaved work")
        box.setText(f"There is unsaved work on {', '.join(names)}.")
        box.setInformativeText("Save it in the case folder beside the stack?")
        buttons = QMessageBox.StandardButton
        box.setStandardButtons(buttons.Save | buttons.Discard | buttons.Cancel)
        box.setDefaultButton(buttons.Save)
        chosen = box.exec()
        if chosen == buttons.Save:
            return Answer.SAVE
        return Answer.DISCARD if chosen == buttons.Discard else Answer.STAY

    def _is_by_person(self, event: QEvent) -> bool:
        """A script closes the canvas before the window; a person, or the menu, the window with all that is in it."""
        centre = self._window.centralWidget() if self._window is not None else None
        if event.spontaneous() or centre is None:
            return bool(event.spontaneous())
        inside = centre.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
        return centre.isVisible() and all(widget.isVisible() for widget in inside)
