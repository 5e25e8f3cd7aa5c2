"""Pieces of the dock widgets' look: sections, buttons that name their key, messages that say what to do next."""

from collections.abc import Callable

from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_scarseg.gui.dock_place import share_place
from napari_scarseg.gui.keys import Key
from napari_scarseg.gui.subscriptions import Subscriptions

_PROGRESS_MS = 120


class Panel(QWidget):
    """A dock widget's content that lies over the plugin's others, and ends itself when it is closed or destroyed.

    Subclasses override `shut` to end what they hold, and call it of this class.

    Parameters
    ----------
    parent : QWidget, optional
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.subscriptions = Subscriptions()
        self._docked = parent is not None
        self._shut = False
        # Not a method of this widget: it is being destroyed then.
        self.destroyed.connect(self.subscriptions.close)
        self.column = QVBoxLayout(self)
        # The whole workbench is to fit a screen of 768 lines.
        self.column.setContentsMargins(6, 2, 6, 4)
        self.column.setSpacing(4)

    @property
    def is_shut(self) -> bool:
        """Whether the widget was closed."""
        return self._shut

    def shut(self) -> None:
        """Disconnect everything; a closed widget stays closed."""
        self._shut = True
        self.subscriptions.close()

    def event(self, event: QEvent) -> bool:
        """Qt: napari takes a widget out of its dock by leaving it without a parent."""
        if event.type() == QEvent.Type.ParentChange:
            if self.parentWidget() is not None:
                self._docked = True
                # After the window has found a place for the dock.
                QTimer.singleShot(0, self._share_place)
            elif self._docked and not self._shut:
                self.shut()
                # Nobody shows it again, and Qt's connections would keep it alive.
                self.deleteLater()
        elif event.type() == QEvent.Type.Close and not self._shut:
            self.shut()
        return bool(super().event(event))

    def _share_place(self) -> None:
        if not self._shut:
            share_place(self, Panel)


class Section(QWidget):
    """A widget under a heading that folds it away.

    Parameters
    ----------
    title : str
    content : QWidget
    parent : QWidget, optional
    """

    def __init__(self, title: str, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.content = content
        self.heading = QToolButton(self)
        self.heading.setText(title)
        self.heading.setToolTip("Click to fold or unfold.")
        self.heading.setCheckable(True)
        self.heading.setAutoRaise(True)
        self.heading.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.heading.setStyleSheet("QToolButton { border: none; background: transparent; font-weight: bold; }")
        self.heading.toggled.connect(self.fold)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.heading)
        column.addWidget(content)
        # Room that nobody needs stays below the last section.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.fold(False)

    @property
    def is_folded(self) -> bool:
        """Whether only the heading is shown."""
        return self.heading.isChecked()

    def fold(self, is_folded: bool) -> None:
        """Show the heading only, or all of it."""
        self.heading.setChecked(is_folded)
        self.heading.setArrowType(Qt.ArrowType.RightArrow if is_folded else Qt.ArrowType.DownArrow)
        self.content.setVisible(not is_folded)


class JobBar(QWidget):
    """Progress of a job, and its Cancel button.

    Parameters
    ----------
    key : str
        Key of Cancel.
    cancel : callable
    """

    def __init__(self, key: str, cancel: Callable[[], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(True)
        self.button = make_button("Cancel", key, "Stop; what was there before stays as it was.", cancel, self)
        row.addWidget(self.bar, 1)
        row.addWidget(self.button)
        self._steps = (0, 0)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_PROGRESS_MS)
        self._soon.timeout.connect(self._show_steps)
        self.rest()

    def show_progress(self, done: int, total: int) -> None:
        """Show `done` of `total` steps, a few times a second; a moving bar where the total is not known yet."""
        self._steps = (done, total)
        if not self._soon.isActive():
            self._soon.start()
        self.button.setEnabled(True)
        self.setVisible(True)

    def rest(self) -> None:
        """No job is on."""
        self._soon.stop()
        self._steps = (0, 0)
        self.setVisible(False)
        self.button.setEnabled(False)
        self._show_steps()

    def _show_steps(self) -> None:
        # Each of these has Qt paint the whole window at once, where the bar is visible.
        done, total = self._steps
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        self.bar.setFormat(f"{done} of {total}" if total else "")


def make_button(
    text: str, key: str, tooltip: str, clicked: Callable[[], object], parent: QWidget | None = None
) -> QPushButton:
    """Button that begins with its verb and shows its key, if it has one."""
    button = QPushButton(f"{text}  ({Key(key).short})" if key else text, parent)
    button.setToolTip(f"{tooltip}\nKey: {key}, with one of the layers selected." if key else tooltip)
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    button.setMinimumWidth(40)
    button.clicked.connect(lambda *_: clicked())
    return button


def make_note(text: str = "") -> QLabel:
    """Wrapped small text below the controls."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    return label


def make_form() -> QFormLayout:
    """Form whose fields use the width there is."""
    form = QFormLayout()
    form.setContentsMargins(0, 0, 0, 0)
    form.setSpacing(5)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    return form


def make_row(*widgets: QWidget) -> QHBoxLayout:
    """Widgets side by side, sharing the width."""
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(5)
    for widget in widgets:
        row.addWidget(widget, 1)
    return row
