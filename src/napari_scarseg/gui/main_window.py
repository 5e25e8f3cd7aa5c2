"""The window that a widget lies in."""

from qtpy.QtWidgets import QMainWindow, QWidget


def main_window_of(widget: QWidget) -> QWidget:
    """The main window around `widget`; its outermost widget where it lies in none (in a script)."""
    window: QWidget = widget
    while not isinstance(window, QMainWindow) and window.parentWidget() is not None:
        window = window.parentWidget()
    return window
