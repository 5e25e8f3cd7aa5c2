"""A window of its own for a widget that is small in its dock."""

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QVBoxLayout, QWidget

_SIZE = QSize(860, 700)


class FigureWindow(QWidget):
    """Holds `content` until it is closed.

    Parameters
    ----------
    content : QWidget
        Taken out of where it is.
    title : str
    parent : QWidget
        Closes with it, and has its style.

    Signals
    -------
    closed()
        The user closed the window; the content is to be taken back.
    """

    closed = Signal()

    def __init__(self, content: QWidget, title: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle(title)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(content)
        self.resize(_SIZE)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Qt: tell, while the content is still there."""
        self.closed.emit()
        super().closeEvent(event)
