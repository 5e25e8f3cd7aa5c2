"""Where a widget of the plugin comes to lie in the window: over the plugin's others, as a tab."""

from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget


def share_place(panel: QWidget, kind: type[QWidget]) -> None:
    """Lay a panel that was just docked over an older one beside it; under each other they outgrow a small screen.

    Parameters
    ----------
    panel : QWidget
        The content of a dock.
    kind : type
        What counts as one of ours; a panel inside another stays where it is.
    """
    dock = _dock_of(panel, kind)
    window = dock.parentWidget() if dock is not None else None
    if dock is None or dock.isFloating() or not isinstance(window, QMainWindow):
        return
    docks = window.findChildren(QDockWidget)
    # In the order in which they came: an older one lies where a person wants it.
    for other in docks[: docks.index(dock)]:
        is_ours = any(_dock_of(child, kind) is other for child in other.findChildren(kind))
        if not is_ours or other.isFloating() or window.dockWidgetArea(other) != window.dockWidgetArea(dock):
            continue
        if dock not in window.tabifiedDockWidgets(other):
            window.tabifyDockWidget(other, dock)
        dock.show()
        dock.raise_()
        return


def _dock_of(panel: QWidget, kind: type[QWidget]) -> QDockWidget | None:
    """The dock that a panel is the content of; None for a part of another panel."""
    around = panel.parentWidget()
    while around is not None and not isinstance(around, QDockWidget):
        if isinstance(around, kind):
            return None
        around = around.parentWidget()
    return around
